-- Who has mail here.

CREATE TABLE domain (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,             -- lower-case A-labels
    catch_all  TEXT,                             -- address that takes what is unknown
    created    INTEGER NOT NULL
);

CREATE TABLE account (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    address          TEXT NOT NULL UNIQUE,       -- the primary one
    disabled         INTEGER NOT NULL DEFAULT 0,
    quota_octets     INTEGER,                    -- NULL: no limit
    quota_messages   INTEGER,
    used_octets      INTEGER NOT NULL DEFAULT 0, -- sums over the account's entries
    used_messages    INTEGER NOT NULL DEFAULT 0,
    scram_salt       BLOB NOT NULL,
    scram_iterations INTEGER NOT NULL,
    version          INTEGER NOT NULL DEFAULT 1, -- grows when a credential or `disabled` changes
    uid_validity     INTEGER NOT NULL,           -- the next mailbox's
    created          INTEGER NOT NULL
);

CREATE TABLE address (                           -- every address that is an account's own
    address  TEXT PRIMARY KEY,
    domain   INTEGER NOT NULL REFERENCES domain,
    account  INTEGER NOT NULL REFERENCES account
) WITHOUT ROWID;
CREATE INDEX address_account ON address (account);
CREATE INDEX address_domain ON address (domain);

CREATE TABLE credential (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    account       INTEGER NOT NULL REFERENCES account,
    name          TEXT NOT NULL,                 -- '' is the account's password, others are app passwords
    password_hash TEXT NOT NULL,                 -- PHC string
    stored_key    BLOB,                          -- SCRAM-SHA-256, or NULL
    server_key    BLOB,
    created       INTEGER NOT NULL,
    used          INTEGER,
    UNIQUE (account, name)
);

CREATE TABLE alias (
    address  TEXT NOT NULL,
    target   TEXT NOT NULL,
    domain   INTEGER NOT NULL REFERENCES domain,
    PRIMARY KEY (address, target)
) WITHOUT ROWID;
CREATE INDEX alias_domain ON alias (domain);

-- Messages: immutable, shared by reference.

CREATE TABLE message (
    id       INTEGER PRIMARY KEY,
    size     INTEGER NOT NULL,                   -- octets of body and chunks together
    digest   BLOB NOT NULL,                      -- see draft.rs
    created  INTEGER NOT NULL,
    body     BLOB NOT NULL                       -- the first piece; chunks follow it
);

CREATE TABLE mime (                              -- the MIME index; apart from the bodies, so that many are read from few pages
    message  INTEGER PRIMARY KEY,
    data     BLOB NOT NULL
);

CREATE TABLE chunk (
    message  INTEGER NOT NULL,
    number   INTEGER NOT NULL,                   -- from 0
    data     BLOB NOT NULL,
    UNIQUE (message, number)
);

CREATE TABLE sweep (                             -- messages that may have lost their last reference
    message  INTEGER PRIMARY KEY,
    due      INTEGER NOT NULL
);

-- Mailboxes and what is in them.

CREATE TABLE mailbox (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    account        INTEGER NOT NULL REFERENCES account,
    name           TEXT NOT NULL,
    uid_validity   INTEGER NOT NULL,
    uid_next       INTEGER NOT NULL DEFAULT 1,
    highest_modseq INTEGER NOT NULL DEFAULT 1,
    recent_from    INTEGER NOT NULL DEFAULT 1,   -- UIDs from here on are \Recent to the next session
    messages       INTEGER NOT NULL DEFAULT 0,
    unseen         INTEGER NOT NULL DEFAULT 0,
    deleted        INTEGER NOT NULL DEFAULT 0,
    size           INTEGER NOT NULL DEFAULT 0,
    special_use    TEXT,
    no_select      INTEGER NOT NULL DEFAULT 0,   -- only a name above others (RFC 3501 §6.3.4)
    keywords       TEXT NOT NULL DEFAULT '',     -- names by bit, separated by spaces
    UNIQUE (account, name)
);

CREATE TABLE subscription (
    account  INTEGER NOT NULL REFERENCES account,
    name     TEXT NOT NULL,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;

CREATE TABLE entry (
    mailbox        INTEGER NOT NULL,
    uid            INTEGER NOT NULL,
    message        INTEGER NOT NULL,
    modseq         INTEGER NOT NULL,
    flags          INTEGER NOT NULL,
    keywords       INTEGER NOT NULL,
    internal_date  INTEGER NOT NULL,
    internal_zone  INTEGER NOT NULL,             -- minutes east
    saved          INTEGER NOT NULL,
    size           INTEGER NOT NULL,             -- prefix and message together
    prefix         BLOB NOT NULL,                -- header fields of this copy alone
    PRIMARY KEY (mailbox, uid)
) WITHOUT ROWID;
CREATE INDEX entry_modseq ON entry (mailbox, modseq);
CREATE INDEX entry_message ON entry (message);

CREATE TABLE expunged (
    mailbox  INTEGER NOT NULL,
    modseq   INTEGER NOT NULL,
    uid      INTEGER NOT NULL,
    PRIMARY KEY (mailbox, modseq, uid)
) WITHOUT ROWID;

-- What changed, for the other processes.

CREATE TABLE change (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    origin   INTEGER NOT NULL,                   -- the process that made it
    account  INTEGER NOT NULL,
    mailbox  INTEGER NOT NULL                    -- 0: the account's list of mailboxes, or the account itself
);

-- What leaves for other hosts.

CREATE TABLE outbound (
    message        INTEGER PRIMARY KEY,
    reverse_path   TEXT NOT NULL,                -- '' is the null path
    account        INTEGER,                      -- who submitted it
    envelope_id    TEXT,                         -- RFC 3461 ENVID
    return_content TEXT,                         -- RFC 3461 RET
    smtputf8       INTEGER NOT NULL,
    body_kind      TEXT NOT NULL,                -- 7BIT, 8BITMIME or BINARYMIME
    created        INTEGER NOT NULL
);

CREATE TABLE relay (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    message      INTEGER NOT NULL REFERENCES outbound,
    recipient    TEXT NOT NULL,                  -- as the sender wrote it
    domain       TEXT NOT NULL,
    sender       INTEGER NOT NULL,               -- the account that submitted it, or 0: for fairness
    original     TEXT,                           -- RFC 3461 ORCPT
    notify       TEXT,                           -- RFC 3461 NOTIFY
    state        TEXT NOT NULL,                  -- waiting, leased, held
    owner        INTEGER,                        -- the process that has leased it
    due          INTEGER NOT NULL,
    expires      INTEGER NOT NULL,               -- no attempt begins later
    notice_due   INTEGER,                        -- when the sender is told of the delay; NULL: told, or not wanted
    attempts     INTEGER NOT NULL DEFAULT 0,
    last_attempt INTEGER,
    last_reply   TEXT
);
CREATE INDEX relay_message ON relay (message);
CREATE INDEX relay_due ON relay (domain, sender, due) WHERE state = 'waiting';
CREATE INDEX relay_owner ON relay (owner) WHERE state = 'leased';

CREATE TABLE destination (                       -- domains with waiting recipients
    domain      TEXT PRIMARY KEY,
    due         INTEGER NOT NULL,                -- when there is work, as early as that
    not_before  INTEGER NOT NULL DEFAULT 0       -- back-off after failures of all its hosts
) WITHOUT ROWID;
CREATE INDEX destination_due ON destination (due);

-- What happened to a message, for as long as the operator wants to know.

CREATE TABLE journal (
    seq      INTEGER PRIMARY KEY,
    message  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    event    TEXT NOT NULL,                      -- accepted, filed, attempt, delivered, ...
    detail   TEXT NOT NULL
);
CREATE INDEX journal_message ON journal (message);
