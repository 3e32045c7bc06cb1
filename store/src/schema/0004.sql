-- What is known of how other hosts protect mail in transit, and what is owed to those who want to be told.

CREATE TABLE sts_policy (                        -- MTA-STS policies that were fetched (RFC 8461)
    domain   TEXT PRIMARY KEY,                   -- A-labels, lower case
    id       TEXT NOT NULL,                      -- of the TXT record
    policy   TEXT NOT NULL,                      -- the file as it came
    fetched  INTEGER NOT NULL,                   -- when it came last
    expires  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sts_policy_fetched ON sts_policy (fetched);

CREATE TABLE host_tls (                          -- hosts that were seen to do TLS
    host         TEXT PRIMARY KEY,               -- A-labels, lower case
    seen         INTEGER NOT NULL,               -- last time
    clear_since  INTEGER                         -- the first time since then that it did not
) WITHOUT ROWID;
CREATE INDEX host_tls_seen ON host_tls (seen);

CREATE TABLE tls_session (                       -- sessions with other hosts, for TLS reports (RFC 8460)
    day      INTEGER NOT NULL,                   -- days since 1970, UTC
    domain   TEXT NOT NULL,                      -- of the recipients
    kind     TEXT NOT NULL,                      -- of policy: tlsa, sts, no-policy-found
    policy   TEXT NOT NULL,                      -- its lines
    hosts    TEXT NOT NULL,                      -- its MX patterns, a line each
    result   TEXT NOT NULL,                      -- result type of a failure; empty: success, and so is all that follows
    host     TEXT NOT NULL,                      -- the MX
    address  TEXT NOT NULL,                      -- the MX's
    source   TEXT NOT NULL,                      -- ours
    reason   TEXT NOT NULL,                      -- in words
    count    INTEGER NOT NULL,
    PRIMARY KEY (day, domain, kind, policy, hosts, result, host, address, source, reason)
) WITHOUT ROWID;
