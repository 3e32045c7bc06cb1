//! SORT (RFC 5256, RFC 5957): each message becomes a key, and keys compare as octets.
//!
//! Keys are made by the store's readers where the MIME indexes lie: no header is read again, and nothing but keys stays in memory.

pub mod collation;
pub mod key;
pub mod subject;
pub mod survey;
