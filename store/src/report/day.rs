//! Days of counts: which are over, and when they are forgotten.
//!
//! Every report tells of one domain and one day, and a day is over when the next has begun in UTC. The tables of counts differ in what
//! they count; each has the columns `day` and `domain`, and what is asked of those is asked here.

use rusqlite::{Connection, params};

use crate::timestamp::now_seconds;
use crate::{Result, Store};

/// Counts that nobody reported are forgotten after so many days.
const DAYS_MAX: i64 = 7;
/// Days and domains that one question gives.
const FINISHED_MAX: i64 = 10_000;

const DAY_SECONDS: i64 = 86_400;

/// Days since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    /// The day of a moment, given in seconds since 1970.
    pub fn of(seconds: i64) -> Day {
        Day(seconds.div_euclid(DAY_SECONDS))
    }

    /// Its first second, since 1970.
    pub fn begin(self) -> i64 {
        self.0 * DAY_SECONDS
    }
}

/// A table of counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts(pub(crate) &'static str);

impl Counts {
    /// The days before `today` that have counts, with the domains, oldest first.
    pub(crate) async fn finished(self, store: &Store, today: Day) -> Result<Vec<(Day, String)>> {
        let sql = format!(
            "SELECT DISTINCT day, domain FROM {} WHERE day < ?1 ORDER BY day, domain LIMIT ?2",
            self.0
        );
        store
            .read(move |connection| {
                let mut select = connection.prepare_cached(&sql)?;
                let rows = select.query_map([today.0, FINISHED_MAX], |row| {
                    Ok((Day(row.get(0)?), row.get(1)?))
                })?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    /// Forgets the counts of a domain on a day.
    pub(crate) async fn forget(self, store: &Store, day: Day, domain: &str) -> Result<()> {
        let domain = domain.to_owned();
        let sql = format!("DELETE FROM {} WHERE day = ?1 AND domain = ?2", self.0);
        store
            .write(move |tx| {
                tx.connection.execute(&sql, params![day.0, domain])?;
                Ok(())
            })
            .await
    }

    /// Forgets what nobody has reported for too long.
    pub(crate) fn forget_old(self, connection: &Connection) -> Result<()> {
        let oldest = Day::of(now_seconds()).0 - DAYS_MAX;
        let sql = format!("DELETE FROM {} WHERE day < ?1", self.0);
        connection.prepare_cached(&sql)?.execute([oldest])?;
        Ok(())
    }
}
