//! Writes what a FETCH tells from the index itself: ENVELOPE, BODY, BODYSTRUCTURE, PREVIEW.

use store::mime::MessageIndex;

use crate::grammar::fetch::Item;
use crate::grammar::quote;
use crate::grammar::structure::{self, Reading};

/// The item's name, if it is one of these.
pub fn name(item: &Item) -> Option<&'static str> {
    match item {
        Item::Envelope => Some("ENVELOPE"),
        Item::Body => Some("BODY"),
        Item::BodyStructure => Some("BODYSTRUCTURE"),
        Item::Preview => Some("PREVIEW"),
        _ => None,
    }
}

/// What is told from the indexes of messages, one after the other: of each the values of those of the items that are told from the index,
/// in their order.
#[derive(Debug, Default)]
pub struct Described {
    octets: Vec<u8>,
    /// Where each value ends.
    ends: Vec<usize>,
}

impl Described {
    /// Adds what is told of the next message.
    pub fn add(&mut self, items: &[Item], index: &MessageIndex<'_>, reading: Reading) {
        for item in items.iter().filter(|item| name(item).is_some()) {
            write(item, index, reading, &mut self.octets);
            self.ends.push(self.octets.len());
        }
    }

    /// All values, in the order in which they were added.
    pub fn values(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let ranges = starts.zip(&self.ends);
        ranges.map(|(&start, &end)| self.octets.get(start..end).unwrap_or_default())
    }
}

fn write(item: &Item, index: &MessageIndex<'_>, reading: Reading, into: &mut Vec<u8>) {
    match item {
        Item::Envelope => structure::envelope(index.envelope(), reading.utf8, into),
        Item::Body => structure::body(index, false, reading, into),
        Item::BodyStructure => structure::body(index, true, reading, into),
        // RFC 8970 §3.2: UTF-8, which is a literal unless the client has enabled it in strings.
        Item::Preview if reading.utf8 => quote::utf8_string(&index.preview, into),
        Item::Preview => quote::string(index.preview.as_bytes(), into),
        _ => {}
    }
}
