//! The words of SMTP: bytes to typed commands, typed replies to bytes.
//!
//! Everything here is pure: no I/O, no clock, no state of a session, and no panic whatever the input. A line that is
//! not a command becomes a [`SyntaxError`] that says what was wrong with it; which reply that earns is decided in
//! `reject`. What a command may do and when is not known here.
//!
//! Where RFC 5321 and what real clients send disagree, the tolerance is written beside the parser that grants it.

mod command;
mod cursor;
mod domain;
mod dsn;
mod error;
mod hold;
mod parameter;
mod path;
mod reply;
mod verb;
pub(crate) mod xtext;

pub use command::{AuthResponse, Command, Secret, parse_auth_response, parse_command};
pub use domain::{ClientName, Host};
pub use dsn::{EnvelopeId, Notify, OriginalRecipient, Return};
pub use error::{PathKind, SyntaxError};
pub use hold::Hold;
pub use parameter::{Body, MailParameters, RcptParameters};
pub use path::{ForwardPath, Mailbox, ReversePath};
pub use reply::{EnhancedCode, Reply};
pub use verb::Verb;

#[cfg(test)]
mod properties;
