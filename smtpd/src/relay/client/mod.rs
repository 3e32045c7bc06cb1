//! The SMTP client: one session with one host, any number of transactions in it.
//!
//! In words: `endpoint` (whom to talk to), `settings` (how long), `outcome` and `failure` (what came of it). On the wire: `reply` and
//! `capability` (the grammar of what hosts say, pure), `dialogue` (commands and replies, one for one). A session: `opening`, `auth`,
//! `session`. A transaction: `plan` (in which shape a message can go), `transaction`, `body`, `content` (its octets), and for hosts that do
//! not take them as they are `facts`, `conversion`, `encoder`.
//!
//! Failure: a host that breaks the protocol, is silent, or never stops talking costs a bounded time and memory, and becomes a
//! temporary failure. Every recipient of a transaction gets exactly one verdict.
//!
//! Not here: which host is asked (`route`), when and how often (`runner`), and the queue.

mod auth;
mod body;
mod capability;
mod content;
mod conversion;
mod dialogue;
mod encoder;
mod endpoint;
mod facts;
mod failure;
mod opening;
mod outcome;
mod plan;
mod reply;
mod session;
mod settings;
mod transaction;

pub use body::Body;
pub use endpoint::{Endpoint, Login, Security, TlsStart, TlsaRecord};
pub use failure::{OpenFailure, Step, TlsFailure};
pub use outcome::{Delivered, Outcome, Recipient, Said, Status, Transaction, Verdict};
pub use reply::{HostReply, ReplyError, ReplyReader};
pub use session::HostSession;
pub use settings::{ClientSettings, Timeouts};
