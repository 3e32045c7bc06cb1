//! Which hosts take mail for a domain (RFC 5321 §5.1, RFC 7505).

use std::net::SocketAddr;

use daemon::secret::fill_random;

use super::address::{Addresses, is_ours};
use super::failure::RouteFailure;
use crate::dns::{Answer, Dns, DnsFailure, Mx};
use crate::limits::HOSTS_MAX;

/// The hosts of a domain, without addresses yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exchangers {
    /// In the order in which they are tried.
    pub(super) list: Vec<Mx>,
    /// True if DNSSEC vouches for the list.
    pub(super) secure: bool,
}

/// A host with what was found of it.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) mx: Mx,
    pub(super) addresses: Result<Addresses, DnsFailure>,
}

/// Asks for the hosts of a domain.
pub(super) async fn exchangers(dns: &Dns, domain: &str) -> Result<Exchangers, RouteFailure> {
    let answer = dns
        .mx(domain)
        .await
        .map_err(|failure| RouteFailure::dns(domain, &failure))?;
    judge(domain, answer)
}

fn judge(domain: &str, answer: Answer<Mx>) -> Result<Exchangers, RouteFailure> {
    if !answer.name_exists {
        return Err(RouteFailure::no_such_domain(domain));
    }
    let secure = answer.secure;
    let had_records = !answer.records.is_empty();
    // RFC 7505 §3: a null MX stands alone. Beside other records it is a mistake, and means nothing.
    let hosts = answer.records.into_iter().filter(|mx| mx.exchange != ".");
    let mut list = in_order(hosts.collect());
    if list.is_empty() && had_records {
        return Err(RouteFailure::null_mx(domain));
    }
    if list.is_empty() {
        // RFC 5321 §5.1: as if there were an MX of preference 0 that names the domain.
        list.push(Mx {
            preference: 0,
            exchange: domain.to_owned(),
        });
    }
    Ok(Exchangers { list, secure })
}

/// By preference, equal ones at random; each host once.
fn in_order(list: Vec<Mx>) -> Vec<Mx> {
    let mut drawn: Vec<(u16, u64, Mx)> = list
        .into_iter()
        .map(|mx| (mx.preference, random(), mx))
        .collect();
    drawn.sort_by_key(|(preference, lot, _)| (*preference, *lot));
    let mut ordered: Vec<Mx> = Vec::new();
    for (_, _, mx) in drawn {
        if !ordered.iter().any(|known| known.exchange == mx.exchange) {
            ordered.push(mx);
        }
    }
    ordered.truncate(HOSTS_MAX);
    ordered
}

fn random() -> u64 {
    let mut octets = [0; 8];
    fill_random(&mut octets);
    u64::from_ne_bytes(octets)
}

/// Who we are, for hosts that are ourselves.
pub(super) struct Ourselves<'a> {
    /// Our name.
    pub(super) hostname: &'a str,
    /// Where we take mail from other servers.
    pub(super) listeners: &'a [SocketAddr],
    /// The port of hosts.
    pub(super) port: u16,
}

impl Ourselves<'_> {
    fn are(&self, candidate: &Candidate) -> bool {
        let addresses = candidate
            .addresses
            .as_ref()
            .map(|found| found.list.as_slice());
        let is_ours = |address| is_ours(SocketAddr::new(address, self.port), self.listeners);
        candidate.mx.exchange == self.hostname
            || addresses.unwrap_or_default().iter().copied().any(is_ours)
    }

    /// Takes away ourselves and all hosts that are not better than we are (RFC 5321 §5.1): they would bring the mail to us. Nothing is
    /// left where we are the best.
    pub(super) fn left_out(&self, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
        let ours = candidates
            .iter()
            .filter(|candidate| self.are(candidate))
            .map(|candidate| candidate.mx.preference)
            .min();
        if let Some(ours) = ours {
            candidates.retain(|candidate| candidate.mx.preference < ours);
        }
        candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mx(preference: u16, exchange: &str) -> Mx {
        Mx {
            preference,
            exchange: exchange.to_owned(),
        }
    }

    fn judged(records: &[Mx]) -> Result<Vec<Mx>, RouteFailure> {
        let answer = Answer {
            records: records.to_vec(),
            ..Answer::absent(true, true)
        };
        judge("example.test", answer).map(|found| found.list)
    }

    #[test]
    fn hosts_come_by_preference_and_equal_ones_at_random() {
        let records = [mx(20, "c"), mx(10, "a"), mx(10, "b"), mx(30, "a")];
        let mut firsts = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let list = judged(&records).unwrap();
            assert_eq!(list.len(), 3, "each host once");
            assert_eq!(list[2], mx(20, "c"));
            firsts.insert(list[0].exchange.clone());
        }
        assert_eq!(firsts.len(), 2);
    }

    #[test]
    fn a_null_mx_alone_means_no_mail() {
        assert_eq!(
            judged(&[mx(0, ".")]),
            Err(RouteFailure::null_mx("example.test"))
        );
        assert_eq!(judged(&[mx(0, "."), mx(10, "a")]), Ok(vec![mx(10, "a")]));
    }

    #[test]
    fn without_mx_the_domain_is_the_host() {
        assert_eq!(judged(&[]), Ok(vec![mx(0, "example.test")]));
        let absent = judge("example.test", Answer::absent(false, true));
        assert_eq!(absent, Err(RouteFailure::no_such_domain("example.test")));
    }

    fn left_out(candidates: &[(u16, &str, &str)]) -> Vec<u16> {
        let listeners = ["127.7.7.7:25".parse().unwrap()];
        let ourselves = Ourselves {
            hostname: "mail.example.test",
            listeners: &listeners,
            port: 25,
        };
        let candidate = |(preference, exchange, address): &(u16, &str, &str)| Candidate {
            mx: mx(*preference, exchange),
            addresses: Ok(Addresses {
                list: vec![address.parse().unwrap()],
                ..Addresses::default()
            }),
        };
        let left = ourselves.left_out(candidates.iter().map(candidate).collect());
        left.iter()
            .map(|candidate| candidate.mx.preference)
            .collect()
    }

    #[test]
    fn hosts_that_are_not_better_than_ourselves_are_left_out() {
        assert_eq!(
            left_out(&[
                (5, "a", "192.0.2.1"),
                (10, "mail.example.test", "192.0.2.9"),
                (10, "b", "192.0.2.2"),
                (20, "c", "192.0.2.3")
            ]),
            [5]
        );
        assert_eq!(
            left_out(&[(5, "a", "192.0.2.1"), (10, "other.name", "127.7.7.7")]),
            [5]
        );
        assert!(
            left_out(&[
                (5, "mail.example.test", "192.0.2.9"),
                (10, "b", "192.0.2.2")
            ])
            .is_empty()
        );
        assert_eq!(
            left_out(&[(5, "a", "192.0.2.1"), (10, "b", "192.0.2.2")]),
            [5, 10]
        );
    }
}
