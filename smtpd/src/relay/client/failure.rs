//! Why there is no session with a host.
//!
//! A failure says at which step, whether another attempt makes sense, and what the sender may be told. For TLS it bears the
//! result type of a TLS report (RFC 8460 §4.3).

use std::fmt;

pub use daemon::tls::TlsFailure;

use super::outcome::Said;

/// The step at which a host was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The TCP connection.
    Connect,
    /// The greeting (RFC 5321 §3.1).
    Greeting,
    /// EHLO or HELO.
    Hello,
    /// STARTTLS and the handshake.
    Tls,
    /// AUTH.
    Auth,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Connect => "connect",
            Step::Greeting => "greeting",
            Step::Hello => "EHLO",
            Step::Tls => "TLS",
            Step::Auth => "AUTH",
        })
    }
}

/// Why there is no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {said}")]
pub struct OpenFailure {
    /// Where it failed.
    pub step: Step,
    /// True if another attempt may succeed. False for a greeting or EHLO answered by 5yz (RFC 5321 §3.1: the host takes no mail) and
    /// for nothing else: a refused login or a wrong certificate is ours or the host's administrator's to mend, and mail waits.
    pub temporary: bool,
    /// What the host said, or what we say of it.
    pub said: Said,
    /// What a TLS report is to say, if TLS was the reason.
    pub tls: Option<TlsFailure>,
}
