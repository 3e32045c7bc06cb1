//! Whose the data is. Run as root, mailctl becomes the owner of the data directory before it touches anything
//! in it.
//!
//! Otherwise a `mailctl` under sudo would leave files of root's behind (the database's log, say), which the
//! daemons then cannot open. There is no way back to root afterwards. Run as anybody else, nothing is done
//! here: the system's permissions decide.

use std::path::Path;

use daemon::privilege;
use nix::unistd::{User, chown, geteuid};

use crate::fail::{Failure, Kind, Outcome};

/// Becomes the owner of `dir`, if we are root.
pub fn become_owner_of(dir: &Path) -> Outcome<()> {
    privilege::become_owner(dir).map_err(|error| Failure::new(Kind::Store, error.to_string()))
}

/// Gives a new, empty `dir` to a user of the system, if we are root. False: there is no such user, and it
/// stays root's.
pub fn give_to(dir: &Path, name: &str) -> Outcome<bool> {
    if !geteuid().is_root() {
        return Ok(true);
    }
    let failed = |error: nix::Error| {
        Failure::failed(format!("cannot give {} to {name}: {error}", dir.display()))
    };
    let Some(user) = User::from_name(name).map_err(failed)? else {
        return Ok(false);
    };
    chown(dir, Some(user.uid), Some(user.gid)).map_err(failed)?;
    Ok(true)
}
