//! What is the same for all sessions with hosts: our name, the roots that we trust, and how long a step may take.

use std::time::Duration;

use daemon::tls::Connector;

use crate::limits;

/// What is the same for all sessions. Cheap to clone; clones share the memory of TLS sessions.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// Our name in EHLO.
    pub hostname: String,
    /// The roots that are trusted, and the memory of TLS sessions.
    pub tls: Connector,
    /// How long a step may take.
    pub timeouts: Timeouts,
}

impl ClientSettings {
    /// Settings with the timeouts of RFC 5321 §4.5.3.2.
    pub fn new(hostname: impl Into<String>, tls: Connector) -> ClientSettings {
        ClientSettings {
            hostname: hostname.into(),
            tls,
            timeouts: Timeouts::default(),
        }
    }
}

/// How long a step may take, from our last octet to the host's last. A reply that comes octet by octet does not get more time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// The TCP connection.
    pub connect: Duration,
    /// The greeting (RFC 5321 §4.5.3.2.1).
    pub greeting: Duration,
    /// EHLO, HELO, STARTTLS and each step of AUTH.
    pub hello: Duration,
    /// The TLS handshake.
    pub handshake: Duration,
    /// MAIL (§4.5.3.2.2).
    pub mail: Duration,
    /// RCPT (§4.5.3.2.3).
    pub rcpt: Duration,
    /// DATA, until 354 (§4.5.3.2.4).
    pub data: Duration,
    /// Until the host has taken one piece of the message (§4.5.3.2.5), at most [`limits::BODY_PIECE_OCTETS_MAX`].
    pub piece: Duration,
    /// From the end of the message to the reply (§4.5.3.2.6).
    pub end: Duration,
    /// RSET and QUIT.
    pub farewell: Duration,
    /// One transaction in all.
    pub transaction: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(limits::CONNECT_SECONDS_MAX),
            greeting: Duration::from_secs(limits::GREETING_SECONDS_MAX),
            hello: Duration::from_secs(limits::HELLO_SECONDS_MAX),
            handshake: Duration::from_secs(limits::HOST_HANDSHAKE_SECONDS_MAX),
            mail: Duration::from_secs(limits::MAIL_REPLY_SECONDS_MAX),
            rcpt: Duration::from_secs(limits::RCPT_REPLY_SECONDS_MAX),
            data: Duration::from_secs(limits::DATA_REPLY_SECONDS_MAX),
            piece: Duration::from_secs(limits::BODY_PIECE_SECONDS_MAX),
            end: Duration::from_secs(limits::END_REPLY_SECONDS_MAX),
            farewell: Duration::from_secs(limits::FAREWELL_REPLY_SECONDS_MAX),
            transaction: Duration::from_secs(limits::TRANSACTION_SECONDS_MAX),
        }
    }
}
