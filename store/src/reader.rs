//! Readers: a small pool of read-only connections, used on blocking threads, or for a few rows on the caller's own.
//!
//! Every read runs in one short transaction, so it sees one state of the mailbox, and none
//! is held while a client is waited for: the closure returns owned values.
//!
//! Failure: a read that fails gives its error to its caller; the connection stays usable.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{AcquireError, Semaphore};

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
        let permit = self.pool.permits.clone().acquire_owned().await;
        let permit = permit.map_err(closing)?;
        let pool = self.pool.clone();
        let work = move || {
            let _permit = permit;
            pool.run(closure)
        };
        let joined = tokio::task::spawn_blocking(work).await;
        joined.map_err(|error| {
            Error::Unavailable(format!("a read of the store ended early: {error}"))
        })?
    }

    /// Runs `closure` in a read transaction on the calling thread, which serves no other task meanwhile: for questions
    /// that every session asks and a few rows answer, to which the way to another thread and back costs more than the answer.
    pub(crate) async fn read_briefly<T>(
        &self,
        closure: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let _permit = self.pool.permits.acquire().await.map_err(closing)?;
        self.pool.run(closure)
    }
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
