//! What a connection tells: of the host's TLS for the next attempt, and of the domain's policy for a report.

use store::{TlsPolicy, TlsSeen, TlsSessionFailure};

use super::Shared;
use super::host::HostRoute;
use crate::relay::client::{Endpoint, HostSession, OpenFailure, TlsFailure};

impl Shared {
    pub(super) fn outcome(
        &self,
        host: &HostRoute,
        endpoint: &Endpoint,
        result: Result<&HostSession, &OpenFailure>,
    ) {
        let Some(policy) = &host.policy else {
            return;
        };
        if result.is_ok_and(|session| session.tls().is_some()) {
            self.ledger.saw(&host.host, TlsSeen::Encrypted);
            let failure = (!host.is_named).then(|| {
                let reason = "the MTA-STS policy does not name the host".to_owned();
                failed(host, endpoint, TlsFailure::Validation, reason)
            });
            self.count(host, endpoint, policy, failure);
            return;
        }
        let (failure, reason) = match result {
            // In the clear without having tried: STARTTLS was not offered.
            Ok(session) => {
                let failure = session.fallback().unwrap_or(TlsFailure::NotSupported);
                (Some(failure), String::new())
            }
            Err(failure) => (failure.tls, failure.said.to_string()),
        };
        // Without one, the host could not be reached at all, which says nothing of its TLS.
        let Some(failure) = failure else {
            return;
        };
        // A wrong certificate is TLS nevertheless.
        if matches!(failure, TlsFailure::NotSupported | TlsFailure::Validation) {
            self.ledger.saw(&host.host, TlsSeen::Clear);
        }
        let failure = failed(host, endpoint, failure, reason);
        self.count(host, endpoint, policy, Some(failure));
    }

    fn count(
        &self,
        host: &HostRoute,
        endpoint: &Endpoint,
        policy: &TlsPolicy,
        failure: Option<TlsSessionFailure>,
    ) {
        if !host.is_repetition(endpoint) {
            self.ledger.count(policy, failure);
        }
    }
}

fn failed(
    host: &HostRoute,
    endpoint: &Endpoint,
    failure: TlsFailure,
    reason: String,
) -> TlsSessionFailure {
    let source = endpoint.source.map(|address| address.to_string());
    TlsSessionFailure {
        result: failure.result_type().to_owned(),
        host: host.host.clone(),
        address: endpoint.address.ip().to_string(),
        source: source.unwrap_or_default(),
        reason,
    }
}
