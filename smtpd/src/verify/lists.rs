//! Lists in the DNS of addresses that send what nobody wants (RFC 5782): is the peer on one of them?
//!
//! A list is believed only as long as it is healthy: its test entry 127.0.0.2 is listed and 127.0.0.1 is not (RFC 5782 §5). A list that
//! has been given up lists nobody or everybody; both are seen. 127.255.255.x is no listing but the list's refusal to answer our name
//! servers: it is logged, and the list is left alone for a while.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use daemon::config::{DnsList, ListAction};

use crate::dns::Dns;
use crate::limits::{LIST_HEALTH_SECONDS, LIST_ILL_SECONDS, LIST_WARNING_SECONDS};

/// The entry that every list has.
const LISTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// The entry that no list has.
const NOT_LISTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);

/// The peer is on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Where.
    pub zone: String,
    /// What follows.
    pub action: ListAction,
}

/// What is known of each list.
#[derive(Default)]
pub(super) struct Lists {
    health: Mutex<HashMap<String, Health>>,
}

/// Of one list.
#[derive(Clone, Copy)]
struct Health {
    healthy: bool,
    checked: Instant,
    warned: Option<Instant>,
}

/// What a list says of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Listed,
    NotListed,
    /// It does not answer us, or not now.
    Refused,
}

impl Lists {
    /// The lists that the address is on.
    pub(super) async fn ask(&self, dns: &Dns, lists: &[DnsList], address: IpAddr) -> Vec<Listing> {
        let mut listings = Vec::new();
        for list in lists {
            if self.is_healthy(dns, list).await && self.listed(dns, list, address).await {
                listings.push(Listing {
                    zone: list.zone.clone(),
                    action: list.action,
                });
            }
        }
        listings
    }

    async fn listed(&self, dns: &Dns, list: &DnsList, address: IpAddr) -> bool {
        let answer = ask_one(dns, list, address).await;
        if answer == Answer::Refused {
            self.note(&list.zone, false, "it does not answer our name servers");
        }
        answer == Answer::Listed
    }

    /// Asks for the test entries, if that was not done lately.
    async fn is_healthy(&self, dns: &Dns, list: &DnsList) -> bool {
        if let Some(healthy) = self.remembered(&list.zone, Instant::now()) {
            return healthy;
        }
        let (listed, not_listed) = tokio::join!(
            ask_one(dns, list, LISTED.into()),
            ask_one(dns, list, NOT_LISTED.into())
        );
        let (healthy, why) = match (listed, not_listed) {
            (Answer::Listed, Answer::NotListed) => (true, ""),
            (Answer::Refused, _) | (_, Answer::Refused) => {
                (false, "it does not answer our name servers")
            }
            (_, Answer::Listed) => (false, "it lists everybody: it may have been given up"),
            (Answer::NotListed, _) => (false, "it does not have its test entry: it may be empty"),
        };
        self.note(&list.zone, healthy, why);
        healthy
    }

    fn remembered(&self, zone: &str, now: Instant) -> Option<bool> {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let known = health.get(zone)?;
        let seconds = match known.healthy {
            true => LIST_HEALTH_SECONDS,
            false => LIST_ILL_SECONDS,
        };
        (now.duration_since(known.checked) < Duration::from_secs(seconds)).then_some(known.healthy)
    }

    /// Remembers; tells the operator of an ill list, not more than once an hour.
    fn note(&self, zone: &str, healthy: bool, why: &str) {
        let now = Instant::now();
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let warned = health.get(zone).and_then(|known| known.warned);
        let is_told = warned.is_some_and(|warned| {
            now.duration_since(warned) < Duration::from_secs(LIST_WARNING_SECONDS)
        });
        if !healthy && !is_told {
            tracing::warn!(zone, why, "this DNS list is not used for now");
        }
        let warned = match healthy || is_told {
            true => warned,
            false => Some(now),
        };
        let known = Health {
            healthy,
            checked: now,
            warned,
        };
        health.insert(zone.to_owned(), known);
    }
}

async fn ask_one(dns: &Dns, list: &DnsList, address: IpAddr) -> Answer {
    let name = format!("{}.{}", reversed(address), list.zone);
    match dns.ipv4(&name).await {
        Ok(answer) if answer.records.iter().any(is_refusal) => Answer::Refused,
        Ok(answer) if answer.records.iter().any(|code| list.counts(*code)) => Answer::Listed,
        Ok(_) => Answer::NotListed,
        Err(_) => Answer::Refused,
    }
}

/// 127.255.255.x
fn is_refusal(code: &IpAddr) -> bool {
    matches!(code, IpAddr::V4(code) if code.octets()[..3] == [127, 255, 255])
}

/// The parts of an address from the last to the first, as they stand in front of a list's zone (RFC 5782 §2.1, §2.4).
fn reversed(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}")
        }
        IpAddr::V6(address) => {
            let digits = format!("{:032x}", address.to_bits());
            let digits: Vec<String> = digits.chars().rev().map(String::from).collect();
            digits.join(".")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_asked_for_backwards() {
        assert_eq!(reversed("192.0.2.99".parse().unwrap()), "99.2.0.192");
        // RFC 5782 §2.4
        assert_eq!(
            reversed("2001:db8:1:2:3:4:567:89ab".parse().unwrap()),
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2"
        );
    }

    #[test]
    fn a_refusal_is_no_listing() {
        assert!(is_refusal(&"127.255.255.254".parse().unwrap()));
        assert!(!is_refusal(&"127.0.0.2".parse().unwrap()));
    }

    #[test]
    fn an_ill_list_is_asked_again_sooner() {
        let lists = Lists::default();
        lists.note("a.test", true, "");
        lists.note("b.test", false, "empty");
        let after = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert_eq!(
            lists.remembered("a.test", after(LIST_ILL_SECONDS)),
            Some(true)
        );
        assert_eq!(
            lists.remembered("b.test", after(LIST_ILL_SECONDS - 1)),
            Some(false)
        );
        assert_eq!(
            lists.remembered("b.test", after(LIST_ILL_SECONDS + 1)),
            None
        );
        assert_eq!(
            lists.remembered("a.test", after(LIST_HEALTH_SECONDS + 1)),
            None
        );
    }
}
