//! The language of IMAP, as pure functions.
//!
//! Bytes of one complete command (its literals gathered by [`fragment`]) become a typed [`Command`]; typed responses
//! become bytes. Nothing here does I/O, reads a clock or panics, so that every file can be fuzzed and tested as a table.
//!
//! Failure is a [`Malformed`] value which says what was expected; the session turns it into a reply.
//! This module does not know which commands are allowed in which state, nor what a mailbox holds.

pub mod acl;
pub mod append;
pub mod capability;
pub mod code;
pub mod command;
pub mod cursor;
pub mod date;
pub mod dialect;
pub mod encoded_word;
pub mod esearch;
pub mod fetch;
pub mod fetch_line;
pub mod flag;
pub mod fragment;
pub mod list;
pub mod mailbox;
pub mod metadata;
pub mod notify;
pub mod partial;
pub mod quota;
pub mod quote;
pub mod response;
pub mod search;
pub mod select;
pub mod sequence;
pub mod sort;
pub mod source;
pub mod status;
pub mod store;
#[cfg(any(test, fuzzing))]
pub mod strict;
pub mod structure;
pub mod thread;
pub mod url;
pub mod utf7;
pub mod verb;

pub use command::{Command, Numbering};
pub use cursor::{Cursor, Malformed};
pub use sequence::SequenceSet;
