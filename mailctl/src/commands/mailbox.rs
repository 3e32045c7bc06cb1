//! `mailbox`: an account's folders.

use serde::Serialize;
use serde_json::json;
use store::MailboxInfo;

use super::confirm::confirm;
use crate::answer::{Answer, octets, or_dash, yes_no};
use crate::cli::Mailbox;
use crate::fail::Outcome;
use crate::office::Office;

/// A mailbox as it is printed.
#[derive(Serialize)]
struct Shown {
    name: String,
    special_use: Option<&'static str>,
    messages: u32,
    unseen: u32,
    octets: u64,
    subscribed: bool,
    uid_validity: u32,
    uid_next: u32,
}

impl From<&MailboxInfo> for Shown {
    fn from(mailbox: &MailboxInfo) -> Self {
        Shown {
            name: mailbox.name.clone(),
            special_use: mailbox.special_use.map(|special_use| special_use.name()),
            messages: mailbox.messages,
            unseen: mailbox.unseen,
            octets: mailbox.size,
            subscribed: mailbox.subscribed,
            uid_validity: mailbox.uid_validity.0,
            uid_next: mailbox.uid_next.value(),
        }
    }
}

/// Runs a `mailbox` command.
pub async fn run(command: Mailbox, office: &Office) -> Outcome<Answer> {
    match command {
        Mailbox::List { account } => list(office, &account).await,
        Mailbox::Create { account, name } => create(office, &account, &name).await,
        Mailbox::Rename { account, from, to } => rename(office, &account, &from, &to).await,
        Mailbox::Remove { account, name, yes } => remove(office, &account, &name, yes).await,
    }
}

async fn list(office: &Office, account: &str) -> Outcome<Answer> {
    let account = office.account(account).await?;
    let mailboxes: Vec<Shown> = office
        .store
        .mailboxes(account.id)
        .await?
        .iter()
        .map(Shown::from)
        .collect();
    Ok(Answer::list(
        ["MAILBOX", "USE", "MESSAGES", "UNSEEN", "SIZE", "SUBSCRIBED"],
        &mailboxes,
        |mailbox| {
            [
                mailbox.name.clone(),
                or_dash(mailbox.special_use),
                mailbox.messages.to_string(),
                mailbox.unseen.to_string(),
                octets(mailbox.octets),
                yes_no(mailbox.subscribed),
            ]
        },
    ))
}

async fn create(office: &Office, account: &str, name: &str) -> Outcome<Answer> {
    let account = office.account(account).await?;
    let mailbox = office.store.create_mailbox(account.id, name, None).await?;
    // Clients such as Thunderbird show subscribed mailboxes alone.
    office.store.subscribe(account.id, &mailbox.name).await?;
    Ok(Answer::done(
        format!("Mailbox {:?} of {} is made.", mailbox.name, account.address),
        json!({ "created": mailbox.name }),
    ))
}

async fn rename(office: &Office, account: &str, from: &str, to: &str) -> Outcome<Answer> {
    let account = office.account(account).await?;
    office.store.rename_mailbox(account.id, from, to).await?;
    let json = json!({ "from": from, "to": to });
    Ok(Answer::done(
        format!("Mailbox {from:?} of {} is now {to:?}.", account.address),
        json,
    ))
}

async fn remove(office: &Office, account: &str, name: &str, yes: bool) -> Outcome<Answer> {
    let account = office.account(account).await?;
    let mailbox = office.store.mailbox(account.id, name).await?;
    let (name, messages) = (mailbox.name, mailbox.messages);
    confirm(
        &format!(
            "Mailbox {name:?} of {} and its {messages} messages will be lost. Remove it?",
            account.address
        ),
        yes,
    )?;
    office.store.delete_mailbox(account.id, &name).await?;
    let removed = format!("Mailbox {name:?} of {} is removed.", account.address);
    // RFC 3501 §6.3.4: a mailbox that has others beneath it stays as a name.
    let text = match office.store.mailbox(account.id, &name).await {
        Ok(_) => format!("{removed} Its name stays for the mailboxes beneath it."),
        Err(_) => removed,
    };
    Ok(Answer::done(text, json!({ "removed": name })))
}
