//! `app-password`: a password for each device, which can be taken back alone.

use serde::Serialize;
use serde_json::json;

use super::{credential, moment};
use crate::answer::{Answer, or_dash};
use crate::cli::{AppPassword, PasswordSource};
use crate::fail::Outcome;
use crate::office::Office;
use crate::password;

/// An app password as it is printed: never the password.
#[derive(Serialize)]
struct Shown {
    name: String,
    created: String,
    last_used: Option<String>,
}

/// Runs an `app-password` command.
pub async fn run(command: AppPassword, office: &Office) -> Outcome<Answer> {
    match command {
        AppPassword::Add {
            account,
            name,
            password_stdin,
        } => add(office, &account, &name, password_stdin).await,
        AppPassword::List { account } => list(office, &account).await,
        AppPassword::Remove { account, name } => remove(office, &account, &name).await,
    }
}

async fn add(office: &Office, account: &str, name: &str, password_stdin: bool) -> Outcome<Answer> {
    let account = office.account(account).await?;
    let password = password::obtain(&PasswordSource {
        password_stdin,
        generate: !password_stdin,
    })?;
    let derived = credential::derive(office, account.id, &password.secret).await?;
    office
        .store
        .add_app_password(account.id, name, derived)
        .await?;
    let address = account.address.as_str();
    Ok(match password.generated {
        Some(text) => Answer::done(
            format!("App password {name:?} of {address}, shown only now: {text}"),
            json!({ "account": address, "name": name, "password": text }),
        ),
        None => Answer::done(
            format!("App password {name:?} of {address} is added."),
            json!({ "account": address, "name": name }),
        ),
    })
}

async fn list(office: &Office, account: &str) -> Outcome<Answer> {
    let account = office.account(account).await?;
    let passwords = office.store.app_passwords(account.id).await?;
    let shown: Vec<Shown> = passwords
        .into_iter()
        .map(|password| Shown {
            name: password.name,
            created: moment::rfc3339(password.created),
            last_used: password.used.map(moment::rfc3339),
        })
        .collect();
    Ok(Answer::list(
        ["NAME", "CREATED", "LAST USED"],
        &shown,
        |password| {
            [
                password.name.clone(),
                password.created.clone(),
                or_dash(password.last_used.as_ref()),
            ]
        },
    ))
}

async fn remove(office: &Office, account: &str, name: &str) -> Outcome<Answer> {
    let account = office.account(account).await?;
    office.store.remove_app_password(account.id, name).await?;
    let json = json!({ "account": account.address.as_str(), "removed": name });
    Ok(Answer::done(
        format!("App password {name:?} of {} is removed.", account.address),
        json,
    ))
}
