//! `queue`: mail that waits to be sent to other servers.

use serde::Serialize;
use store::{MessageId, QueueFilter, Queued, QueuedRecipient, RelayState};

use super::moment;
use crate::answer::{Answer, octets, or_dash};
use crate::cli::Queue;
use crate::fail::Outcome;
use crate::office::Office;

/// A waiting message as it is printed.
#[derive(Serialize)]
struct Shown {
    id: String,
    sender: String,
    octets: u64,
    accepted: String,
    recipients: Vec<ShownRecipient>,
}

/// One of its recipients.
#[derive(Serialize)]
struct ShownRecipient {
    recipient: String,
    state: &'static str,
    attempts: u32,
    next_attempt: String,
    last_attempt: Option<String>,
    last_reply: Option<String>,
}

impl From<&Queued> for Shown {
    fn from(queued: &Queued) -> Self {
        Shown {
            id: queued.id.printed(),
            sender: format!("<{}>", queued.reverse_path),
            octets: queued.size,
            accepted: moment::rfc3339(queued.created),
            recipients: queued.recipients.iter().map(ShownRecipient::from).collect(),
        }
    }
}

impl From<&QueuedRecipient> for ShownRecipient {
    fn from(recipient: &QueuedRecipient) -> Self {
        ShownRecipient {
            recipient: recipient.recipient.clone(),
            state: match recipient.state {
                RelayState::Waiting => "waiting",
                RelayState::Leased => "leased",
                RelayState::Held => "held",
            },
            attempts: recipient.attempts,
            next_attempt: moment::rfc3339(recipient.due),
            last_attempt: recipient.last_attempt.map(moment::rfc3339),
            last_reply: recipient.last_reply.clone(),
        }
    }
}

/// Runs a `queue` command.
pub async fn run(command: Queue, office: &Office) -> Outcome<Answer> {
    match command {
        Queue::List => list(office).await,
        Queue::Show { id } => show(office, &id).await,
    }
}

async fn list(office: &Office) -> Outcome<Answer> {
    let queued: Vec<Shown> = office
        .store
        .queue(QueueFilter::default())
        .await?
        .iter()
        .map(Shown::from)
        .collect();
    Ok(Answer::list(
        ["ID", "ACCEPTED", "SIZE", "SENDER", "RECIPIENTS"],
        &queued,
        |queued| {
            let recipients: Vec<&str> = queued
                .recipients
                .iter()
                .map(|recipient| recipient.recipient.as_str())
                .collect();
            [
                queued.id.clone(),
                queued.accepted.clone(),
                octets(queued.octets),
                queued.sender.clone(),
                recipients.join(", "),
            ]
        },
    ))
}

async fn show(office: &Office, id: &str) -> Outcome<Answer> {
    let id: MessageId = id.parse()?;
    let shown = Shown::from(&office.store.queued(id).await?);
    let recipients: Vec<String> = shown.recipients.iter().map(describe).collect();
    let mut lines = vec![
        ("id", shown.id.clone()),
        ("accepted", shown.accepted.clone()),
        ("size", octets(shown.octets)),
        ("sender", shown.sender.clone()),
    ];
    lines.extend(
        recipients
            .into_iter()
            .map(|recipient| ("recipient", recipient)),
    );
    Ok(Answer::record(&shown, &lines))
}

fn describe(recipient: &ShownRecipient) -> String {
    format!(
        "{} {}, {} attempts, next {}, last reply: {}",
        recipient.recipient,
        recipient.state,
        recipient.attempts,
        recipient.next_attempt,
        or_dash(recipient.last_reply.as_ref())
    )
}
