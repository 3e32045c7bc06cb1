//! The work of FETCH: what has to be read, where a section lies, and how a batch of messages is answered.
//!
//! Everything comes from the view, the entry, or the index that was made when the message arrived; only the octets that
//! are asked for are read, many messages at a time, and large ones in pieces. Nothing is parsed but header fields.

pub mod batch;
pub mod binary;
pub mod describe;
pub mod fields;
pub mod load;
pub mod plan;
pub mod read;
pub mod section;
pub mod stream;
