//! What all sessions of this daemon share, beside what every daemon has (`daemon::service::Service`).

use crate::sign::keyring::Keyring;

/// One for the process.
#[derive(Default)]
pub struct Shared {
    /// The keys that sign what our users send.
    pub keyring: Keyring,
}
