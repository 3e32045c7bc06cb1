//! Domains and address literals (RFC 5321 §4.1.2, §4.1.3), and the name that a client gives in EHLO.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::cursor::Cursor;
use crate::limits::DOMAIN_OCTETS_MAX;

/// What stands right of the `@`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A domain name as it was written: case kept, U-labels not converted.
    Domain(String),
    /// `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
    Literal(IpAddr),
    /// `[tag:content]`, of a kind that nobody has registered yet.
    OtherLiteral(String),
}

impl Host {
    /// A whole domain or address literal.
    pub fn parse(text: &str) -> Option<Host> {
        let mut cursor = Cursor::new(text);
        let host = parse_host(&mut cursor)?;
        cursor.at_end().then_some(host)
    }

    /// Whether it can be sent without SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        match self {
            Host::Domain(name) => name.is_ascii(),
            Host::Literal(_) | Host::OtherLiteral(_) => true,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Domain(name) => f.write_str(name),
            Host::Literal(IpAddr::V4(address)) => write!(f, "[{address}]"),
            Host::Literal(IpAddr::V6(address)) => write!(f, "[IPv6:{address}]"),
            Host::OtherLiteral(content) => write!(f, "[{content}]"),
        }
    }
}

pub(super) fn parse_host(cursor: &mut Cursor<'_>) -> Option<Host> {
    if cursor.eat('[') {
        let content = cursor.take_while(|c| matches!(c, '!'..='Z' | '^'..='~'));
        return cursor.eat(']').then(|| parse_literal(content)).flatten();
    }
    parse_domain(cursor).map(|name| Host::Domain(name.to_owned()))
}

/// `sub-domain *("." sub-domain)`, where a label may also be a U-label (RFC 6531 §3.3).
pub(super) fn parse_domain<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    let name =
        cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.' || !c.is_ascii());
    let valid = name.len() <= DOMAIN_OCTETS_MAX && name.split('.').all(is_label);
    valid.then_some(name)
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
}

fn parse_literal(content: &str) -> Option<Host> {
    if let Ok(address) = content.parse::<Ipv4Addr>() {
        return Some(Host::Literal(address.into()));
    }
    let (tag, value) = content.split_once(':')?;
    if tag.eq_ignore_ascii_case("IPv6") {
        return value
            .parse::<Ipv6Addr>()
            .ok()
            .map(|address| Host::Literal(address.into()));
    }
    let tag_is_valid = is_label(tag) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (tag_is_valid && !value.is_empty() && content.len() <= DOMAIN_OCTETS_MAX)
        .then(|| Host::OtherLiteral(content.to_owned()))
}

/// The name by which a client introduces itself.
///
/// RFC 5321 §4.1.1.1 wants a domain or an address literal. Real clients send machine names with underscores and literals
/// without a tag (`[2001:db8::1]`, `[fe80::1%en0]`); nothing depends on the name, so any word of harmless characters is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientName(String);

impl ClientName {
    /// A name, if `text` is one word of letters, digits and `.-_:%[]`.
    pub fn parse(text: &str) -> Option<ClientName> {
        let harmless = |b: u8| b.is_ascii_alphanumeric() || b".-_:%[]".contains(&b);
        let valid =
            !text.is_empty() && text.len() <= DOMAIN_OCTETS_MAX && text.bytes().all(harmless);
        valid.then(|| ClientName(text.to_owned()))
    }

    /// The name as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, if it is a domain and no literal.
    pub fn domain(&self) -> Option<&str> {
        match Host::parse(&self.0) {
            Some(Host::Domain(_)) => Some(&self.0),
            _ => None,
        }
    }

    /// Whether it is a name that may stand in a `Received` field as it is (RFC 5321 §4.4, `Extended-Domain`).
    pub fn is_host(&self) -> bool {
        Host::parse(&self.0).is_some()
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_and_literals_are_read_and_written_back() {
        for text in [
            "example.test",
            "a",
            "x-y.1.test",
            "[192.0.2.1]",
            "[IPv6:2001:db8::1]",
            "[tag:what]",
            "bücher.test",
        ] {
            assert_eq!(Host::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ".",
            "a..b",
            ".a",
            "a.",
            "-a",
            "a-",
            "a_b",
            "a b",
            "[",
            "[]",
            "[1.2.3]",
            "[1.2.3.256]",
            "[IPv6:]",
            "[x:]",
            "a]",
        ] {
            assert_eq!(Host::parse(text), None, "{text}");
        }
        assert_eq!(Host::parse(&"a".repeat(256)), None);
    }

    #[test]
    fn client_names_are_taken_liberally_but_never_with_blanks_or_brackets_of_comments() {
        assert!(ClientName::parse("MY_PC").is_some_and(|name| !name.is_host()));
        assert!(ClientName::parse("[2001:db8::1]").is_some());
        for text in ["", "a b", "a(b)", "a;b", "ä", "<a>"] {
            assert_eq!(ClientName::parse(text), None, "{text}");
        }
    }
}
