//! Authentication as every protocol needs it: mechanisms (RFC 4422) without base64, tags or reply codes, and
//! the one place where a password is judged.
//!
//! A protocol asks [`mechanisms`] what to announce, makes an [`Exchange`] when the client has chosen, and shows it each
//! decoded response until it is done. Passwords that come by another way (`USER`/`PASS`, IMAP `LOGIN`) go to
//! [`Authenticator::password`]. Failures are slowed down in here; a protocol only tells them.

mod authenticator;
pub mod client;
mod exchange;
pub mod plain;
mod remember;
pub mod scram;
mod tenure;
mod throttle;

use std::fmt;

use crate::config::Config;
use crate::wire::{Peer, TlsInfo};

pub use authenticator::Authenticator;
pub use exchange::{Exchange, Step};
use store::{AccountId, Address};
use tenure::Grant;
pub(crate) use tenure::revoked;

/// Who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub account: AccountId,
    /// Its main address, in normal form.
    pub address: Address,
    /// The name of the app password that was used; None: the main password.
    pub app_password: Option<String>,
    grant: Grant,
}

/// Why nobody has logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Wrong name or password; which of them is not told.
    #[error("authentication failed")]
    Credentials,
    /// The right password of an account that is disabled. Only ever told to one who knows the password.
    #[error("account is disabled")]
    Disabled,
    /// The right password, of one who wants to act for somebody else.
    #[error("not allowed to act for another")]
    Authorization,
    /// The client's message is not as its mechanism wants it.
    #[error("malformed authentication message")]
    Malformed,
    /// The client gave up (`*`). Made by the protocol, here so that all failures are in one place.
    #[error("authentication cancelled")]
    Cancelled,
    /// Too many failures from this address range: try later.
    #[error("too many failures, try later")]
    Throttled,
    /// We cannot know now (the store is not available): try later.
    #[error("temporary authentication failure")]
    Temporary,
    /// The mechanism is unknown or not allowed here.
    #[error("mechanism not available")]
    Mechanism,
    /// Passwords are not taken in the clear: TLS first.
    #[error("encryption required")]
    EncryptionRequired,
}

impl Failure {
    /// A short word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Failure::Credentials => "credentials",
            Failure::Disabled => "disabled",
            Failure::Authorization => "authorization",
            Failure::Malformed => "malformed",
            Failure::Cancelled => "cancelled",
            Failure::Throttled => "throttled",
            Failure::Temporary => "temporary",
            Failure::Mechanism => "mechanism",
            Failure::EncryptionRequired => "encryption-required",
        }
    }
}

/// The mechanisms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login; for Outlook.
    Login,
    /// RFC 7677.
    ScramSha256,
    /// RFC 7677 with channel binding.
    ScramSha256Plus,
}

impl Mechanism {
    /// Its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
        }
    }

    /// The mechanism of that name, in any case of letters.
    pub fn parse(name: &[u8]) -> Option<Mechanism> {
        [
            Mechanism::Plain,
            Mechanism::Login,
            Mechanism::ScramSha256,
            Mechanism::ScramSha256Plus,
        ]
        .into_iter()
        .find(|mechanism| mechanism.name().as_bytes().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What may be announced on this connection, strongest first. Empty if authentication is not allowed here: there is no
/// TLS, and the configuration makes no exception for loopback.
pub fn mechanisms(config: &Config, tls: Option<&TlsInfo>, peer: &Peer) -> Vec<Mechanism> {
    if !is_allowed(config.auth.plaintext_on_loopback, tls, peer) {
        return Vec::new();
    }
    let mut mechanisms = Vec::with_capacity(4);
    if config.auth.scram && config.auth.scram_plus && can_bind(tls) {
        mechanisms.push(Mechanism::ScramSha256Plus);
    }
    if config.auth.scram {
        mechanisms.push(Mechanism::ScramSha256);
    }
    mechanisms.extend([Mechanism::Plain, Mechanism::Login]);
    mechanisms
}

/// The rule that no password is asked for in the clear, except from this machine where that is configured.
fn is_allowed(plaintext_on_loopback: bool, tls: Option<&TlsInfo>, peer: &Peer) -> bool {
    tls.is_some() || (plaintext_on_loopback && peer.is_loopback())
}

/// True if this connection has something that SCRAM can be bound to.
fn can_bind(tls: Option<&TlsInfo>) -> bool {
    tls.is_some_and(|tls| tls.server_end_point.is_some() || tls.exporter.is_some())
}
