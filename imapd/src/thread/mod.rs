//! THREAD (RFC 5256): from what is known of messages to trees of them. Pure, and without recursion: threads may be as deep as a mailbox is
//! large.
//!
//! Failure: a mailbox whose messages name more unknown ones than [`UNKNOWN_MAX`] is not threaded by references.
//! Not here: what is known of messages ([`facts`]), and how threads are written (`grammar::thread`).

pub mod facts;
mod ordered_subject;
mod references;

pub use ordered_subject::by_subject;
pub use references::by_references;
use serde::{Deserialize, Serialize};

/// Most messages that are named by others and are not there, in one threading: each takes some fifty octets.
pub const UNKNOWN_MAX: usize = 1_000_000;

/// What threading wants to know of a message. The messages come in the order of the mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threaded {
    /// Its number in the answer.
    #[serde(skip)]
    pub number: u32,
    /// Sent date, in seconds since 1970 (RFC 5256 §2.2).
    pub sent: i64,
    /// Base subject, collated and hashed; `None` if it is empty.
    pub subject: Option<u64>,
    /// Whether it is a reply or forward by its subject.
    pub is_reply: bool,
    /// Its Message-ID, hashed.
    pub id: Option<u64>,
    /// The Message-IDs of its ancestors, hashed, oldest first.
    pub references: Box<[u64]>,
}
