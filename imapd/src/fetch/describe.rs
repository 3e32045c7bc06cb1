//! Writes what a FETCH tells from the index itself: ENVELOPE, BODY, BODYSTRUCTURE, PREVIEW.

use store::mime::MessageIndex;

use crate::grammar::fetch::Item;
use crate::grammar::quote;
use crate::grammar::structure::{self, Reading};

/// Octets of most values.
const VALUE_OCTETS: usize = 512;

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

/// The values of those of the items that are told from the index, in order.
pub fn describe(items: &[Item], index: &MessageIndex<'_>, reading: Reading) -> Vec<Vec<u8>> {
    let described = items.iter().filter(|item| name(item).is_some());
    described.map(|item| value(item, index, reading)).collect()
}

fn value(item: &Item, index: &MessageIndex<'_>, reading: Reading) -> Vec<u8> {
    let mut value = Vec::with_capacity(VALUE_OCTETS);
    match item {
        Item::Envelope => structure::envelope(index.envelope(), reading.utf8, &mut value),
        Item::Body => structure::body(index, false, reading, &mut value),
        Item::BodyStructure => structure::body(index, true, reading, &mut value),
        // RFC 8970 §3.2: UTF-8, which is a literal unless the client has enabled it in strings.
        Item::Preview if reading.utf8 => quote::utf8_string(&index.preview, &mut value),
        Item::Preview => quote::string(index.preview.as_bytes(), &mut value),
        _ => {}
    }
    value
}
