//! The grammar of MTA-STS: the TXT record (RFC 8461 §3.1) and the policy file (§3.2). Pure.

use std::fmt;

use crate::limits::{STS_AGE_SECONDS_MAX, STS_PATTERNS_MAX};

/// Characters of a policy's id (RFC 8461 §3.1).
const ID_OCTETS_MAX: usize = 32;

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Policy {
    /// What is to be done with it.
    pub(super) mode: Mode,
    /// How long it holds, in seconds.
    pub(super) max_age: i64,
    /// Which hosts the domain has.
    pub(super) patterns: Vec<String>,
    /// The lines, for reports.
    pub(super) lines: Vec<String>,
}

/// `mode`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Hosts that do not fit get no mail.
    Enforce,
    /// They get it, and a report says so.
    Testing,
    /// As if there were no policy.
    None,
}

/// What makes a file no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAPolicy {
    #[error("it does not begin with the version STSv1")]
    Version,
    #[error("its mode is not enforce, testing or none")]
    Mode,
    #[error("its max_age is missing or not a number of seconds up to 31557600")]
    MaxAge,
    #[error("it names no mx")]
    NoMx,
    #[error("a line is not a key and a value")]
    Line,
}

impl Policy {
    /// Reads the file. Keys that are unknown mean nothing; of those that stand twice the first counts, except `mx`.
    pub(super) fn parse(text: &str) -> Result<Policy, NotAPolicy> {
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .collect();
        let mut fields = Vec::new();
        for line in &lines {
            let (key, value) = line.split_once(':').ok_or(NotAPolicy::Line)?;
            fields.push((key.trim(), value.trim()));
        }
        let first = |wanted: &str| {
            fields
                .iter()
                .find(|(key, _)| *key == wanted)
                .map(|(_, value)| *value)
        };
        if first("version") != Some("STSv1") {
            return Err(NotAPolicy::Version);
        }
        let mode = match first("mode") {
            Some("enforce") => Mode::Enforce,
            Some("testing") => Mode::Testing,
            Some("none") => Mode::None,
            _ => return Err(NotAPolicy::Mode),
        };
        let max_age =
            first("max_age").filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()));
        let max_age: i64 = max_age
            .and_then(|text| text.parse().ok())
            .ok_or(NotAPolicy::MaxAge)?;
        if max_age > STS_AGE_SECONDS_MAX {
            return Err(NotAPolicy::MaxAge);
        }
        let patterns = fields.iter().filter(|(key, _)| *key == "mx");
        let patterns: Vec<String> = patterns
            .map(|(_, pattern)| pattern.trim_end_matches('.').to_ascii_lowercase())
            .take(STS_PATTERNS_MAX)
            .collect();
        if patterns.is_empty() && mode != Mode::None {
            return Err(NotAPolicy::NoMx);
        }
        let lines = lines.into_iter().map(str::to_owned).collect();
        Ok(Policy {
            mode,
            max_age,
            patterns,
            lines,
        })
    }

    /// Whether a host, in lower case, is one of the domain's (RFC 8461 §4.1): a `*` stands for the whole leftmost label and no more.
    pub(super) fn names(&self, host: &str) -> bool {
        self.patterns
            .iter()
            .any(|pattern| match pattern.strip_prefix("*.") {
                Some(rest) => host
                    .split_once('.')
                    .is_some_and(|(first, above)| !first.is_empty() && above == rest),
                None => pattern == host,
            })
    }
}

/// The id of the policy that a domain has, from the texts at `_mta-sts`. None: there is no policy, or more than one.
pub(super) fn record_id(texts: &[Vec<u8>]) -> Option<Id> {
    let mut records = texts
        .iter()
        .filter_map(|text| std::str::from_utf8(text).ok())
        .filter(|text| has_version(text));
    match (records.next(), records.next()) {
        (Some(record), None) => id(record),
        _ => None,
    }
}

/// An id: it changes when the policy does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Id(pub(super) String);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn has_version(text: &str) -> bool {
    text.strip_prefix("v=STSv1")
        .is_some_and(|rest| rest.trim_start_matches([' ', '\t']).starts_with(';'))
}

fn id(record: &str) -> Option<Id> {
    let mut fields = record.split(';').filter_map(|field| field.split_once('='));
    let (_, id) = fields.find(|(key, _)| key.trim() == "id")?;
    let id = id.trim();
    let is_id = (1..=ID_OCTETS_MAX).contains(&id.len())
        && id.bytes().all(|octet| octet.is_ascii_alphanumeric());
    is_id.then(|| Id(id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.test\r\nmx: *.Example.net\r\nmax_age: 604800\r\n";

    #[test]
    fn a_policy_is_read() {
        let policy = Policy::parse(FILE).unwrap();
        assert_eq!(policy.mode, Mode::Enforce);
        assert_eq!(policy.max_age, 604_800);
        assert_eq!(policy.patterns, ["mail.example.test", "*.example.net"]);
        assert_eq!(policy.lines.len(), 5);
        assert_eq!(
            Policy::parse(&FILE.replace("\r\n", "\n")).unwrap().patterns,
            policy.patterns
        );
        let extended = format!("{FILE}mode: none\nx-new_key: anything: at all\n");
        assert_eq!(
            Policy::parse(&extended).unwrap().mode,
            Mode::Enforce,
            "the first counts"
        );
        assert_eq!(
            Policy::parse("version: STSv1\nmode: none\nmax_age: 0")
                .unwrap()
                .mode,
            Mode::None
        );
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for (from, to, why) in [
            ("STSv1", "STSv2", NotAPolicy::Version),
            ("version: ", "v: ", NotAPolicy::Version),
            ("enforce", "force", NotAPolicy::Mode),
            ("604800", "31557601", NotAPolicy::MaxAge),
            ("604800", "+5", NotAPolicy::MaxAge),
            ("604800", "99999999999999999999", NotAPolicy::MaxAge),
            ("max_age", "age", NotAPolicy::MaxAge),
            ("mx: ", "nx: ", NotAPolicy::NoMx),
            ("mode: ", "mode ", NotAPolicy::Line),
        ] {
            assert_eq!(
                Policy::parse(&FILE.replace(from, to)),
                Err(why),
                "{from} → {to}"
            );
        }
        assert_eq!(Policy::parse("<html>"), Err(NotAPolicy::Line));
        assert_eq!(Policy::parse(""), Err(NotAPolicy::Version));
    }

    #[test]
    fn a_star_stands_for_one_label() {
        let policy = Policy::parse(FILE).unwrap();
        assert!(policy.names("mail.example.test"));
        assert!(policy.names("mx.example.net"));
        for other in [
            "a.mx.example.net",
            "example.net",
            ".example.net",
            "mail.example.test.evil.test",
            "xmail.example.test",
        ] {
            assert!(!policy.names(other), "{other}");
        }
    }

    #[test]
    fn the_id_is_found_in_one_record_alone() {
        let found = |texts: &[&str]| {
            let texts: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
            record_id(&texts).map(|id| id.0)
        };
        assert_eq!(
            found(&["v=STSv1; id=20160831085700Z;"]).as_deref(),
            Some("20160831085700Z")
        );
        assert_eq!(
            found(&["v=spf1 -all", "v=STSv1;id=1"]).as_deref(),
            Some("1")
        );
        assert_eq!(found(&["v=STSv1 ; x=y; id=1"]).as_deref(), Some("1"));
        assert_eq!(found(&["v=STSv1; id=1", "v=STSv1; id=2"]), None);
        assert_eq!(found(&["v=STSv12; id=1"]), None);
        assert_eq!(found(&["v=STSv1; id=a-b"]), None);
        assert_eq!(found(&["v=STSv1; id="]), None);
        assert_eq!(found(&["v=STSv1"]), None);
        assert_eq!(found(&[]), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_a_server_sends_does_harm(text in "\\PC*", host in "[a-z.*]{0,30}") {
            if let Ok(policy) = Policy::parse(&text) {
                policy.names(&host);
            }
            record_id(&[text.into_bytes()]);
        }
    }
}
