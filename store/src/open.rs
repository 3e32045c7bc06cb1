//! Opening a store: what is refused, what is prepared, what is started.
//!
//! Refused with a reason that says what to do: a directory on a network file system, a store
//! that is open in a process of another version, a schema from the future.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use crate::checkpoint::Checkpointer;
use crate::feed::Feed;
use crate::identity::MessageIds;
use crate::ranking::Rankings;
use crate::reader::{Readers, STATEMENTS_KEPT};
use crate::snapshot::Remembered;
use crate::turn::{Turnstile, open_lock_file};
use crate::writer::Writer;
use crate::{Inner, OpenError, Options, Result, Store, schema, sweep};

/// The database's file in the directory of the store.
const DATABASE: &str = "store.db";
/// Octets of a page: bodies of a few KiB fill pages well, and small rows still share them.
const PAGE_OCTETS: i32 = 8192;
/// Octets to which the log is cut after it was copied: its usual length under load, so that it need not grow again.
const LOG_OCTETS_KEPT: i64 = 100 * 1024 * 1024;
/// KiB of page cache of the writer.
const WRITER_CACHE_KIB: i32 = 4096;
/// How long the writer waits for a lock outside the turnstile's protection (a checkpoint, a backup).
const BUSY_SECONDS: u64 = 30;
/// The version that a store's users must share.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Store {
    /// Opens the store in `dir`, and makes it if `options.create` says so.
    pub async fn open(dir: &Path, options: Options) -> std::result::Result<Store, OpenError> {
        let dir = dir.to_owned();
        let place = dir.clone();
        let opened = tokio::task::spawn_blocking(move || open_blocking(&dir, options)).await;
        let store = opened.map_err(|error| OpenError::Failed {
            dir: place,
            reason: error.to_string(),
        })??;
        sweep::start(&store);
        Ok(store)
    }
}

fn open_blocking(dir: &Path, options: Options) -> std::result::Result<Store, OpenError> {
    let database = dir.join(DATABASE);
    if !options.create && !database.exists() {
        return Err(OpenError::Missing(dir.to_owned()));
    }
    let failed = |reason: String| OpenError::Failed {
        dir: dir.to_owned(),
        reason,
    };
    prepare_directory(dir).map_err(|error| failed(error.to_string()))?;
    refuse_network_file_system(dir)?;
    let version = VersionLock::take(dir)?;
    let origin = random_origin().map_err(|error| failed(error.to_string()))?;
    let mut connection = open_for_writing(&database).map_err(|error| failed(error.to_string()))?;
    schema::migrate(&mut connection, &database, dir)?;
    let start = || -> Result<Inner> {
        let feed = Feed::open(dir.join("wake"), origin)?;
        feed.listen(&database)?;
        let turnstile = Turnstile::open(&dir.join("locks"))?;
        let checkpointer = Checkpointer::start(&connection, open_for_writing(&database)?)?;
        Ok(Inner {
            dir: dir.to_owned(),
            readers: Readers::new(database.clone(), options.readers.max(1)),
            options,
            writer: Writer::start(connection, turnstile, checkpointer, Arc::clone(&feed))?,
            feed,
            message_ids: MessageIds::new(origin),
            remembered: Remembered::default(),
            rankings: Rankings::default(),
            _version: version,
        })
    };
    let inner = start().map_err(|error| failed(error.to_string()))?;
    Ok(Store {
        inner: Arc::new(inner),
    })
}

/// Makes the directory and what lies in it, for the owner's eyes only.
fn prepare_directory(dir: &Path) -> std::io::Result<()> {
    for path in [dir.to_owned(), dir.join("locks"), dir.join("wake")] {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)?;
    }
    // SQLite gives its log and shared memory the permissions of the database.
    open_lock_file(&dir.join(DATABASE)).map(drop)
}

fn open_for_writing(database: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(database)?;
    connection.busy_timeout(Duration::from_secs(BUSY_SECONDS))?;
    connection.pragma_update(None, "page_size", PAGE_OCTETS)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The savepoint of each operation keeps old pages: in memory, not in a temporary file.
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "journal_size_limit", LOG_OCTETS_KEPT)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}

/// Tells this process apart from all others that have the store open.
fn random_origin() -> std::io::Result<i64> {
    let mut bytes = [0u8; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(i64::from_ne_bytes(bytes) & i64::MAX)
}

#[cfg(target_os = "linux")]
fn refuse_network_file_system(dir: &Path) -> std::result::Result<(), OpenError> {
    let Ok(found) = nix::sys::statfs::statfs(dir) else {
        return Ok(());
    };
    match network_file_system(found.filesystem_type()) {
        None => Ok(()),
        Some(kind) => Err(OpenError::NetworkFileSystem {
            dir: dir.to_owned(),
            kind,
        }),
    }
}

/// The network file system that has this number in statfs(2), if it is one. Not all of them have a name in nix.
#[cfg(target_os = "linux")]
fn network_file_system(number: nix::sys::statfs::FsType) -> Option<&'static str> {
    // The kernel's numbers have 32 bits; on a machine with longer words they may come with their sign spread.
    match number.0 & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0xff53_4d42 | 0x517b | 0xfe53_4d42 => Some("SMB"),
        0x0102_1997 => Some("9P"),
        0x5346_414f => Some("AFS"),
        0x00c3_6400 => Some("Ceph"),
        0x7461_636f => Some("OCFS2"),
        0x0116_1970 => Some("GFS2"),
        0x0bd0_0bd0 => Some("Lustre"),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn refuse_network_file_system(_: &Path) -> std::result::Result<(), OpenError> {
    Ok(())
}

/// A shared lock on a file that names the version of those who hold it.
///
/// The first process writes its version; later ones must find their own. The lock goes with
/// the process, so a crash never leaves it behind.
pub(crate) struct VersionLock(#[expect(dead_code, reason = "held for its lock")] File);

impl VersionLock {
    fn take(dir: &Path) -> std::result::Result<VersionLock, OpenError> {
        let failed = |error: std::io::Error| OpenError::Failed {
            dir: dir.to_owned(),
            reason: error.to_string(),
        };
        let path: PathBuf = dir.join("locks").join("version");
        let mut file = open_lock_file(&path).map_err(failed)?;
        if file.try_lock().is_ok() {
            // Nobody else has the store open: the version is ours to say.
            write_version(&mut file).map_err(failed)?;
            file.unlock().map_err(failed)?;
        }
        file.lock_shared().map_err(failed)?;
        let running = read_version(&mut file).map_err(failed)?;
        if running != VERSION {
            return Err(OpenError::OtherVersionRunning {
                running,
                ours: VERSION.into(),
            });
        }
        Ok(VersionLock(file))
    }
}

fn write_version(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(VERSION.as_bytes())
}

fn read_version(file: &mut File) -> std::io::Result<String> {
    let mut version = String::new();
    file.rewind()?;
    file.take(64).read_to_string(&mut version)?;
    Ok(version)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use nix::sys::statfs;

    /// None of them can be mounted where tests run; `open` asks for this before it touches the database.
    #[test]
    fn network_file_systems_are_known_by_their_numbers() {
        let kind = network_file_system;
        assert_eq!(kind(statfs::NFS_SUPER_MAGIC), Some("NFS"));
        assert_eq!(kind(statfs::SMB_SUPER_MAGIC), Some("SMB"));
        assert_eq!(kind(statfs::AFS_SUPER_MAGIC), Some("AFS"));
        // CIFS, whose number is negative in a word of 32 bits.
        assert_eq!(
            kind(statfs::FsType(0xff53_4d42_u32 as i32 as _)),
            Some("SMB")
        );
        for local in [
            statfs::EXT4_SUPER_MAGIC,
            statfs::XFS_SUPER_MAGIC,
            statfs::BTRFS_SUPER_MAGIC,
            statfs::TMPFS_MAGIC,
            statfs::OVERLAYFS_SUPER_MAGIC,
        ] {
            assert_eq!(kind(local), None);
        }
    }
}
