//! `[[milter]]`: filters that mail passes before it is accepted, in the order of the file.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::section::Section;
use crate::limits;

/// An hour.
const SECONDS_MAX: u64 = 3600;
const OCTETS_MAX: u64 = 1 << 40;

/// One of `[[milter]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Milter {
    /// Where the filter listens.
    pub address: SocketName,
    /// What becomes of mail while the filter does not work.
    pub on_failure: OnFailure,
    /// On which ports it is asked.
    pub ports: Vec<MilterPort>,
    /// How long connecting to it, and the first exchange, may take each.
    pub connect_seconds: u64,
    /// How long it may take for each answer but the last.
    pub reply_seconds: u64,
    /// How long it may take for the last, with all that it wants to change.
    pub message_seconds: u64,
    /// Larger messages it does not see.
    pub message_octets: u64,
    /// A header field, name and value, by which the filter marks what belongs in Junk. Fields of this name that came with the message are
    /// removed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub junk_header: Option<FieldMark>,
}

/// What becomes of mail while a filter does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// It goes on as if this filter did not exist.
    Accept,
    /// It is refused for now.
    Tempfail,
    /// It is refused for good.
    Reject,
}

/// The ports on which a filter is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MilterPort {
    /// Mail from other servers.
    Incoming,
    /// Mail from our users.
    Submission,
}

impl Milter {
    /// [`Milter::connect_seconds`] as a duration.
    pub fn connect(&self) -> Duration {
        Duration::from_secs(self.connect_seconds)
    }

    /// [`Milter::reply_seconds`] as a duration.
    pub fn reply(&self) -> Duration {
        Duration::from_secs(self.reply_seconds)
    }

    /// [`Milter::message_seconds`] as a duration.
    pub fn message(&self) -> Duration {
        Duration::from_secs(self.message_seconds)
    }
}

/// The name of a socket that another program listens on: `inet:127.0.0.1:11332` or `unix:/run/filter.sock`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SocketName {
    /// TCP.
    Inet(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl FromStr for SocketName {
    type Err = String;

    fn from_str(text: &str) -> Result<SocketName, String> {
        let name = match text.split_once(':') {
            Some(("inet", address)) => address.parse().ok().map(SocketName::Inet),
            Some(("unix", path)) => path.starts_with('/').then(|| SocketName::Unix(path.into())),
            _ => None,
        };
        name.ok_or_else(|| {
            format!(
                "must be like \"inet:127.0.0.1:11332\" or \"unix:/run/filter.sock\", not \"{text}\""
            )
        })
    }
}

impl fmt::Display for SocketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SocketName::Inet(address) => write!(f, "inet:{address}"),
            SocketName::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Serialize for SocketName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A header field that says something by being there: `X-Spam: Yes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldMark {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl FromStr for FieldMark {
    type Err = String;

    fn from_str(text: &str) -> Result<FieldMark, String> {
        let parts = text
            .split_once(':')
            .map(|(name, value)| (name.trim(), value.trim()));
        match parts {
            Some((name, value))
                if !name.is_empty()
                    && name.bytes().all(|octet| octet.is_ascii_graphic())
                    && !value.is_empty()
                    && value.bytes().all(|octet| matches!(octet, b' '..=b'~')) =>
            {
                Ok(FieldMark {
                    name: name.to_owned(),
                    value: value.to_owned(),
                })
            }
            _ => Err(format!(
                "must be a header field like \"X-Spam: Yes\", not \"{text}\""
            )),
        }
    }
}

impl Serialize for FieldMark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}: {}", self.name, self.value))
    }
}

pub(super) fn milters(sections: Vec<Section<'_>>) -> Vec<Milter> {
    sections.into_iter().filter_map(milter).collect()
}

/// A filter without a readable address is a fault that has been told, and no filter.
fn milter(section: Section<'_>) -> Option<Milter> {
    let failures = [
        ("accept", OnFailure::Accept),
        ("tempfail", OnFailure::Tempfail),
        ("reject", OnFailure::Reject),
    ];
    let seconds = |key, default| section.number(key, 1..=SECONDS_MAX, default);
    let milter = address(&section).map(|address| Milter {
        address,
        on_failure: section.choice("on_failure", &failures, OnFailure::Tempfail),
        ports: ports(&section),
        connect_seconds: seconds("connect_seconds", limits::MILTER_CONNECT_SECONDS),
        reply_seconds: seconds("reply_seconds", limits::MILTER_REPLY_SECONDS),
        message_seconds: seconds("message_seconds", limits::MILTER_MESSAGE_SECONDS),
        message_octets: section.number(
            "message_octets",
            1..=OCTETS_MAX,
            limits::MILTER_MESSAGE_OCTETS,
        ),
        junk_header: section.maybe_parsed("junk_header"),
    });
    if milter.is_some() {
        section.finish();
    }
    milter
}

fn address(section: &Section<'_>) -> Option<SocketName> {
    let advice = "where the filter listens, as in address = \"inet:127.0.0.1:11332\"";
    match section.required_text("address", advice) {
        "" => None,
        _ => section.maybe_parsed("address"),
    }
}

fn ports(section: &Section<'_>) -> Vec<MilterPort> {
    let known = [
        ("incoming", MilterPort::Incoming),
        ("submission", MilterPort::Submission),
    ];
    let Some(words) = section.list::<String>("ports", "incoming") else {
        return known.map(|(_, port)| port).to_vec();
    };
    let ports: Vec<MilterPort> = known
        .iter()
        .filter(|(word, _)| words.iter().any(|own| own == word))
        .map(|(_, port)| *port)
        .collect();
    if ports.is_empty() || ports.len() != words.len() {
        section.refuse("ports", "must name \"incoming\", \"submission\" or both");
    }
    ports
}
