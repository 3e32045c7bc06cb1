//! From the octets of a message to a message in the store.
//!
//! ```text
//! chunks ─► Intake ─► header section held, fields removed ─► store::Draft ◄─ body, as it streams
//!              │
//!              └─ end of data ─► checks ─► fields added on top ─► one store.accept(...) ─► queue id
//! ```
//!
//! `intake` reads, `digest` hashes, `header` looks, `compose` and `trace` write the fields that we add, `verdict` is what checks say, `delivery`
//! runs them and commits.

pub mod author;
pub mod compose;
pub mod delivery;
pub mod digest;
pub mod edit;
pub mod header;
pub mod intake;
mod success;
pub mod trace;
pub mod verdict;
pub mod vouching;
