//! MTA-STS policies that were fetched (RFC 8461 §3.3), across restarts: who once saw one cannot be talked out of it before it expires.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::timestamp::now_seconds;
use crate::{Result, Store};

/// Policies that are kept; beyond that those that were fetched longest ago go.
const POLICIES_MAX: i64 = 100_000;
/// Expired policies removed at each new one.
const FORGET_BATCH: i64 = 4;

/// A policy as it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsPolicy {
    /// The domain.
    pub domain: String,
    /// The id of the TXT record that it came with.
    pub id: String,
    /// The file.
    pub policy: String,
    /// When it came, seconds since 1970.
    pub fetched: i64,
    /// Until when it holds, seconds since 1970.
    pub expires: i64,
}

impl Store {
    /// The policy of a domain, unless it has expired.
    pub async fn sts_policy(&self, domain: &str) -> Result<Option<StsPolicy>> {
        let domain = domain.to_owned();
        self.read(move |connection| {
            let sql = "SELECT domain, id, policy, fetched, expires FROM sts_policy
                       WHERE domain = ?1 AND expires > ?2";
            let mut select = connection.prepare_cached(sql)?;
            let found = select.query_row(params![domain, now_seconds()], policy);
            Ok(found.optional()?)
        })
        .await
    }

    /// Keeps a policy, in place of an older one of the domain.
    pub async fn keep_sts_policy(&self, kept: StsPolicy) -> Result<()> {
        self.write(move |tx| {
            let sql = "INSERT INTO sts_policy (domain, id, policy, fetched, expires) VALUES (?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT DO UPDATE SET id = ?2, policy = ?3, fetched = ?4, expires = ?5";
            let StsPolicy { domain, id, policy, fetched, expires } = kept;
            tx.connection
                .prepare_cached(sql)?
                .execute(params![domain, id, policy, fetched, expires])?;
            forget(tx.connection)
        })
        .await
    }

    /// Policies that hold and were fetched before `before`, those of longest ago first.
    pub async fn stale_sts_policies(&self, before: i64, limit: u32) -> Result<Vec<StsPolicy>> {
        self.read(move |connection| {
            let sql = "SELECT domain, id, policy, fetched, expires FROM sts_policy
                       WHERE fetched < ?1 AND expires > ?2 ORDER BY fetched LIMIT ?3";
            let mut select = connection.prepare_cached(sql)?;
            let rows = select.query_map(params![before, now_seconds(), limit], policy)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

fn policy(row: &Row<'_>) -> rusqlite::Result<StsPolicy> {
    Ok(StsPolicy {
        domain: row.get(0)?,
        id: row.get(1)?,
        policy: row.get(2)?,
        fetched: row.get(3)?,
        expires: row.get(4)?,
    })
}

/// Removes some of what has expired, and what is too much.
fn forget(connection: &Connection) -> Result<()> {
    let sql = "DELETE FROM sts_policy WHERE domain IN
        (SELECT domain FROM sts_policy WHERE expires <= ?1 LIMIT ?2)";
    connection
        .prepare_cached(sql)?
        .execute(params![now_seconds(), FORGET_BATCH])?;
    let sql =
        "DELETE FROM sts_policy WHERE domain IN (SELECT domain FROM sts_policy ORDER BY fetched
        LIMIT max(0, (SELECT count(*) FROM sts_policy) - ?1))";
    connection.prepare_cached(sql)?.execute([POLICIES_MAX])?;
    Ok(())
}
