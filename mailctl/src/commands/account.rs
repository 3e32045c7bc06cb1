//! `account`: who has mailboxes here.

use serde::Serialize;
use serde_json::json;
use store::{Account, NewAccount, Quota};

use super::confirm::confirm;
use super::{address, capability, credential, moment};
use crate::answer::{Answer, octets, or_dash, yes_no};
use crate::cli::{self, Bound, PasswordSource, QuotaLimits, Switch};
use crate::fail::Outcome;
use crate::office::{Office, parse_address};
use crate::password;

/// An account as it is printed.
#[derive(Serialize)]
struct Shown {
    address: String,
    addresses: Vec<String>,
    disabled: bool,
    admin: bool,
    used_octets: u64,
    used_messages: u64,
    quota_octets: Option<u64>,
    quota_messages: Option<u64>,
    created: String,
}

impl From<&Account> for Shown {
    fn from(account: &Account) -> Self {
        Shown {
            address: account.address.to_string(),
            addresses: account.addresses.iter().map(ToString::to_string).collect(),
            disabled: account.disabled,
            admin: account.admin,
            used_octets: account.used_octets,
            used_messages: account.used_messages,
            quota_octets: account.quota.octets,
            quota_messages: account.quota.messages,
            created: moment::rfc3339(account.created),
        }
    }
}

impl Shown {
    fn state(&self) -> String {
        if self.disabled { "disabled" } else { "enabled" }.to_owned()
    }
}

/// Runs an `account` command.
pub async fn run(command: cli::Account, office: &Office) -> Outcome<Answer> {
    use cli::Account::*;
    match command {
        Add {
            address,
            password,
            quota,
        } => add(office, &address, &password, quota).await,
        List => list(office).await,
        Show { address } => show(office, &address).await,
        Password { address, password } => set_password(office, &address, &password).await,
        Disable { address } => set_disabled(office, &address, true).await,
        Enable { address } => set_disabled(office, &address, false).await,
        Admin { address, state } => set_admin(office, &address, state == Switch::On).await,
        Quota { address, quota } => set_quota(office, &address, quota).await,
        Address(command) => address::run(command, office).await,
        Capability { address, command } => capability::run(&address, command, office).await,
        Remove { address, yes } => remove(office, &address, yes).await,
    }
}

async fn add(
    office: &Office,
    text: &str,
    source: &PasswordSource,
    limits: QuotaLimits,
) -> Outcome<Answer> {
    let address = parse_address(text)?;
    // Asked before anything is made, so that a mistyped password leaves no half account.
    let password = password::obtain(source)?;
    let quota = changed(Quota::default(), limits);
    let account = office
        .store
        .add_account(&address, NewAccount { quota })
        .await?;
    credential::set_password(office, account, &password.secret).await?;
    Ok(with_password(
        format!("Account {address} is added."),
        address.as_str(),
        password.generated,
    ))
}

async fn list(office: &Office) -> Outcome<Answer> {
    let accounts: Vec<Shown> = office
        .store
        .accounts()
        .await?
        .iter()
        .map(Shown::from)
        .collect();
    Ok(Answer::list(
        ["ACCOUNT", "MESSAGES", "SIZE", "QUOTA", "STATE"],
        &accounts,
        |account| {
            [
                account.address.clone(),
                account.used_messages.to_string(),
                octets(account.used_octets),
                or_dash(account.quota_octets.map(octets)),
                account.state(),
            ]
        },
    ))
}

async fn show(office: &Office, address: &str) -> Outcome<Answer> {
    let account = office.account(address).await?;
    let shown = Shown::from(&account);
    let limit =
        |quota: Option<String>| quota.map_or_else(String::new, |quota| format!(" of {quota}"));
    Ok(Answer::record(
        &shown,
        &[
            ("account", shown.address.clone()),
            ("addresses", shown.addresses.join(", ")),
            ("state", shown.state()),
            ("administrator", yes_no(shown.admin)),
            (
                "size",
                octets(shown.used_octets) + &limit(shown.quota_octets.map(octets)),
            ),
            (
                "messages",
                shown.used_messages.to_string()
                    + &limit(shown.quota_messages.map(|count| count.to_string())),
            ),
            ("created", moment::local(account.created)),
        ],
    ))
}

async fn set_password(office: &Office, address: &str, source: &PasswordSource) -> Outcome<Answer> {
    let account = office.account(address).await?;
    let password = password::obtain(source)?;
    credential::set_password(office, account.id, &password.secret).await?;
    Ok(with_password(
        format!("The password of {} is set.", account.address),
        account.address.as_str(),
        password.generated,
    ))
}

async fn set_disabled(office: &Office, address: &str, disabled: bool) -> Outcome<Answer> {
    let account = office.account(address).await?;
    office.store.set_disabled(account.id, disabled).await?;
    let what = if disabled {
        "disabled: nobody can log in to it"
    } else {
        "enabled"
    };
    let json = json!({ "address": account.address.as_str(), "disabled": disabled });
    Ok(Answer::done(
        format!("Account {} is {what}.", account.address),
        json,
    ))
}

async fn set_admin(office: &Office, address: &str, admin: bool) -> Outcome<Answer> {
    let account = office.account(address).await?;
    office.store.set_admin(account.id, admin).await?;
    let what = if admin { "an" } else { "no" };
    let json = json!({ "address": account.address.as_str(), "admin": admin });
    Ok(Answer::done(
        format!("Account {} is {what} administrator.", account.address),
        json,
    ))
}

async fn set_quota(office: &Office, address: &str, limits: QuotaLimits) -> Outcome<Answer> {
    let account = office.account(address).await?;
    let quota = changed(account.quota, limits);
    if quota != account.quota {
        office.store.set_quota(account.id, quota).await?;
    }
    let json = json!({ "address": account.address.as_str(), "quota_octets": quota.octets, "quota_messages": quota.messages });
    let [size, messages] = [
        quota.octets.map(octets),
        quota.messages.map(|count| count.to_string()),
    ];
    Ok(Answer::record(
        &json,
        &[
            ("account", account.address.to_string()),
            (
                "size",
                format!(
                    "{} of {}",
                    octets(account.used_octets),
                    size.unwrap_or_else(|| "no limit".to_owned())
                ),
            ),
            (
                "messages",
                format!(
                    "{} of {}",
                    account.used_messages,
                    messages.unwrap_or_else(|| "no limit".to_owned())
                ),
            ),
        ],
    ))
}

async fn remove(office: &Office, address: &str, yes: bool) -> Outcome<Answer> {
    let account = office.account(address).await?;
    let (name, messages) = (account.address.to_string(), account.used_messages);
    confirm(
        &format!("Account {name} and its {messages} messages will be lost. Remove it?"),
        yes,
    )?;
    office.store.remove_account(account.id).await?;
    Ok(Answer::done(
        format!("Account {name} is removed."),
        json!({ "removed": name }),
    ))
}

/// What was done and, the only time that it can be seen, the password that was made for it.
fn with_password(mut text: String, address: &str, generated: Option<String>) -> Answer {
    if let Some(password) = &generated {
        text.push_str(&format!("\nIts password, shown only now: {password}"));
    }
    match generated {
        Some(password) => Answer::done(text, json!({ "address": address, "password": password })),
        None => Answer::done(text, json!({ "address": address })),
    }
}

fn changed(quota: Quota, limits: QuotaLimits) -> Quota {
    let choose = |old: Option<u64>, new: Option<Bound>| match new {
        None => old,
        Some(Bound::None) => None,
        Some(Bound::At(limit)) => Some(limit),
    };
    Quota {
        octets: choose(quota.octets, limits.octets),
        messages: choose(quota.messages, limits.messages),
    }
}
