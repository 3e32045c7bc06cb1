//! What to believe of mail that comes in on port 25: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 9989), ARC (RFC 8617), the
//! names of the peer's address (iprev, RFC 8601 §3), lists in the DNS (RFC 5782).
//!
//! ```text
//! MAIL ─────► peer (iprev, DNS lists) ┐
//! MAIL ─────► sender (SPF) ───────────┼─ look-ups run beside the transfer ─► end of data: Verification::conclude ─► Verified
//! header ───► keys, policy ───────────┘                                       policy: refuse, Junk, or nothing
//! ```
//!
//! Everything that a message waits for at its end is under one deadline, `verify.deadline_seconds`; what is not known by then is a
//! `temperror`, and the message is accepted without it. If nothing at all could be asked, the DNS is left alone for a while (`reach`):
//! a machine that has lost its network accepts at once.
//!
//! Mail from this machine, from private networks and from people who have logged in is not looked at; the verdict about those is
//! `message::delivery`'s. Not here: the resolver (`dns`), our own signatures (`sign`).
//!
//! DMARC is that of RFC 9989: the organizational domain is found by walking up the DNS and needs no list of public suffixes; `pct=`
//! is no more, `t=y` weakens a policy by one step.

mod lists;
mod lookup;
mod memory;
mod message;
mod peer;
mod policy;
mod reach;
mod results;
pub mod sender;

use std::sync::Arc;

pub use message::{Evidence, Verification, Verified};
pub use peer::Peer;
pub use results::is_forged;

use crate::dns::Dns;
use crate::report::gathering::Gathering;
use lists::Lists;
use reach::Reach;

/// What all verifications share.
pub struct Verifier {
    dns: Dns,
    reach: Reach,
    lists: Lists,
    gathering: Arc<Gathering>,
}

impl Verifier {
    /// Asks through this resolver, and counts verdicts for reports.
    pub fn new(dns: Dns, gathering: Arc<Gathering>) -> Verifier {
        Verifier {
            dns,
            gathering,
            reach: Reach::default(),
            lists: Lists::default(),
        }
    }
}
