//! The way to a destination, as the sender demands that it be protected.

use store::TlsDemand;

use super::client::Outcome;
use super::depot::Depot;
use super::report::Report;
use super::route::Route;

/// Where to go, or why nowhere.
pub(super) type Way = Result<Route, Report>;

impl Depot {
    /// The way to a destination.
    pub(super) async fn way(&self, domain: &str, demand: TlsDemand) -> Way {
        self.router()
            .route(domain, demand)
            .await
            .map_err(|failure| {
                let outcome = match failure.is_temporary() {
                    true => Outcome::Deferred,
                    false => Outcome::Rejected,
                };
                Report::ours(outcome, failure.said)
            })
    }
}
