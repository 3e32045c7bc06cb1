//! From the octets of a message to a message in the store.

pub mod header;
pub mod trace;
