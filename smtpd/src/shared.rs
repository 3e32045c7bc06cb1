//! What all sessions of this daemon share, beside what every daemon has (`daemon::service::Service`).

use std::sync::Arc;

use daemon::config::Config;

use crate::dns::{Dns, ResolverError};
use crate::report::gathering::Gathering;
use crate::restrict::rate::Rates;
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
    /// What everybody has sent lately.
    pub rates: Rates,
    /// What to believe of mail that comes in.
    pub verifier: Arc<Verifier>,
    /// Counts for reports to other domains.
    pub gathering: Arc<Gathering>,
}

impl Shared {
    /// As the configuration wants it.
    ///
    /// # Errors
    /// There is no resolver.
    pub fn open(config: &Config) -> Result<Shared, ResolverError> {
        let dns = Dns::open(&config.dns)?;
        let reported = config.report.address.is_some() && config.report.dmarc;
        let gathering = Arc::new(Gathering::new(reported));
        Ok(Shared {
            verifier: Arc::new(Verifier::new(dns.clone(), gathering.clone())),
            gathering,
            dns,
            keyring: Keyring::default(),
            srs: Srs::default(),
            rates: Rates::default(),
        })
    }
}
