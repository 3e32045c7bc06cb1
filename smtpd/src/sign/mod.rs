//! What vouches for mail that leaves here: DKIM signatures (RFC 6376, RFC 8301, RFC 8463), and, for what is forwarded, ARC seals
//! (RFC 8617) and senders' addresses of our own (SRS).
//!
//! `key` makes keys and says what the DNS must tell of them, `keyring` has those that sign for a domain, `signature` signs a
//! message, `own` what we write ourselves, `seal` seals and `srs` rewrites what is forwarded. Keys lie in the store; private ones are never printed or logged.
//!
//! Not here: the verification of mail that comes in (`verify`), which message is signed for which domain (`message::delivery`).

pub mod key;
pub mod keyring;
pub mod own;
pub mod seal;
pub mod signature;
pub mod srs;
