-- The full-text index: which messages may hold a text; see store/src/text.

ALTER TABLE mailbox ADD COLUMN indexed_next INTEGER NOT NULL DEFAULT 1; -- the messages of all entries below this UID are in the index
CREATE INDEX mailbox_waiting ON mailbox (account, id) WHERE uid_next > indexed_next;

CREATE TABLE text_state (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    form      TEXT NOT NULL,                     -- how texts were cut; another form means to begin anew
    clearing  INTEGER NOT NULL                   -- what is left of an index that was given up is being removed
);
INSERT INTO text_state VALUES (1, '', 0);

CREATE TABLE text_segment (                      -- documents that were indexed together
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account    INTEGER NOT NULL,
    documents  INTEGER NOT NULL,
    octets     INTEGER NOT NULL,                 -- of its blocks
    ready      INTEGER NOT NULL,                 -- 0: being written, or being removed
    messages   BLOB NOT NULL                     -- their ids, 8 octets each, by the number of the document
);
CREATE INDEX text_segment_account ON text_segment (account) WHERE ready;
CREATE INDEX text_segment_unready ON text_segment (id) WHERE NOT ready;

CREATE TABLE text_block (                        -- lists of documents by gram
    id    INTEGER PRIMARY KEY,                   -- the segment's, times 2^17, and the first gram
    data  BLOB NOT NULL
);

CREATE TABLE text_document (                     -- what is in a segment of the account
    message  INTEGER NOT NULL,
    account  INTEGER NOT NULL,
    prefix   INTEGER NOT NULL,                   -- a hash of the prefix of the copies
    PRIMARY KEY (message, account, prefix)
) WITHOUT ROWID;
