//! One message, one route, one attempt: the hosts in their order, until each recipient has an answer.
//!
//! The next host is asked for recipients whose host could not be reached or was lost before the end of the message
//! (RFC 5321 §5.1). A host that answered, yes or no or later, has answered: to ask its neighbour at once would make nonsense of
//! greylisting. When the reply to the end of a message is lost, nobody knows whether the host has it; that host may be asked
//! again later, another one not before that (RFC 1047).
//!
//! Failure: whatever happens, each recipient has a report in the end.

use super::client::{
    Body, ClientSettings, Delivered, Endpoint, HostSession, OpenFailure, Outcome, Recipient, Said,
    Status, Step, Transaction,
};
use super::depot::Depot;
use super::pool::{Borrowed, Turn};
use super::report::{Asked, Report};
use super::route::{HostRoute, Route};
use crate::limits::{ENDPOINTS_TRIED_MAX, TRANSACTIONS_OF_AN_ATTEMPT_MAX};

/// What came of an attempt.
pub(super) struct Attempted {
    /// For each recipient, in order.
    pub(super) reports: Vec<Report>,
    /// No host of the destination could be talked to: there is no use in further messages now.
    pub(super) unreachable: bool,
}

/// An attempt that is going on.
pub(super) struct Attempt<'a> {
    depot: &'a Depot,
    settings: &'a ClientSettings,
    transaction: Transaction,
    body: Body,
    reports: Vec<Option<Report>>,
    /// Why the last host was of no use.
    lost: Option<Report>,
    talked: bool,
}

impl<'a> Attempt<'a> {
    /// An attempt to send `body` to the recipients of `transaction`.
    pub(super) fn new(
        depot: &'a Depot,
        settings: &'a ClientSettings,
        transaction: Transaction,
        body: Body,
    ) -> Attempt<'a> {
        let reports = vec![None; transaction.recipients.len()];
        Attempt {
            depot,
            settings,
            transaction,
            body,
            reports,
            lost: None,
            talked: false,
        }
    }

    /// Asks the hosts in their order, each at all its addresses.
    pub(super) async fn run(mut self, route: &Route) -> Attempted {
        let endpoints = route.hosts.iter().flat_map(|host| {
            host.endpoints()
                .into_iter()
                .map(move |endpoint| (host, endpoint))
        });
        for (host, endpoint) in endpoints.take(ENDPOINTS_TRIED_MAX) {
            if self.open().is_empty() {
                break;
            }
            self.ask(host, &endpoint).await;
        }
        self.finish()
    }

    /// The recipients without a report, by position.
    fn open(&self) -> Vec<usize> {
        (0..self.reports.len())
            .filter(|at| self.reports[*at].is_none())
            .collect()
    }

    async fn ask(&mut self, host: &HostRoute, endpoint: &Endpoint) {
        let turn = self.depot.turn(endpoint).await;
        if let Some(borrowed) = self.depot.pool.take(&turn, endpoint) {
            // It may have died while it waited; then a new one is as good.
            match self.transact_all(endpoint, borrowed, &turn, true).await {
                Used::Yes => return,
                Used::Stale => {}
            }
        }
        let opened = HostSession::open(endpoint, self.settings).await;
        self.depot.router().outcome(host, endpoint, opened.as_ref());
        match opened {
            Ok(session) => {
                self.talked = true;
                let borrowed = Borrowed {
                    session,
                    messages: 0,
                };
                self.transact_all(endpoint, borrowed, &turn, false).await;
            }
            Err(failure) => {
                self.lost = Some(of_failure(endpoint, failure, self.transaction.require_tls));
            }
        }
    }

    /// Makes transactions until all recipients have been asked: a host may take fewer at a time.
    async fn transact_all(
        &mut self,
        endpoint: &Endpoint,
        mut borrowed: Borrowed,
        turn: &Turn,
        was_idle: bool,
    ) -> Used {
        for round in 0..TRANSACTIONS_OF_AN_ATTEMPT_MAX {
            let open = self.open();
            if open.is_empty() {
                break;
            }
            let transaction = Transaction {
                recipients: open.iter().map(|at| self.recipient(*at)).collect(),
                ..self.transaction.clone()
            };
            let delivered = borrowed.session.transact(&transaction, &self.body).await;
            borrowed.messages += 1;
            if was_idle && round == 0 && is_stale(&delivered) {
                return Used::Stale;
            }
            self.talked = true;
            let reusable = delivered.reusable;
            let untried = self.take_in(endpoint, &borrowed.session, &open, delivered);
            if !reusable {
                return Used::Yes;
            }
            if untried == open.len() {
                break;
            }
        }
        self.depot.put_back(turn, endpoint, borrowed).await;
        Used::Yes
    }

    fn recipient(&self, at: usize) -> Recipient {
        self.transaction.recipients[at].clone()
    }

    /// Notes what the host said; gives how many recipients it has put off to another transaction.
    fn take_in(
        &mut self,
        endpoint: &Endpoint,
        session: &HostSession,
        open: &[usize],
        delivered: Delivered,
    ) -> usize {
        let asked = asked(endpoint, Some(session));
        let lost = !delivered.reusable && !delivered.outcome_unknown;
        let mut untried = 0;
        for (at, verdict) in open.iter().zip(delivered.verdicts) {
            let ours = matches!(verdict.said, Said::Us { .. });
            let outcome = verdict.outcome;
            // RFC 8689 §4.2.1: another host may offer what the sender requires.
            let unprotected = ours && verdict.said.status().code.subject == 7;
            let report = Report::of_host(verdict, asked.clone(), delivered.dsn_passed_on);
            match outcome {
                Outcome::Untried => untried += 1,
                Outcome::Deferred if ours && lost => self.lost = Some(report),
                Outcome::Rejected if unprotected => self.lost = Some(report),
                _ => self.reports[*at] = Some(report),
            }
        }
        untried
    }

    fn finish(self) -> Attempted {
        let untried = || {
            let text = "no host of the domain can be asked";
            Report::ours(Outcome::Deferred, Said::us(Status::new(4, 4, 1), text))
        };
        let unreachable = !self.talked;
        let put_off = match self.talked && self.lost.is_none() {
            true => Report::ours(
                Outcome::Untried,
                Said::us(
                    Status::new(4, 5, 3),
                    "the host takes fewer recipients at a time",
                ),
            ),
            false => self.lost.unwrap_or_else(untried),
        };
        let reports = self
            .reports
            .into_iter()
            .map(|report| report.unwrap_or_else(|| put_off.clone()))
            .collect();
        Attempted {
            reports,
            unreachable,
        }
    }
}

/// Whether an idle session was of use.
enum Used {
    Yes,
    Stale,
}

/// A session that nobody answers on any more, before anything was handed over.
fn is_stale(delivered: &Delivered) -> bool {
    let nothing_said = |verdict: &super::client::Verdict| {
        let ours = matches!(verdict.said, Said::Us { .. });
        let closing = matches!(&verdict.said, Said::Host(reply) if reply.code() == 421);
        verdict.outcome == Outcome::Deferred && (ours || closing)
    };
    !delivered.reusable && !delivered.outcome_unknown && delivered.verdicts.iter().all(nothing_said)
}

fn of_failure(endpoint: &Endpoint, failure: OpenFailure, require_tls: bool) -> Report {
    let outcome = match failure.temporary {
        true => Outcome::Deferred,
        false => Outcome::Rejected,
    };
    let mut report = match require_tls && failure.step == Step::Tls {
        true => unencrypted(&failure),
        false => Report::ours(outcome, failure.said),
    };
    report.host = Some(asked(endpoint, None));
    report
}

/// A sender who requires TLS hears at once that it cannot be had (RFC 8689 §4.2.1).
fn unencrypted(failure: &OpenFailure) -> Report {
    let text = format!("the sender requires TLS: {}", failure.said);
    let said = Said::us(Status::new(5, 7, 10), text);
    Report::ours(Outcome::Rejected, said)
}

fn asked(endpoint: &Endpoint, session: Option<&HostSession>) -> Asked {
    let protection = match session.map(HostSession::tls) {
        None => String::new(),
        Some(None) => "in the clear".to_owned(),
        Some(Some(tls)) => {
            let known = match tls.authenticated {
                true => "host verified",
                false => "host not verified",
            };
            format!("{} {}, {known}", tls.version, tls.cipher)
        }
    };
    Asked {
        name: endpoint.host.clone(),
        endpoint: endpoint.to_string(),
        protection,
    }
}
