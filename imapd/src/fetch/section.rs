//! Where the octets of a section lie (RFC 3501 §6.4.5), according to the index.

use std::ops::Range;

use store::mime::{MessageIndex, Outline};

use super::binary::{self, Encoded, Found};
use crate::grammar::fetch::{Item, Partial, Section, SectionText};

/// Where a section lies.
#[derive(Debug, Clone)]
pub enum Located {
    /// The message has no such section.
    Nowhere,
    /// These octets.
    Octets(Range<u64>),
    /// Some fields of the header in these octets.
    Fields(Range<u64>),
    /// A part, with its transfer encoding.
    Encoded(Encoded),
    /// A part in a transfer encoding that nobody here knows.
    UnknownEncoding,
}

/// Finds what an item asks for.
pub fn locate_item(index: &MessageIndex<'_>, item: &Item) -> Located {
    let numbers = match item {
        Item::Section(item) => return locate(index, &item.section, item.partial),
        Item::Binary(item) => &item.part,
        Item::BinarySize(numbers) => numbers,
        _ => return Located::Nowhere,
    };
    match binary::locate(index, numbers) {
        Found::Nowhere => Located::Nowhere,
        Found::Unknown => Located::UnknownEncoding,
        Found::Part(part) => Located::Encoded(part),
    }
}

/// Finds what an item asks for, if it is a section of the message itself and not of a part.
pub fn locate_outline(outline: &Outline, item: &Item) -> Option<Located> {
    let Item::Section(item) = item else {
        return None;
    };
    if !item.section.part.is_empty() {
        return None;
    }
    let octets = |range: &Range<u64>| Located::Octets(apply(range.clone(), item.partial));
    match item.section.text {
        SectionText::Whole => Some(octets(&(0..outline.size))),
        SectionText::Header => Some(octets(&outline.header)),
        SectionText::Text => Some(octets(&outline.body)),
        SectionText::HeaderFields(_) | SectionText::HeaderFieldsNot(_) => {
            Some(Located::Fields(outline.header.clone()))
        }
        SectionText::Mime => None,
    }
}

/// Finds a section; a partial is applied to octets here, to fields when they have been chosen.
pub fn locate(index: &MessageIndex<'_>, section: &Section, partial: Option<Partial>) -> Located {
    let Some(range) = section_range(index, section) else {
        return Located::Nowhere;
    };
    match section.text {
        SectionText::HeaderFields(_) | SectionText::HeaderFieldsNot(_) => Located::Fields(range),
        _ => Located::Octets(apply(range, partial)),
    }
}

fn section_range(index: &MessageIndex<'_>, section: &Section) -> Option<Range<u64>> {
    let part = index.section(&section.part)?;
    let is_root = section.part.is_empty();
    match section.text {
        SectionText::Whole if is_root => Some(0..index.size),
        SectionText::Whole => Some(part.body.clone()),
        SectionText::Mime => Some(part.header.clone()),
        // HEADER and TEXT belong to messages: to the whole, or to the one inside a message/rfc822 part.
        SectionText::Text => {
            let message = if is_root {
                Some(part)
            } else {
                index.message_in(part)
            };
            Some(message?.body.clone())
        }
        SectionText::Header | SectionText::HeaderFields(_) | SectionText::HeaderFieldsNot(_) => {
            let message = if is_root {
                Some(part)
            } else {
                index.message_in(part)
            };
            Some(message?.header.clone())
        }
    }
}

/// The part of a range that a partial asks for; empty beyond the end.
pub fn apply(range: Range<u64>, partial: Option<Partial>) -> Range<u64> {
    let Some(partial) = partial else { return range };
    let start = range.start.saturating_add(partial.offset).min(range.end);
    start..start.saturating_add(partial.count).min(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_stays_within_its_section() {
        let partial = |offset, count| Some(Partial { offset, count });
        assert_eq!(apply(10..20, None), 10..20);
        assert_eq!(apply(10..20, partial(2, 3)), 12..15);
        assert_eq!(apply(10..20, partial(8, 30)), 18..20);
        assert_eq!(apply(10..20, partial(u64::MAX, u64::MAX)), 20..20);
    }
}
