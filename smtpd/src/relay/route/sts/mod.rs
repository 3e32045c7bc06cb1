//! MTA-STS (RFC 8461): which policy a domain has, discovered by DNS and HTTPS, remembered in the store.
//!
//! A policy that was seen once holds until it expires, whatever DNS and HTTPS say meanwhile (§3.3, §5.1): an attacker who can suppress
//! them must not be able to suppress the policy. A new id makes us fetch; a fetch that fails is not repeated for some minutes.

mod fetch;
mod policy;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use daemon::config::Routing;
use daemon::tls::Connector;
use store::{Store, StsPolicy, TlsPolicy};
use tokio::sync::Semaphore;

use crate::dns::Dns;
use crate::https::{HTTPS_PORT, Https};
use crate::limits::{
    STS_FAILURES_MAX, STS_FETCHES_MAX, STS_REFRESH_BATCH, STS_REFRESH_SECONDS, STS_RETRY_SECONDS,
};
use fetch::{FetchFailure, fetch};
use policy::{Id, Mode, Policy, record_id};

/// The policy of a domain that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    domain: String,
    policy: Policy,
}

impl Found {
    /// Whether hosts that do not fit get no mail.
    pub(super) fn is_enforced(&self) -> bool {
        self.policy.mode == Mode::Enforce
    }

    /// Whether the host is one of the domain's.
    pub(super) fn names(&self, host: &str) -> bool {
        self.policy.names(host)
    }

    /// What a report says of it.
    pub(super) fn reported(&self) -> TlsPolicy {
        TlsPolicy {
            domain: self.domain.clone(),
            kind: "sts".to_owned(),
            policy: self.policy.lines.clone(),
            hosts: self.policy.patterns.clone(),
        }
    }
}

/// A policy that could not be had, for a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) result: &'static str,
    pub(super) reason: String,
}

/// What discovery has brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Discovery {
    pub(super) found: Option<Found>,
    pub(super) trouble: Option<Trouble>,
}

/// Finds policies.
pub(super) struct Policies {
    store: Store,
    dns: Dns,
    fetches: Semaphore,
    /// When fetches failed.
    failures: Mutex<HashMap<String, Instant>>,
    port: u16,
}

/// What changes with the configuration.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) routing: &'a Routing,
    pub(super) tls: &'a Connector,
}

impl Policies {
    pub(super) fn new(store: Store, dns: Dns) -> Policies {
        Policies {
            store,
            dns,
            fetches: Semaphore::new(STS_FETCHES_MAX),
            failures: Mutex::default(),
            port: HTTPS_PORT,
        }
    }

    /// Fetches from another port, for tests: nobody but root has the port of HTTPS.
    pub(super) fn fetch_from(&mut self, port: u16) {
        self.port = port;
    }

    /// The policy of a domain.
    ///
    /// # Errors
    /// The store cannot be read: whether there is a policy is not known.
    pub(super) async fn discover(
        &self,
        domain: &str,
        means: Means<'_>,
    ) -> store::Result<Discovery> {
        let known = self.store.sts_policy(domain).await?;
        let record = match self.dns.txt(&format!("_mta-sts.{domain}")).await {
            Ok(answer) => record_id(&answer.records),
            Err(_) => None,
        };
        let Some(id) = record else {
            return Ok(held(known, None));
        };
        if known.as_ref().is_some_and(|known| known.id == id.0) || self.has_failed_lately(domain) {
            return Ok(held(known, None));
        }
        match self.fetch(domain, &id, means).await {
            Ok(fetched) => Ok(held(Some(fetched), None)),
            Err(trouble) => {
                tracing::info!(
                    domain,
                    reason = trouble.reason,
                    "no MTA-STS policy could be fetched"
                );
                self.note_failure(domain);
                Ok(held(known, Some(trouble)))
            }
        }
    }

    /// Fetches policies anew that were fetched long ago, so that those in use never expire while they could be had.
    pub(super) async fn refresh(&self, means: Means<'_>) -> store::Result<()> {
        let before = now() - STS_REFRESH_SECONDS;
        for known in self
            .store
            .stale_sts_policies(before, STS_REFRESH_BATCH)
            .await?
        {
            let name = format!("_mta-sts.{}", known.domain);
            let record = self.dns.txt(&name).await.ok();
            let id = record.and_then(|answer| record_id(&answer.records));
            let id = id.unwrap_or(Id(known.id));
            if let Err(trouble) = self.fetch(&known.domain, &id, means).await {
                let (domain, reason) = (&known.domain, trouble.reason);
                tracing::info!(
                    domain,
                    reason,
                    "the MTA-STS policy could not be fetched anew"
                );
            }
        }
        Ok(())
    }

    /// Fetches a policy and keeps it.
    async fn fetch(&self, domain: &str, id: &Id, means: Means<'_>) -> Result<StsPolicy, Trouble> {
        let https = Https {
            dns: &self.dns,
            routing: means.routing,
            tls: means.tls,
        };
        let permit = self.fetches.acquire().await;
        let text = fetch(&https, domain, self.port).await?;
        drop(permit);
        let policy = Policy::parse(&text).map_err(|error| Trouble {
            result: "sts-policy-invalid",
            reason: error.to_string(),
        })?;
        let fetched = now();
        let kept = StsPolicy {
            domain: domain.to_owned(),
            id: id.0.clone(),
            policy: text,
            fetched,
            expires: fetched + policy.max_age,
        };
        if let Err(error) = self.store.keep_sts_policy(kept.clone()).await {
            tracing::error!(%error, domain, "an MTA-STS policy cannot be kept");
        }
        Ok(kept)
    }

    fn has_failed_lately(&self, domain: &str) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(domain).is_some_and(|at| at.elapsed() < RETRY)
    }

    fn note_failure(&self, domain: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|_, at| at.elapsed() < RETRY);
        if failures.len() < STS_FAILURES_MAX {
            failures.insert(domain.to_owned(), Instant::now());
        }
    }
}

const RETRY: Duration = Duration::from_secs(STS_RETRY_SECONDS);

impl From<FetchFailure> for Trouble {
    fn from(failure: FetchFailure) -> Trouble {
        Trouble {
            result: failure.result,
            reason: failure.reason,
        }
    }
}

/// What a policy in hand means. Its text was read before it was kept; were it not to be read now, there is none.
fn held(known: Option<StsPolicy>, trouble: Option<Trouble>) -> Discovery {
    let found = known.and_then(|known| {
        let policy = Policy::parse(&known.policy).ok()?;
        let domain = known.domain;
        (policy.mode != Mode::None).then_some(Found { domain, policy })
    });
    Discovery { found, trouble }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
