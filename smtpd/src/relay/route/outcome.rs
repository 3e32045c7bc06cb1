//! What a connection tells: of the host's TLS for the next attempt, and of the domain's policy for a report.

use store::{TlsSeen, TlsSessionFailure};

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
        let is_encrypted = result.is_ok_and(|session| session.tls().is_some());
        let failure = match result {
            Ok(session) => session.fallback(),
            Err(failure) => failure.tls,
        };
        match (is_encrypted, failure) {
            (true, _) => {
                self.ledger.saw(&host.host, TlsSeen::Encrypted);
                self.ledger.count(policy, None);
            }
            (false, Some(failure)) => {
                // A wrong certificate is TLS nevertheless.
                if matches!(failure, TlsFailure::NotSupported | TlsFailure::Validation) {
                    self.ledger.saw(&host.host, TlsSeen::Clear);
                }
                let failure = TlsSessionFailure {
                    result: failure.result_type().to_owned(),
                    host: host.host.clone(),
                    address: endpoint.address.ip().to_string(),
                    source: endpoint
                        .source
                        .map(|address| address.to_string())
                        .unwrap_or_default(),
                    reason: result
                        .err()
                        .map(|failure| failure.said.to_string())
                        .unwrap_or_default(),
                };
                self.ledger.count(policy, Some(failure));
            }
            // The host could not be reached at all, which says nothing of its TLS.
            (false, None) => {}
        }
    }
}
