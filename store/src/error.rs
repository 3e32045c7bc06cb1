//! What can go wrong in the store, said in words of mail.
//!
//! Callers match on the variant and choose the reply code of their protocol; no SQL and no
//! engine-specific value is part of an error. The texts of [`Error::Unavailable`] and
//! [`Error::Corrupt`] are for logs and operators, never for a remote peer.
//!
//! Not here: what a protocol says about an error. That is each daemon's one `match`.

use std::path::PathBuf;

/// The result of every call on the store.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call on the store was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The named kind of thing does not exist (or not for this account).
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The named kind of thing exists already.
    #[error("{0} exists already")]
    Exists(&'static str),
    /// The account's quota of octets or messages does not allow it.
    #[error("the account's quota is exceeded")]
    OverQuota,
    /// A named limit of the store would be exceeded.
    #[error("too many {0}")]
    Limit(&'static str),
    /// The argument is malformed; the text says how.
    #[error("{0}")]
    Invalid(String),
    /// The operation is never allowed on this object (removing INBOX, for example).
    #[error("{0}")]
    NotPermitted(&'static str),
    /// The user has no right to do it with a mailbox that he may know of (RFC 4314).
    #[error("permission denied")]
    Denied,
    /// The mailbox has inferiors and cannot be removed any further (RFC 3501 §6.3.4).
    #[error("the mailbox has inferior mailboxes")]
    HasChildren,
    /// Temporary: disk full, I/O error, shutting down. Trying again may help.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The database says something that cannot be. `mailctl check` tells more.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Error::Corrupt(error.to_string()),
            _ => Error::Unavailable(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::Unavailable(error.to_string())
    }
}

/// Why a store could not be opened. Each text tells the operator what to do next.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no store in the directory and creating one was not asked for.
    #[error("there is no mail store in {}; `mailctl init` makes one", .0.display())]
    Missing(PathBuf),
    /// SQLite's locks and shared memory do not work over a network.
    #[error("{} lies on a network file system ({kind}); the store needs a local disk, because file locks and shared memory are not reliable over a network", dir.display())]
    NetworkFileSystem {
        /// The directory that was to be opened.
        dir: PathBuf,
        /// The kind of file system that was found.
        kind: &'static str,
    },
    /// Another running process of a different version has the store open.
    #[error(
        "the store is open in a process of version {running}, and this is version {ours}; stop the running daemons first, then start all of one version"
    )]
    OtherVersionRunning {
        /// Version of the processes that have the store open.
        running: String,
        /// Version of this process.
        ours: String,
    },
    /// The schema is from the future.
    #[error(
        "the store has schema {found}, and this version knows schemas up to {known}; install the newer version again, or restore the backup made before the upgrade"
    )]
    NewerSchema {
        /// Schema found in the database.
        found: u32,
        /// Newest schema that this program knows.
        known: u32,
    },
    /// Anything else: permissions, disk, damage.
    #[error("cannot open the store in {}: {reason}", dir.display())]
    Failed {
        /// The directory that was to be opened.
        dir: PathBuf,
        /// What the system said.
        reason: String,
    },
}
