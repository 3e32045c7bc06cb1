//! The way by MX: the hosts of a domain that are not ourselves, have addresses that may be used, and can be used safely.

use store::{TlsDemand, TlsPolicy, TlsSessionFailure};

use super::Shared;
use super::address::addresses;
use super::exchanger::{Candidate, Ourselves, exchangers};
use super::failure::RouteFailure;
use super::host::{HostRoute, Route, places};
use super::protection::{Domain, Unsafe};
use super::sts::{Discovery, Found};
use crate::dns::{DnsFailure, Mx};
use crate::relay::client::TlsStart;

impl Shared {
    pub(super) async fn by_mx(
        &self,
        domain: &str,
        require: TlsDemand,
    ) -> Result<Route, RouteFailure> {
        let found = exchangers(&self.dns, domain).await?;
        let is_implicit = found.list.iter().all(|mx| mx.exchange == domain);
        let candidates = self.candidates(found.list).await;
        let ourselves = Ourselves {
            hostname: &self.hostname,
            listeners: &self.listeners,
            port: self.routing.port,
        };
        let candidates = ourselves.left_out(candidates);
        if candidates.is_empty() {
            return Err(RouteFailure::loops_back(domain));
        }
        let usable = self.usable(domain, candidates, is_implicit)?;
        let sts = self.discover(domain, require).await?;
        let domain = Domain {
            name: domain,
            secure: found.secure,
            sts: sts.as_ref(),
            require,
            port: self.routing.port,
        };
        self.protected(&domain, usable).await
    }

    /// Asks for the addresses of all hosts at once.
    async fn candidates(&self, list: Vec<Mx>) -> Vec<Candidate> {
        let mut asked = Vec::new();
        for mx in list {
            let (dns, families) = (self.dns.clone(), self.routing.ip);
            let host = mx.exchange.clone();
            let task = tokio::spawn(async move { addresses(&dns, &host, families).await });
            asked.push((mx, task));
        }
        let mut candidates = Vec::new();
        for (mx, task) in asked {
            let addresses = task.await.unwrap_or(Err(DnsFailure::Timeout));
            candidates.push(Candidate { mx, addresses });
        }
        candidates
    }

    /// Those that have an address which may be used.
    fn usable(
        &self,
        domain: &str,
        candidates: Vec<Candidate>,
        is_implicit: bool,
    ) -> Result<Vec<Candidate>, RouteFailure> {
        let mut failure = None;
        let mut has_private = false;
        let mut usable = Vec::new();
        for mut candidate in candidates {
            match &mut candidate.addresses {
                Err(error) => failure = Some(error.clone()),
                Ok(found) => {
                    let before = found.list.len();
                    found.list.retain(|address| self.may_use(*address));
                    has_private |= found.list.len() < before;
                    if !found.list.is_empty() {
                        usable.push(candidate);
                    }
                }
            }
        }
        match (usable.is_empty(), failure) {
            (false, _) => Ok(usable),
            (true, Some(failure)) => Err(RouteFailure::dns(domain, &failure)),
            (true, None) if has_private => Err(RouteFailure::private_address(domain)),
            (true, None) if is_implicit => Err(RouteFailure::no_mail_host(domain)),
            (true, None) => Err(RouteFailure::no_address(domain)),
        }
    }

    async fn discover(
        &self,
        domain: &str,
        require: TlsDemand,
    ) -> Result<Option<Found>, RouteFailure> {
        if require == TlsDemand::Waived {
            return Ok(None);
        }
        let discovery = self.policies.discover(domain, self.means()).await;
        let Discovery { found, trouble } =
            discovery.map_err(|error| RouteFailure::unsafe_hosts(domain, &error.to_string()))?;
        if let Some(trouble) = trouble {
            let policy = TlsPolicy {
                domain: domain.to_owned(),
                kind: "sts".to_owned(),
                policy: Vec::new(),
                hosts: Vec::new(),
            };
            let failure = TlsSessionFailure {
                result: trouble.result.to_owned(),
                reason: trouble.reason,
                ..TlsSessionFailure::default()
            };
            self.ledger.count(&policy, Some(failure));
        }
        Ok(found)
    }

    /// The route by those hosts that can be used safely.
    async fn protected(
        &self,
        domain: &Domain<'_>,
        candidates: Vec<Candidate>,
    ) -> Result<Route, RouteFailure> {
        let mut hosts = Vec::new();
        let mut passed_over = None;
        for candidate in candidates {
            let Ok(found) = candidate.addresses else {
                continue;
            };
            let host = candidate.mx.exchange;
            match domain.protect(&host, &found, &self.dns, &self.store).await {
                Ok(protection) => hosts.push(HostRoute {
                    preference: candidate.mx.preference,
                    security: protection.security,
                    start: TlsStart::StartTls,
                    login: None,
                    addresses: places(&self.routing, &found.list, self.routing.port),
                    policy: Some(protection.policy),
                    is_named: protection.is_named,
                    tested: protection.tested,
                    host,
                }),
                Err(reason) => {
                    tracing::info!(domain = domain.name, host, %reason, "the host is passed over");
                    self.count_passed_over(domain, &host, &reason);
                    passed_over = Some((host, reason));
                }
            }
        }
        if !hosts.is_empty() {
            let domain = domain.name.to_owned();
            return Ok(Route { domain, hosts });
        }
        Err(match passed_over {
            Some((_, Unsafe::NotAssured)) => RouteFailure::require_tls(domain.name),
            Some((_, Unsafe::NotNamed)) if domain.require == TlsDemand::Required => {
                RouteFailure::require_tls(domain.name)
            }
            Some((host, reason)) => {
                RouteFailure::unsafe_hosts(domain.name, &format!("{host}: {reason}"))
            }
            None => RouteFailure::no_address(domain.name),
        })
    }

    fn count_passed_over(&self, domain: &Domain<'_>, host: &str, reason: &Unsafe) {
        let (policy, result) = match reason {
            Unsafe::Tlsa(DnsFailure::Bogus) => (domain.tlsa_policy(Vec::new()), "dnssec-invalid"),
            Unsafe::Tlsa(_) => (domain.tlsa_policy(Vec::new()), "tlsa-invalid"),
            Unsafe::NotNamed => match domain.sts {
                Some(sts) => (sts.reported(), "validation-failure"),
                None => return,
            },
            Unsafe::NotAssured | Unsafe::Store(_) => return,
        };
        let failure = TlsSessionFailure {
            result: result.to_owned(),
            host: host.to_owned(),
            reason: reason.to_string(),
            ..TlsSessionFailure::default()
        };
        self.ledger.count(&policy, Some(failure));
    }
}
