-- When the sender wanted the message released, in the words of RFC 4865: what notices repeat.
ALTER TABLE outbound ADD COLUMN release_request TEXT;
