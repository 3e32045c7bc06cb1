//! The part of `[relay]` that says where mail goes: smart hosts, ports, addresses, and whom to trust.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::section::Section;

/// Routes for single domains; more belong into DNS.
const ROUTES_MAX: usize = 10_000;
/// SMTP (RFC 5321 §4.5.4.2).
const SMTP_PORT: u16 = 25;
/// Submission with TLS from the start (RFC 8314 §7.3).
const SUBMISSIONS_PORT: u16 = 465;

/// Where mail goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Routing {
    /// The port of hosts that are found by MX.
    pub port: u16,
    /// Which addresses of hosts are used.
    pub ip: IpFamilies,
    /// The address to connect from over IPv4; None: the system chooses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ipv4: Option<Ipv4Addr>,
    /// The same over IPv6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ipv6: Option<Ipv6Addr>,
    /// Deliver also to hosts with loopback and private addresses that are found by DNS.
    pub private_addresses: bool,
    /// The certificates that are trusted, a PEM file; None: the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The host that takes all mail for which there is no other route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smart_host: Option<SmartHost>,
    /// Routes for single domains.
    #[serde(rename = "route", skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<DomainRoute>,
}

impl Routing {
    /// The route that the configuration has for a domain: its own, that of the nearest domain above it that is written as
    /// `*.domain`, or the smart host. None: by MX. `domain` is in lower case, as A-labels.
    pub fn smart_host(&self, domain: &str) -> Option<&SmartHost> {
        let named = |pattern: &str| self.routes.iter().find(|route| route.domain == pattern);
        let above = || {
            domain
                .match_indices('.')
                .find_map(|(dot, _)| named(&format!("*{}", &domain[dot..])))
        };
        match named(domain).or_else(above) {
            Some(route) => route.host.as_ref(),
            None => self.smart_host.as_ref(),
        }
    }
}

/// `relay.ip`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IpFamilies {
    /// IPv6 and IPv4.
    Both,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

/// One of `relay.route`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DomainRoute {
    /// A domain, or all domains beneath one: `example.org`, `*.example.org`.
    pub domain: String,
    /// The host; None: by MX, in spite of a smart host.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub host: Option<SmartHost>,
}

/// A host that mail is given to without a look at DNS' MX records (RFC 5598 §5.3's next hop by configuration).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SmartHost {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection must be protected.
    pub tls: RouteTls,
    /// TLS from the start, without STARTTLS.
    pub implicit_tls: bool,
    /// The user that we log in as; None: no login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A file with the password alone. Set if `user` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

/// `tls` of a smart host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteTls {
    /// None, even if it is offered.
    Never,
    /// If it is offered, with any certificate.
    Opportunistic,
    /// With any certificate, or not at all.
    Encrypted,
    /// With a certificate for the host's name from somebody whom we trust.
    Verified,
}

/// Reads what belongs to routing of `[relay]`; the caller finishes the section.
pub(super) fn routing(section: &Section<'_>, directory: &Path) -> Routing {
    let families = [
        ("both", IpFamilies::Both),
        ("ipv4", IpFamilies::Ipv4),
        ("ipv6", IpFamilies::Ipv6),
    ];
    let smart = section.section("smart_host");
    let smart_host = smart.is_there().then(|| smart_host(&smart, directory));
    smart.finish();
    Routing {
        port: port(section, SMTP_PORT),
        ip: section.choice("ip", &families, IpFamilies::Both),
        source_ipv4: optional_address(section, "source_ipv4"),
        source_ipv6: optional_address(section, "source_ipv6"),
        private_addresses: section.flag("private_addresses", false),
        ca_file: section.text("ca_file").map(|path| directory.join(path)),
        smart_host: smart_host.flatten(),
        routes: routes(section, directory),
    }
}

fn routes(section: &Section<'_>, directory: &Path) -> Vec<DomainRoute> {
    let mut routes: Vec<DomainRoute> = Vec::new();
    for entry in section.sections(
        "route",
        "{ domain = \"example.org\", host = \"mail.example.org\" }",
    ) {
        let advice =
            "the domain whose mail goes there, as in domain = \"example.org\" or \"*.example.org\"";
        let domain = entry.required_text("domain", advice).to_ascii_lowercase();
        let name = domain.strip_prefix("*.").unwrap_or(&domain);
        if entry.has("domain") && !is_name(name) {
            entry.refuse(
                "domain",
                "must be a domain of letters, digits and hyphens (others as in xn--bcher-kva.example), or \"*.\" and such a domain",
            );
        }
        if routes.iter().any(|route| route.domain == domain) {
            entry.refuse("domain", "has a route already");
        }
        let host = match entry.has("host") {
            true => smart_host(&entry, directory),
            false => None,
        };
        routes.push(DomainRoute { domain, host });
        entry.finish();
    }
    if routes.len() > ROUTES_MAX {
        section.refuse("route", format!("must be at most {ROUTES_MAX} routes"));
    }
    routes
}

fn smart_host(section: &Section<'_>, directory: &Path) -> Option<SmartHost> {
    let advice = "its name or address, as in host = \"smtp.example.net\"";
    let host = section.required_text("host", advice).to_ascii_lowercase();
    // An absent host has been told already.
    if section.has("host") && host.parse::<IpAddr>().is_err() && !is_name(&host) {
        section.refuse(
            "host",
            "must be a name of letters, digits and hyphens or an address, without brackets or port",
        );
    }
    let port = port(section, SMTP_PORT);
    let user = section.text("user").map(str::to_owned);
    let password_file = section
        .text("password_file")
        .map(|path| directory.join(path));
    if user.is_some() != password_file.is_some() {
        section.refuse(
            "user",
            "and `password_file` go together: a login needs both",
        );
    }
    let smart_host = SmartHost {
        tls: tls(section, user.is_some() || port == SUBMISSIONS_PORT),
        implicit_tls: section.flag("implicit_tls", port == SUBMISSIONS_PORT),
        host,
        port,
        user,
        password_file,
    };
    let is_open = matches!(smart_host.tls, RouteTls::Never | RouteTls::Opportunistic);
    if is_open && (smart_host.user.is_some() || smart_host.implicit_tls) {
        section.refuse(
            "tls",
            "must be \"verified\" or \"encrypted\" where there is a login or TLS from the start",
        );
    }
    Some(smart_host)
}

/// A name as the DNS has it; one label is enough for a network of one's own.
pub(super) fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
    };
    host.split('.').all(is_label)
}

fn tls(section: &Section<'_>, is_private: bool) -> RouteTls {
    let words = [
        ("never", RouteTls::Never),
        ("opportunistic", RouteTls::Opportunistic),
        ("encrypted", RouteTls::Encrypted),
        ("verified", RouteTls::Verified),
    ];
    let default = match is_private {
        true => RouteTls::Verified,
        false => RouteTls::Opportunistic,
    };
    section.choice("tls", &words, default)
}

fn port(section: &Section<'_>, default: u16) -> u16 {
    u16::try_from(section.number("port", 1..=u16::MAX.into(), default.into())).unwrap_or(default)
}

fn optional_address<A: std::str::FromStr>(section: &Section<'_>, key: &'static str) -> Option<A> {
    let text = section.text(key)?;
    let address = text.parse().ok();
    if address.is_none() {
        section.refuse(
            key,
            "must be an address of this machine, of this family, without a port",
        );
    }
    address
}
