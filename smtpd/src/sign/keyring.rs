//! The keys that sign for a domain, ready to sign. They are read from the store and remembered for a moment, because making a
//! key of its octets takes longer than signing with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mail_auth::common::crypto::DkimKey;
use store::{KeyState, Store};

use super::key;
use crate::limits::{KEYRING_DOMAINS_MAX, KEYRING_SECONDS};

/// A key that signs.
pub struct Signer {
    /// For which domain.
    pub domain: String,
    /// Under which name the public key is found.
    pub selector: String,
    /// The key.
    pub key: DkimKey,
}

/// Signers, and when they were read.
type Read = (Instant, Arc<[Signer]>);

/// The signers of each domain that was asked for lately.
#[derive(Default)]
pub struct Keyring {
    domains: Mutex<HashMap<String, Read>>,
}

impl Keyring {
    /// The signers of a domain; none if it is not ours or has no keys.
    pub async fn signers(&self, store: &Store, domain: &str) -> store::Result<Arc<[Signer]>> {
        if let Some(signers) = self.remembered(domain, Instant::now()) {
            return Ok(signers);
        }
        let keys = match store.signing_keys(Some(domain)).await {
            // No domain that could be ours.
            Err(store::Error::Invalid(_)) => Vec::new(),
            keys => keys?,
        };
        let signing = keys
            .into_iter()
            .filter(|key| key.state == KeyState::Signing);
        let signers: Arc<[Signer]> = signing.filter_map(signer).collect();
        self.remember(domain, signers.clone(), Instant::now());
        Ok(signers)
    }

    fn remembered(&self, domain: &str, now: Instant) -> Option<Arc<[Signer]>> {
        let domains = self.domains.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, signers) = domains.get(domain)?;
        (now.duration_since(*read) < Duration::from_secs(KEYRING_SECONDS)).then(|| signers.clone())
    }

    fn remember(&self, domain: &str, signers: Arc<[Signer]>, now: Instant) {
        let mut domains = self.domains.lock().unwrap_or_else(PoisonError::into_inner);
        if domains.len() >= KEYRING_DOMAINS_MAX {
            domains.clear();
        }
        domains.insert(domain.to_owned(), (now, signers));
    }
}

fn signer(kept: store::SigningKey) -> Option<Signer> {
    match key::signing(kept.algorithm, &kept.private_key) {
        Ok(key) => Some(Signer {
            domain: kept.domain,
            selector: kept.selector,
            key,
        }),
        Err(error) => {
            let (domain, selector) = (kept.domain, kept.selector);
            tracing::error!(%error, domain, selector, "mail is not signed with this key; `mailctl dkim rotate` makes new ones");
            None
        }
    }
}
