-- Which messages of an account belong together (RFC 8474, THREADID), as far as somebody has asked.

CREATE TABLE thread (
    account  INTEGER NOT NULL,
    message  INTEGER NOT NULL,
    thread   INTEGER NOT NULL,                   -- the message that began it, which may be gone
    PRIMARY KEY (account, message)
) WITHOUT ROWID;
CREATE INDEX thread_members ON thread (account, thread);
CREATE INDEX thread_message ON thread (message);

CREATE TABLE thread_reference (                  -- Message-IDs that were met in a thread
    account  INTEGER NOT NULL,
    digest   BLOB NOT NULL,
    thread   INTEGER NOT NULL,
    PRIMARY KEY (account, digest)
) WITHOUT ROWID;
