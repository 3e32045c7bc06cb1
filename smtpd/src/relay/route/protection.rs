//! How a host found by MX must be protected: DANE, MTA-STS, what it was seen to do before, in this order.
//!
//! DANE wins over MTA-STS (RFC 8461 §2): where there are secure TLSA records the policy's patterns are not asked. A host that did TLS before
//! is given mail under TLS alone. If it does TLS no more, mail waits for [`TLS_PATIENCE_SECONDS`] from the first time; then
//! the host is forgotten, with a warning, and gets its mail in the clear. So an attacker on the way must hold out for half a day
//! and is seen, and a host that has really given TLS up loses no mail, for that is far less than the time that mail is tried.

use store::{HostTls, Store, TlsDemand, TlsPolicy};

use super::address::Addresses;
use super::dane::dane;
use super::sts::Found;
use crate::dns::{Dns, DnsFailure};
use crate::limits::TLS_PATIENCE_SECONDS;
use crate::relay::client::Security;

/// Why a host is passed over for now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsafe {
    /// Its TLSA records cannot be had.
    #[error("TLSA records: {0}")]
    Tlsa(DnsFailure),
    /// The MTA-STS policy does not name it.
    #[error("the MTA-STS policy of the domain does not name it")]
    NotNamed,
    /// Nothing says for sure that it belongs to the domain, and the sender requires that.
    #[error("neither DNSSEC nor MTA-STS vouches for it")]
    NotAssured,
    /// What is known of it cannot be read.
    #[error("{0}")]
    Store(store::Error),
}

/// How a host is protected, and what is counted for reports.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Protection {
    pub(super) security: Security,
    pub(super) policy: TlsPolicy,
    /// False if the policy, which is in testing, does not name the host: a session with it is counted as a failure.
    pub(super) is_named: bool,
    /// What that policy would demand, if it is in testing and names the host.
    pub(super) tested: Option<Security>,
}

/// What is known of the domain.
pub(super) struct Domain<'a> {
    pub(super) name: &'a str,
    /// True if DNSSEC vouches for its list of hosts.
    pub(super) secure: bool,
    pub(super) sts: Option<&'a Found>,
    pub(super) require: TlsDemand,
    pub(super) port: u16,
}

impl Domain<'_> {
    /// How `host` must be protected.
    pub(super) async fn protect(
        &self,
        host: &str,
        addresses: &Addresses,
        dns: &Dns,
        store: &Store,
    ) -> Result<Protection, Unsafe> {
        if self.require == TlsDemand::Waived {
            return Ok(self.without_policy(Security::Opportunistic));
        }
        if let Some(protection) = self.by_dane(host, addresses, dns).await? {
            return Ok(protection);
        }
        if let Some(protection) = self.by_sts(host)? {
            return Ok(protection);
        }
        if self.require == TlsDemand::Required {
            return self.assured(host);
        }
        let security = remembered(host, store).await.map_err(Unsafe::Store)?;
        Ok(match self.sts {
            // Testing: as if there were no policy, but counted as what it is (RFC 8461 §5).
            Some(testing) => Protection {
                security,
                policy: testing.reported(),
                is_named: testing.names(host),
                tested: testing.names(host).then(|| verified(host)),
            },
            None => self.without_policy(security),
        })
    }

    async fn by_dane(
        &self,
        host: &str,
        addresses: &Addresses,
        dns: &Dns,
    ) -> Result<Option<Protection>, Unsafe> {
        if !self.secure {
            return Ok(None);
        }
        let found = dane(dns, self.name, host, self.port, addresses)
            .await
            .map_err(Unsafe::Tlsa)?;
        let Some(found) = found else {
            return Ok(None);
        };
        // RFC 8689 §4.2.1 wants the host authenticated, which records that nobody can use do not do.
        if self.require == TlsDemand::Required && found.security == Security::Encrypted {
            return Ok(None);
        }
        Ok(Some(Protection {
            security: found.security,
            policy: self.tlsa_policy(found.lines),
            is_named: true,
            tested: None,
        }))
    }

    fn by_sts(&self, host: &str) -> Result<Option<Protection>, Unsafe> {
        let Some(found) = self.sts else {
            return Ok(None);
        };
        let is_strict = found.is_enforced() || self.require == TlsDemand::Required;
        match (found.names(host), is_strict) {
            (true, true) => Ok(Some(Protection {
                security: verified(host),
                policy: found.reported(),
                is_named: true,
                tested: None,
            })),
            (false, true) => Err(Unsafe::NotNamed),
            (_, false) => Ok(None),
        }
    }

    /// RFC 8689 §4.2.1: with a secure list of hosts a certificate for the host's name is enough.
    fn assured(&self, host: &str) -> Result<Protection, Unsafe> {
        match self.secure {
            true => Ok(self.without_policy(verified(host))),
            false => Err(Unsafe::NotAssured),
        }
    }

    fn without_policy(&self, security: Security) -> Protection {
        Protection {
            security,
            policy: TlsPolicy {
                domain: self.name.to_owned(),
                kind: "no-policy-found".to_owned(),
                policy: Vec::new(),
                hosts: Vec::new(),
            },
            is_named: true,
            tested: None,
        }
    }

    /// What a report says of a host under DANE.
    pub(super) fn tlsa_policy(&self, lines: Vec<String>) -> TlsPolicy {
        TlsPolicy {
            domain: self.name.to_owned(),
            kind: "tlsa".to_owned(),
            policy: lines,
            hosts: Vec::new(),
        }
    }
}

fn verified(host: &str) -> Security {
    Security::Verified {
        names: vec![host.to_owned()],
    }
}

/// What the host was seen to do decides whether mail may go in the clear.
async fn remembered(host: &str, store: &Store) -> store::Result<Security> {
    let Some(known) = store.host_tls(host).await? else {
        return Ok(Security::Opportunistic);
    };
    if is_patient(known, jiff::Timestamp::now().as_second()) {
        return Ok(Security::Encrypted);
    }
    tracing::warn!(
        host,
        "it did TLS before and has not for long: its mail goes in the clear from now on"
    );
    store.forget_host_tls(host).await?;
    Ok(Security::Opportunistic)
}

/// Whether a host that did TLS is still expected to.
fn is_patient(known: HostTls, now: i64) -> bool {
    let waited = known.clear_since.map(|since| now - since);
    waited.is_none_or(|waited| waited < TLS_PATIENCE_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_half_a_day_after_the_first_failure() {
        let known = |clear_since| HostTls {
            seen: 0,
            clear_since,
        };
        assert!(is_patient(known(None), i64::MAX));
        assert!(is_patient(
            known(Some(1000)),
            1000 + TLS_PATIENCE_SECONDS - 1
        ));
        assert!(!is_patient(known(Some(1000)), 1000 + TLS_PATIENCE_SECONDS));
    }
}
