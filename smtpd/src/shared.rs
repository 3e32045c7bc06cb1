//! What all sessions of this daemon share, beside what every daemon has (`daemon::service::Service`).

use std::sync::Arc;

use daemon::config::Config;

use crate::dns::{Dns, ResolverError};
use crate::sign::keyring::Keyring;
use crate::sign::srs::Srs;
use crate::verify::Verifier;

/// One for the process.
pub struct Shared {
    /// What names mean.
    pub dns: Dns,
    /// The keys that sign what our users send.
    pub keyring: Keyring,
    /// The senders' addresses of forwarded mail.
    pub srs: Srs,
    /// What to believe of mail that comes in.
    pub verifier: Arc<Verifier>,
}

impl Shared {
    /// As the configuration wants it.
    ///
    /// # Errors
    /// There is no resolver.
    pub fn open(config: &Config) -> Result<Shared, ResolverError> {
        let dns = Dns::open(&config.dns)?;
        Ok(Shared {
            verifier: Arc::new(Verifier::new(dns.clone())),
            dns,
            keyring: Keyring::default(),
            srs: Srs::default(),
        })
    }
}
