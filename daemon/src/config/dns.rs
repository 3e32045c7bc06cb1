//! `[dns]`: who answers questions about names, and whose signatures are believed.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::section::Section;
use crate::limits;

/// `[dns]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dns {
    /// The name servers; none: those of /etc/resolv.conf.
    pub servers: Vec<NameServer>,
    /// Validate signatures (DNSSEC, RFC 4035 §4.3). Without that there is no DANE.
    pub dnssec: bool,
    /// Believe nothing through name servers that keep signatures back, so that mail waits. Else it goes out without DANE.
    pub dnssec_required: bool,
    /// DNSKEY records that are trusted, in a file as of a zone; None: those of the root, which are built in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_anchor: Option<PathBuf>,
    /// How long one question may take, with all repetitions.
    pub timeout_seconds: u64,
}

impl Dns {
    /// [`Dns::timeout_seconds`] as a duration.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }
}

/// The address of a name server; without a port it is 53.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameServer(pub SocketAddr);

/// The port of name servers (RFC 1035 §4.2).
const PORT: u16 = 53;

impl FromStr for NameServer {
    type Err = String;

    fn from_str(text: &str) -> Result<NameServer, String> {
        let alone = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT));
        alone.or_else(|_| text.parse()).map(NameServer).map_err(|_| {
            format!("must be addresses with or without a port, such as \"127.0.0.1\" or \"[2001:db8::1]:53\", not \"{text}\"")
        })
    }
}

impl fmt::Display for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for NameServer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads the section. Whether the trust anchors can be used is found out where they are used.
pub(super) fn dns(section: Section<'_>, directory: &Path) -> Dns {
    let dns = Dns {
        servers: section.list("servers", "127.0.0.1").unwrap_or_default(),
        dnssec: section.flag("dnssec", true),
        dnssec_required: section.flag("dnssec_required", false),
        trust_anchor: section
            .text("trust_anchor")
            .map(|path| directory.join(path)),
        timeout_seconds: section.number("timeout_seconds", 1..=60, limits::DNS_SECONDS_MAX),
    };
    if dns.dnssec_required && !dns.dnssec {
        section.refuse("dnssec_required", "needs `dns.dnssec`");
    }
    section.finish();
    dns
}
