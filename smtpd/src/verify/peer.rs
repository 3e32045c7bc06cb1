//! The machine on the other side of the connection: whether its address has a name that leads back to it (iprev, RFC 8601 §3), and
//! which lists name it.

use std::net::IpAddr;
use std::sync::Arc;

use daemon::config::Verify;
use mail_auth::{DnsError, Error, IprevOutput, IprevResult};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::Verifier;
use super::lists::Listing;
use super::lookup::Lookup;

/// What is being found out about a peer, once for all messages of its connection.
pub struct Peer {
    address: IpAddr,
    iprev: watch::Receiver<Option<IprevOutput>>,
    listings: watch::Receiver<Option<Vec<Listing>>>,
    _lookups: Option<[Lookup<()>; 2]>,
}

impl Peer {
    /// Begins to look.
    pub fn begin(verifier: &Arc<Verifier>, rules: &Verify, address: IpAddr) -> Arc<Peer> {
        let address = address.to_canonical();
        let (found, iprev) = watch::channel(None);
        let (listed, listings) = watch::channel(None);
        let resolver = verifier.dns.authenticator();
        let (asker, lists) = (verifier.clone(), rules.dns_lists.clone());
        let lookups = verifier.reach.is_there().then(|| {
            let name = Lookup::begin(async move {
                let output = resolver.verify_iprev(address).await;
                drop(found.send(Some(output)));
            });
            let lists = Lookup::begin(async move {
                let listings = asker.lists.ask(&asker.dns, &lists, address).await;
                drop(listed.send(Some(listings)));
            });
            [name, lists]
        });
        Arc::new(Peer {
            address,
            iprev,
            listings,
            _lookups: lookups,
        })
    }

    /// Its address; IPv4 as such.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Its name, if it has one that leads back to it and that is known at the deadline. Of several names nobody knows which
    /// one it was, so they are none.
    pub async fn name(&self, deadline: Instant) -> Option<String> {
        let iprev = self.iprev(deadline).await;
        match (iprev.result, iprev.ptr.as_deref()) {
            (IprevResult::Pass, Some([name])) => Some(name.trim_end_matches('.').to_owned()),
            _ => None,
        }
    }

    /// The verdict about its name, as far as it is known at the deadline.
    pub(super) async fn iprev(&self, deadline: Instant) -> IprevOutput {
        let mut iprev = self.iprev.clone();
        let found = timeout_at(deadline, iprev.wait_for(Option::is_some)).await;
        let found = found.ok().and_then(Result::ok);
        found
            .and_then(|found| found.clone())
            .unwrap_or_else(|| IprevOutput {
                result: IprevResult::TempError(no_answer()),
                ptr: None,
            })
    }
}

impl Peer {
    /// The DNS lists that it is on, as far as that is known at the deadline.
    pub(super) async fn listings(&self, deadline: Instant) -> Vec<Listing> {
        let mut listings = self.listings.clone();
        let found = timeout_at(deadline, listings.wait_for(Option::is_some)).await;
        let found = found.ok().and_then(Result::ok);
        found.and_then(|found| found.clone()).unwrap_or_default()
    }
}

/// What mail-auth says when a name server does not.
pub(super) fn no_answer() -> Error {
    Error::Dns(DnsError::Resolver("no answer in time".into()))
}
