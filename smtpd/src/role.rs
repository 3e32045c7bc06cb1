//! What a port is for.

use daemon::config::Config;
use daemon::service::{Listener, Program, Security};

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Mail from other servers: anybody may send, to local recipients only.
    Receive,
    /// Mail from our users: whoever has logged in may send, to anybody (RFC 6409).
    Submission,
}

/// The daemon as data.
pub static PROGRAM: Program = Program {
    name: "smtpd",
    listeners: &[
        Listener {
            name: "smtp",
            addresses: |config| &config.smtpd.listen,
            security: Security::StartTls,
        },
        Listener {
            name: "submission",
            addresses: |config| &config.smtpd.submission,
            security: Security::StartTls,
        },
        Listener {
            name: "submissions",
            addresses: |config| &config.smtpd.submissions,
            security: Security::Implicit,
        },
    ],
    metrics: |config: &Config| config.smtpd.metrics,
};

impl Role {
    /// The role of a listener of [`PROGRAM`].
    pub fn of(listener: &Listener) -> Role {
        match listener.name {
            "smtp" => Role::Receive,
            _ => Role::Submission,
        }
    }
}
