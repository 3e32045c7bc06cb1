//! Removes messages that nothing points at any more, old lines of the journal, and from memory what nobody has used for a while.
//!
//! Whatever takes a reference away, or stages pieces of a message, leaves the message's id in
//! the table `sweep`. A task of one process at a time looks at those that have been due for
//! [`crate::Options::linger_seconds`], in small batches: a message with neither an entry nor a place in the
//! queue goes, with its pieces. Until then those who are in the midst of serving it can go on (`open_message`).

use std::sync::Weak;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use crate::timestamp::now_seconds;
use crate::turn::open_lock_file;
use crate::{Inner, Result, Store, text};

/// How often to look.
const SWEEP_SECONDS: u64 = 20;
/// Messages looked at in one transaction.
const SWEEP_BATCH: usize = 100;
/// A pause after each batch: sweeping is never urgent.
const PAUSE: Duration = Duration::from_millis(20);

/// Starts the task. It ends with the store.
pub(crate) fn start(store: &Store) {
    let store = std::sync::Arc::downgrade(&store.inner);
    tokio::spawn(async move {
        while let Some(open) = wait(&store).await {
            open.inner.rankings.forget_unused();
            if let Err(error) = open.sweep().await {
                tracing::error!(%error, "cannot remove messages that nobody has any more");
            }
        }
    });
}

async fn wait(store: &Weak<Inner>) -> Option<Store> {
    tokio::time::sleep(Duration::from_secs(SWEEP_SECONDS)).await;
    store.upgrade().map(|inner| Store { inner })
}

impl Store {
    /// Removes what is due, unless another process is at it. Runs by itself; only impatient callers need it.
    pub async fn sweep(&self) -> Result<()> {
        let lock = open_lock_file(&self.inner.dir.join("locks").join("sweep"))?;
        if lock.try_lock().is_err() {
            return Ok(());
        }
        while self.sweep_batch().await? {
            tokio::time::sleep(PAUSE).await;
        }
        while self.prune_journal().await? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Looks at some messages; false when none is due.
    async fn sweep_batch(&self) -> Result<bool> {
        let until = now_seconds() - i64::from(self.inner.options.linger_seconds);
        let due = self.read(move |connection| due(connection, until)).await?;
        if due.is_empty() {
            return Ok(false);
        }
        self.write(move |tx| {
            for message in due {
                sweep_message(tx.connection, message, until)?;
            }
            Ok(true)
        })
        .await
    }
}

/// Leaves a message that has lost a reference to be looked at.
pub(crate) fn leave(connection: &Connection, message: i64) -> Result<()> {
    // It may wait already, for another reference that it lost: the linger time begins anew.
    let sql = "INSERT INTO sweep (message, due) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET due = max(due, ?2)";
    connection
        .prepare_cached(sql)?
        .execute(params![message, now_seconds()])?;
    Ok(())
}

fn due(connection: &Connection, until: i64) -> Result<Vec<i64>> {
    let mut select =
        connection.prepare_cached("SELECT message FROM sweep WHERE due <= ?1 LIMIT ?2")?;
    let rows = select.query_map(params![until, SWEEP_BATCH as i64], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn sweep_message(connection: &Connection, message: i64, until: i64) -> Result<()> {
    // The row may have changed since it was read: a staged message was accepted, or somebody still reads.
    let sql = "DELETE FROM sweep WHERE message = ?1 AND due <= ?2";
    if connection
        .prepare_cached(sql)?
        .execute(params![message, until])?
        == 0
    {
        return Ok(());
    }
    let sql = "SELECT 1 WHERE EXISTS (SELECT 1 FROM entry WHERE message = ?1) OR EXISTS (SELECT 1 FROM outbound WHERE message = ?1)";
    if connection
        .prepare_cached(sql)?
        .query_row([message], |_| Ok(()))
        .optional()?
        .is_some()
    {
        return Ok(());
    }
    connection
        .prepare_cached("DELETE FROM chunk WHERE message = ?1")?
        .execute([message])?;
    connection
        .prepare_cached("DELETE FROM thread WHERE message = ?1")?
        .execute([message])?;
    connection
        .prepare_cached("DELETE FROM mime WHERE message = ?1")?
        .execute([message])?;
    text::forget(connection, message)?;
    connection
        .prepare_cached("DELETE FROM message WHERE id = ?1")?
        .execute([message])?;
    Ok(())
}
