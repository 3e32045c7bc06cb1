-- Who may do what in another's mailbox, what he has read there, and what is noted about mailboxes.

ALTER TABLE account ADD COLUMN admin INTEGER NOT NULL DEFAULT 0;  -- may set quotas by IMAP (RFC 9208 QUOTASET)

-- Octets of the messages with \Deleted.
ALTER TABLE mailbox ADD COLUMN deleted_size INTEGER NOT NULL DEFAULT 0;
UPDATE mailbox SET deleted_size = (SELECT coalesce(sum(size), 0) FROM entry WHERE entry.mailbox = mailbox.id AND flags & 8 <> 0)
    WHERE deleted > 0;

CREATE TABLE acl (                               -- RFC 4314; an owner has all rights to his mailboxes without a row
    mailbox   INTEGER NOT NULL,
    account   INTEGER NOT NULL,                  -- to whom; 0: anyone
    negative  INTEGER NOT NULL,                  -- 1: these rights are taken away
    rights    INTEGER NOT NULL,                  -- bits, see sharing/rights.rs
    PRIMARY KEY (mailbox, account, negative)
) WITHOUT ROWID;
CREATE INDEX acl_account ON acl (account);

CREATE TABLE reader (                            -- who reads a mailbox that is not his own
    mailbox  INTEGER NOT NULL,
    account  INTEGER NOT NULL,
    seen     INTEGER NOT NULL,                   -- messages there that he has seen
    PRIMARY KEY (mailbox, account)
) WITHOUT ROWID;

CREATE TABLE reading (                           -- his \Seen, by runs of UIDs that he marked together
    mailbox  INTEGER NOT NULL,
    account  INTEGER NOT NULL,
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    modseq   INTEGER NOT NULL,
    seen     INTEGER NOT NULL,                   -- 0: taken away again
    PRIMARY KEY (mailbox, account, first)
) WITHOUT ROWID;
CREATE INDEX reading_modseq ON reading (mailbox, account, modseq);

CREATE TABLE annotation (                        -- RFC 5464
    mailbox  INTEGER NOT NULL,                   -- 0: the server
    account  INTEGER NOT NULL,                   -- for whom alone; 0: shared
    name     TEXT NOT NULL,                      -- lower case, without /private or /shared
    owner    INTEGER NOT NULL,                   -- the account whose allowance it uses; 0: the server's
    value    BLOB NOT NULL,
    PRIMARY KEY (mailbox, account, name)
) WITHOUT ROWID;
CREATE INDEX annotation_owner ON annotation (owner);

-- What belongs to a mailbox or to an account goes with it, whoever removes it.
CREATE TRIGGER mailbox_removed AFTER DELETE ON mailbox BEGIN
    DELETE FROM acl WHERE mailbox = OLD.id;
    DELETE FROM reader WHERE mailbox = OLD.id;
    DELETE FROM reading WHERE mailbox = OLD.id;
    DELETE FROM annotation WHERE mailbox = OLD.id;
END;
CREATE TRIGGER account_removed AFTER DELETE ON account BEGIN
    DELETE FROM acl WHERE account = OLD.id;
    DELETE FROM reader WHERE account = OLD.id;
    DELETE FROM reading WHERE account = OLD.id;
    DELETE FROM annotation WHERE account = OLD.id;
END;
