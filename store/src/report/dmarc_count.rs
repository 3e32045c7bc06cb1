//! Counts of messages by day and by the domain whose DMARC policy held: what a report to that domain says (RFC 9990).
//!
//! What policy and verdict look like is the reporter's business; here they are texts that are equal or not. The counts of a day are
//! forgotten when the report lies in the queue.

use rusqlite::{Connection, params};

use super::day::{Counts, Day};
use crate::{Result, Store};

const DMARC_COUNTS: Counts = Counts("dmarc_count");

/// Different counts of a domain on a day. What is new beyond that is not counted: a sender of forgeries has many addresses.
const COUNTS_MAX: i64 = 5000;

/// So many messages with the same verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DmarcCount {
    /// Whose policy held: A-labels, lower case.
    pub domain: String,
    /// The policy.
    pub policy: String,
    /// What came of it.
    pub verdict: String,
    /// How many.
    pub count: u64,
}

impl Store {
    /// Adds to the counts of a day.
    pub async fn count_dmarc(&self, day: Day, counts: Vec<DmarcCount>) -> Result<()> {
        self.write(move |tx| {
            for count in &counts {
                add(tx.connection, day, count)?;
            }
            DMARC_COUNTS.forget_old(tx.connection)
        })
        .await
    }

    /// The days before `today` that have counts, with the domains, oldest first.
    pub async fn finished_dmarc_days(&self, today: Day) -> Result<Vec<(Day, String)>> {
        DMARC_COUNTS.finished(self, today).await
    }

    /// All counts of a domain on a day, by policy.
    pub async fn dmarc_counts(&self, day: Day, domain: &str) -> Result<Vec<DmarcCount>> {
        let domain = domain.to_owned();
        self.read(move |connection| {
            let sql = "SELECT domain, policy, verdict, count FROM dmarc_count
                       WHERE day = ?1 AND domain = ?2 ORDER BY policy, verdict";
            let mut select = connection.prepare_cached(sql)?;
            let rows = select.query_map(params![day.0, domain], |row| {
                Ok(DmarcCount {
                    domain: row.get(0)?,
                    policy: row.get(1)?,
                    verdict: row.get(2)?,
                    count: row.get::<_, i64>(3)?.unsigned_abs(),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Forgets the counts of a domain on a day: the report is on its way, or nobody wants it.
    pub async fn forget_dmarc_counts(&self, day: Day, domain: &str) -> Result<()> {
        DMARC_COUNTS.forget(self, day, domain).await
    }
}

fn add(connection: &Connection, day: Day, added: &DmarcCount) -> Result<()> {
    let DmarcCount {
        domain,
        policy,
        verdict,
        count,
    } = added;
    let count = i64::try_from(*count).unwrap_or(i64::MAX);
    let values = params![day.0, domain, policy, verdict, count];
    let sql = "UPDATE dmarc_count SET count = count + ?5 WHERE day = ?1 AND domain = ?2 AND policy = ?3 AND verdict = ?4";
    if connection.prepare_cached(sql)?.execute(values)? > 0 {
        return Ok(());
    }
    let sql =
        "INSERT INTO dmarc_count (day, domain, policy, verdict, count) SELECT ?1, ?2, ?3, ?4, ?5
               WHERE (SELECT count(*) FROM dmarc_count WHERE day = ?1 AND domain = ?2) < ?6";
    connection
        .prepare_cached(sql)?
        .execute(params![day.0, domain, policy, verdict, count, COUNTS_MAX])?;
    Ok(())
}
