//! The contract between a protocol and the session loop.
//!
//! A protocol is a state machine that eats frames and writes replies; it never sees the socket. The loop
//! ([`crate::drive`]) owns the connection and, for each session, does this:
//!
//! ```text
//! greet ──► ┌───────────────────────────────────────────────────────────────┐
//!           │ framing()      what comes next: a line, a body, some octets    │
//!           │ handle(frame)  once for a line; for a body once for each chunk │──► Next::Close: flush, close
//!           │                and once for its end                            │──► Next::StartTls: flush, drop what
//!           └───────────────────────────────────────────────────────────────┘    was read, handshake, tls_started
//!                 ▲ woken()          while it waits for a line: wait()
//! ```
//!
//! * **Framing is asked at a boundary only**: at the start and after a line or a body has ended. Within a body the
//!   loop counts by itself, so a session may change its state while chunks arrive.
//! * **Whatever the session answers, it stays in step**: a line that is too long is read to its end and told as
//!   [`Frame::LineTooLong`]; a body is always read to its real end.
//! * **Flush**: replies gather in the [`Output`]. They are sent when the client has nothing more waiting for us (no
//!   complete frame buffered and nothing to read from the socket), before a handshake, before closing, and when the
//!   buffer exceeds [`crate::limits::OUTPUT_OCTETS_MAX`]. A session that writes much calls [`Output::drain`] between
//!   pieces, which waits for a slow client, and stops when that says [`Disconnected`].
//! * **Cancel safety**: `greet`, `handle` and `woken` are never cancelled in the middle, except when the shutdown
//!   deadline has passed or the process ends; they may hold work across `.await`. `wait` is dropped and made anew
//!   each time that input arrives, so it must lose nothing when dropped (wait on a channel's `changed()`, say).
//! * **A panic** ends this session alone: it is logged, counted, and the connection closed.

use std::future::Future;
use std::time::Duration;

use crate::sasl::Identity;
use crate::wire::TlsInfo;

pub use crate::framing::{Frame, Framing, LineEnding};
pub use crate::output::{Disconnected, Encode, Output};

/// One connection's protocol state.
pub trait Session: Send {
    /// Writes the greeting. Called once, before anything is read; on a port with implicit TLS the handshake is
    /// already done.
    fn greet(&mut self, out: &mut Output) -> impl Future<Output = Next> + Send;

    /// What kind of frame comes next: a property of the state alone. Asked at frame boundaries.
    fn framing(&self) -> Framing;

    /// Handles one frame. Called in the order of arrival, one at a time.
    fn handle(&mut self, frame: Frame<'_>, out: &mut Output) -> impl Future<Output = Next> + Send;

    /// TLS is on after [`Next::StartTls`]. All protocol state must be as after the greeting (RFC 3207 §4.2, RFC 9051
    /// §6.2.1, RFC 2595 §4): nothing that was said in the clear may count. What was read before the handshake
    /// has been thrown away by the loop.
    fn tls_started(&mut self, tls: &TlsInfo);

    /// Waits for an event of the session's own, such as news from the store during IDLE. Polled together with the
    /// input whenever the loop waits for the first octet of a line. Must be cancel-safe.
    fn wait(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// The event of [`Session::wait`] came. What it writes is flushed at once.
    fn woken(&mut self, out: &mut Output) -> impl Future<Output = Next> + Send {
        let _ = out;
        std::future::ready(Next::Continue)
    }

    /// Who has logged in. The loop ends the session with [`Farewell::Revoked`] when that holds no more.
    fn identity(&self) -> Option<&Identity> {
        None
    }

    /// How long the client may be silent in the present state.
    ///
    /// For a line: from the last reply to its first octet; the rest of the line must then come within
    /// [`crate::limits::LINE_SECONDS_MAX`] (or this time, if shorter). For a body: each
    /// [`crate::limits::BODY_PROGRESS_OCTETS`] must come within this time.
    fn timeout(&self) -> Duration;

    /// The session is about to be closed by us: writes the protocol's last words (`421 …`, `* BYE …`, `-ERR …`).
    /// The loop flushes them, with a short deadline, and closes. With [`Farewell::Busy`] this is the only call that
    /// the session sees, in place of the greeting.
    fn farewell(&mut self, why: Farewell, out: &mut Output);

    /// What the session has to say for the one line that the log gets at its end.
    fn summary(&self) -> Summary {
        Summary::default()
    }
}

/// What the loop does after a call into the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Go on with the next frame.
    Continue,
    /// Send what is in the output, forget all that has been read, and start the TLS handshake. Only where
    /// [`crate::service::Connection::starttls_offered`] says so; without TLS the loop closes the connection.
    StartTls,
    /// Send what is in the output; from then on both sides compress what they send (RFC 4978).
    Compress,
    /// Send what is in the output; from then on neither side compresses any more (RFC 8437 §2).
    Uncompress,
    /// Send what is in the output and close.
    Close,
}

/// Why the server ends a session by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// Nothing came for [`Session::timeout`].
    Timeout,
    /// A line or a body came too slowly.
    TooSlow,
    /// The account is gone or disabled, or the password it was logged in with is no longer one.
    Revoked,
    /// The daemon is stopping.
    Shutdown,
    /// Too many connections, in all or from this address. Comes in place of the greeting.
    Busy,
    /// The input is beyond recovery: a line without end.
    InputFault,
}

impl Farewell {
    /// A short word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Farewell::Timeout => "timeout",
            Farewell::TooSlow => "too-slow",
            Farewell::Revoked => "revoked",
            Farewell::Shutdown => "shutdown",
            Farewell::Busy => "busy",
            Farewell::InputFault => "input-fault",
        }
    }
}

/// A session's own part of its summary line; the loop adds time, octets, TLS, peer and the reason of the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Who was logged in, as an address.
    pub user: Option<String>,
    /// What was done, such as `("messages", 2)`. Printed as `messages=2`; zeros are left out.
    pub counts: Vec<(&'static str, u64)>,
}
