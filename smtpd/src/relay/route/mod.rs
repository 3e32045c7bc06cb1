//! From a domain to the hosts that take its mail, and how connections to them must be protected.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | [`Router`]: which kind of way a domain has |
//! | `smart_host.rs` | routes of the configuration, logins |
//! | `by_mx.rs` | from MX records to hosts that may be used |
//! | `exchanger.rs` | MX, null MX, implicit MX, hosts that are ourselves |
//! | `address.rs` | addresses of hosts: families, ours |
//! | `protection.rs` | DANE, MTA-STS or memory: what holds for a host |
//! | `dane.rs`, `sts/` | the two policies |
//! | `outcome.rs`, `ledger.rs` | what attempts found, for reports and for the next attempt |
//! | `host.rs`, `failure.rs` | the answer: [`Route`] or [`RouteFailure`] |
//!
//! Failure: what may pass (DNS, a policy that cannot be kept to now) is temporary, what the domain says of itself (null MX, no such domain) is
//! permanent. A host that cannot be used safely is passed over; if none is left, that is temporary, except that mail whose sender
//! requires TLS is given back at once (RFC 8689 §4.2.1).
//!
//! Not here: connections to the hosts, when to try again, which mail is local.

mod address;
mod by_mx;
mod dane;
mod exchanger;
mod failure;
mod host;
mod ledger;
mod outcome;
mod protection;
mod smart_host;
mod sts;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use daemon::config::{Config, Routing};
use daemon::stop::Stop;
use daemon::tls::{Connector, TlsError};
use store::{Store, TlsDemand};

pub(crate) use self::address::addresses;
pub use self::failure::RouteFailure;
use self::host::is_used;
pub(crate) use self::host::places;
pub use self::host::{HostRoute, Route};
use self::ledger::Ledger;
use self::sts::{Means, Policies};
use crate::dns::Dns;
use crate::grammar::Host;
use crate::limits::{STS_REFRESH_ROUND_SECONDS, TLS_COUNTS_SECONDS};
use crate::public_address::is_public;
use crate::relay::client::{Endpoint, HostSession, OpenFailure, Security, TlsStart};

/// Trusts what `relay.ca_file` names, or what the system trusts.
///
/// # Errors
/// The file cannot be used.
pub(crate) fn connector(routing: &Routing) -> Result<Connector, TlsError> {
    match &routing.ca_file {
        Some(path) => Connector::with_roots_of(path),
        None => Ok(Connector::with_system_roots()),
    }
}

/// Finds routes. Cheap to clone.
#[derive(Clone)]
pub struct Router {
    shared: Arc<Shared>,
}

struct Shared {
    hostname: String,
    listeners: Vec<SocketAddr>,
    routing: Routing,
    tls: Connector,
    store: Store,
    dns: Dns,
    policies: Policies,
    ledger: Ledger,
}

impl Router {
    /// A router as `[relay]` wants it.
    ///
    /// # Errors
    /// `relay.ca_file` cannot be used.
    pub fn open(config: &Config, store: Store, dns: Dns) -> Result<Router, TlsError> {
        Router::with_https_port(config, store, dns, None)
    }

    /// The same, but policies are fetched from another port: for tests that are not root.
    ///
    /// # Errors
    /// `relay.ca_file` cannot be used.
    pub fn with_https_port(
        config: &Config,
        store: Store,
        dns: Dns,
        port: Option<u16>,
    ) -> Result<Router, TlsError> {
        let routing = config.relay.routing.clone();
        let mut policies = Policies::new(store.clone(), dns.clone());
        port.into_iter().for_each(|port| policies.fetch_from(port));
        let tls = connector(&routing)?;
        let shared = Shared {
            hostname: config.hostname.clone(),
            listeners: config.smtpd.listen.clone(),
            tls,
            routing,
            store,
            dns,
            policies,
            ledger: Ledger::default(),
        };
        Ok(Router {
            shared: Arc::new(shared),
        })
    }

    /// The certificates that are trusted, and the memory of TLS sessions, for the client.
    pub fn connector(&self) -> Connector {
        self.shared.tls.clone()
    }

    /// The hosts to be tried for a domain: lower-case A-labels or an address literal, as in the queue.
    ///
    /// # Errors
    /// There is no host that may be tried, now or ever.
    pub async fn route(&self, domain: &str, require: TlsDemand) -> Result<Route, RouteFailure> {
        self.shared.route(domain, require).await
    }

    /// Takes back what an attempt found: to be called for each connection that was tried.
    pub fn outcome(
        &self,
        host: &HostRoute,
        endpoint: &Endpoint,
        result: Result<&HostSession, &OpenFailure>,
    ) {
        self.shared.outcome(host, endpoint, result);
    }

    /// Writes what was found to the store every few seconds, and keeps policies fresh, until the daemon stops.
    pub async fn keep(&self, stop: Stop) {
        // Side by side: policy hosts may take their time.
        tokio::join!(self.keep_writing(stop.clone()), self.keep_fresh(stop));
    }

    async fn keep_writing(&self, mut stop: Stop) {
        let mut rounds = tokio::time::interval(Duration::from_secs(TLS_COUNTS_SECONDS));
        while !stop.is_requested() {
            tokio::select! {
                _ = rounds.tick() => {}
                () = stop.requested() => {}
            }
            self.write().await;
        }
    }

    async fn keep_fresh(&self, mut stop: Stop) {
        let mut rounds = tokio::time::interval(Duration::from_secs(STS_REFRESH_ROUND_SECONDS));
        let refreshing = async {
            loop {
                rounds.tick().await;
                self.refresh().await;
            }
        };
        tokio::select! {
            () = refreshing => {}
            () = stop.requested() => {}
        }
    }

    /// Writes what was found to the store.
    pub async fn write(&self) {
        if let Err(error) = self.shared.ledger.write(&self.shared.store).await {
            tracing::error!(%error, "what was learned of other hosts' TLS cannot be kept");
        }
    }

    /// Fetches policies anew that are a day old.
    pub async fn refresh(&self) {
        if let Err(error) = self.shared.policies.refresh(self.shared.means()).await {
            tracing::error!(%error, "MTA-STS policies cannot be refreshed");
        }
    }
}

impl Shared {
    fn means(&self) -> Means<'_> {
        Means {
            routing: &self.routing,
            tls: &self.tls,
        }
    }

    async fn route(&self, domain: &str, require: TlsDemand) -> Result<Route, RouteFailure> {
        if let Some(smart) = self.routing.smart_host(domain) {
            return smart_host::route(domain, smart, require, &self.routing, &self.dns).await;
        }
        match Host::parse(domain) {
            Some(Host::Literal(address)) => self.to_literal(domain, address, require),
            Some(Host::OtherLiteral(_)) => Err(RouteFailure::unknown_literal(domain)),
            Some(Host::Domain(_)) | None => self.by_mx(domain, require).await,
        }
    }

    /// RFC 5321 §4.1.3: the host at that address, whatever its name.
    fn to_literal(
        &self,
        domain: &str,
        address: std::net::IpAddr,
        require: TlsDemand,
    ) -> Result<Route, RouteFailure> {
        if require == TlsDemand::Required {
            return Err(RouteFailure::require_tls(domain));
        }
        if !self.may_use(address) {
            return Err(RouteFailure::private_address(domain));
        }
        if !is_used(&self.routing, address) {
            return Err(RouteFailure::no_address(domain));
        }
        let places = places(&self.routing, &[address], self.routing.port);
        if places
            .iter()
            .any(|(place, _)| address::is_ours(*place, &self.listeners))
        {
            return Err(RouteFailure::loops_back(domain));
        }
        let host = HostRoute {
            host: domain.to_owned(),
            preference: 0,
            security: Security::Opportunistic,
            start: TlsStart::StartTls,
            login: None,
            addresses: places,
            policy: None,
            is_named: true,
            tested: None,
        };
        Ok(Route {
            domain: domain.to_owned(),
            hosts: vec![host],
        })
    }

    fn may_use(&self, address: std::net::IpAddr) -> bool {
        self.routing.private_addresses || is_public(address)
    }
}
