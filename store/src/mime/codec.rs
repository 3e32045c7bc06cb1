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

/// Parts for which there is room before they are read: a damaged index may promise any number.
const PARTS_FORESEEN_MAX: usize = 8;

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

/// An index as it was read from the store, with what is served in front of the message. Its octets are its own, or lie where they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedIndex<O = Bytes> {
    octets: O,
    prefix_octets: u64,
}

impl EncodedIndex<&[u8]> {
    /// The same with octets of its own.
    pub(crate) fn detached(&self) -> EncodedIndex {
        EncodedIndex::new(Bytes::copy_from_slice(self.octets), self.prefix_octets)
    }
}

impl<O: AsRef<[u8]>> EncodedIndex<O> {
    /// The stored octets of an index, for a message that is served behind `prefix_octets` octets of header fields.
    pub(crate) fn new(octets: O, prefix_octets: u64) -> EncodedIndex<O> {
        EncodedIndex {
            octets,
            prefix_octets,
        }
    }

    /// The same with `octets` octets of complete header fields put in front; see [`MessageIndex::prepended`].
    #[must_use]
    pub fn prepended(mut self, octets: u64) -> EncodedIndex<O> {
        self.prefix_octets = self.prefix_octets.saturating_add(octets);
        self
    }

    /// Where the message's own header and body lie, as served: the beginning of the index, which is all that is read.
    pub fn outline(&self) -> crate::Result<Outline> {
        let outline = Outline::decode(self.octets.as_ref(), self.prefix_octets);
        outline.map_err(unreadable)
    }

    /// The index, with offsets as served. It borrows its texts, so that reading one costs next to nothing.
    pub fn decode(&self) -> crate::Result<MessageIndex<'_>> {
        self.decode_extent(Extent::All)
    }

    /// The beginning of the index, with offsets as served; what lies behind it is left empty.
    pub fn decode_extent(&self, extent: Extent) -> crate::Result<MessageIndex<'_>> {
        let octets = self.octets.as_ref();
        let index = match extent {
            Extent::Envelope => MessageIndex::decode_root(octets),
            Extent::Parts => MessageIndex::decode_parts(octets),
            Extent::All => {
                return MessageIndex::decode(octets, self.prefix_octets).map_err(unreadable);
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
        let damaged = |_| DecodeError::Damaged;
        type Beginning<'a> = (u64, u64, (u32, Part<'a, PassedEnvelope>));
        let ((size, count, (inside, root)), mut rest): (Beginning<'_>, _) =
            postcard::take_from_bytes(checked(octets)?).map_err(damaged)?;
        let mut tree = Tree::new(u32::try_from(count).map_err(|_| DecodeError::Damaged)?);
        tree.add(inside, root.with_envelope(None))?;
        for _ in 1..count {
            let ((inside, part), after) = postcard::take_from_bytes(rest).map_err(damaged)?;
            tree.add(inside, part)?;
            rest = after;
        }
        Ok(MessageIndex::of_parts(size, tree.parts))
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

/// An envelope that nobody wants to see: its texts are passed over, and nothing is made of them.
struct PassedEnvelope;

impl<'de> Deserialize<'de> for PassedEnvelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PassedEnvelope, D::Error> {
        type Stored<'a> = (
            [PassedText<'a>; 2],
            [PassedAddresses; 6],
            [PassedText<'a>; 2],
        );
        Option::<Stored<'de>>::deserialize(deserializer)?;
        Ok(PassedEnvelope)
    }
}

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
    let mut tree = Tree::new(u32::try_from(stored.len()).map_err(|_| DecodeError::Damaged)?);
    for (inside, part) in stored {
        tree.add(inside, part)?;
    }
    match tree.parts.is_empty() {
        true => Err(DecodeError::Damaged),
        false => Ok(tree.parts),
    }
}

/// The parts so far.
struct Tree<'a> {
    /// How many there are going to be.
    count: u32,
    /// Where those end that have parts inside which are still to come.
    open: Vec<u32>,
    parts: Vec<Part<'a>>,
}

impl<'a> Tree<'a> {
    fn new(count: u32) -> Tree<'a> {
        Tree {
            count,
            open: Vec::new(),
            parts: Vec::with_capacity((count as usize).min(PARTS_FORESEEN_MAX)),
        }
    }

    /// Adds the next part, with how many are inside it at any depth.
    fn add(&mut self, inside: u32, mut part: Part<'a>) -> Result<(), DecodeError> {
        let place = self.parts.len() as u32;
        while self.open.last().is_some_and(|&end| end == place) {
            self.open.pop();
        }
        part.place = place;
        part.end = place
            .checked_add(inside)
            .and_then(|end| end.checked_add(1))
            .ok_or(DecodeError::Damaged)?;
        let parent_end = match (place, self.open.last()) {
            (0, _) => self.count,
            (_, Some(&end)) => end,
            (_, None) => return Err(DecodeError::Damaged),
        };
        let whole = place != 0 || part.end == self.count;
        if !whole || part.end > parent_end || !ordered(&part) {
            return Err(DecodeError::Damaged);
        }
        if inside > 0 {
            self.open.push(part.end);
        }
        self.parts.push(part);
        Ok(())
    }
}

fn ordered(part: &Part<'_>) -> bool {
    part.header.start <= part.header.end && part.body.start <= part.body.end
}
