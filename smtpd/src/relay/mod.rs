//! The way out: mail for other hosts.
//!
//! ```text
//! runner ─► courier ─► way ─► attempt ─► client::HostSession ─► host
//!   ▲          │                 │  ▲
//!   │          │                 ▼  │
//! queue        │                pool: sessions between two messages
//!   ▲          ▼
//!   └───── settlement ─► schedule: when again, when given up; notification: who is told what
//! ```
//!
//! `runner` is one task beside the sessions; it sends couriers to destinations with work, as many as their `lane` allows. A
//! `courier` leads messages over the `way` that its destination has (`route`); an `attempt` asks the hosts in their order; a
//! `report` is what became of a recipient; `settlement` writes it down. `local` is for what turns out to stay here; `leads` says where
//! an address leads. `client` talks to one host. `depot` is what they all share.
//!
//! Failure: a message is settled once. Between a host's 250 and our commit lies one instant in which a crash makes a second copy
//! (RFC 5321 §4.1.1.4 leaves it open); nothing is ever lost.

mod attempt;
pub mod client;
mod courier;
mod depot;
mod lane;
mod leads;
mod local;
pub(crate) mod notification;
mod pool;
mod report;
pub mod route;
mod runner;
mod schedule;
mod settlement;
mod way;

use std::sync::Arc;
use std::time::Duration;

use daemon::service::Service;
use store::Lessee;
use tokio::time::sleep;

pub(crate) use leads::schedule;

use depot::Depot;
use route::Router;
use runner::Runner;

use crate::limits::STORE_RETRY_SECONDS;
use crate::shared::Shared;

/// Sends what is queued until the daemon stops. `router` finds the hosts.
pub async fn run(service: Service, shared: Arc<Shared>, router: Router) {
    if let Some(lessee) = lessee(&service).await {
        let depot = Depot::new(service.clone(), lessee, shared, router);
        Runner::new(service, depot.clone()).run().await;
        // What the last sessions have shown of their hosts.
        depot.router().write().await;
    }
}

/// The right to take work from the queue, as soon as the store can give it; none if the daemon stops before.
async fn lessee(service: &Service) -> Option<Lessee> {
    let mut stop = service.stop();
    loop {
        match service.store.lessee().await {
            Ok(lessee) => return Some(lessee),
            Err(error) => tracing::error!(%error, "mail for other hosts is not sent yet"),
        }
        tokio::select! {
            () = stop.requested() => return None,
            () = sleep(Duration::from_secs(STORE_RETRY_SECONDS)) => {}
        }
    }
}
