//! `acl`: who may use whose mailboxes. What clients do with SETACL, and with the same rights.

use serde::Serialize;
use serde_json::json;
use store::{Account, Grant, Grantee, MailboxInfo, Rights};

use crate::answer::Answer;
use crate::cli::Acl;
use crate::fail::{Failure, Outcome};
use crate::office::{Office, parse_address};

/// A grant as it is printed.
#[derive(Serialize)]
struct Shown {
    identifier: String,
    rights: String,
}

impl From<&Grant> for Shown {
    fn from(grant: &Grant) -> Self {
        let sign = if grant.negative { "-" } else { "" };
        let name = match &grant.grantee {
            Grantee::Anyone => "anyone".to_owned(),
            Grantee::Account(address) => address.to_string(),
        };
        Shown {
            identifier: format!("{sign}{name}"),
            rights: grant.rights.to_string(),
        }
    }
}

/// Runs an `acl` command.
pub async fn run(command: Acl, office: &Office) -> Outcome<Answer> {
    match command {
        Acl::List { account, mailbox } => list(office, &account, &mailbox).await,
        Acl::Set {
            account,
            mailbox,
            identifier,
            rights,
        } => set(office, (&account, &mailbox), &identifier, &rights).await,
        Acl::Remove {
            account,
            mailbox,
            identifier,
        } => set(office, (&account, &mailbox), &identifier, "").await,
    }
}

async fn list(office: &Office, account: &str, mailbox: &str) -> Outcome<Answer> {
    let (account, mailbox) = find(office, account, mailbox).await?;
    let grants = office.store.grants(account.id, mailbox.id).await?;
    let shown: Vec<Shown> = grants.iter().map(Shown::from).collect();
    Ok(Answer::list(["IDENTIFIER", "RIGHTS"], &shown, |grant| {
        [grant.identifier.clone(), grant.rights.clone()]
    }))
}

async fn set(
    office: &Office,
    (account, mailbox): (&str, &str),
    identifier: &str,
    letters: &str,
) -> Outcome<Answer> {
    let (account, mailbox) = find(office, account, mailbox).await?;
    let rights = Rights::parse(letters).map_err(|letter| {
        Failure::failed(format!("{letter:?} is no right"))
            .next("The rights are l r s w i p k x t e a; RFC 4314 §2.1 says what they mean.")
    })?;
    let (name, negative) = match identifier.strip_prefix('-') {
        Some(name) => (name, true),
        None => (identifier, false),
    };
    let grantee = match name {
        "anyone" => Grantee::Anyone,
        address => Grantee::Account(parse_address(address)?),
    };
    office
        .store
        .set_grant(account.id, mailbox.id, &grantee, negative, move |_| rights)
        .await?;
    let text = match rights == Rights::NONE {
        true => format!(
            "{identifier} has no entry for {:?} of {}.",
            mailbox.name, account.address
        ),
        false => format!(
            "{identifier} has {rights} for {:?} of {}.",
            mailbox.name, account.address
        ),
    };
    let json =
        json!({ "mailbox": mailbox.name, "identifier": identifier, "rights": rights.to_string() });
    Ok(Answer::done(text, json))
}

async fn find(office: &Office, account: &str, mailbox: &str) -> Outcome<(Account, MailboxInfo)> {
    let account = office.account(account).await?;
    let mailbox = office.store.mailbox(account.id, mailbox).await?;
    Ok((account, mailbox))
}
