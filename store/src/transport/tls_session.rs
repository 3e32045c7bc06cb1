//! Counts of TLS sessions with other hosts, by day, domain and policy: what a TLS report says (RFC 8460 §4).
//!
//! Whoever sends the report of a day takes it with [`Store::finished_tls_days`] and [`Store::tls_sessions`], and forgets it when the
//! report lies in the queue.

use rusqlite::{Connection, Row, ToSql, params};

use crate::report::day::{Counts, Day};
use crate::{Result, Store};

const TLS_SESSIONS: Counts = Counts("tls_session");

/// Different counts of a domain on a day. A host that fails in ever new ways is not counted beyond that.
const COUNTS_MAX: i64 = 1000;
/// Octets of a reason in words.
const REASON_OCTETS_MAX: usize = 255;

/// The policy under which a session was to be made.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TlsPolicy {
    /// The recipients' domain.
    pub domain: String,
    /// `tlsa`, `sts` or `no-policy-found` (RFC 8460 §4.4).
    pub kind: String,
    /// The policy's lines.
    pub policy: Vec<String>,
    /// The MX patterns of an MTA-STS policy.
    pub hosts: Vec<String>,
}

/// How a session failed. What is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TlsSessionFailure {
    /// The registered result type (RFC 8460 §4.3). Never empty.
    pub result: String,
    /// The MX.
    pub host: String,
    /// The MX's address.
    pub address: String,
    /// Our address.
    pub source: String,
    /// In words; cut to 255 octets.
    pub reason: String,
}

/// So many sessions with one result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSessions {
    /// Under which policy.
    pub policy: TlsPolicy,
    /// How they failed; None: they did not.
    pub failure: Option<TlsSessionFailure>,
    /// How many.
    pub count: u64,
}

impl Store {
    /// Adds to the counts of a day.
    pub async fn count_tls_sessions(&self, day: Day, sessions: Vec<TlsSessions>) -> Result<()> {
        self.write(move |tx| {
            for sessions in &sessions {
                count(tx.connection, day, sessions)?;
            }
            TLS_SESSIONS.forget_old(tx.connection)
        })
        .await
    }

    /// The days before `today` that have counts, with the domains, oldest first.
    pub async fn finished_tls_days(&self, today: Day) -> Result<Vec<(Day, String)>> {
        TLS_SESSIONS.finished(self, today).await
    }

    /// All counts of a domain on a day, by policy.
    pub async fn tls_sessions(&self, day: Day, domain: &str) -> Result<Vec<TlsSessions>> {
        let domain = domain.to_owned();
        self.read(move |connection| {
            let sql = "SELECT domain, kind, policy, hosts, result, host, address, source, reason, count
                       FROM tls_session WHERE day = ?1 AND domain = ?2 ORDER BY kind, policy, hosts, result, host, address";
            let mut select = connection.prepare_cached(sql)?;
            let rows = select.query_map(params![day.0, domain], sessions)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Forgets the counts of a domain on a day: the report is on its way, or nobody wants it.
    pub async fn forget_tls_sessions(&self, day: Day, domain: &str) -> Result<()> {
        TLS_SESSIONS.forget(self, day, domain).await
    }
}

fn count(connection: &Connection, day: Day, sessions: &TlsSessions) -> Result<()> {
    let TlsSessions {
        policy,
        failure,
        count,
    } = sessions;
    let failure = failure.clone().unwrap_or_default();
    let reason = &failure.reason[..failure.reason.floor_char_boundary(REASON_OCTETS_MAX)];
    let (lines, hosts) = (policy.policy.join("\n"), policy.hosts.join("\n"));
    let found: [&dyn ToSql; 11] = [
        &day.0,
        &policy.domain,
        &policy.kind,
        &lines,
        &hosts,
        &failure.result,
        &failure.host,
        &failure.address,
        &failure.source,
        &reason,
        &i64::try_from(*count).unwrap_or(i64::MAX),
    ];
    let sql = "UPDATE tls_session SET count = count + ?11 WHERE day = ?1 AND domain = ?2 AND kind = ?3 AND policy = ?4
               AND hosts = ?5 AND result = ?6 AND host = ?7 AND address = ?8 AND source = ?9 AND reason = ?10";
    if connection.prepare_cached(sql)?.execute(found)? > 0 {
        return Ok(());
    }
    let sql = "SELECT count(*) >= ?3 FROM tls_session WHERE day = ?1 AND domain = ?2";
    let is_full: bool = connection
        .prepare_cached(sql)?
        .query_row(params![day.0, policy.domain, COUNTS_MAX], |row| row.get(0))?;
    if !is_full {
        let sql = "INSERT INTO tls_session (day, domain, kind, policy, hosts, result, host, address, source, reason, count)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        connection.prepare_cached(sql)?.execute(found)?;
    }
    Ok(())
}

fn sessions(row: &Row<'_>) -> rusqlite::Result<TlsSessions> {
    let lines = |text: String| text.lines().map(str::to_owned).collect();
    let failure = TlsSessionFailure {
        result: row.get(4)?,
        host: row.get(5)?,
        address: row.get(6)?,
        source: row.get(7)?,
        reason: row.get(8)?,
    };
    Ok(TlsSessions {
        policy: TlsPolicy {
            domain: row.get(0)?,
            kind: row.get(1)?,
            policy: lines(row.get(2)?),
            hosts: lines(row.get(3)?),
        },
        failure: (!failure.result.is_empty()).then_some(failure),
        count: row.get::<_, i64>(9)?.unsigned_abs(),
    })
}
