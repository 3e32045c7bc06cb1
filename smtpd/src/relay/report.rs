//! What became of one recipient in one attempt, and by whom we know.

use std::fmt;

use super::client::{Outcome, Said, Verdict};
use super::leads::Destinations;

/// What became of a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// Who says so, and in which words.
    pub(crate) said: Said,
    /// The host that was asked last.
    pub(crate) host: Option<Asked>,
    /// The host answers for notices from now on (RFC 3461 §5.2.2).
    pub(crate) dsn_passed_on: bool,
    /// It stays here, and goes there.
    pub(crate) here: Option<Destinations>,
}

/// A host that was asked, and how the connection was protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Its name.
    pub(crate) name: String,
    /// Name, address and port, for people.
    pub(crate) endpoint: String,
    /// TLS version, cipher and whether the host is known by it; `in the clear`; empty if there was no session.
    pub(crate) protection: String,
}

impl Report {
    /// We say so ourselves, without having asked a host.
    pub(crate) fn ours(outcome: Outcome, said: Said) -> Report {
        Report {
            outcome,
            said,
            host: None,
            dsn_passed_on: false,
            here: None,
        }
    }

    /// It turns out to stay here.
    pub(crate) fn stays(said: Said, here: Destinations) -> Report {
        Report {
            here: Some(here),
            ..Report::ours(Outcome::Delivered, said)
        }
    }

    /// A host's verdict.
    pub(crate) fn of_host(verdict: Verdict, host: Asked, dsn_passed_on: bool) -> Report {
        Report {
            outcome: verdict.outcome,
            said: verdict.said,
            host: Some(host),
            dsn_passed_on,
            here: None,
        }
    }
}

/// The line of the journal: `mx.example.test[192.0.2.1]:25, TLSv1.3 …: 250 2.0.0 Ok`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            f.write_str(&host.endpoint)?;
            if !host.protection.is_empty() {
                write!(f, ", {}", host.protection)?;
            }
            f.write_str(": ")?;
        }
        self.said.fmt(f)
    }
}
