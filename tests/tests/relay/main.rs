//! Mail leaves: from submission here, by the DNS of the small Internet, to Postfix, and notices back; and mail of Postfix comes in.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod crash;
mod ground;
mod incoming;
mod notices;
mod peers;
mod protection;
mod smart_host;
mod stop;
