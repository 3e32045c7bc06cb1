//! What is to be told.

use store::{MessageId, TlsDemand};

use super::returned::Returned;
use crate::relay::client::Status;

/// What became of a recipient (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Given up.
    Failed,
    /// Not reached yet.
    Delayed,
    /// In a mailbox here.
    Delivered,
    /// Handed to a host that will not tell what becomes of it.
    Relayed,
    /// Sent on to several addresses by an alias here.
    Expanded,
}

impl Action {
    /// The keyword of the Action field.
    pub(crate) fn keyword(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Delivered => "delivered",
            Action::Relayed => "relayed",
            Action::Expanded => "expanded",
        }
    }
}

/// The message that a notice is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// Its id here.
    pub(crate) id: MessageId,
    /// Its reverse-path, which gets the notice. Not the null path.
    pub(crate) sender: String,
    /// ENVID as it stood in the command: xtext.
    pub(crate) envelope_id: Option<String>,
    /// When it was accepted; seconds since 1970.
    pub(crate) arrived: i64,
    /// When its sender wanted it released (RFC 4865).
    pub(crate) release_request: Option<String>,
    /// It came with SMTPUTF8: the notice may be internationalised (RFC 6533 §3).
    pub(crate) utf8: bool,
    /// What its sender demands of connections: the notice is protected in the same manner (RFC 8689 §5).
    pub(crate) tls: TlsDemand,
}

/// One recipient and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Affected {
    /// The forward-path.
    pub(crate) recipient: String,
    /// ORCPT as it stood in the command.
    pub(crate) original: Option<String>,
    /// RFC 3463.
    pub(crate) status: Status,
    /// The host that was asked.
    pub(crate) host: Option<String>,
    /// What the host said, in full.
    pub(crate) reply: Option<String>,
    /// What we say of it, if no host said anything.
    pub(crate) finding: Option<String>,
    /// Until when it is tried; seconds since 1970.
    pub(crate) tried_until: Option<i64>,
}

/// A notice: one message, one action, any number of recipients.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    /// The message.
    pub(crate) about: About,
    /// What became of its recipients.
    pub(crate) action: Action,
    /// Which recipients. At least one.
    pub(crate) affected: Vec<Affected>,
    /// What of the message is given back.
    pub(crate) returned: Returned,
}
