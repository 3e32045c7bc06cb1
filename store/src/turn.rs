//! Whose turn it is to write, among all processes that have the store open.
//!
//! SQLite lets one process write at a time, but hands the lock to whoever happens to ask at
//! the right moment: with one process committing batches and another committing single rows,
//! one of them starves. Here processes queue up. Two advisory file locks make a turnstile:
//! a process waits inside the `turnstile` lock for the `write` lock, and leaves the turnstile
//! as soon as it has it. Whoever has just written finds the next process already standing in
//! the turnstile and must wait behind it. The kernel drops both locks when a process dies.
//!
//! Waiting blocks the thread, which is the writer's own.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(crate) struct Turnstile {
    turnstile: File,
    write: File,
}

/// The right to write, given back on drop.
pub(crate) struct Turn<'a>(&'a File);

impl Turnstile {
    pub(crate) fn open(locks: &Path) -> io::Result<Turnstile> {
        Ok(Turnstile {
            turnstile: open_lock_file(&locks.join("turnstile"))?,
            write: open_lock_file(&locks.join("write"))?,
        })
    }

    /// Waits for this process's turn.
    pub(crate) fn wait(&self) -> io::Result<Turn<'_>> {
        self.turnstile.lock()?;
        let taken = self.write.lock();
        self.turnstile.unlock()?;
        taken.map(|()| Turn(&self.write))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::error!(%error, "cannot give the store's write lock back");
        }
    }
}

/// Opens, or makes, a file that only serves as a lock.
pub(crate) fn open_lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}
