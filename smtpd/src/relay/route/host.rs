//! What a route is: hosts in the order in which they are tried, each with its addresses and its protection.

use std::net::{IpAddr, SocketAddr};

use daemon::config::{IpFamilies, Routing};
use store::TlsPolicy;

use crate::relay::client::{Endpoint, Login, Security, TlsStart};

/// The way to a domain. There is at least one host, and each has at least one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The domain, as it was asked for.
    pub domain: String,
    /// The hosts in the order of preference; equal ones in random order (RFC 5321 §5.1).
    pub hosts: Vec<HostRoute>,
}

/// One host of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRoute {
    /// The name, or an address literal.
    pub host: String,
    /// The preference of its MX record; 0 where there is none.
    pub preference: u16,
    /// How connections to it must be protected.
    pub security: Security,
    /// When TLS begins.
    pub start: TlsStart,
    /// The login.
    pub login: Option<Login>,
    /// Where it is, in the order in which that is tried, and where to connect from.
    pub(super) addresses: Vec<(SocketAddr, Option<IpAddr>)>,
    /// What is counted for reports. None for routes of the configuration: nobody wants reports of them.
    pub(super) policy: Option<TlsPolicy>,
    /// False if that policy does not name the host, but is only being tested.
    pub(super) is_named: bool,
    /// What a policy in testing would demand: tried first at each address, so that a report can say what comes of it (RFC 8461 §5). Mail
    /// goes on by [`HostRoute::security`] if it fails.
    pub(super) tested: Option<Security>,
}

impl HostRoute {
    /// The addresses of the host, to be tried in this order.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let demands = self.tested.iter().chain([&self.security]);
        self.addresses
            .iter()
            .flat_map(|place| {
                demands
                    .clone()
                    .map(move |demand| self.endpoint(place, demand))
            })
            .collect()
    }

    fn endpoint(
        &self,
        (address, source): &(SocketAddr, Option<IpAddr>),
        security: &Security,
    ) -> Endpoint {
        Endpoint {
            host: self.host.clone(),
            address: *address,
            source: *source,
            security: security.clone(),
            start: self.start,
            login: self.login.clone(),
        }
    }

    /// Whether a connection with this protection repeats one that was made to test a policy, and was counted then.
    pub(super) fn is_repetition(&self, endpoint: &Endpoint) -> bool {
        self.tested.is_some() && endpoint.security == self.security
    }
}

/// Whether an address is of a family that is used at all.
pub(super) fn is_used(routing: &Routing, address: IpAddr) -> bool {
    match routing.ip {
        IpFamilies::Both => true,
        IpFamilies::Ipv4 => address.is_ipv4(),
        IpFamilies::Ipv6 => address.is_ipv6(),
    }
}

/// Where to connect to and from.
pub(crate) fn places(
    routing: &Routing,
    addresses: &[IpAddr],
    port: u16,
) -> Vec<(SocketAddr, Option<IpAddr>)> {
    let source = |address: &IpAddr| match address {
        IpAddr::V4(_) => routing.source_ipv4.map(IpAddr::from),
        IpAddr::V6(_) => routing.source_ipv6.map(IpAddr::from),
    };
    let place = |address: &IpAddr| (SocketAddr::new(*address, port), source(address));
    addresses.iter().map(place).collect()
}
