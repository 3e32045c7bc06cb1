//! Authentication as every protocol needs it: mechanisms (RFC 4422) without base64, tags or reply codes, and
//! the one place where a password is judged.
//!
//! A protocol asks [`mechanisms`] what to announce, makes an [`Exchange`] when the client has chosen, and shows it each
//! decoded response until it is done. Passwords that come by another way (`USER`/`PASS`, IMAP `LOGIN`) go to
//! [`Authenticator::password`]. Failures are slowed down in here; a protocol only tells them.

use std::fmt;

use crate::config::Config;
use crate::secret::Secret;
use crate::wire::{Peer, TlsInfo};
use store::{AccountId, Address};

/// Who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub account: AccountId,
    /// Its main address, in normal form.
    pub address: Address,
    /// The name of the app password that was used; None: the main password.
    pub app_password: Option<String>,
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
    let _ = (config, tls, peer);
    Vec::new()
}

/// The state of a dialogue after a step.
#[derive(Debug)]
pub enum Step {
    /// Send this (the protocol encodes it) and call [`Exchange::step`] with the decoded response.
    Challenge(Vec<u8>),
    /// The client is who it says. Nothing is left to send: SCRAM's last message went out as a challenge before, which the
    /// client answers with an empty response (RFC 4954 §4, RFC 5034 §4, RFC 9051 §6.2.2 have no other way).
    Done(Identity),
    /// It is not, or we cannot know.
    Failed(Failure),
}

/// One authentication dialogue.
pub struct Exchange {
    _private: (),
}

impl Exchange {
    /// Begins a dialogue. [`Failure::EncryptionRequired`] and [`Failure::Mechanism`] come at once; then nothing must be read.
    pub fn start(
        mechanism: Mechanism,
        authenticator: &Authenticator,
        peer: &Peer,
        tls: Option<&TlsInfo>,
    ) -> Result<Exchange, Failure> {
        let _ = (mechanism, authenticator, peer, tls);
        Err(Failure::Mechanism)
    }

    /// Goes one step on. The first call has the initial response, or None if the client sent none (which is not
    /// the same as an empty one, `=` on the wire); later calls have what the client answered to the last challenge.
    pub async fn step(&mut self, response: Option<&[u8]>) -> Step {
        let _ = response;
        Step::Failed(Failure::Mechanism)
    }
}

/// Judges passwords. Cheap to clone; shared by all sessions of a daemon.
#[derive(Clone, Debug)]
pub struct Authenticator {
    _private: (),
}

impl Authenticator {
    pub(crate) fn new(store: store::Store, config: &Config) -> Authenticator {
        let _ = (store, config);
        Authenticator { _private: () }
    }

    pub(crate) fn adopt(&self, config: &Config) {
        let _ = config;
    }

    /// Whether this password belongs to this user. Refuses without TLS like [`mechanisms`]. Takes its time after failures.
    ///
    /// # Errors
    /// The [`Failure`] to tell the client.
    pub async fn password(
        &self,
        user: &[u8],
        password: &Secret,
        peer: &Peer,
        tls: Option<&TlsInfo>,
    ) -> Result<Identity, Failure> {
        let _ = (user, password, peer, tls);
        Err(Failure::Credentials)
    }
}
