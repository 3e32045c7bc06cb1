//! Who we are on this machine.
//!
//! Nothing here works as root: a program that was started as root becomes the owner of the data directory, once it
//! has bound its ports and read its keys, so that no file ever changes hands. If root itself owns that directory (a scratch
//! server in a container), it stays root and says so.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setgid, setgroups, setuid};

/// Why we cannot become the owner of the data directory.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// It is not there.
    #[error(
        "{path}: {error}; make the data directory with `mailctl init`, owned by the user that the server runs as"
    )]
    NoDirectory {
        /// The data directory.
        path: PathBuf,
        /// Why it cannot be looked at.
        error: std::io::Error,
    },
    /// The system refuses.
    #[error("cannot become user {uid}, who owns {path}: {error}")]
    Refused {
        /// The owner.
        uid: u32,
        /// The data directory.
        path: PathBuf,
        /// Why.
        error: Errno,
    },
}

/// If we are root: becomes the owner of `data_dir`, for good and for all threads.
///
/// # Errors
/// The directory is not there, or the system refuses; the program must then end.
pub fn become_owner(data_dir: &Path) -> Result<(), PrivilegeError> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let metadata = std::fs::metadata(data_dir).map_err(|error| PrivilegeError::NoDirectory {
        path: data_dir.to_owned(),
        error,
    })?;
    if metadata.uid() == 0 {
        tracing::warn!(directory = %data_dir.display(), "running as root, because root owns the data directory");
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()));
    change_user(uid, gid).map_err(|error| PrivilegeError::Refused {
        uid: uid.as_raw(),
        path: data_dir.to_owned(),
        error,
    })
}

fn change_user(uid: Uid, directory_gid: Gid) -> Result<(), Errno> {
    let gid = match User::from_uid(uid)? {
        Some(user) => {
            let name = std::ffi::CString::new(user.name).map_err(|_| Errno::EINVAL)?;
            initgroups(&name, user.gid)?;
            user.gid
        }
        None => {
            setgroups(&[])?;
            directory_gid
        }
    };
    setgid(gid)?;
    setuid(uid)?;
    // Being able to come back would mean that nothing was given up.
    if setuid(Uid::from_raw(0)).is_ok() {
        Err(Errno::EPERM)
    } else {
        Ok(())
    }
}

/// Asks for as many open files as we are allowed; each connection is one.
pub(crate) fn raise_open_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!(%error, soft, hard, "cannot raise the limit of open files");
    }
}
