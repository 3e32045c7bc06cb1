//! How a message can go to a host: which commands, which parameters, and in what shape its octets.
//!
//! Decided before a word is said, from what the host offers and what the message needs. What cannot go at all gets its verdict here
//! (RFC 1870 §4, RFC 6531 §3.2, RFC 6152 §3, RFC 8689 §4.2.1); nothing else is decided for the host.

use store::BodyKind;

use super::body::Body;
use super::capability::Capabilities;
use super::content::Outgoing;
use super::conversion::{self, Segment, Taken};
use super::facts::Facts;
use super::outcome::{Outcome, Recipient, Said, Status, Transaction, Verdict};
use super::transaction::{unreadable, untried};
use crate::grammar::Mailbox;
use crate::limits::TRANSACTION_RECIPIENTS_MAX;

/// How the octets of the message go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transfer {
    /// By DATA.
    Data,
    /// By one BDAT (RFC 3030).
    Chunk,
}

/// How one message goes to one host.
pub(super) struct Plan {
    /// The MAIL command.
    pub(super) mail: String,
    /// Which recipients are asked for, with their RCPT commands.
    pub(super) recipients: Vec<(usize, String)>,
    /// Which are not, and why.
    pub(super) excluded: Vec<(usize, Verdict)>,
    pub(super) transfer: Transfer,
    /// Whether parameters of DSN are passed on.
    pub(super) dsn: bool,
    /// What the octets that are sent are made of.
    segments: Vec<Segment>,
}

/// What the message demands of the host, beyond ASCII lines.
struct Shape {
    utf8: bool,
    body: BodyKind,
    segments: Vec<Segment>,
}

impl Plan {
    /// Decides. An error is the verdict on all recipients.
    pub(super) async fn make(
        host: &Capabilities,
        transaction: &Transaction,
        body: &Body,
    ) -> Result<Plan, Verdict> {
        refuse_hopeless(host, transaction, body)?;
        let shape = Shape::of(host, transaction, body).await?;
        let sender = sendable(&transaction.sender, shape.utf8)?;
        let converted = !matches!(shape.segments.as_slice(), [Segment::Copy(_)]);
        let transfer = match host.chunking && !converted {
            true => Transfer::Chunk,
            false => Transfer::Data,
        };
        let mut plan = Plan {
            mail: mail_command(host, transaction, &sender, &shape, body),
            recipients: Vec::new(),
            excluded: Vec::new(),
            transfer,
            dsn: host.dsn,
            segments: shape.segments,
        };
        plan.add_recipients(host, transaction, shape.utf8);
        Ok(plan)
    }

    /// The commands that go together to a host that pipelines.
    pub(super) fn group(&self, needs_reset: bool) -> Vec<u8> {
        let reset = needs_reset.then_some("RSET");
        let data = (self.transfer == Transfer::Data).then_some("DATA");
        let recipients = self.recipients.iter().map(|(_, command)| command.as_str());
        let commands = reset
            .into_iter()
            .chain([self.mail.as_str()])
            .chain(recipients)
            .chain(data);
        let mut group = Vec::new();
        for command in commands {
            group.extend_from_slice(command.as_bytes());
            group.extend_from_slice(b"\r\n");
        }
        group
    }

    /// The octets that are sent.
    pub(super) fn outgoing<'a>(&self, body: &'a Body) -> Outgoing<'a> {
        Outgoing::new(body, self.segments.clone())
    }

    fn add_recipients(&mut self, host: &Capabilities, transaction: &Transaction, utf8: bool) {
        let host_max = host
            .recipients_max
            .and_then(|limit| usize::try_from(limit).ok());
        let room = host_max
            .unwrap_or(usize::MAX)
            .min(TRANSACTION_RECIPIENTS_MAX);
        for (place, recipient) in transaction.recipients.iter().enumerate() {
            match sendable(&recipient.address, utf8) {
                Err(verdict) => self.excluded.push((place, verdict)),
                Ok(_) if self.recipients.len() >= room => self.excluded.push((place, untried())),
                Ok(address) => {
                    let command = rcpt_command(host, recipient, &address, utf8);
                    self.recipients.push((place, command));
                }
            }
        }
    }
}

/// What cannot go, whatever its shape.
fn refuse_hopeless(
    host: &Capabilities,
    transaction: &Transaction,
    body: &Body,
) -> Result<(), Verdict> {
    if transaction.require_tls && !host.require_tls {
        // RFC 8689 §4.2.1; the status is registered there.
        let text = "the sender requires TLS all the way, and the host does not offer REQUIRETLS";
        return Err(rejected(Status::new(5, 7, 30), text));
    }
    match host.octets_max {
        Some(octets_max) if body.size() > octets_max => {
            let text = format!(
                "the message has {} octets, and the host takes {octets_max} at most",
                body.size()
            );
            Err(rejected(Status::new(5, 3, 4), text))
        }
        _ => Ok(()),
    }
}

impl Shape {
    async fn of(
        host: &Capabilities,
        transaction: &Transaction,
        body: &Body,
    ) -> Result<Shape, Verdict> {
        let taken = Taken {
            eight_bit: host.eight_bit,
            binary: host.eight_bit && host.binary && host.chunking,
        };
        let utf8 = host.utf8 && wants_utf8(transaction);
        let is_binary = transaction.body == BodyKind::BinaryMime;
        let takes_body = taken.eight_bit && (!is_binary || taken.binary);
        if !takes_body || (transaction.smtputf8 && !host.utf8) {
            let facts = Facts::gather(body, is_binary).await;
            let facts = facts.map_err(|error| deferred(&error))?;
            return Shape::from_facts(&facts, taken, utf8, transaction, body).await;
        }
        let kind = match is_binary {
            true => BodyKind::BinaryMime,
            false => declared(transaction, body).await?,
        };
        Ok(Shape {
            utf8,
            body: kind,
            segments: vec![Segment::Copy(0..body.size())],
        })
    }

    /// For a host that lacks something that the message may need.
    async fn from_facts(
        facts: &Facts,
        taken: Taken,
        utf8: bool,
        transaction: &Transaction,
        body: &Body,
    ) -> Result<Shape, Verdict> {
        if facts.utf8_header && transaction.smtputf8 && !utf8 {
            let text = "the header is internationalised, and the host does not offer SMTPUTF8";
            return Err(rejected(Status::new(5, 6, 7), text));
        }
        let segments = conversion::plan(facts, taken, body).await;
        let segments = segments.map_err(|error| deferred(&error))?.ok_or_else(|| {
            let text = "a signed part holds octets that the host does not take, and does not outlive their conversion";
            rejected(Status::new(5, 6, 3), text)
        })?;
        let kind = match (facts.is_binary(), facts.is_eight_bit()) {
            (true, _) if taken.binary => BodyKind::BinaryMime,
            (_, true) if taken.eight_bit => BodyKind::EightBitMime,
            _ => BodyKind::SevenBit,
        };
        Ok(Shape {
            utf8,
            body: kind,
            segments,
        })
    }
}

/// Whether SMTPUTF8 is to be said where it is offered.
fn wants_utf8(transaction: &Transaction) -> bool {
    let recipients = transaction.recipients.iter();
    transaction.smtputf8
        || !transaction.sender.is_ascii()
        || recipients.clone().any(|one| !one.address.is_ascii())
}

/// What is said of the body. Senders that say nothing send 8-bit octets nevertheless: the beginning is looked at, which for
/// most messages is all.
async fn declared(transaction: &Transaction, body: &Body) -> Result<BodyKind, Verdict> {
    if transaction.body == BodyKind::EightBitMime {
        return Ok(BodyKind::EightBitMime);
    }
    let beginning = body.beginning().await;
    match beginning.map_err(|error| deferred(&error))?.is_ascii() {
        true => Ok(BodyKind::SevenBit),
        false => Ok(BodyKind::EightBitMime),
    }
}

fn mail_command(
    host: &Capabilities,
    transaction: &Transaction,
    sender: &str,
    shape: &Shape,
    body: &Body,
) -> String {
    let mut command = format!("MAIL FROM:<{sender}>");
    if host.size {
        command.push_str(&format!(" SIZE={}", body.size()));
    }
    if shape.body != BodyKind::SevenBit {
        command.push_str(&format!(" BODY={}", shape.body.keyword()));
    }
    if shape.utf8 {
        command.push_str(" SMTPUTF8");
    }
    if host.dsn {
        push_parameter(&mut command, "RET", &transaction.return_content);
        push_parameter(&mut command, "ENVID", &transaction.envelope_id);
    }
    if transaction.require_tls {
        command.push_str(" REQUIRETLS");
    }
    command
}

fn rcpt_command(host: &Capabilities, recipient: &Recipient, address: &str, utf8: bool) -> String {
    let mut command = format!("RCPT TO:<{address}>");
    if host.dsn {
        push_parameter(&mut command, "NOTIFY", &recipient.notify);
        let original = recipient.original.as_ref();
        let original = original.filter(|original| utf8 || original.is_ascii());
        push_parameter(&mut command, "ORCPT", &original.cloned());
    }
    command
}

/// Adds a parameter whose value is one word. Another one cannot have come in by a command, and does not go out by one.
fn push_parameter(command: &mut String, keyword: &str, value: &Option<String>) {
    let is_word = |value: &&String| {
        !value.is_empty() && !value.chars().any(|c| c.is_control() || c.is_whitespace())
    };
    if let Some(value) = value.as_ref().filter(is_word) {
        command.push_str(&format!(" {keyword}={value}"));
    }
}

/// The address as it can be sent. Without SMTPUTF8, a domain of U-labels goes as A-labels (RFC 6531 §3.2 allows that); a local part
/// that is not ASCII cannot go.
fn sendable(address: &str, utf8: bool) -> Result<String, Verdict> {
    if address.is_empty() {
        return Ok(String::new());
    }
    let Some(mailbox) = Mailbox::parse(address) else {
        let text = "the address is none that can be sent";
        return Err(rejected(Status::new(5, 1, 3), text));
    };
    if utf8 || mailbox.is_ascii() {
        return Ok(address.to_owned());
    }
    let domain = mailbox.host.to_string();
    match store::normal_domain(&domain) {
        Ok(domain) if mailbox.local.is_ascii() => {
            let (local, _) = address.rsplit_once('@').unwrap_or((address, ""));
            Ok(format!("{local}@{domain}"))
        }
        _ => {
            let text = "the address is internationalised, and the host does not offer SMTPUTF8";
            Err(rejected(Status::new(5, 6, 7), text))
        }
    }
}

fn rejected(status: Status, text: impl Into<String>) -> Verdict {
    Verdict {
        outcome: Outcome::Rejected,
        said: Said::us(status, text),
    }
}

fn deferred(error: &store::Error) -> Verdict {
    Verdict {
        outcome: Outcome::Deferred,
        said: unreadable(error),
    }
}
