//! MIME: the index of a message, made once when it arrives, and what SEARCH and PREVIEW need to read its text.
//!
//! [`Indexer`] takes the octets of a message as they come and yields a [`MessageIndex`]: the tree of parts with
//! the octet ranges of their headers and bodies, everything that ENVELOPE and BODYSTRUCTURE tell, the sent date,
//! the references and a preview. The index is stored beside the message, so that FETCH never parses it again.
//! [`decode`] turns stored octets into text, [`search`] says which octets make up the text of a message, and
//! [`Needle`] looks for a string in it without regard to case, [`FuzzyNeedle`] for something like it.
//!
//! Failure: there is none while indexing. Whatever cannot be understood, or is beyond the [`limits`], becomes an
//! opaque body of the part in which it was met; the message itself is stored and served whole by others.
//! Only [`MessageIndex::decode`] can fail, on octets that [`MessageIndex::encode`] did not write.
//!
//! Not here: fetching octets (the caller does), IMAP syntax (raw 8-bit text leaves here as UTF-8; whether a client
//! may see that is imapd's business), and signatures.

mod address;
mod codec;
mod content;
mod date;
pub mod decode;
mod describe;
mod fold;
mod fuzzy;
mod header;
mod html;
mod index;
mod indexer;
pub mod limits;
mod preview;
pub mod search;
#[cfg(test)]
mod tests;
mod transfer;

pub use codec::{DecodeError, EncodedIndex, Extent, Outline};
pub(crate) use content::message_ids;
pub use fold::Needle;
pub(crate) use fold::{fold_into, folded_window};
pub use fuzzy::FuzzyNeedle;
pub(crate) use fuzzy::Word;
pub use index::{
    Disposition, Encoding, Envelope, EnvelopeAddress, Kind, MessageIndex, Parameter, Part,
    SentDate, Text,
};
pub use indexer::Indexer;
pub use transfer::Decoder;
