//! The states of a session, each with what it knows.

use daemon::sasl::Exchange;

use crate::envelope::{Client, Envelope};
use crate::message::intake::Intake;
use crate::reject::Reject;

/// ```text
///              ┌────────────── RSET, EHLO, refused message ───────────────┐
///              ▼                                                          │
/// Connected ─EHLO─► Greeted ─MAIL─► Mail ─┬─DATA─► Data ──────end─────────┤
///     ▲               │  ▲               │ ▲│                             │
///     │              AUTH└─done, failed  └─┘├─BDAT─► Chunk ─end─► Chunked │
///     │               ▼                RCPT │          ▲             │    │
///     │          Authenticating             │          └────BDAT─────┘    │
///     │                                     │        Chunk (LAST) ──end───┘
///     └─────────── STARTTLS                 │
///                                           └─ any state ─BDAT refused─► Discarding ─end─► the same state
/// ```
///
/// Greeted is where every transaction ends, accepted or not.
pub(super) enum State {
    /// No EHLO or HELO yet.
    Connected,
    /// Between transactions.
    Greeted(Client),
    /// Within an AUTH dialogue.
    Authenticating(Client, Box<Exchange>),
    /// MAIL was accepted; RCPT adds recipients.
    Mail(Box<Envelope>),
    /// DATA: the message is coming.
    Data(Box<Envelope>, Box<Intake>),
    /// BDAT: a chunk is coming.
    Chunk {
        /// The envelope.
        envelope: Box<Envelope>,
        /// The message so far.
        intake: Box<Intake>,
        /// Octets of this chunk.
        octets: u64,
        /// Whether it ends the message.
        last: bool,
    },
    /// BDAT: between chunks.
    Chunked(Box<Envelope>, Box<Intake>),
    /// A chunk that was refused before it came is read to its end.
    Discarding {
        /// The state to go back to.
        then: Box<State>,
        /// What will be said.
        reject: Reject,
        /// Octets of the chunk.
        octets: u64,
    },
}

impl State {
    /// How the client introduced itself, if it did; everything else is given up.
    pub(super) fn into_client(self) -> Option<Client> {
        match self {
            State::Connected => None,
            State::Greeted(client) | State::Authenticating(client, _) => Some(client),
            State::Mail(envelope)
            | State::Data(envelope, _)
            | State::Chunk { envelope, .. }
            | State::Chunked(envelope, _) => Some(envelope.client),
            State::Discarding { then, .. } => then.into_client(),
        }
    }

    /// Whether EHLO or HELO was given.
    pub(super) fn is_greeted(&self) -> bool {
        !matches!(self, State::Connected)
    }

    /// Whether a transaction is open.
    pub(super) fn in_transaction(&self) -> bool {
        matches!(
            self,
            State::Mail(..) | State::Data(..) | State::Chunk { .. } | State::Chunked(..)
        )
    }
}
