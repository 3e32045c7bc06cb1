-- The entries of large mailboxes as they were at a mod-sequence, so that a process that has just started need not read them all; see
-- store/src/saved_roll.rs. Nothing is lost with it.

CREATE TABLE saved_roll (
    mailbox  INTEGER PRIMARY KEY,
    modseq   INTEGER NOT NULL,
    data     BLOB NOT NULL
);
CREATE TRIGGER mailbox_removed_saved AFTER DELETE ON mailbox BEGIN
    DELETE FROM saved_roll WHERE mailbox = OLD.id;
END;
