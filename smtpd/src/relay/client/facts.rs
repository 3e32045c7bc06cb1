//! What octets a message holds, part by part: looked for when a host lacks something that the message may need.
//!
//! One pass over the message, in pieces. What senders declare is not relied on, except that octets that only BINARYMIME allows are looked
//! for only where it was declared: nothing else lets them in.

use std::ops::Range;

use store::mime::{EncodedIndex, Kind};

use super::body::Body;
use crate::limits::{BODY_READ_OCTETS_MAX, TEXT_LINE_OCTETS_MAX};

/// What a message holds.
pub(super) struct Facts {
    pub(super) index: EncodedIndex,
    /// For each part of the index; only leaves have octets of their own.
    pub(super) parts: Vec<PartFacts>,
    /// A header section holds octets that are not ASCII.
    pub(super) utf8_header: bool,
}

/// What the body of a part holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PartFacts {
    /// Octets that are not ASCII.
    pub(super) eight_bit: bool,
    /// NUL, CR or LF alone, or a line that is too long (RFC 2045 §2.9).
    pub(super) binary: bool,
}

impl Facts {
    /// Reads the message. `binary`: whether it was declared as BINARYMIME.
    pub(super) async fn gather(body: &Body, binary: bool) -> store::Result<Facts> {
        let index = body.index().await?;
        let mut facts = Facts {
            parts: vec![PartFacts::default(); index.decode()?.parts.len()],
            utf8_header: false,
            index,
        };
        for region in facts.regions()? {
            facts.look_at(body, region, binary).await?;
        }
        Ok(facts)
    }

    pub(super) fn is_eight_bit(&self) -> bool {
        self.parts.iter().any(|part| part.eight_bit)
    }

    pub(super) fn is_binary(&self) -> bool {
        self.parts.iter().any(|part| part.binary)
    }

    fn regions(&self) -> store::Result<Vec<Region>> {
        let mut regions = Vec::new();
        for (place, part) in self.index.decode()?.parts.iter().enumerate() {
            regions.push(Region::Header(part.header.clone()));
            if part.kind == Kind::Leaf {
                regions.push(Region::Leaf(place, part.body.clone()));
            }
        }
        Ok(regions)
    }

    async fn look_at(&mut self, body: &Body, region: Region, binary: bool) -> store::Result<()> {
        let (place, range) = match region {
            Region::Header(range) => (None, range),
            Region::Leaf(place, range) => (Some(place), range),
        };
        let mut look = Look::default();
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + BODY_READ_OCTETS_MAX);
            let piece = body.read(start..end).await?;
            if piece.is_empty() {
                return Err(store::Error::Corrupt("a message is too short".to_owned()));
            }
            look.at(&piece, binary && place.is_some());
            start += piece.len() as u64;
        }
        match place.and_then(|place| self.parts.get_mut(place)) {
            Some(facts) => *facts = look.found,
            None => self.utf8_header |= look.found.eight_bit,
        }
        Ok(())
    }
}

enum Region {
    Header(Range<u64>),
    Leaf(usize, Range<u64>),
}

/// A look at the octets of one region.
#[derive(Default)]
struct Look {
    found: PartFacts,
    previous: u8,
    column: usize,
}

impl Look {
    fn at(&mut self, octets: &[u8], binary: bool) {
        self.found.eight_bit |= !octets.is_ascii();
        if !binary || self.found.binary {
            return;
        }
        for &octet in octets {
            self.column += 1;
            let is_alone = (octet == b'\n') != (self.previous == b'\r');
            if octet == 0 || is_alone || self.column > TEXT_LINE_OCTETS_MAX + 2 {
                self.found.binary = true;
                return;
            }
            if octet == b'\n' {
                self.column = 0;
            }
            self.previous = octet;
        }
    }
}
