//! Copies the write-ahead log into the database, on a thread of its own beside the writer.
//!
//! SQLite's own way is that the commit which makes the log long does the copying: tens of milliseconds in which every
//! caller waits. Here the writer only says how long the log has become, and goes on; a copy in the mode PASSIVE hinders nobody.
//! The log can begin anew only when all of it was copied while nobody wrote. Under a load that never pauses the writer therefore
//! does the rest of the copying itself at [`LOG_PAGES_MAX`], when there is next to nothing left to copy. Only one can copy at a time: a
//! writer that is faster than whoever copies waits for it at [`LOG_PAGES_WAIT`].
//!
//! Failure: a log that cannot be copied stays, grows, and is tried again; what it holds is safe. As long as readers overlap without a pause
//! the log cannot begin anew, whoever copies it; it does when they rest.

use std::cell::Cell;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rusqlite::hooks::Wal;
use rusqlite::{Connection, ErrorCode};

/// Pages that have come into the log since the last copy when the next one begins.
const CHECKPOINT_PAGES: i32 = 4096;
/// Pages in the log when the writer copies the rest itself.
const LOG_PAGES_MAX: i32 = 12288;
/// Pages in the log when the writer waits for whoever is copying them.
const LOG_PAGES_WAIT: i32 = 2 * LOG_PAGES_MAX;
/// Longest such wait: it may be a process that was stopped.
const WAIT_MAX: Duration = Duration::from_secs(10);

thread_local! {
    /// Pages in the log after this thread's last commit. SQLite's hook is a plain function and has no other place to put it.
    static LOG_PAGES: Cell<i32> = const { Cell::new(0) };
}

pub(crate) struct Checkpointer {
    wake: SyncSender<()>,
    /// Pages in the log when a copy was last asked for.
    asked: Cell<i32>,
}

impl Checkpointer {
    /// Starts the thread, with a connection of its own, for the commits of `writer`. It ends with the checkpointer.
    pub(crate) fn start(writer: &Connection, own: Connection) -> io::Result<Checkpointer> {
        writer.wal_hook(Some(|log, pages| {
            LOG_PAGES.set(pages);
            if pages >= LOG_PAGES_MAX {
                copy_rest(log, pages);
            }
            // The transaction is committed, whatever became of the copy.
            Ok(())
        }));
        let (wake, woken) = sync_channel(1);
        std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || run(&own, &woken))?;
        let asked = Cell::new(0);
        Ok(Checkpointer { wake, asked })
    }

    /// To be called on the writer's thread after each commit.
    pub(crate) fn committed(&self) {
        let pages = LOG_PAGES.get();
        let begun_anew = pages < self.asked.get();
        let since = if begun_anew { 0 } else { self.asked.get() };
        self.asked.set(since);
        if pages - since >= CHECKPOINT_PAGES {
            self.asked.set(pages);
            // Full: it is about to copy anyway.
            let _ = self.wake.try_send(());
        }
    }
}

fn copy_rest(log: &Wal, pages: i32) {
    let deadline = Instant::now() + WAIT_MAX;
    let mut copied = log.checkpoint();
    while pages >= LOG_PAGES_WAIT && is_busy(&copied) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
        copied = log.checkpoint();
    }
    report(copied);
}

fn run(connection: &Connection, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        report(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
    }
}

fn report(copied: rusqlite::Result<()>) {
    if let Err(error) = &copied
        && !is_busy(&copied)
    {
        tracing::warn!(%error, "cannot copy the store's log into the database");
    }
}

/// Another thread or process is at it.
fn is_busy(copied: &rusqlite::Result<()>) -> bool {
    let code = copied
        .as_ref()
        .err()
        .and_then(|error| error.sqlite_error_code());
    code == Some(ErrorCode::DatabaseBusy)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const PAGE: i32 = 4096;

    fn open(path: &Path) -> Connection {
        let connection = Connection::open(path).expect("database");
        connection
            .pragma_update(None, "journal_mode", "wal")
            .expect("log");
        connection
    }

    /// Pages in the log and pages of them that are copied, asked without copying.
    fn log(connection: &Connection) -> (i32, i32) {
        let counts = |row: &rusqlite::Row<'_>| Ok((row.get(1)?, row.get(2)?));
        connection
            .query_row("PRAGMA wal_checkpoint(NOOP)", [], counts)
            .expect("counts")
    }

    fn grow(writer: &Connection, checkpointer: &Checkpointer, pages: i32) {
        let sql = "INSERT INTO filled (data) VALUES (zeroblob(?1))";
        writer.execute(sql, [pages * PAGE]).expect("insert");
        checkpointer.committed();
    }

    #[test]
    fn the_log_is_copied_beside_the_writer_and_begins_anew() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("log.db");
        let writer = open(&path);
        writer
            .execute_batch("CREATE TABLE filled (data)")
            .expect("table");
        let checkpointer = Checkpointer::start(&writer, open(&path)).expect("thread");
        grow(&writer, &checkpointer, 10);
        assert_eq!(log(&writer).1, 0, "a short log is left alone");
        grow(&writer, &checkpointer, CHECKPOINT_PAGES);
        let deadline = Instant::now() + Duration::from_secs(30);
        while log(&writer).0 != log(&writer).1 {
            assert!(Instant::now() < deadline, "nobody copied the log");
            std::thread::sleep(Duration::from_millis(5));
        }
        grow(&writer, &checkpointer, 1);
        assert!(log(&writer).0 < 100, "the log has not begun anew");
    }

    #[test]
    fn a_writer_that_never_pauses_copies_the_rest_itself() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("log.db");
        let (writer, reader) = (open(&path), open(&path));
        writer
            .execute_batch("CREATE TABLE filled (data)")
            .expect("table");
        // Its thread never hears of a commit here.
        let _checkpointer = Checkpointer::start(&writer, reader).expect("thread");
        let sql = "INSERT INTO filled (data) VALUES (zeroblob(?1))";
        writer.execute(sql, [LOG_PAGES_MAX * PAGE]).expect("insert");
        let (pages, copied) = log(&writer);
        assert!(pages >= LOG_PAGES_MAX);
        assert_eq!(pages, copied);
    }
}
