//! A courier: takes the due messages of one destination, leads each to its hosts, and has them settled.
//!
//! There are as many couriers for a destination as its lane allows. A courier ends when nothing is due any more, when the
//! destination cannot be reached, when it has carried as many messages as a connection may (so that others get their turn), or
//! when the daemon stops. While a message is being settled the next one is already on its way, but no further.
//!
//! Failure: if the store cannot be asked, the courier waits a little and ends; what it had leased is settled first.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use store::{Leased, LeasedRecipient, Timestamp, TlsDemand};
use tokio::task::JoinHandle;

use super::attempt::{Attempt, Attempted};
use super::client::{Body, Outcome, Recipient, Said, Status, Transaction};
use super::depot::Depot;
use super::lane::Place;
use super::report::Report;
use super::settlement::{Attended, settle};
use super::way::Way;
use super::{leads, local};
use crate::limits::{LEASED_MESSAGES_MAX, STORE_RETRY_SECONDS};

/// One of those who work for a destination.
pub(super) struct Courier {
    depot: Arc<Depot>,
    domain: String,
    place: Place,
    /// The way to the hosts, for each demand on TLS.
    ways: HashMap<TlsDemand, Way>,
    /// Why there is no use in trying any further.
    unreachable: Option<Report>,
    settling: Option<JoinHandle<()>>,
}

impl Courier {
    /// A courier for the destination in whose lane he has a place.
    pub(super) fn new(depot: Arc<Depot>, domain: String, place: Place) -> Courier {
        Courier {
            depot,
            domain,
            place,
            ways: HashMap::new(),
            unreachable: None,
            settling: None,
        }
    }

    /// Works until there is nothing to do.
    pub(super) async fn work(mut self) {
        if let Err(error) = self.carry_all().await {
            tracing::error!(domain = self.domain, %error, "the queue cannot be read");
            tokio::time::sleep(Duration::from_secs(STORE_RETRY_SECONDS)).await;
        }
        self.settled().await;
        self.depot.look_again();
    }

    async fn carry_all(&mut self) -> store::Result<()> {
        let messages_max = self.depot.config().relay.messages_per_connection;
        let is_local = leads::is_local(&self.depot.store, &self.domain).await?;
        let mut carried = 0;
        while carried < messages_max && !self.depot.is_stopping() && self.unreachable.is_none() {
            let leased = self
                .depot
                .lessee
                .lease(&self.domain, LEASED_MESSAGES_MAX)
                .await?;
            if leased.is_empty() {
                break;
            }
            carried += leased.len();
            // There may be more than one courier can carry.
            self.depot.look_again();
            for message in leased {
                match is_local {
                    true => local::deliver(&self.depot, message, self.domain.clone()).await,
                    false => self.carry(message).await,
                }
            }
        }
        Ok(())
    }

    /// Carries one message to its hosts and has it settled.
    async fn carry(&mut self, mut leased: Leased) {
        let now = Timestamp::now().seconds;
        let over = |recipient: &mut LeasedRecipient| recipient.expires <= now;
        let expired: Vec<_> = leased.recipients.extract_if(.., over).collect();
        if !expired.is_empty() {
            let reports = expired.iter().map(expiry).collect();
            let leased = Leased {
                recipients: expired,
                ..leased.clone()
            };
            self.settle(leased, reports).await;
        }
        if leased.recipients.is_empty() {
            return;
        }
        let reports = match self.reason_not_to_try() {
            Some(report) => vec![report; leased.recipients.len()],
            None => self.attempt(&leased).await,
        };
        self.settle(leased, reports).await;
    }

    /// Has a message settled while the next one is carried.
    async fn settle(&mut self, leased: Leased, reports: Vec<Report>) {
        self.settled().await;
        let attended = Attended {
            leased,
            domain: self.domain.clone(),
            reports,
        };
        let depot = self.depot.clone();
        let under_way = self.depot.begin_settling().await;
        self.settling = Some(tokio::spawn(async move {
            settle(&depot, &attended).await;
            drop(under_way);
        }));
    }

    fn reason_not_to_try(&self) -> Option<Report> {
        if self.depot.is_stopping() {
            let said = Said::us(Status::new(4, 3, 2), "this server is stopping");
            return Some(Report::ours(Outcome::Untried, said));
        }
        self.unreachable.clone()
    }

    async fn attempt(&mut self, leased: &Leased) -> Vec<Report> {
        let reports = self.attempt_with(leased, leased.tls).await;
        // A notice that cannot be protected goes nevertheless (RFC 8689 §5).
        let is_notice = leased.reverse_path.is_empty() && leased.tls == TlsDemand::Required;
        match is_notice && reports.iter().all(is_unprotected) {
            true => self.attempt_with(leased, TlsDemand::ByPolicy).await,
            false => reports,
        }
    }

    async fn attempt_with(&mut self, leased: &Leased, demand: TlsDemand) -> Vec<Report> {
        let began = Instant::now();
        metrics::counter!("relay_attempts_total").increment(1);
        let route = match self.way(demand).await {
            Ok(route) => route,
            Err(report) => return vec![report; leased.recipients.len()],
        };
        let body = Body::new(self.depot.store.clone(), leased.message, leased.size)
            .with_prefix(leased.prefix.clone());
        let settings = self.depot.client_settings();
        let transaction = transaction(leased, demand);
        let attempt = Attempt::new(&self.depot, &settings, transaction, body);
        let Attempted {
            reports,
            unreachable,
        } = attempt.run(&route).await;
        metrics::histogram!("relay_attempt_seconds").record(began.elapsed());
        match (unreachable, reports.first()) {
            (true, Some(report)) if report.outcome == Outcome::Deferred => {
                self.give_up_for_now(report.clone()).await;
            }
            (true, _) => {}
            (false, _) => {
                let places_max = self.depot.config().relay.concurrency_per_destination;
                if self.place.went_well(places_max) {
                    self.depot.look_again();
                }
            }
        }
        reports
    }

    /// The hosts to ask; looked for once by each courier.
    async fn way(&mut self, demand: TlsDemand) -> Way {
        if let Some(way) = self.ways.get(&demand) {
            return way.clone();
        }
        let way = self.depot.way(&self.domain, demand).await;
        self.ways.insert(demand, way.clone());
        // What one sender demands in vain says nothing of the destination.
        if let Err(report) = &way
            && report.outcome == Outcome::Deferred
            && demand == TlsDemand::ByPolicy
        {
            self.give_up_for_now(report.clone()).await;
        }
        way
    }

    async fn give_up_for_now(&mut self, report: Report) {
        let longest = self.depot.config().relay.retry_after(1);
        let pause = self.place.went_wrong(longest);
        tracing::info!(domain = self.domain, seconds = pause.as_secs(), said = %report, "the destination is left alone for a while");
        let until = Timestamp::now()
            .seconds
            .saturating_add_unsigned(pause.as_secs());
        if let Err(error) = self.depot.lessee.back_off(&self.domain, until).await {
            tracing::error!(domain = self.domain, %error, "the pause of a destination cannot be written down");
        }
        self.unreachable = Some(report);
    }

    /// Waits until the message before this one is settled.
    async fn settled(&mut self) {
        if let Some(settling) = self.settling.take()
            && let Err(error) = settling.await
        {
            tracing::error!(%error, "a message was not settled");
            self.depot.note_wreck();
        }
    }
}

fn transaction(leased: &Leased, demand: TlsDemand) -> Transaction {
    Transaction {
        sender: leased.reverse_path.clone(),
        recipients: leased
            .recipients
            .iter()
            .map(|recipient| Recipient {
                address: recipient.recipient.clone(),
                original: recipient.original.clone(),
                notify: recipient.notify.clone(),
            })
            .collect(),
        envelope_id: leased.envelope_id.clone(),
        return_content: leased.return_content.clone(),
        smtputf8: leased.smtputf8,
        body: leased.body,
        require_tls: demand == TlsDemand::Required,
    }
}

/// Given up because no host can protect it as its sender requires.
fn is_unprotected(report: &Report) -> bool {
    let ours = matches!(report.said, Said::Us { .. });
    report.outcome == Outcome::Rejected && ours && report.said.status().code.subject == 7
}

/// Its time was over before this attempt (RFC 3463: X.4.7). What the attempt before came to is all that can be told.
fn expiry(recipient: &LeasedRecipient) -> Report {
    let last = match &recipient.last_reply {
        Some(reply) => format!("the last attempt: {reply}"),
        None => "it was not tried".to_owned(),
    };
    let text = format!("Its time in the queue is over; {last}");
    Report::ours(Outcome::Rejected, Said::us(Status::new(4, 4, 7), text))
}
