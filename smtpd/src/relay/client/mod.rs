//! The SMTP client: one session with one host, any number of transactions in it.
//!
//! `endpoint` says whom to talk to, `settings` how long, `session` does it, `outcome` and `failure` say what came of it. `reply` is the
//! grammar of what hosts say, pure.
//!
//! Failure: a host that breaks the protocol, is silent, or never stops talking costs a bounded time and memory, and becomes a
//! temporary failure. Every recipient of a transaction gets exactly one verdict.
//!
//! Not here: which host is asked (`route`), when and how often (`runner`), and the queue.

mod body;
mod endpoint;
mod failure;
mod outcome;
mod reply;
mod session;
mod settings;

pub use body::Body;
pub use endpoint::{Endpoint, Login, Security, TlsStart, TlsaRecord};
pub use failure::{OpenFailure, Step, TlsFailure};
pub use outcome::{Delivered, Outcome, Recipient, Said, Status, Transaction, Verdict};
pub use reply::HostReply;
pub use session::HostSession;
pub use settings::{ClientSettings, Timeouts};
