//! Which octets of a message make up its text, and how to read them: for SEARCH.
//!
//! [`pieces`] lists the headers and text bodies of a message in their order. The caller reads the octets of each, from
//! the whole message or piece by piece from the store, and gives them to [`Piece::text`]. [`found_in`] does both for a
//! message that is in memory. Of one piece at most [`SEARCH_OCTETS_MAX`] stored octets are looked at.
//!
//! Text is: the decoded header of the message (Header, Text); the bodies of all `text/*` parts, HTML without its tags;
//! the headers of the parts (so that file names are found), and nested messages with their headers (Body, Text).
//! Attachments of other types are not searched.

use std::{borrow::Cow, ops::Range};

use super::{
    decode,
    fold::Needle,
    index::{Kind, MessageIndex, Part},
    limits::SEARCH_OCTETS_MAX,
};

/// Where to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The header of the message.
    Header,
    /// Everything but the header of the message: SEARCH BODY.
    Body,
    /// Header and body: SEARCH TEXT.
    Text,
}

/// A stretch of a message that is text once decoded.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    part: &'a Part<'a>,
    is_header: bool,
}

impl<'a> Piece<'a> {
    /// The octets of the message to read.
    pub fn range(&self) -> Range<u64> {
        let whole = if self.is_header {
            &self.part.header
        } else {
            &self.part.body
        };
        whole.start..whole.end.min(whole.start.saturating_add(SEARCH_OCTETS_MAX))
    }

    /// Whether it is the header of the message itself, not of a part in it.
    pub fn is_own_header(&self) -> bool {
        self.is_header && self.part.place == 0
    }

    /// The text in `octets`, which are those of [`Piece::range`].
    pub fn text<'o>(&self, octets: &'o [u8]) -> Cow<'o, str> {
        if self.is_header {
            with_file_name(self.part, decode::header_section(octets))
        } else {
            decode::body_text(self.part, octets)
        }
    }
}

/// A name that the header writes in another way than people read it, percent-encoded or in pieces (RFC 2231), is a line of its own behind the header;
/// it begins with a colon, so that it is no field.
fn with_file_name<'o>(part: &Part<'_>, header: Cow<'o, str>) -> Cow<'o, str> {
    match decode::file_name(part) {
        Some(name) if !header.contains(&name) => {
            let mut header = header.into_owned();
            header.push_str("\n:");
            header.push_str(&name);
            Cow::Owned(header)
        }
        _ => header,
    }
}

/// The pieces of text in a message, in its order.
pub fn pieces<'a>(index: &'a MessageIndex<'_>, scope: Scope) -> impl Iterator<Item = Piece<'a>> {
    let parts = index.parts.iter().enumerate();
    parts
        .flat_map(move |(place, part)| {
            let header = if place == 0 {
                scope != Scope::Body
            } else {
                scope != Scope::Header
            };
            let is_text = part.kind == Kind::Leaf && part.media_type == "text";
            let body = is_text && scope != Scope::Header;
            let header = header.then_some(Piece {
                part,
                is_header: true,
            });
            header.into_iter().chain(body.then_some(Piece {
                part,
                is_header: false,
            }))
        })
        .filter(|piece| !piece.range().is_empty())
}

/// Whether `needle` is in the text of a message of which all octets are given.
///
/// Octets that the index knows of, but that are not given, are passed over.
pub fn found_in(index: &MessageIndex, message: &[u8], scope: Scope, needle: &Needle) -> bool {
    pieces(index, scope).any(|piece| {
        let Range { start, end } = piece.range();
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let octets = range.and_then(|(start, end)| message.get(start..end));
        octets.is_some_and(|octets| needle.found_in(&piece.text(octets)))
    })
}
