//! Why there is no way to a domain.

use crate::dns::DnsFailure;
use crate::relay::client::{Said, Status};

/// No host can be asked. What it says is for the sender and for the journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct RouteFailure {
    /// Always our own finding.
    pub said: Said,
}

impl RouteFailure {
    /// True if another attempt may find a way.
    pub fn is_temporary(&self) -> bool {
        self.said.status().class == 4
    }

    fn new(class: u8, subject: u16, detail: u16, text: String) -> RouteFailure {
        RouteFailure {
            said: Said::us(Status::new(class, subject, detail), text),
        }
    }

    /// RFC 7505 §4.2: the domain wants no mail.
    pub(super) fn null_mx(domain: &str) -> RouteFailure {
        let text = format!("{domain} does not accept mail (null MX)");
        RouteFailure::new(5, 1, 10, text)
    }

    pub(super) fn no_such_domain(domain: &str) -> RouteFailure {
        RouteFailure::new(5, 1, 2, format!("there is no domain {domain}"))
    }

    pub(super) fn no_mail_host(domain: &str) -> RouteFailure {
        let text = format!("{domain} has neither MX nor address records: it takes no mail");
        RouteFailure::new(5, 1, 2, text)
    }

    pub(super) fn no_address(domain: &str) -> RouteFailure {
        let text = format!("none of the mail hosts of {domain} has an address that we may use");
        RouteFailure::new(5, 4, 4, text)
    }

    pub(super) fn private_address(domain: &str) -> RouteFailure {
        let text = format!(
            "all mail hosts of {domain} have private addresses, to which mail does not go without a route"
        );
        RouteFailure::new(5, 4, 4, text)
    }

    pub(super) fn loops_back(domain: &str) -> RouteFailure {
        let text =
            format!("mail for {domain} loops back to this server, which does not know the domain");
        RouteFailure::new(5, 4, 6, text)
    }

    pub(super) fn dns(domain: &str, failure: &DnsFailure) -> RouteFailure {
        let text = format!("looking for the mail hosts of {domain}: {failure}");
        RouteFailure::new(4, 4, 3, text)
    }

    pub(super) fn unsafe_hosts(domain: &str, why: &str) -> RouteFailure {
        let text = format!("no mail host of {domain} can be used safely: {why}");
        RouteFailure::new(4, 7, 0, text)
    }

    /// RFC 8689 §4.2.1: no host was asked, so none can be said not to know REQUIRETLS.
    pub(super) fn require_tls(domain: &str) -> RouteFailure {
        let text = format!(
            "the sender requires TLS, and neither DNSSEC nor MTA-STS says for sure which hosts {domain} has"
        );
        RouteFailure::new(5, 7, 10, text)
    }

    pub(super) fn no_smart_host(host: &str) -> RouteFailure {
        let text = format!(
            "the smart host {host} has no address that we may use: see [relay] in the configuration"
        );
        RouteFailure::new(4, 3, 5, text)
    }

    pub(super) fn password_file(host: &str, reason: &str) -> RouteFailure {
        let text = format!("the password for {host} cannot be read: {reason}");
        RouteFailure::new(4, 3, 5, text)
    }

    /// A literal of a kind that nobody has defined (RFC 5321 §4.1.3).
    pub(super) fn unknown_literal(domain: &str) -> RouteFailure {
        RouteFailure::new(
            5,
            1,
            3,
            format!("{domain} is no address that mail can go to"),
        )
    }
}
