//! Mail leaves: from submission here, by the DNS of the small Internet, to Postfix, and notices back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod crash;
mod ground;
mod notices;
mod peers;
mod stop;
