//! Who has knocked before: the memory of greylisting.
//!
//! A knock is known by the digest of whatever the caller takes for the same sender. Bounded: digests that were not seen
//! for long are forgotten, and beyond [`KNOCKS_MAX`] those not seen for longest.

use rusqlite::{Connection, OptionalExtension, params};

use crate::timestamp::now_seconds;
use crate::{Result, Store};

/// Digests that are remembered: some 60 MB.
const KNOCKS_MAX: i64 = 1_000_000;
/// Digests removed at each new one, if they are old enough.
const FORGET_BATCH: i64 = 4;

/// The times that decide about a knock, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Who comes again after as long as this is let in.
    pub delay: i64,
    /// Who does not come again within this is new.
    pub retry_within: i64,
    /// Who was let in is known for as long as this since he was last seen.
    pub known_for: i64,
}

impl Store {
    /// Whether whoever knocks may come in.
    pub async fn knock(&self, digest: [u8; 16], patience: Patience) -> Result<bool> {
        self.write(move |tx| {
            let now = now_seconds();
            let sql = "SELECT first, last FROM greylist WHERE digest = ?1";
            let found: Option<(i64, i64)> = tx
                .connection
                .prepare_cached(sql)?
                .query_row([digest], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let first = found
                .filter(|(first, last)| !patience.is_over(*first, *last, now))
                .map_or(now, |(first, _)| first);
            let sql = "INSERT INTO greylist (digest, first, last) VALUES (?1, ?2, ?3)
                       ON CONFLICT DO UPDATE SET first = ?2, last = ?3";
            tx.connection
                .prepare_cached(sql)?
                .execute(params![digest, first, now])?;
            if found.is_none() {
                forget(tx.connection, now - patience.known_for)?;
            }
            // Counting takes longer than all else, so one in 4096 does it.
            if found.is_none() && digest[0] == 0 && digest[1] < 16 {
                forget_excess(tx.connection)?;
            }
            Ok(now - first >= patience.delay)
        })
        .await
    }
}

impl Patience {
    /// Whether what is known of somebody counts no more.
    fn is_over(&self, first: i64, last: i64, now: i64) -> bool {
        let was_let_in = last - first >= self.delay;
        let within = match was_let_in {
            true => self.known_for,
            false => self.retry_within,
        };
        now - last > within
    }
}

/// Removes a few digests that were not seen since `before`.
fn forget(connection: &Connection, before: i64) -> Result<()> {
    let sql = "DELETE FROM greylist WHERE digest IN
        (SELECT digest FROM greylist WHERE last < ?1 ORDER BY last LIMIT ?2)";
    connection
        .prepare_cached(sql)?
        .execute(params![before, FORGET_BATCH])?;
    Ok(())
}

/// Removes what is beyond the limit.
fn forget_excess(connection: &Connection) -> Result<()> {
    let sql = "DELETE FROM greylist WHERE digest IN (SELECT digest FROM greylist ORDER BY last
        LIMIT max(0, (SELECT count(*) FROM greylist) - ?1))";
    connection.execute(sql, [KNOCKS_MAX])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Patience;

    #[test]
    fn who_was_let_in_is_known_for_longer() {
        let patience = Patience {
            delay: 60,
            retry_within: 600,
            known_for: 6000,
        };
        assert!(!patience.is_over(0, 0, 600));
        assert!(patience.is_over(0, 0, 601));
        assert!(!patience.is_over(0, 60, 6060));
        assert!(patience.is_over(0, 60, 6061));
    }
}
