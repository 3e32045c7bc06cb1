//! The exclusive lock on a maildrop that POP3 wants (RFC 1939 §4).
//!
//! An advisory lock on a file in `locks/`: it excludes other sessions of this process and of
//! others, and the kernel releases it when the session is dropped or its process dies.

use std::fs::{File, TryLockError};

use crate::turn::open_lock_file;
use crate::{AccountId, Result, Store};

/// The maildrop is ours until this is dropped.
#[derive(Debug)]
pub struct MaildropLock(#[expect(dead_code, reason = "held for its lock")] File);

impl Store {
    /// Takes the lock; `None` if another session has it.
    pub async fn lock_maildrop(&self, account: AccountId) -> Result<Option<MaildropLock>> {
        // The account's number, never its name, makes the path.
        let path = self
            .inner
            .dir
            .join("locks")
            .join(format!("maildrop-{}", account.0));
        let file = open_lock_file(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(MaildropLock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}
