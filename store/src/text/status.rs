//! How much is indexed.

use rusqlite::Connection;

use super::is_usable;
use crate::{Result, Store};

/// The state of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexStatus {
    /// Messages in mailboxes that it knows. One in two mailboxes counts twice.
    pub indexed: u64,
    /// Messages in mailboxes that it does not know yet.
    pub waiting: u64,
    /// Octets of its lists.
    pub octets: u64,
}

impl Store {
    /// How much is indexed. Costs in proportion to what waits.
    pub async fn index_status(&self) -> Result<IndexStatus> {
        self.read(status).await
    }
}

fn status(connection: &Connection) -> Result<IndexStatus> {
    let messages = count(connection, "SELECT coalesce(sum(messages), 0) FROM mailbox")?;
    let waiting = match is_usable(connection)? {
        true => count(
            connection,
            "SELECT count(*) FROM mailbox JOIN entry ON entry.mailbox = mailbox.id AND uid >= indexed_next
             WHERE uid_next > indexed_next",
        )?,
        false => messages,
    };
    let sql = "SELECT coalesce(sum(octets), 0) FROM text_segment WHERE ready";
    Ok(IndexStatus {
        indexed: messages.saturating_sub(waiting),
        waiting,
        octets: count(connection, sql)?,
    })
}

fn count(connection: &Connection, sql: &str) -> Result<u64> {
    Ok(connection
        .prepare_cached(sql)?
        .query_row([], |row| row.get::<_, i64>(0))? as u64)
}
