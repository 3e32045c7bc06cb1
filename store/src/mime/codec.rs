//! The stored form of an index: a version octet, then the index as postcard writes it.
//!
//! Failure: [`DecodeError`] for anything that [`MessageIndex::encode`] did not write. Reading never panics and never
//! takes more memory than a small multiple of what it is given.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::index::{MessageIndex, Part, SentDate, Text};

/// First octet of the stored form. A form that changes gets another number, and the old one stays readable.
const VERSION: u8 = 1;

/// Stored octets that are no index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by a version that this one does not know.
    #[error("index of unknown version")]
    Version,
    /// Not an index, or a damaged one.
    #[error("damaged index")]
    Damaged,
}

/// The index as stored: what cannot be computed from the rest.
#[derive(Serialize, Deserialize)]
struct Stored<P, S, T> {
    size: u64,
    /// Each part with the number of parts inside it, at any depth.
    parts: P,
    sent: Option<SentDate>,
    references: S,
    has_attachment: bool,
    preview: T,
}

/// An index as it was read from the store, with what is served in front of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedIndex {
    octets: Bytes,
    prefix_octets: u64,
}

impl EncodedIndex {
    /// The stored octets of an index, for a message that is served behind `prefix_octets` octets of header fields.
    pub(crate) fn new(octets: Bytes, prefix_octets: u64) -> EncodedIndex {
        EncodedIndex {
            octets,
            prefix_octets,
        }
    }

    /// The same with `octets` octets of complete header fields put in front; see [`MessageIndex::prepended`].
    #[must_use]
    pub fn prepended(mut self, octets: u64) -> EncodedIndex {
        self.prefix_octets = self.prefix_octets.saturating_add(octets);
        self
    }

    /// Where the message's own header and body lie, as served: the beginning of the index, which is all that is read.
    pub fn outline(&self) -> crate::Result<Outline> {
        let outline = Outline::decode(&self.octets, self.prefix_octets);
        outline.map_err(unreadable)
    }

    /// The index, with offsets as served. It borrows its texts, so that reading one costs next to nothing.
    pub fn decode(&self) -> crate::Result<MessageIndex<'_>> {
        self.decode_extent(Extent::All)
    }

    /// The beginning of the index, with offsets as served; what lies behind it is left empty.
    pub fn decode_extent(&self, extent: Extent) -> crate::Result<MessageIndex<'_>> {
        let index = match extent {
            Extent::Envelope => MessageIndex::decode_root(&self.octets),
            Extent::Parts => MessageIndex::decode_parts(&self.octets),
            Extent::All => {
                return MessageIndex::decode(&self.octets, self.prefix_octets).map_err(unreadable);
            }
        };
        let index = index.map_err(unreadable)?;
        Ok(index.prepended(self.prefix_octets))
    }
}

/// How much of an index somebody wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The first part, which has the envelope.
    Envelope,
    /// All parts, the first of them without its envelope.
    Parts,
    /// All there is.
    All,
}

fn unreadable(error: DecodeError) -> crate::Error {
    crate::Error::Corrupt(format!("a MIME index is unreadable: {error}"))
}

/// Where the header and the body of a message lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Octets of the message.
    pub size: u64,
    /// The header with the blank line that ends it: that of the first of [`MessageIndex::parts`].
    pub header: Range<u64>,
    /// The body of the same.
    pub body: Range<u64>,
}

impl Outline {
    fn decode(octets: &[u8], prefix_octets: u64) -> Result<Outline, DecodeError> {
        // What `Stored` and `Part` begin with: size, number of parts, number of parts within the first, its ranges.
        type Beginning = (u64, u64, u32, Range<u64>, Range<u64>);
        let (size, parts, _, header, body): Beginning = beginning(octets)?;
        if parts == 0 {
            return Err(DecodeError::Damaged);
        }
        Ok(Outline {
            size: size.saturating_add(prefix_octets),
            header: header.start..header.end.saturating_add(prefix_octets),
            body: body.start.saturating_add(prefix_octets)..body.end.saturating_add(prefix_octets),
        })
    }
}

/// What an index begins with.
fn beginning<'a, T: Deserialize<'a>>(octets: &'a [u8]) -> Result<T, DecodeError> {
    let found = postcard::take_from_bytes(checked(octets)?);
    found
        .map(|(begin, _)| begin)
        .map_err(|_| DecodeError::Damaged)
}

/// The octets behind the version.
fn checked(octets: &[u8]) -> Result<&[u8], DecodeError> {
    match octets.split_first() {
        Some((&VERSION, rest)) => Ok(rest),
        Some(_) => Err(DecodeError::Version),
        None => Err(DecodeError::Damaged),
    }
}

impl<'a> MessageIndex<'a> {
    /// The index as octets for storage.
    pub fn encode(&self) -> Vec<u8> {
        let parts: Vec<(u32, &Part<'_>)> = self
            .parts
            .iter()
            .map(|part| (part.end - part.place - 1, part))
            .collect();
        let stored = Stored {
            size: self.size,
            parts,
            sent: self.sent,
            references: &self.references,
            has_attachment: self.has_attachment,
            preview: &self.preview,
        };
        // Writing to a vector cannot fail; should it ever, the octets are refused when they are read.
        postcard::to_extend(&stored, vec![VERSION]).unwrap_or_default()
    }

    /// Reads what [`MessageIndex::encode`] wrote, borrowing its texts from there, for a message that is served with `prefix_octets` octets of
    /// complete header fields in front of what was indexed: see [`MessageIndex::prepended`].
    pub fn decode(octets: &'a [u8], prefix_octets: u64) -> Result<MessageIndex<'a>, DecodeError> {
        let stored: Stored<Vec<(u32, Part<'_>)>, Vec<Text<'_>>, Text<'_>> =
            postcard::from_bytes(checked(octets)?).map_err(|_| DecodeError::Damaged)?;
        let index = MessageIndex {
            size: stored.size,
            parts: placed(stored.parts)?,
            sent: stored.sent,
            references: stored.references,
            has_attachment: stored.has_attachment,
            preview: stored.preview,
        };
        Ok(index.prepended(prefix_octets))
    }
}

impl<'a> MessageIndex<'a> {
    fn decode_root(octets: &'a [u8]) -> Result<MessageIndex<'a>, DecodeError> {
        let (size, parts, (_, root)): (u64, u64, (u32, Part<'_>)) = beginning(octets)?;
        if parts == 0 {
            return Err(DecodeError::Damaged);
        }
        Ok(MessageIndex::of_parts(size, placed(vec![(0, root)])?))
    }

    fn decode_parts(octets: &'a [u8]) -> Result<MessageIndex<'a>, DecodeError> {
        type Root<'a> = Part<'a, PassedEnvelope<'a>>;
        let damaged = |_| DecodeError::Damaged;
        let rest = checked(octets)?;
        let ((size, count, (inside, root)), mut rest): ((u64, u64, (u32, Root<'_>)), _) =
            postcard::take_from_bytes(rest).map_err(damaged)?;
        let mut parts = vec![(inside, root.with_envelope(None))];
        for _ in 1..count {
            let (part, after) = postcard::take_from_bytes(rest).map_err(damaged)?;
            parts.push(part);
            rest = after;
        }
        Ok(MessageIndex::of_parts(size, placed(parts)?))
    }

    fn of_parts(size: u64, parts: Vec<Part<'a>>) -> MessageIndex<'a> {
        MessageIndex {
            size,
            parts,
            sent: None,
            references: Vec::new(),
            has_attachment: false,
            preview: Text::default(),
        }
    }
}

/// The stored form of an envelope that nobody wants to see: its texts are passed over, and nothing is made of them.
type PassedEnvelope<'a> = Option<(
    [PassedText<'a>; 2],
    [PassedAddresses; 6],
    [PassedText<'a>; 2],
)>;
type PassedText<'a> = Option<&'a [u8]>;

struct PassedAddresses;

impl<'de> Deserialize<'de> for PassedAddresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PassedAddresses, D::Error> {
        deserializer.deserialize_seq(PassedAddresses)
    }
}

impl<'de> Visitor<'de> for PassedAddresses {
    type Value = PassedAddresses;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("addresses")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut addresses: A) -> Result<PassedAddresses, A::Error> {
        while addresses.next_element::<[PassedText<'de>; 4]>()?.is_some() {}
        Ok(PassedAddresses)
    }
}

/// Gives each part its place, and refuses a list that is no tree, so that no walk over it can go astray.
fn placed(stored: Vec<(u32, Part<'_>)>) -> Result<Vec<Part<'_>>, DecodeError> {
    let count = u32::try_from(stored.len()).map_err(|_| DecodeError::Damaged)?;
    let mut open: Vec<u32> = Vec::new();
    let mut parts = Vec::with_capacity(stored.len());
    for (place, (inside, mut part)) in (0..count).zip(stored) {
        while open.last().is_some_and(|&end| end == place) {
            open.pop();
        }
        part.place = place;
        part.end = place
            .checked_add(inside)
            .and_then(|end| end.checked_add(1))
            .ok_or(DecodeError::Damaged)?;
        let parent_end = match (place, open.last()) {
            (0, _) => count,
            (_, Some(&end)) => end,
            (_, None) => return Err(DecodeError::Damaged),
        };
        let whole = place != 0 || part.end == count;
        if !whole || part.end > parent_end || !ordered(&part) {
            return Err(DecodeError::Damaged);
        }
        if inside > 0 {
            open.push(part.end);
        }
        parts.push(part);
    }
    if parts.is_empty() {
        Err(DecodeError::Damaged)
    } else {
        Ok(parts)
    }
}

fn ordered(part: &Part<'_>) -> bool {
    part.header.start <= part.header.end && part.body.start <= part.body.end
}
