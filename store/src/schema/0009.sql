-- EXPUNGE finds what it removes without walking through the mailbox. Few entries have the flag at a time.
CREATE INDEX entry_deleted ON entry (mailbox, uid) WHERE flags & 8 <> 0;
