//! `dkim`: the keys that sign a domain's mail, and the DNS records that tell the world of them.
//!
//! Only public keys are ever printed.

use serde::Serialize;
use serde_json::json;
use smtpd::dns::Dns;
use smtpd::sign::key;
use store::{KeyState, NewSigningKey, SigningAlgorithm, SigningKey};

use super::confirm::confirm;
use super::moment;
use crate::answer::{Answer, harmless};
use crate::cli::Dkim;
use crate::fail::{Failure, Kind, Outcome};
use crate::office::Office;

/// Selectors that are tried before giving up: one for each letter.
const SUFFIXES: [&str; 6] = ["", "b", "c", "d", "e", "f"];

/// A key as it is listed.
#[derive(Serialize)]
struct Listed {
    domain: String,
    selector: String,
    algorithm: &'static str,
    state: &'static str,
    created: String,
}

/// A key as it is published.
#[derive(Serialize)]
struct Record {
    selector: String,
    algorithm: &'static str,
    state: &'static str,
    name: String,
    record: String,
    /// The same in strings of at most 255 octets, as name servers want it.
    strings: String,
    /// What the DNS serves, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    served: Option<String>,
}

/// Runs a `dkim` command.
pub async fn run(command: Dkim, office: &Office) -> Outcome<Answer> {
    match command {
        Dkim::Create { domain } => create(office, &domain).await,
        Dkim::List { domain } => list(office, domain.as_deref()).await,
        Dkim::Show { domain, check } => show(office, &domain, check).await,
        Dkim::Rotate { domain, yes } => rotate(office, &domain, yes).await,
        Dkim::Remove {
            domain,
            selector,
            yes,
        } => remove(office, &domain, &selector, yes).await,
    }
}

async fn create(office: &Office, domain: &str) -> Outcome<Answer> {
    let keys = keys_of(office, domain).await?;
    if !keys.is_empty() {
        let next =
            "`mailctl dkim rotate` makes new ones; `mailctl dkim show` shows those there are.";
        return Err(Failure::new(Kind::Conflict, "the domain has keys already").next(next));
    }
    let records = add(office, domain, &keys).await?;
    Ok(told(
        "Mail of the domain is signed from now on. Publish these records:",
        &records,
    ))
}

/// With no keys waiting, new ones are made; with keys waiting, they take over.
async fn rotate(office: &Office, domain: &str, yes: bool) -> Outcome<Answer> {
    let mut keys = keys_of(office, domain).await?;
    if keys.is_empty() {
        let next = "`mailctl dkim create` makes the first.";
        return Err(Failure::new(Kind::NotFound, "the domain has no keys").next(next));
    }
    if !keys.iter().any(|key| key.state == KeyState::Next) {
        let records = add(office, domain, &keys).await?;
        let text = "New keys are made; the old ones still sign. Publish these records, wait until `mailctl dkim show --check` \
                    finds them, and run `mailctl dkim rotate` again:";
        return Ok(told(text, &records));
    }
    keys.retain(|key| key.state == KeyState::Next);
    if !yes && !are_served(office, &keys).await? {
        let question = "The DNS does not serve the new keys (`mailctl dkim show --check` says what it does): mail signed with them \
                        would be believed by nobody. Let them take over?";
        confirm(question, false)?;
    }
    office.store.rotate_signing_keys(domain).await?;
    let retired = "The new keys sign from now on. Leave the records of the retired ones for a week, for mail on its way; then \
                   remove them from the DNS and with `mailctl dkim remove`.";
    Ok(Answer::done(retired, json!({ "rotated": domain })))
}

async fn list(office: &Office, domain: Option<&str>) -> Outcome<Answer> {
    let keys = office.store.signing_keys(domain).await?;
    let listed: Vec<Listed> = keys.into_iter().map(listed).collect();
    let headings = ["DOMAIN", "SELECTOR", "ALGORITHM", "STATE", "CREATED"];
    Ok(Answer::list(headings, &listed, |key| {
        [
            key.domain.clone(),
            key.selector.clone(),
            key.algorithm.to_owned(),
            key.state.to_owned(),
            key.created.clone(),
        ]
    }))
}

async fn show(office: &Office, domain: &str, check: bool) -> Outcome<Answer> {
    let keys = keys_of(office, domain).await?;
    if keys.is_empty() {
        let next = "`mailctl dkim create` makes keys.";
        return Err(Failure::new(Kind::NotFound, "the domain has no keys").next(next));
    }
    let mut records = records(&keys)?;
    if check {
        look_up(office, &mut records).await?;
    }
    Ok(told("", &records))
}

/// Fills in what the DNS serves.
async fn look_up(office: &Office, records: &mut [Record]) -> Outcome<()> {
    let dns = Dns::open(&office.config.dns).map_err(|error| Failure::failed(error.to_string()))?;
    for record in records {
        record.served = Some(served(&dns, record).await);
    }
    Ok(())
}

async fn are_served(office: &Office, keys: &[SigningKey]) -> Outcome<bool> {
    let mut records = records(keys)?;
    look_up(office, &mut records).await?;
    Ok(records
        .iter()
        .all(|record| record.served.as_deref() == Some(RIGHT)))
}

async fn remove(office: &Office, domain: &str, selector: &str, yes: bool) -> Outcome<Answer> {
    confirm(
        &format!(
            "Mail signed with {selector} can no longer be verified once its record is gone. Remove the key?"
        ),
        yes,
    )?;
    office.store.remove_signing_key(domain, selector).await?;
    Ok(Answer::done(
        format!("The key {selector} is removed."),
        json!({ "removed": selector }),
    ))
}

async fn keys_of(office: &Office, domain: &str) -> Outcome<Vec<SigningKey>> {
    let domain = office.store.domain(domain).await?;
    Ok(office.store.signing_keys(Some(&domain.name)).await?)
}

/// Makes a key of each algorithm and keeps them.
async fn add(office: &Office, domain: &str, present: &[SigningKey]) -> Outcome<Vec<Record>> {
    let day = jiff::Zoned::now().strftime("%Y%m%d").to_string();
    let algorithms = [
        (SigningAlgorithm::RsaSha256, "rsa"),
        (SigningAlgorithm::Ed25519Sha256, "ed25519"),
    ];
    let mut keys = Vec::new();
    for (algorithm, word) in algorithms {
        let selector = free_selector(&format!("{day}-{word}"), present)?;
        keys.push(key::generate(algorithm, selector).map_err(unusable)?);
    }
    let selectors: Vec<String> = keys
        .iter()
        .map(|key: &NewSigningKey| key.selector.clone())
        .collect();
    office.store.add_signing_keys(domain, keys).await?;
    let mut all = keys_of(office, domain).await?;
    all.retain(|key| selectors.contains(&key.selector));
    records(&all)
}

fn free_selector(base: &str, present: &[SigningKey]) -> Outcome<String> {
    let selectors = SUFFIXES.map(|suffix| format!("{base}{suffix}"));
    let is_free = |selector: &String| present.iter().all(|key| key.selector != *selector);
    selectors
        .into_iter()
        .find(is_free)
        .ok_or_else(|| Failure::failed("too many keys were made today"))
}

fn listed(key: SigningKey) -> Listed {
    Listed {
        domain: key.domain,
        selector: key.selector,
        algorithm: key.algorithm.name(),
        state: key.state.name(),
        created: moment::rfc3339(key.created),
    }
}

fn records(keys: &[SigningKey]) -> Outcome<Vec<Record>> {
    let record = |kept: &SigningKey| {
        let record = key::record(kept.algorithm, &kept.private_key).map_err(unusable)?;
        Ok(Record {
            name: key::record_name(&kept.domain, &kept.selector),
            selector: kept.selector.clone(),
            algorithm: kept.algorithm.name(),
            state: kept.state.name(),
            strings: key::in_strings(&record),
            record,
            served: None,
        })
    };
    keys.iter().map(record).collect()
}

fn unusable(error: key::KeyUnusable) -> Failure {
    Failure::failed(error.to_string()).next(
        "`mailctl check` tells whether the store is damaged; `mailctl dkim rotate` makes new keys.",
    )
}

/// What [`served`] says of a record that is as it shall be.
const RIGHT: &str = "right";

/// One word, or what is there instead.
async fn served(dns: &Dns, record: &Record) -> String {
    match dns.txt(&record.name).await {
        Ok(answer) if answer.records.is_empty() => "missing".to_owned(),
        Ok(answer) => match answer.records.as_slice() {
            [text] if is_same(text, &record.record) => RIGHT.to_owned(),
            [text] => format!("wrong: {}", harmless(&String::from_utf8_lossy(text))),
            several => format!("wrong: {} records, and there must be one", several.len()),
        },
        Err(error) => format!("unknown: {error}"),
    }
}

/// Blanks may stand around tags (RFC 6376 §3.2).
fn is_same(served: &[u8], record: &str) -> bool {
    let bare = |text: &str| text.replace([' ', '\t'], "");
    bare(String::from_utf8_lossy(served).trim_end_matches([';', ' '])) == bare(record)
}

fn told(text: &str, records: &[Record]) -> Answer {
    let mut lines = String::new();
    if !text.is_empty() {
        lines += &format!("{text}\n\n");
    }
    for record in records {
        let Record {
            name,
            record: whole,
            strings,
            algorithm,
            state,
            ..
        } = record;
        lines += &format!("{name}  ({algorithm}, {state})\n");
        if let Some(served) = &record.served {
            lines += &format!("  in the DNS: {served}\n");
        }
        lines +=
            &format!("  whole:         {whole}\n  in zone files: {name}. IN TXT {strings}\n\n");
    }
    Answer::text(lines, json!(records))
}
