-- What the server keeps secret, and what it knows of senders.

CREATE TABLE signing_key (                       -- DKIM (RFC 6376)
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    domain       INTEGER NOT NULL REFERENCES domain,
    selector     TEXT NOT NULL,
    algorithm    TEXT NOT NULL,                  -- rsa-sha256 or ed25519-sha256
    private_key  BLOB NOT NULL,                  -- PKCS #8
    state        TEXT NOT NULL,                  -- next, signing, retired
    created      INTEGER NOT NULL,
    UNIQUE (domain, selector)
);

CREATE TABLE secret (                            -- keys that are made on first use and never leave the server
    name   TEXT PRIMARY KEY,
    value  BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE greylist (                          -- who has knocked
    digest  BLOB PRIMARY KEY,                    -- of network, sender and recipient
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX greylist_last ON greylist (last);

-- Header fields of the copies that leave, in front of the message: the seal of a forwarder.
ALTER TABLE outbound ADD COLUMN prefix BLOB NOT NULL DEFAULT x'';
-- Nobody is told what becomes of it: the sender's address is not shown to be his.
ALTER TABLE outbound ADD COLUMN forged INTEGER NOT NULL DEFAULT 0;
