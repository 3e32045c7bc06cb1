//! Passwords that were right a moment ago, so that a client with five connections does not cost five hashes.
//!
//! Kept in memory only, and not as passwords: the key is an HMAC, by a random key of this process, of account, version of its
//! credentials, and password. A changed password or a disabled account has another version, so nothing need be forgotten by hand.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use store::Login;

use crate::credential::hmac_sha256;
use crate::limits::{REMEMBER_MAX, REMEMBER_SECONDS};
use crate::secret::{Secret, random};

pub(super) struct Remembered {
    key: [u8; 32],
    /// Until when, and which of the account's credentials it was.
    right: Mutex<HashMap<[u8; 32], (Instant, usize)>>,
}

impl Remembered {
    pub(super) fn new() -> Remembered {
        Remembered {
            key: random(),
            right: Mutex::default(),
        }
    }

    /// Which credential it is, if it was right lately.
    pub(super) fn recall(&self, login: &Login, password: &Secret) -> Option<usize> {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, credential) = right.get(&self.digest(login, password))?;
        (*until > Instant::now()).then_some(*credential)
    }

    /// It is right.
    pub(super) fn remember(&self, login: &Login, password: &Secret, credential: usize) {
        let now = Instant::now();
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBER_MAX {
            right.retain(|_, (until, _)| *until > now);
        }
        if right.len() < REMEMBER_MAX {
            right.insert(
                self.digest(login, password),
                (now + Duration::from_secs(REMEMBER_SECONDS), credential),
            );
        }
    }

    fn digest(&self, login: &Login, password: &Secret) -> [u8; 32] {
        // The numbers have fixed lengths, so no two different triples are the same text.
        let mut text = Vec::with_capacity(16 + password.expose().len());
        text.extend(login.account.0.to_be_bytes());
        text.extend(login.version.to_be_bytes());
        text.extend(password.expose());
        let text = Secret::new(text);
        hmac_sha256(&self.key, text.expose())
    }
}
