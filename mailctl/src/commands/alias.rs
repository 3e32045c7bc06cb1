//! `alias`: addresses that lead to others, and the catch-all of a domain, written as an alias without a name:
//! `@example.org`.

use serde::Serialize;
use serde_json::json;
use store::{Address, Resolution};

use crate::answer::Answer;
use crate::cli::Alias;
use crate::fail::{Failure, Kind, Outcome};
use crate::office::{Office, parse_address};

/// An alias or a catch-all as it is printed.
#[derive(Serialize)]
struct Shown {
    address: String,
    targets: Vec<String>,
}

/// Runs an `alias` command.
pub async fn run(command: Alias, office: &Office) -> Outcome<Answer> {
    match command {
        Alias::Add { address, targets } => add(office, &address, &targets).await,
        Alias::List => list(office).await,
        Alias::Remove { address } => remove(office, &address).await,
    }
}

async fn add(office: &Office, address: &str, targets: &[String]) -> Outcome<Answer> {
    let targets = parse_targets(targets)?;
    match (address.strip_prefix('@'), targets.as_slice()) {
        (None, targets) => {
            office
                .store
                .add_alias(&parse_address(address)?, targets)
                .await?
        }
        (Some(domain), [target]) => {
            if office.store.domain(domain).await?.catch_all.is_some() {
                return Err(Failure::new(Kind::Conflict, "catch-all exists already"));
            }
            office.store.set_catch_all(domain, Some(target)).await?
        }
        (Some(_), _) => {
            let next = "Make an alias with these targets, and the catch-all lead to it.";
            return Err(Failure::failed("a catch-all has one target").next(next));
        }
    }
    let warnings = warnings(office, address, &targets).await?;
    let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
    let mut text = format!("Mail for {address} goes to {}.", targets.join(", "));
    for warning in &warnings {
        text += &format!("\nBut {warning}");
    }
    let facts = json!({ "address": address, "targets": targets, "warnings": warnings });
    Ok(Answer::done(text, facts))
}

/// What may not have been meant, in sentences.
async fn warnings(office: &Office, address: &str, targets: &[Address]) -> Outcome<Vec<String>> {
    let mut warnings = Vec::new();
    for target in targets {
        match office.store.resolve(target).await? {
            Resolution::Unknown => warnings.push(format!(
                "there is no {target} here: mail for it is refused until there is."
            )),
            Resolution::Loop => warnings.push(format!(
                "{target} leads back to where it came from: mail for it is refused."
            )),
            Resolution::NotLocal | Resolution::Resolved { .. } => {}
        }
    }
    if address.starts_with('@') {
        return Ok(warnings);
    }
    let address = parse_address(address)?;
    let owner = match office.store.account(&address).await {
        Err(store::Error::NotFound(_)) => return Ok(warnings),
        found => found?.id,
    };
    let keeps_a_copy = match office.store.resolve(&address).await? {
        Resolution::Resolved { accounts, .. } => {
            accounts.iter().any(|account| account.account == owner)
        }
        _ => false,
    };
    if !keeps_a_copy {
        warnings.push(format!(
            "the account {address} gets no mail for this address any more. For a copy there: `mailctl alias add {address} {address}`."
        ));
    }
    Ok(warnings)
}

/// The targets, each once.
fn parse_targets(targets: &[String]) -> Outcome<Vec<Address>> {
    let mut parsed: Vec<Address> = Vec::with_capacity(targets.len());
    for target in targets {
        let target = parse_address(target)?;
        if !parsed.contains(&target) {
            parsed.push(target);
        }
    }
    Ok(parsed)
}

async fn list(office: &Office) -> Outcome<Answer> {
    let aliases = office
        .store
        .aliases()
        .await?
        .into_iter()
        .map(|alias| Shown {
            address: alias.address.to_string(),
            targets: alias.targets.iter().map(ToString::to_string).collect(),
        });
    let catch_alls = office
        .store
        .domains()
        .await?
        .into_iter()
        .filter_map(|domain| {
            let target = domain.catch_all?.to_string();
            Some(Shown {
                address: format!("@{}", domain.name),
                targets: vec![target],
            })
        });
    let shown: Vec<Shown> = aliases.chain(catch_alls).collect();
    Ok(Answer::list(["ALIAS", "TARGETS"], &shown, |alias| {
        [alias.address.clone(), alias.targets.join(", ")]
    }))
}

async fn remove(office: &Office, address: &str) -> Outcome<Answer> {
    match address.strip_prefix('@') {
        Some(domain) => {
            if office.store.domain(domain).await?.catch_all.is_none() {
                return Err(Failure::new(Kind::NotFound, "catch-all not found"));
            }
            office.store.set_catch_all(domain, None).await?
        }
        None => {
            office
                .store
                .remove_alias(&parse_address(address)?, None)
                .await?
        }
    }
    Ok(Answer::done(
        format!("Alias {address} is removed."),
        json!({ "removed": address }),
    ))
}
