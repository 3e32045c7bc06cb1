//! The POP3 language, pure: bytes to typed commands, typed replies to bytes, message octets to the lines of
//! an answer.
//!
//! Nothing here does I/O, looks at a clock or can panic: all of it is tested as tables and with arbitrary
//! input. Which command is allowed when is written down here as a fact ([`command::Facts`]) and enforced in
//! [`crate::session`].

pub mod command;
pub mod message;
pub mod reply;
pub mod surrogate;
