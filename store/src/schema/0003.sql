-- What the sender of a queued message demands of the connections that carry it on: '', required (RFC 8689 REQUIRETLS) or
-- waived (RFC 8689 TLS-Required: No).
ALTER TABLE outbound ADD COLUMN tls TEXT NOT NULL DEFAULT '';
