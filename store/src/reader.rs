//! Readers: a small pool of read-only connections, used on blocking threads, or for a few rows on the caller's own.
//!
//! Every read runs in one short transaction, so it sees one state of the mailbox, and none
//! is held while a client is waited for: the closure returns owned values. Whoever has a place in the pool is on his way to a
//! thread; nobody has one while he waits for something else.
//!
//! Failure: a read that fails gives its error to its caller; the connection stays usable.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use tokio::spawn;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, spawn_blocking};

use crate::{Error, Result};

/// KiB of page cache of one reader.
const READER_CACHE_KIB: i32 = 1024;
/// Prepared statements that a connection keeps.
pub(crate) const STATEMENTS_KEPT: usize = 128;
/// Milliseconds that a reader waits for the short moments in which SQLite locks readers out.
const BUSY_MILLISECONDS: u64 = 5000;

#[derive(Clone)]
pub(crate) struct Readers {
    pool: Arc<Pool>,
}

struct Pool {
    database: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(database: PathBuf, count: usize) -> Readers {
        let permits = Arc::new(Semaphore::new(count));
        Readers {
            pool: Arc::new(Pool {
                database,
                idle: Mutex::default(),
                permits,
            }),
        }
    }

    /// Runs `closure` in a read transaction on a blocking thread.
    pub(crate) async fn read<T, F>(&self, closure: F) -> Result<T>
    where
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let pool = self.pool.clone();
        let work = |permit: OwnedSemaphorePermit| {
            spawn_blocking(move || {
                let _permit = permit;
                pool.run(closure)
            })
        };
        let permits = self.pool.permits.clone();
        match permits.clone().try_acquire_owned() {
            Ok(permit) => work(permit).await.map_err(ended_early)?,
            // A task of its own waits for a place. A caller that is not polled for a while would keep the place that it was
            // given, and if those who are polled wait for a place meanwhile, nobody ever goes on.
            Err(_) => {
                let in_turn = async move {
                    let permit = permits.acquire_owned().await.map_err(closing)?;
                    work(permit).await.map_err(ended_early)?
                };
                spawn(in_turn).await.map_err(ended_early)?
            }
        }
    }

    /// Runs `closure` in a read transaction on the calling thread, which serves no other task meanwhile: for questions
    /// that every session asks and a few rows answer, to which the way to another thread and back costs more than the answer. It waits
    /// for no place: there are no more of these reads at a time than there are threads.
    pub(crate) fn read_briefly<T>(
        &self,
        closure: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        self.pool.run(closure)
    }
}

fn ended_early(error: JoinError) -> Error {
    Error::Unavailable(format!("a read of the store ended early: {error}"))
}

fn closing(_: AcquireError) -> Error {
    Error::Unavailable("the store is closing".into())
}

impl Pool {
    fn run<T>(&self, closure: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let connection = match self.take() {
            Some(connection) => connection,
            None => open(&self.database)?,
        };
        // On an early return the connection is dropped, and its transaction with it.
        connection.prepare_cached("BEGIN")?.execute([])?;
        let result = closure(&connection);
        connection.prepare_cached("COMMIT")?.execute([])?;
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
        result
    }

    fn take(&self) -> Option<Connection> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }
}

/// Opens a read-only connection.
pub(crate) fn open(database: &std::path::Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_MILLISECONDS))?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// `.cargo/config.toml` says why.
    #[test]
    fn each_connection_has_a_page_cache_of_its_own() {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "SELECT sqlite_compileoption_used('ENABLE_MEMORY_MANAGEMENT')";
        let shared: bool = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert!(!shared);
    }

    #[tokio::test]
    async fn whoever_asks_and_does_not_come_for_the_answer_keeps_nobody_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("a.db");
        Connection::open(&database).unwrap();
        let readers = Readers::new(database, 1);
        let (release, released) = channel::<()>();
        let first = tokio::spawn({
            let readers = readers.clone();
            async move { readers.read(move |_| Ok(released.recv().ok())).await }
        });
        while readers.pool.permits.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let mut second = pin!(readers.read(|_| Ok(2)));
        assert!(timeout(Duration::ZERO, second.as_mut()).await.is_err());
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        let third = timeout(Duration::from_secs(30), readers.read(|_| Ok(3))).await;
        assert_eq!(third.unwrap().unwrap(), 3);
        assert_eq!(second.await.unwrap(), 2);
    }
}
