//! `domain`: whose mail ends here.

use serde::Serialize;
use serde_json::json;
use store::Domain;

use super::confirm::confirm;
use super::moment;
use crate::answer::{Answer, or_dash};
use crate::cli;
use crate::fail::Outcome;
use crate::office::Office;

/// A domain as it is printed.
#[derive(Serialize)]
struct Shown {
    domain: String,
    addresses: u64,
    aliases: u64,
    catch_all: Option<String>,
    created: String,
}

impl From<&Domain> for Shown {
    fn from(domain: &Domain) -> Self {
        Shown {
            domain: domain.name.clone(),
            addresses: domain.addresses,
            aliases: domain.aliases,
            catch_all: domain.catch_all.as_ref().map(ToString::to_string),
            created: moment::rfc3339(domain.created),
        }
    }
}

/// Runs a `domain` command.
pub async fn run(command: cli::Domain, office: &Office) -> Outcome<Answer> {
    match command {
        cli::Domain::Add { domain } => add(office, &domain).await,
        cli::Domain::List => list(office).await,
        cli::Domain::Show { domain } => show(office, &domain).await,
        cli::Domain::Remove { domain, yes } => remove(office, &domain, yes).await,
    }
}

async fn add(office: &Office, name: &str) -> Outcome<Answer> {
    let domain = office.store.add_domain(name).await?;
    Ok(Answer::done(
        format!("Domain {} is added.", domain.name),
        json!(Shown::from(&domain)),
    ))
}

async fn list(office: &Office) -> Outcome<Answer> {
    let domains: Vec<Shown> = office
        .store
        .domains()
        .await?
        .iter()
        .map(Shown::from)
        .collect();
    Ok(Answer::list(
        ["DOMAIN", "ADDRESSES", "ALIASES", "CATCH-ALL"],
        &domains,
        |domain| {
            let counts = [domain.addresses, domain.aliases].map(|count| count.to_string());
            let [addresses, aliases] = counts;
            [
                domain.domain.clone(),
                addresses,
                aliases,
                or_dash(domain.catch_all.as_ref()),
            ]
        },
    ))
}

async fn show(office: &Office, name: &str) -> Outcome<Answer> {
    let domain = office.store.domain(name).await?;
    let shown = Shown::from(&domain);
    Ok(Answer::record(
        &shown,
        &[
            ("domain", shown.domain.clone()),
            ("addresses", shown.addresses.to_string()),
            ("aliases", shown.aliases.to_string()),
            ("catch-all", or_dash(shown.catch_all.as_ref())),
            ("created", moment::local(domain.created)),
        ],
    ))
}

async fn remove(office: &Office, name: &str, yes: bool) -> Outcome<Answer> {
    let domain = office.store.domain(name).await?;
    confirm(
        &format!(
            "Mail for {} will no longer be received. Remove the domain?",
            domain.name
        ),
        yes,
    )?;
    office.store.remove_domain(&domain.name).await?;
    Ok(Answer::done(
        format!("Domain {} is removed.", domain.name),
        json!({ "removed": domain.name }),
    ))
}
