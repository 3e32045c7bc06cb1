//! `[verify]`: what is made of the authentication of mail that comes in on port 25.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::network::Network;
use super::routing::is_name;
use super::section::Section;
use crate::limits;

/// Longer than that no client waits for the answer to its message (RFC 5321 §4.5.3.2.6: ten minutes, but few do).
const DEADLINE_SECONDS_MAX: u64 = 120;
const DAY_SECONDS: u64 = 86_400;
const HOURS_MAX: u64 = 31 * 24;
const DAYS_MAX: u64 = 366;
const COUNT_MAX: u64 = 1_000_000;

/// `[verify]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verify {
    /// Verify at all.
    pub enabled: bool,
    /// How long the answer to a message may wait for the DNS.
    pub deadline_seconds: u64,
    /// What a domain's DMARC policy leads to.
    pub dmarc: DmarcPolicy,
    /// Domains whose ARC seal is believed when it says that a message was right before they changed it.
    pub trusted_sealers: Vec<String>,
    /// Lists in the DNS of addresses that send what nobody wants.
    pub dns_lists: Vec<DnsList>,
    /// Whether strangers must come twice.
    pub greylist: Greylist,
    /// How much may be sent.
    pub rates: Rates,
}

/// One of `verify.dns_lists`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DnsList {
    /// The domain beneath which addresses are looked for.
    pub zone: String,
    /// The answers that count; none: all but those that RFC 5782 and lists in use keep for other things.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Network>,
    /// What follows when an address is listed.
    pub action: ListAction,
}

/// `action` of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ListAction {
    /// Mail is refused.
    Reject,
    /// Mail is filed in Junk.
    Junk,
    /// It is only written in the header.
    Header,
}

/// `verify.greylist`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Greylist {
    /// On or off.
    pub enabled: bool,
    /// Who comes again after that is let in.
    pub delay_seconds: u64,
    /// Who does not come again within that is a stranger again.
    pub retry_hours: u64,
    /// For how long somebody is known after he was last seen.
    pub known_days: u64,
}

/// `verify.rates`; 0 is no limit. This machine is exempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rates {
    /// Messages a minute from one address of the world, or one /64.
    pub address_messages_per_minute: u64,
    /// Recipients a minute likewise.
    pub address_recipients_per_minute: u64,
    /// Messages an hour of one account.
    pub account_messages_per_hour: u64,
    /// Recipients an hour of one account.
    pub account_recipients_per_hour: u64,
}

impl DnsList {
    /// Whether an answer is a listing.
    pub fn counts(&self, code: IpAddr) -> bool {
        match (self.codes.is_empty(), code) {
            (false, code) => self.codes.iter().any(|codes| codes.contains(code)),
            // 127.0.0.1 is an answer of broken resolvers; 127.255.x.y are messages to whoever asks.
            (true, IpAddr::V4(code)) => {
                let [first, second, _, last] = code.octets();
                first == 127 && second != 255 && last > 1
            }
            (true, IpAddr::V6(_)) => false,
        }
    }
}

/// `verify.dmarc`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DmarcPolicy {
    /// Rejected mail is refused, mail for quarantine goes to Junk.
    Obey,
    /// Both go to Junk.
    Junk,
    /// Neither; the verdict is written in the header alone.
    Report,
}

impl Verify {
    /// [`Verify::deadline_seconds`] as a duration.
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_seconds)
    }
}

pub(super) fn verify(section: Section<'_>) -> Verify {
    let policies = [
        ("obey", DmarcPolicy::Obey),
        ("junk", DmarcPolicy::Junk),
        ("report", DmarcPolicy::Report),
    ];
    let sealers: Vec<String> = section
        .list("trusted_sealers", "lists.example.org")
        .unwrap_or_default();
    let verify = Verify {
        enabled: section.flag("enabled", true),
        deadline_seconds: section.number(
            "deadline_seconds",
            0..=DEADLINE_SECONDS_MAX,
            limits::VERIFY_SECONDS,
        ),
        dmarc: section.choice("dmarc", &policies, DmarcPolicy::Obey),
        trusted_sealers: sealers
            .into_iter()
            .map(|domain| domain.to_ascii_lowercase())
            .collect(),
        dns_lists: section
            .sections("dns_lists", "{ zone = \"zen.example.org\" }")
            .into_iter()
            .map(dns_list)
            .collect(),
        greylist: greylist(section.section("greylist")),
        rates: rates(section.section("rates")),
    };
    section.finish();
    verify
}

fn dns_list(section: Section<'_>) -> DnsList {
    let actions = [
        ("reject", ListAction::Reject),
        ("junk", ListAction::Junk),
        ("header", ListAction::Header),
    ];
    let zone = section.required_text(
        "zone",
        "the domain of the list, as in zone = \"zen.example.org\"",
    );
    let zone = zone.trim_matches('.').to_ascii_lowercase();
    if section.has("zone") && !is_name(&zone) {
        section.refuse("zone", "must be a domain of letters, digits and hyphens");
    }
    let codes: Vec<Network> = section.list("codes", "127.0.0.2").unwrap_or_default();
    if !codes.iter().all(Network::is_loopback) {
        // RFC 5782 §2.1: lists answer nothing else.
        section.refuse("codes", "must be within 127.0.0.0/8");
    }
    let list = DnsList {
        zone,
        codes,
        action: section.choice("action", &actions, ListAction::Reject),
    };
    section.finish();
    list
}

fn greylist(section: Section<'_>) -> Greylist {
    let greylist = Greylist {
        enabled: section.flag("enabled", false),
        delay_seconds: section.number("delay_seconds", 0..=DAY_SECONDS, limits::GREYLIST_SECONDS),
        retry_hours: section.number("retry_hours", 1..=HOURS_MAX, limits::GREYLIST_RETRY_HOURS),
        known_days: section.number("known_days", 1..=DAYS_MAX, limits::GREYLIST_KNOWN_DAYS),
    };
    section.finish();
    greylist
}

fn rates(section: Section<'_>) -> Rates {
    let count = |key, default| section.number(key, 0..=COUNT_MAX, default);
    let rates = Rates {
        address_messages_per_minute: count(
            "address_messages_per_minute",
            limits::ADDRESS_MESSAGES_PER_MINUTE,
        ),
        address_recipients_per_minute: count(
            "address_recipients_per_minute",
            limits::ADDRESS_RECIPIENTS_PER_MINUTE,
        ),
        account_messages_per_hour: count(
            "account_messages_per_hour",
            limits::ACCOUNT_MESSAGES_PER_HOUR,
        ),
        account_recipients_per_hour: count(
            "account_recipients_per_hour",
            limits::ACCOUNT_RECIPIENTS_PER_HOUR,
        ),
    };
    section.finish();
    rates
}
