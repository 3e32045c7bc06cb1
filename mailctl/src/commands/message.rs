//! `message`: what is in a mailbox. Nothing is changed by looking: no message becomes \Seen.

use std::io::{self, Write as _};

use base64::Engine as _;
use serde::Serialize;
use serde_json::json;
use store::mime::MessageIndex;
use store::mime::decode::encoded_words;
use store::{AccountId, ENTRIES_MAX, Entry, Flags, MailboxId, READ_OCTETS_MAX, SnapshotMode, Uid};

use super::moment;
use crate::answer::{Answer, octets, or_dash};
use crate::cli::Message;
use crate::fail::{Failure, Kind, Outcome};
use crate::office::Office;

/// Characters of a subject that are shown in a table.
const SUBJECT_CHARS_MAX: usize = 60;

/// A message as it is printed.
#[derive(Serialize)]
struct Shown {
    uid: u32,
    received: String,
    octets: u64,
    flags: Vec<&'static str>,
    from: Option<String>,
    subject: Option<String>,
    message_id: Option<String>,
}

/// Runs a `message` command.
pub async fn run(command: Message, office: &Office, json: bool) -> Outcome<Answer> {
    match command {
        Message::List {
            account,
            mailbox,
            limit,
        } => list(office, &account, &mailbox, limit).await,
        Message::Show {
            account,
            uid,
            mailbox,
        } => show(office, &account, uid, &mailbox, json).await,
    }
}

async fn list(office: &Office, account: &str, mailbox: &str, limit: usize) -> Outcome<Answer> {
    let account = office.account(account).await?.id;
    let mailbox = office.store.mailbox(account, mailbox).await?.id;
    let snapshot = office
        .store
        .snapshot(account, mailbox, SnapshotMode::ReadOnly)
        .await?;
    let newest = snapshot.entries.len().saturating_sub(limit);
    let newest = snapshot.entries.range(newest..snapshot.entries.len());
    let uids: Vec<Uid> = newest.map(|entry| entry.uid).collect();
    let mut messages = Vec::with_capacity(uids.len());
    for batch in uids.chunks(ENTRIES_MAX) {
        messages.extend(describe(office, account, mailbox, batch).await?);
    }
    Ok(Answer::list(
        ["UID", "RECEIVED", "SIZE", "FLAGS", "FROM", "SUBJECT"],
        &messages,
        |message| {
            [
                message.uid.to_string(),
                message.received.clone(),
                octets(message.octets),
                message.flags.join(" "),
                or_dash(message.from.as_ref()),
                message
                    .subject
                    .as_deref()
                    .unwrap_or_default()
                    .chars()
                    .take(SUBJECT_CHARS_MAX)
                    .collect(),
            ]
        },
    ))
}

async fn describe(
    office: &Office,
    account: AccountId,
    mailbox: MailboxId,
    uids: &[Uid],
) -> Outcome<Vec<Shown>> {
    let entries = office.store.entries(account, mailbox, uids).await?;
    let mut indexes = Vec::with_capacity(entries.len());
    let mut rest = uids;
    while !rest.is_empty() {
        let part = office.store.indexes(account, mailbox, rest).await?;
        rest = rest.get(part.settled..).unwrap_or_default();
        indexes.extend(part.found);
    }
    let both = indexes.iter().filter_map(|(uid, index)| {
        let entry = entries.iter().find(|entry| entry.uid == *uid)?;
        Some((entry, index))
    });
    both.map(|(entry, index)| Ok(shown(entry, &index.decode()?)))
        .collect()
}

fn shown(entry: &Entry, index: &MessageIndex<'_>) -> Shown {
    let envelope = index.envelope();
    let from = envelope.from.first().and_then(|from| {
        let (mailbox, host) = (from.mailbox.as_deref()?, from.host.as_deref()?);
        Some(format!("{mailbox}@{host}"))
    });
    let subject = envelope.subject.as_deref();
    Shown {
        uid: entry.uid.value(),
        received: moment::rfc3339(entry.internal_date.seconds),
        octets: entry.size,
        flags: flag_names(entry.flags),
        from,
        subject: subject.map(|subject| encoded_words(subject).into_owned()),
        message_id: envelope.message_id.as_deref().map(str::to_owned),
    }
}

fn flag_names(flags: Flags) -> Vec<&'static str> {
    const NAMES: [(Flags, &str); 5] = [
        (Flags::SEEN, "seen"),
        (Flags::ANSWERED, "answered"),
        (Flags::FLAGGED, "flagged"),
        (Flags::DELETED, "deleted"),
        (Flags::DRAFT, "draft"),
    ];
    NAMES
        .into_iter()
        .filter(|(flag, _)| flags.contains(*flag))
        .map(|(_, name)| name)
        .collect()
}

/// Prints the octets as they are, a piece at a time; with --json in base64, since a message need not be text.
async fn show(
    office: &Office,
    account: &str,
    uid: u32,
    mailbox: &str,
    json: bool,
) -> Outcome<Answer> {
    let account = office.account(account).await?.id;
    let mailbox = office.store.mailbox(account, mailbox).await?.id;
    let no_such = || {
        Failure::new(Kind::NotFound, format!("there is no message {uid}"))
            .next("`mailctl message list` shows the UIDs.")
    };
    let uid = Uid::new(uid).ok_or_else(no_such)?;
    let entry = office
        .store
        .entries(account, mailbox, &[uid])
        .await?
        .pop()
        .ok_or_else(no_such)?;
    let mut whole = Vec::new();
    let mut offset = 0;
    while offset < entry.size {
        let end = entry.size.min(offset + READ_OCTETS_MAX);
        let piece = office
            .store
            .read_octets(account, mailbox, uid, offset..end)
            .await?;
        match json {
            true => whole.extend_from_slice(&piece),
            false => io::stdout().write_all(&piece)?,
        }
        offset += piece.len() as u64;
    }
    if !json {
        return Ok(Answer::silent());
    }
    let mut shown = describe(office, account, mailbox, &[uid]).await?;
    let shown = shown.pop().ok_or_else(no_such)?;
    let content = base64::engine::general_purpose::STANDARD.encode(whole);
    Ok(Answer::done(
        "",
        json!({ "message": shown, "base64": content }),
    ))
}
