//! One transaction: what is wanted of a host, and what became of each recipient.
//!
//! Every recipient has exactly one [`Verdict`]. Only a reply of the host settles one for good; what we decide ourselves comes with
//! a [`Status`] of ours and is told as such.

use std::fmt;

use store::BodyKind;

use super::reply::HostReply;
pub use crate::grammar::EnhancedCode;

/// The envelope of one message to one host (RFC 5321 §3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The reverse-path without angle brackets; empty: the null path.
    pub sender: String,
    /// The recipients. At least one, at most [`crate::limits::TRANSACTION_RECIPIENTS_MAX`]: more are left [`Outcome::Untried`].
    pub recipients: Vec<Recipient>,
    /// RFC 3461 ENVID, in xtext as it stands in a command.
    pub envelope_id: Option<String>,
    /// RFC 3461 RET: `FULL` or `HDRS`.
    pub return_content: Option<String>,
    /// The sender asked for SMTPUTF8 (RFC 6531). What needs no SMTPUTF8 goes without it to a host that lacks it.
    pub smtputf8: bool,
    /// What the sender said of the body. The octets themselves are looked at where it matters.
    pub body: BodyKind,
    /// The sender asked for REQUIRETLS (RFC 8689): a host that does not offer it gets nothing.
    pub require_tls: bool,
}

/// A recipient of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The forward-path without angle brackets.
    pub address: String,
    /// RFC 3461 ORCPT as it stands in a command: `rfc822;` and xtext, or `utf-8;` and its encoding (RFC 6533 §3).
    pub original: Option<String>,
    /// RFC 3461 NOTIFY as it stands in a command.
    pub notify: Option<String>,
}

/// What became of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The host has taken responsibility.
    Delivered,
    /// Not now: to be tried again later.
    Deferred,
    /// Not ever: to be given back to the sender.
    Rejected,
    /// Not asked, or asked and put off: the host takes no more recipients in one transaction (RFC 5321 §4.5.3.1.10, RFC 9422
    /// RCPTMAX). To be sent in another transaction, at once; that does not count as an attempt.
    Untried,
}

/// What became of a recipient, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What became of it.
    pub outcome: Outcome,
    /// Why, for journal and notices.
    pub said: Said,
}

/// A status for a DSN (RFC 3463): `5.1.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// 2 success, 4 temporary, 5 permanent.
    pub class: u8,
    /// Subject and detail.
    pub code: EnhancedCode,
}

impl Status {
    /// The status `class.subject.detail`.
    pub const fn new(class: u8, subject: u16, detail: u16) -> Status {
        Status {
            class,
            code: EnhancedCode { subject, detail },
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{}.{}",
            self.class, self.code.subject, self.code.detail
        )
    }
}

/// A reason: the host's words, or ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The host's reply, harmless to print.
    Host(HostReply),
    /// Our own finding: one line of printable ASCII.
    Us {
        /// Its status.
        status: Status,
        /// What happened, and what it means.
        text: String,
    },
}

impl Said {
    /// A reason of our own.
    pub fn us(status: Status, text: impl Into<String>) -> Said {
        Said::Us {
            status,
            text: text.into(),
        }
    }

    /// The status for a DSN: the host's enhanced code, or what its reply code stands for (RFC 3463 §3: `X.0.0`).
    pub fn status(&self) -> Status {
        match self {
            Said::Host(reply) => reply.status(),
            Said::Us { status, .. } => *status,
        }
    }
}

/// One line, as it stands in journals: `550 5.1.1 No such user`, `4.4.2 connection lost`.
impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Host(reply) => reply.fmt(f),
            Said::Us { status, text } => write!(f, "{status} {text}"),
        }
    }
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// For each recipient, in the order of [`Transaction::recipients`].
    pub verdicts: Vec<Verdict>,
    /// Whether the session can take another transaction.
    pub reusable: bool,
    /// The end of the message was sent and no reply came: those deferred may have been delivered nevertheless, and the next
    /// attempt may bring a second copy (RFC 5321 §6.1, RFC 1047).
    pub outcome_unknown: bool,
    /// Whether ENVID, RET, ORCPT and NOTIFY were passed on: the host now answers for notices (RFC 3461 §5.2.1).
    pub dsn_passed_on: bool,
}
