-- Reports about mail: those that are owed to others, and those that others have sent.

CREATE TABLE dmarc_count (                       -- messages that claimed to be a domain's, for DMARC reports (RFC 9990)
    day      INTEGER NOT NULL,                   -- days since 1970, UTC
    domain   TEXT NOT NULL,                      -- whose policy held
    policy   TEXT NOT NULL,                      -- what it was, as the reporter writes it
    verdict  TEXT NOT NULL,                      -- what came of it, as the reporter writes it
    count    INTEGER NOT NULL,
    PRIMARY KEY (day, domain, policy, verdict)
) WITHOUT ROWID;

CREATE TABLE report_turn (                       -- which process sends reports: whoever wrote last, until then
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    until    INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO report_turn VALUES (1, 0);

CREATE TABLE report (                            -- reports that others have sent
    id        INTEGER PRIMARY KEY,
    kind      TEXT NOT NULL,                     -- dmarc, tls
    received  INTEGER NOT NULL,                  -- seconds since 1970, as the next two
    begins    INTEGER NOT NULL,
    ends      INTEGER NOT NULL,
    domain    TEXT NOT NULL,                     -- ours, that it is about
    reporter  TEXT NOT NULL,                     -- the organization
    name      TEXT NOT NULL,                     -- its id, given by the reporter
    content   TEXT NOT NULL,                     -- JSON
    UNIQUE (kind, reporter, name, domain)
);
CREATE INDEX report_received ON report (received);
