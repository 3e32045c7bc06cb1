//! How long a login holds: until its account is removed or disabled, or the password it was made with is changed or taken
//! back. Another password of the account that comes or goes does not matter.

use std::fmt;

use store::{CredentialId, Login, Store};

use super::Identity;

/// The credential that somebody has logged in with, as it was then.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Grant {
    version: u64,
    credential: CredentialId,
    /// A number alone may come back with another password.
    password_hash: String,
}

impl Grant {
    /// None if there is no such credential.
    pub(super) fn of(login: &Login, credential: usize) -> Option<Grant> {
        let credential = login.credentials.get(credential)?;
        Some(Grant {
            version: login.version,
            credential: credential.id,
            password_hash: credential.password_hash.clone(),
        })
    }

    fn is_among(&self, login: &Login) -> bool {
        login
            .credentials
            .iter()
            .any(|other| other.id == self.credential && other.password_hash == self.password_hash)
    }
}

/// Hashes do not belong in logs.
impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grant({:?})", self.credential)
    }
}

/// Returns when the login holds no more, whichever process has ended it. While the store cannot say, it holds.
pub(crate) async fn revoked(store: Store, mut identity: Identity) {
    let mut changes = store.watch_account(identity.account);
    loop {
        changes.mark_unchanged();
        match store.account_version(identity.account).await {
            Ok(Some(version)) if version == identity.grant.version => {}
            Ok(None) => return,
            Ok(Some(version)) => match store.login(identity.address.as_str()).await {
                Ok(Some(login)) if identity.grant.is_among(&login) => {
                    identity.grant.version = version;
                }
                Ok(_) => return,
                Err(error) => unknown(&error),
            },
            Err(error) => unknown(&error),
        }
        if changes.changed().await.is_err() {
            // The store is closing, and with it the daemon.
            std::future::pending::<()>().await;
        }
    }
}

fn unknown(error: &store::Error) {
    tracing::warn!(%error, "cannot see whether the login still holds");
}
