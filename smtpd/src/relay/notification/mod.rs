//! Notices to senders: what became of their mail (delivery status notifications, RFC 3461, RFC 3464, RFC 6522, RFC 6533).
//!
//! A notice is a message like any other, accepted in the same transaction that settles what it tells, so that none is lost and
//! none is sent twice. It leaves with the null path, and nobody is told what becomes of it.
//!
//! `due` decides who is told what; `notice` is what is to be told; `fields` writes it for programs, `words` for people, `returned`
//! fetches what is given back of the original; `compose` makes one message of all three, and `posting` addresses it.
//!
//! Failure: when a notice cannot be made, what it tells is not settled either, and is tried again.
//!
//! Not here: when something is given up (`schedule`), and the queue.

mod compose;
mod due;
mod fields;
mod notice;
mod posting;
mod returned;
mod words;

/// The local part that notices are from, at the host's own name.
pub(crate) const NOTICES_FROM: &str = "mailer-daemon";

pub(crate) use due::is_wanted;
pub(crate) use notice::{About, Action, Affected, Notice};
pub(crate) use posting::post;
pub(crate) use returned::{Returned, of_header, of_queue};
