//! From reports to the queue: each recipient is delivered, waits or is given up, and the sender is told what he wants to hear,
//! in one transaction.
//!
//! Failure: while the store cannot write, it is tried again; what a host has taken is not forgotten as long as this process lives.

use std::time::Duration;

use store::{Acceptance, Leased, LeasedRecipient, Settlement, Timestamp, TlsDemand};

use super::client::{Outcome, Said};
use super::depot::Depot;
use super::leads::Destinations;
use super::notification::{self, About, Action, Affected, Notice, Returned};
use super::report::Report;
use super::schedule::{self, Next, Unreached};
use crate::grammar::{ForwardPath, Mailbox};
use crate::limits::SETTLE_RETRY_SECONDS;
use crate::sign::srs::NotOurs;

/// A message after an attempt.
pub(super) struct Attended {
    /// The message.
    pub(super) leased: Leased,
    /// The destination.
    pub(super) domain: String,
    /// For each recipient, in order.
    pub(super) reports: Vec<Report>,
}

/// What is decided about one recipient.
struct Decision {
    outcome: store::Outcome,
    /// What the sender may be told.
    action: Option<Action>,
    tried_until: Option<i64>,
}

/// Settles, however long it takes.
pub(super) async fn settle(depot: &Depot, attended: &Attended) {
    loop {
        match try_settle(depot, attended).await {
            Ok(()) => return,
            // Another process has taken it over, which cannot be while this one lives; it has it now.
            Err(error @ store::Error::NotFound(_)) => {
                tracing::error!(id = attended.leased.message.printed(), %error, "a recipient was settled by somebody else");
                return;
            }
            Err(error) => {
                tracing::error!(id = attended.leased.message.printed(), %error, "what became of a message cannot be written down; it is tried again");
                tokio::time::sleep(Duration::from_secs(SETTLE_RETRY_SECONDS)).await;
            }
        }
    }
}

async fn try_settle(depot: &Depot, attended: &Attended) -> store::Result<()> {
    let Attended {
        leased,
        domain,
        reports,
    } = attended;
    let now = Timestamp::now().seconds;
    // One for all of them: what has one host goes there together the next time, too.
    let chance = chance();
    let mut settlements = Vec::with_capacity(reports.len());
    let mut told: Vec<(Action, Vec<Affected>)> = Vec::new();
    for (recipient, report) in leased.recipients.iter().zip(reports) {
        let decision = decide(depot, recipient, report, now, chance);
        log(leased, recipient, report, &decision);
        if let Some(action) = decision.action
            && may_be_told(leased)
            && notification::is_wanted(action, recipient.notify.as_deref())
        {
            let affected = affected(recipient, report, decision.tried_until);
            match told.iter_mut().find(|(known, _)| *known == action) {
                Some((_, list)) => list.push(affected),
                None => told.push((action, vec![affected])),
            }
        }
        settlements.push(Settlement {
            relay: recipient.id,
            recipient: recipient.recipient.clone(),
            outcome: decision.outcome,
            reply: report.to_string(),
        });
    }
    let notices = notices(depot, leased, told, now).await?;
    depot
        .lessee
        .settle(leased.message, domain, settlements, notices)
        .await
}

/// The null path is never answered (RFC 5321 §6.1), and neither is a sender who may not have sent it.
fn may_be_told(leased: &Leased) -> bool {
    !leased.reverse_path.is_empty() && !leased.forged
}

fn decide(
    depot: &Depot,
    recipient: &LeasedRecipient,
    report: &Report,
    now: i64,
    chance: f64,
) -> Decision {
    let settled = |outcome, action| Decision {
        outcome,
        action,
        tried_until: None,
    };
    if let Some(here) = &report.here {
        return stays(here);
    }
    match report.outcome {
        Outcome::Delivered => settled(
            store::Outcome::Delivered,
            (!report.dsn_passed_on).then_some(Action::Relayed),
        ),
        Outcome::Rejected => settled(store::Outcome::Failed, Some(Action::Failed)),
        Outcome::Untried => settled(store::Outcome::Untried, None),
        Outcome::Deferred => {
            let unreached = Unreached {
                attempts: recipient.attempts + 1,
                expires: recipient.expires,
                notice_due: recipient.notice_due,
            };
            match schedule::next(unreached, &depot.config().relay, now, chance) {
                Next::GiveUp => settled(store::Outcome::Failed, Some(Action::Failed)),
                Next::Retry {
                    due,
                    notify,
                    notice_due,
                } => Decision {
                    outcome: store::Outcome::Deferred { due, notice_due },
                    action: notify.then_some(Action::Delayed),
                    tried_until: Some(recipient.expires),
                },
            }
        }
    }
}

/// What stays here is delivered; what an alias sends on to several is expanded (RFC 3461 §5.2.7.3).
fn stays(here: &Destinations) -> Decision {
    let action = match (here.filings.len(), here.relays.len()) {
        (1, 0) => Some(Action::Delivered),
        (0, 1) => None,
        _ => Some(Action::Expanded),
    };
    Decision {
        outcome: store::Outcome::Local {
            filings: here.filings.clone(),
            relays: here.relays.clone(),
        },
        action,
        tried_until: None,
    }
}

fn affected(recipient: &LeasedRecipient, report: &Report, tried_until: Option<i64>) -> Affected {
    let (reply, finding) = match &report.said {
        Said::Host(reply) => (Some(reply.to_string()), None),
        Said::Us { text, .. } => (None, Some(text.clone())),
    };
    Affected {
        recipient: recipient.recipient.clone(),
        original: recipient.original.clone(),
        status: report.said.status(),
        host: report.host.as_ref().map(|host| host.name.clone()),
        reply,
        finding,
        tried_until,
    }
}

async fn notices(
    depot: &Depot,
    leased: &Leased,
    told: Vec<(Action, Vec<Affected>)>,
    now: i64,
) -> store::Result<Vec<Acceptance>> {
    let config = depot.config();
    let mut notices = Vec::new();
    let sender = match told.is_empty() {
        true => None,
        false => sender(depot, leased).await?,
    };
    let Some(sender) = sender else {
        return Ok(notices);
    };
    for (action, affected) in told {
        let notice = Notice {
            about: about(leased, &sender),
            action,
            affected,
            returned: returned(depot, leased, action).await?,
        };
        let keyring = &depot.shared.keyring;
        let posted = notification::post(&depot.store, keyring, &config, &notice, now).await?;
        notices.extend(posted);
        metrics::counter!("relay_notices_total", "action" => notice.action.keyword()).increment(1);
    }
    Ok(notices)
}

/// Who is told: behind an address that we have rewritten (SRS) stands the one who sent it; nobody, if it is made up.
async fn sender(depot: &Depot, leased: &Leased) -> store::Result<Option<String>> {
    let Some(mailbox) = Mailbox::parse(&leased.reverse_path) else {
        return Ok(None);
    };
    let path = ForwardPath::Mailbox(mailbox);
    Ok(match depot.shared.srs.undo(&depot.store, &path).await? {
        None => Some(leased.reverse_path.clone()),
        Some(Ok(sender)) => Some(sender.to_string()),
        Some(Err(NotOurs)) => None,
    })
}

/// The message, as a notice names it.
fn about(leased: &Leased, sender: &str) -> About {
    About {
        id: leased.message,
        sender: sender.to_owned(),
        envelope_id: leased.envelope_id.clone(),
        arrived: leased.created,
        release_request: leased.release_request.clone(),
        utf8: leased.smtputf8,
        tls: leased.tls,
    }
}

/// All of the message goes back when it has failed, unless the sender wants the header section alone (RFC 3461 §4.3).
async fn returned(depot: &Depot, leased: &Leased, action: Action) -> store::Result<Returned> {
    let headers_only = leased
        .return_content
        .as_deref()
        .is_some_and(|ret| ret.eq_ignore_ascii_case("HDRS"));
    // What must not be read on the way is not sent back whole (RFC 8689 §5).
    let whole = action == Action::Failed
        && leased.tls != TlsDemand::Required
        && !headers_only
        && leased.size <= depot.config().relay.returned_octets_max;
    notification::of_queue(&depot.store, leased.message, whole, leased.body).await
}

fn log(leased: &Leased, recipient: &LeasedRecipient, report: &Report, decision: &Decision) {
    let result = match &decision.outcome {
        store::Outcome::Delivered => "delivered",
        store::Outcome::Deferred { .. } => "deferred",
        store::Outcome::Failed => "failed",
        store::Outcome::Untried => return,
        store::Outcome::Local { .. } => "local",
    };
    metrics::counter!("relay_recipients_total", "result" => result).increment(1);
    tracing::info!(
        id = leased.message.printed(),
        to = recipient.recipient,
        attempt = recipient.attempts + 1,
        said = %report,
        "{result}"
    );
}

/// A number from 0 to 1.
fn chance() -> f64 {
    let mut octets = [0; 4];
    daemon::secret::fill_random(&mut octets);
    f64::from(u32::from_ne_bytes(octets)) / f64::from(u32::MAX)
}
