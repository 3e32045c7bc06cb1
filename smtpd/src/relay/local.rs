//! Queued mail whose domain has become one of ours meanwhile: it stays here, for mail between our users never leaves the machine.

use store::{Leased, LeasedRecipient, Timestamp};

use super::client::{Outcome, Said, Status};
use super::depot::Depot;
use super::leads::{Leads, leads};
use super::report::Report;
use super::settlement::{Attended, settle};
use crate::grammar::{Mailbox, ReversePath};

/// Files what can be filed, gives up the rest.
pub(super) async fn deliver(depot: &Depot, leased: Leased, domain: String) {
    let mut reports = Vec::with_capacity(leased.recipients.len());
    for recipient in &leased.recipients {
        reports.push(report(depot, &leased, recipient).await);
    }
    let attended = Attended {
        leased,
        domain,
        reports,
    };
    settle(depot, &attended).await;
}

async fn report(depot: &Depot, leased: &Leased, recipient: &LeasedRecipient) -> Report {
    let sender =
        Mailbox::parse(&leased.reverse_path).map_or(ReversePath::Null, ReversePath::Mailbox);
    let now = Timestamp::now().seconds;
    let settings = &depot.config().relay;
    let ours = |outcome, status, text: &str| Report::ours(outcome, Said::us(status, text));
    match leads(&depot.store, settings, &recipient.recipient, &sender, now).await {
        Ok(Leads::To(destinations)) if destinations.is_full => ours(
            Outcome::Deferred,
            Status::new(4, 2, 2),
            "the mailbox here is full",
        ),
        Ok(Leads::To(destinations)) => {
            let said = Said::us(Status::new(2, 1, 5), "its domain is one of ours");
            Report::stays(said, destinations)
        }
        Ok(Leads::Nowhere) => ours(
            Outcome::Rejected,
            Status::new(5, 1, 1),
            "there is no such mailbox here",
        ),
        Ok(Leads::Circle) => ours(
            Outcome::Rejected,
            Status::new(5, 4, 6),
            "its aliases here lead in a circle",
        ),
        Err(error) => {
            tracing::error!(id = leased.message.printed(), %error, "resolution of a recipient");
            ours(
                Outcome::Deferred,
                Status::new(4, 3, 0),
                "this server cannot look for the mailbox now",
            )
        }
    }
}
