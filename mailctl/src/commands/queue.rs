//! `queue`: mail that waits to be sent to other servers.

use serde::Serialize;
use serde_json::json;
use store::{MessageId, QueueAction, QueueFilter, Queued, QueuedRecipient, RelayState};

use super::confirm::confirm;
use super::moment;
use crate::answer::{Answer, octets, or_dash};
use crate::cli::{LastChoice, Narrowed, Queue, Selection};
use crate::fail::{Failure, Kind, Outcome};
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
        Queue::List { narrowed, limit } => list(office, narrowed, limit).await,
        Queue::Show { id } => show(office, &id).await,
        Queue::Retry(selection) => handle(office, QueueAction::Retry, &selection).await,
        Queue::Hold(selection) => handle(office, QueueAction::Hold, &selection).await,
        Queue::Release(selection) => handle(office, QueueAction::Release, &selection).await,
        Queue::Drop(choice) => last(office, QueueAction::Drop, &choice).await,
        Queue::Bounce(choice) => last(office, QueueAction::Expire, &choice).await,
    }
}

/// What cannot be undone is asked for.
async fn last(office: &Office, action: QueueAction, choice: &LastChoice) -> Outcome<Answer> {
    let question = match action {
        QueueAction::Drop => "Forget this mail, and tell nobody?",
        _ => "Give this mail back to its senders?",
    };
    confirm(question, choice.yes)?;
    handle(office, action, &choice.selection).await
}

async fn handle(office: &Office, action: QueueAction, selection: &Selection) -> Outcome<Answer> {
    let handled = office
        .store
        .queue_action(action, selected(selection)?)
        .await?;
    if handled.changed + handled.busy + handled.unsuitable == 0 {
        return Err(Failure::new(Kind::NotFound, "no such mail is in the queue")
            .next("`mailctl queue list` shows what is."));
    }
    let done = match action {
        QueueAction::Retry => "tried now",
        QueueAction::Hold => "held",
        QueueAction::Release => "released",
        QueueAction::Drop => "forgotten",
        QueueAction::Expire => "given back to the sender",
    };
    let mut text = match handled.changed {
        1 => format!("1 recipient is {done}."),
        recipients => format!("{recipients} recipients are {done}."),
    };
    if handled.busy > 0 {
        text += &format!(
            " Being tried at this moment, and left alone: {}. Say it again in a minute.",
            handled.busy
        );
    }
    if handled.unsuitable > 0 {
        text += &match action {
            QueueAction::Release => format!(" Not held: {}.", handled.unsuitable),
            _ => format!(
                " Held, and left alone: {}. `mailctl queue release` lets them go.",
                handled.unsuitable
            ),
        };
    }
    let facts = json!({
        "changed": handled.changed, "busy": handled.busy, "left_alone": handled.unsuitable,
    });
    Ok(Answer::done(text, facts))
}

/// Nothing at all is no selection: too much depends on it.
fn selected(selection: &Selection) -> Outcome<QueueFilter> {
    let filter = QueueFilter {
        message: selection.id.as_deref().map(str::parse).transpose()?,
        ..filter(&selection.narrowed)
    };
    let names_nothing = filter.message.is_none()
        && filter.sender.is_none()
        && filter.recipient.is_none()
        && filter.domain.is_none();
    if names_nothing && !selection.all {
        return Err(Failure::new(Kind::Usage, "which mail?")
            .next("Give an id, --sender, --recipient or --domain, or --all for the whole queue."));
    }
    Ok(filter)
}

fn filter(narrowed: &Narrowed) -> QueueFilter {
    let bare = |address: &String| address.trim_matches(['<', '>']).to_owned();
    QueueFilter {
        sender: narrowed.sender.as_ref().map(bare),
        recipient: narrowed.recipient.as_ref().map(bare),
        domain: narrowed.domain.as_ref().map(|domain| {
            store::normal_domain(domain).unwrap_or_else(|_| domain.to_ascii_lowercase())
        }),
        ..QueueFilter::default()
    }
}

async fn list(office: &Office, narrowed: Narrowed, limit: u64) -> Outcome<Answer> {
    let filter = QueueFilter {
        limit: Some(limit),
        ..filter(&narrowed)
    };
    let queued: Vec<Shown> = office
        .store
        .queue(filter)
        .await?
        .iter()
        .map(Shown::from)
        .collect();
    let rows: Vec<[String; 7]> = queued.iter().flat_map(rows).collect();
    let answer = Answer::table(
        [
            "ID",
            "ACCEPTED",
            "SIZE",
            "SENDER",
            "RECIPIENT",
            "NEXT ATTEMPT",
            "WHY",
        ],
        &rows,
        &queued,
    );
    if queued.len() as u64 != limit {
        return Ok(answer);
    }
    let waiting = office.store.queue_size().await?;
    Ok(answer.note(&format!(
        "These are the oldest {limit} messages, of {waiting} in the queue. --limit shows more; --domain, --sender and --recipient narrow it."
    )))
}

/// A line for each recipient: what becomes of them differs.
fn rows(queued: &Shown) -> impl Iterator<Item = [String; 7]> {
    queued.recipients.iter().map(|recipient| {
        [
            queued.id.clone(),
            queued.accepted.clone(),
            octets(queued.octets),
            queued.sender.clone(),
            recipient.recipient.clone(),
            match recipient.state {
                "waiting" => recipient.next_attempt.clone(),
                state => state.to_owned(),
            },
            or_dash(recipient.last_reply.as_ref()),
        ]
    })
}

async fn show(office: &Office, id: &str) -> Outcome<Answer> {
    let absent = Failure::new(
        Kind::NotFound,
        format!("no message {id} waits in the queue"),
    )
    .next(format!(
        "`mailctl queue list` shows what does; `mailctl trace {id}` tells what became of it."
    ));
    let Ok(message) = id.parse::<MessageId>() else {
        return Err(absent);
    };
    let queued = match office.store.queued(message).await {
        Err(store::Error::NotFound(_)) => return Err(absent),
        found => found?,
    };
    let shown = Shown::from(&queued);
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
