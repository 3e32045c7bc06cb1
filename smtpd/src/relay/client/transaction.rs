//! One transaction, from MAIL to the reply to the end of the message (RFC 5321 §3.3).
//!
//! Where the host pipelines, MAIL, all RCPT and DATA go out together (RFC 2920 §3.1), the message never before 354; else each command
//! waits for its turn. A recipient's verdict stands as soon as there is one; whoever has none at the end is deferred, with the reason why
//! the transaction did not get there. After the end of the message has been sent, only a reply settles anything.

use super::body::Body;
use super::content::{Failed, send_chunk, send_data};
use super::dialogue::{Dialogue, Lost};
use super::outcome::{Delivered, Outcome, Said, Status, Transaction, Verdict};
use super::plan::{Plan, Transfer};
use super::reply::HostReply;
use super::session::HostSession;

pub(super) async fn transact(
    session: &mut HostSession,
    transaction: &Transaction,
    body: &Body,
) -> Delivered {
    let mut course = Course {
        verdicts: vec![None; transaction.recipients.len()],
        outcome_unknown: false,
        session,
    };
    let planned = Plan::make(&course.session.capabilities, transaction, body).await;
    let (rest, dsn_passed_on) = match planned {
        Ok(plan) => (course.run(&plan, body).await, plan.dsn),
        Err(verdict) => (verdict, false),
    };
    let verdicts = course
        .verdicts
        .into_iter()
        .map(|verdict| verdict.unwrap_or_else(|| rest.clone()))
        .collect();
    Delivered {
        verdicts,
        reusable: course.session.takes_another(),
        outcome_unknown: course.outcome_unknown,
        dsn_passed_on,
    }
}

/// A transaction on its way.
struct Course<'a> {
    session: &'a mut HostSession,
    verdicts: Vec<Option<Verdict>>,
    outcome_unknown: bool,
}

/// Asks one command after the other, or takes the replies to those that are on their way already.
struct Turns<'a> {
    dialogue: &'a mut Dialogue,
    pipelined: bool,
}

impl Turns<'_> {
    async fn ask(&mut self, command: &str, time: std::time::Duration) -> Result<HostReply, Lost> {
        match self.pipelined {
            true => self.dialogue.reply(time).await,
            false => self.dialogue.ask(command, time).await,
        }
    }
}

impl Course<'_> {
    /// Does it all; gives the verdict on those recipients that have none of their own.
    async fn run(&mut self, plan: &Plan, body: &Body) -> Verdict {
        for (recipient, verdict) in &plan.excluded {
            self.settle(*recipient, verdict.clone());
        }
        if plan.recipients.is_empty() {
            return untried();
        }
        self.session.transactions = self.session.transactions.saturating_add(1);
        match self.envelope(plan).await {
            Ok(Some(verdict)) => verdict,
            Ok(None) => self.message(plan, body).await,
            Err(lost) => deferred(lost.said("in the envelope")),
        }
    }

    /// MAIL, RCPT, DATA. Gives a verdict if the message is not to be sent.
    async fn envelope(&mut self, plan: &Plan) -> Result<Option<Verdict>, Lost> {
        let needs_reset = std::mem::replace(&mut self.session.needs_reset, true);
        let timeouts = self.session.timeouts;
        let pipelined = self.session.capabilities.pipelining;
        if pipelined {
            let group = plan.group(needs_reset);
            self.session.dialogue.begin(&group, timeouts.mail).await?;
        }
        if needs_reset {
            let reply = self.turns().ask("RSET", timeouts.farewell).await?;
            if !reply.is_success() {
                return Err(Lost::Farewell(reply));
            }
        }
        let reply = self.turns().ask(&plan.mail, timeouts.mail).await?;
        let refused = (!reply.is_success()).then(|| self.refusal(reply));
        if refused.is_some() && !pipelined {
            return Ok(refused);
        }
        let accepted = self.recipients(plan, refused.is_some()).await?;
        self.data(plan, accepted && refused.is_none())
            .await
            .map(|verdict| refused.or(verdict))
    }

    /// All RCPT; whether one was accepted. `unheard`: the replies are read and mean nothing, because MAIL was refused.
    async fn recipients(&mut self, plan: &Plan, unheard: bool) -> Result<bool, Lost> {
        let time = self.session.timeouts.rcpt;
        let mut accepted = false;
        for (recipient, command) in &plan.recipients {
            let reply = self.turns().ask(command, time).await?;
            if unheard {
                continue;
            }
            if reply.is_success() {
                accepted = true;
                continue;
            }
            let is_full = accepted && is_too_many(&reply);
            let verdict = match is_full {
                true => Verdict {
                    outcome: Outcome::Untried,
                    said: Said::Host(reply),
                },
                false => self.refusal(reply),
            };
            self.settle(*recipient, verdict);
            if is_full && !self.session.capabilities.pipelining {
                self.leave_untried(plan, *recipient);
                break;
            }
        }
        Ok(accepted)
    }

    /// DATA, where the message goes by DATA: whether it may be sent. Gives a verdict if not.
    async fn data(&mut self, plan: &Plan, wanted: bool) -> Result<Option<Verdict>, Lost> {
        let nobody = (!wanted).then(untried);
        let pipelined = self.session.capabilities.pipelining;
        if plan.transfer == Transfer::Chunk || (!wanted && !pipelined) {
            return Ok(nobody);
        }
        let time = self.session.timeouts.data;
        let reply = self.turns().ask("DATA", time).await?;
        match (reply.code(), wanted) {
            (354, true) => Ok(None),
            // The host waits for a message although there is nobody to get it: an empty one ends that (RFC 2920 §3.1).
            (354, false) => {
                let time = self.session.timeouts.end;
                self.session.dialogue.ask(".", time).await?;
                self.session.needs_reset = false;
                Ok(nobody)
            }
            (_, true) => Ok(Some(self.refusal(reply))),
            (_, false) => Ok(nobody),
        }
    }

    /// The message, and what the host says to it.
    async fn message(&mut self, plan: &Plan, body: &Body) -> Verdict {
        let timeouts = self.session.timeouts;
        let dialogue = &mut self.session.dialogue;
        let sent = match plan.transfer {
            Transfer::Data => send_data(dialogue, plan.outgoing(body), &timeouts).await,
            Transfer::Chunk => send_chunk(dialogue, plan.outgoing(body), body, &timeouts).await,
        };
        match sent {
            Ok(reply) if reply.is_success() => {
                self.session.needs_reset = false;
                Verdict {
                    outcome: Outcome::Delivered,
                    said: Said::Host(reply),
                }
            }
            Ok(reply) => {
                self.session.needs_reset = plan.transfer == Transfer::Chunk;
                self.refusal(reply)
            }
            Err(Failed::Before(lost)) => deferred(lost.said("while the message was sent")),
            Err(Failed::After(lost)) => {
                self.outcome_unknown = true;
                let doing = "after the end of the message: it may have been delivered";
                deferred(lost.said(doing))
            }
            Err(Failed::Store(error)) => deferred(unreadable(&error)),
        }
    }

    /// What a reply that is no success means.
    fn refusal(&self, reply: HostReply) -> Verdict {
        // 530: "STARTTLS first". Where the handshake did not succeed this time it may the next.
        let wants_tls = reply.code() == 530 && self.session.fallback().is_some();
        let outcome = match reply.is_permanent() && !wants_tls {
            true => Outcome::Rejected,
            false => Outcome::Deferred,
        };
        Verdict {
            outcome,
            said: Said::Host(reply),
        }
    }

    /// Everyone behind `last` in the plan.
    fn leave_untried(&mut self, plan: &Plan, last: usize) {
        for (recipient, _) in &plan.recipients {
            if *recipient > last {
                self.settle(*recipient, untried());
            }
        }
    }

    fn settle(&mut self, recipient: usize, verdict: Verdict) {
        if let Some(place) = self.verdicts.get_mut(recipient) {
            *place = Some(verdict);
        }
    }

    fn turns(&mut self) -> Turns<'_> {
        Turns {
            pipelined: self.session.capabilities.pipelining,
            dialogue: &mut self.session.dialogue,
        }
    }
}

/// Whether a reply to RCPT says that the transaction is full, as opposed to this recipient's mailbox or the host's disk: 452, or 552 of
/// old hosts (RFC 5321 §4.5.3.1.10), with 5.3 or without an enhanced code.
fn is_too_many(reply: &HostReply) -> bool {
    let code_fits = matches!(reply.code(), 452 | 552);
    let enhanced_fits = reply
        .enhanced()
        .is_none_or(|code| (code.subject, code.detail) == (5, 3));
    code_fits && enhanced_fits
}

fn deferred(said: Said) -> Verdict {
    Verdict {
        outcome: Outcome::Deferred,
        said,
    }
}

/// For those whom the host was not asked about.
pub(super) fn untried() -> Verdict {
    let text = "left for another transaction: the host takes no more recipients in one";
    Verdict {
        outcome: Outcome::Untried,
        said: Said::us(Status::new(4, 5, 3), text),
    }
}

/// Our own trouble.
pub(super) fn unreadable(error: &store::Error) -> Said {
    tracing::error!(%error, "a queued message cannot be read");
    Said::us(
        Status::new(4, 3, 0),
        "the message cannot be read at the moment",
    )
}
