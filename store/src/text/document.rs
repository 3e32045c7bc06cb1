//! Documents: a message as the copies of an account serve it, prefix and all, and the grams of its text.
//!
//! The texts are exactly those that a search looks at ([`pieces`], the names in part headers among them), and the subject as the MIME index has it.
//! A field with more text than [`TEXT_OCTETS_MAX`], or with text that cannot be read, is marked as unknown: such a message is read by every
//! search of that field.

use rusqlite::Connection;

use super::gram::{Field, GramSet, buckets_of};
use crate::mime::decode::encoded_words;
use crate::mime::search::{Scope, pieces};
use crate::mime::{FuzzyNeedle, MessageIndex, Needle, Word};
use crate::piece::{PieceReader, Place, place_behind};
use crate::{Error, MessageId, Result};

/// Octets of text, as stored, that the index takes of one field of a message. Decoded they are in memory several times.
const TEXT_OCTETS_MAX: u64 = 2 * 1024 * 1024;

/// What tells the documents of one account apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct DocumentId {
    pub(super) message: MessageId,
    /// A hash of the prefix, as a number.
    pub(super) prefix: i64,
}

impl DocumentId {
    pub(super) fn new(message: MessageId, prefix: &[u8]) -> DocumentId {
        let mut hash = [0; 8];
        hash.copy_from_slice(&blake3::hash(prefix).as_bytes()[..8]);
        DocumentId {
            message,
            prefix: i64::from_le_bytes(hash),
        }
    }
}

/// Adds the grams of a message to an empty set. Gives the octets that were read; `None` if the message is no more.
pub(super) fn gather(
    connection: &Connection,
    reader: &mut PieceReader<'_>,
    message: MessageId,
    prefix: Vec<u8>,
    grams: &mut GramSet,
) -> Result<Option<u64>> {
    let prefix_octets = prefix.len() as u64;
    let Some(place) = place_behind(connection, message, prefix)? else {
        return Ok(None);
    };
    let mut select = connection.prepare_cached("SELECT data FROM mime WHERE message = ?1")?;
    let mut rows = select.query([message])?;
    let mime = match rows.next()? {
        Some(row) => row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?,
        None => &[],
    };
    match MessageIndex::decode(mime, prefix_octets) {
        Ok(index) => gather_texts(reader, &place, &index, grams).map(Some),
        // Its texts cannot be told; whoever searches hears of the damage by reading it.
        Err(_) => {
            grams.add_unknown(Field::Header);
            grams.add_unknown(Field::Body);
            Ok(Some(0))
        }
    }
}

fn gather_texts(
    reader: &mut PieceReader<'_>,
    place: &Place,
    index: &MessageIndex<'_>,
    grams: &mut GramSet,
) -> Result<u64> {
    if let Some(subject) = &index.envelope().subject {
        grams.add(Field::Header, &encoded_words(subject));
    }
    let (mut header, mut body) = (0, 0);
    for piece in pieces(index, Scope::Text) {
        let (field, sum) = match piece.is_own_header() {
            true => (Field::Header, &mut header),
            false => (Field::Body, &mut body),
        };
        let range = piece.range();
        *sum += range.end - range.start;
        if *sum > TEXT_OCTETS_MAX || range.end > place.octets() {
            grams.add_unknown(field);
            continue;
        }
        match reader.read(place, range) {
            Ok(octets) => grams.add(field, &piece.text(&octets)),
            // One damaged message must not keep all others out of the index.
            Err(Error::Corrupt(_)) => grams.add_unknown(field),
            Err(error) => return Err(error),
        }
    }
    Ok(header + body)
}

/// What a search looks for in messages, as far as the index can tell.
#[derive(Debug, Clone)]
pub struct TextTest {
    pub(super) fields: &'static [Field],
    /// Sets of buckets. A message that passes has all of one of them, in one of the fields.
    pub(super) alternatives: Vec<Vec<u16>>,
}

const HEADER: &[Field] = &[Field::Header];
const BODY: &[Field] = &[Field::Body];
const ANYWHERE: &[Field] = &[Field::Header, Field::Body];

impl TextTest {
    /// The needle in a field of the header, whose name may be given. None of these if the needle, with the name, is too short for the index.
    pub fn header(name: Option<&str>, needle: &Needle) -> Option<TextTest> {
        let mut buckets = buckets_of(needle.folded());
        if let Some(name) = name {
            buckets.extend(buckets_of(Needle::new(name).folded()));
        }
        TextTest::of(HEADER, vec![buckets])
    }

    /// The needle in the body.
    pub fn body(needle: &Needle) -> Option<TextTest> {
        TextTest::of(BODY, vec![buckets_of(needle.folded())])
    }

    /// The needle in header or body.
    pub fn text(needle: &Needle) -> Option<TextTest> {
        TextTest::of(ANYWHERE, vec![buckets_of(needle.folded())])
    }

    /// The needle approximately in a field of the header, whose name may be given: tests that must all be passed, as far as there are any.
    pub fn fuzzy_header(name: Option<&str>, needle: &FuzzyNeedle) -> Vec<TextTest> {
        let name = name.and_then(|name| TextTest::header(None, &Needle::new(name)));
        name.into_iter()
            .chain(TextTest::words(HEADER, needle))
            .collect()
    }

    /// The needle approximately in the body.
    pub fn fuzzy_body(needle: &FuzzyNeedle) -> Vec<TextTest> {
        TextTest::words(BODY, needle).collect()
    }

    /// The needle approximately in header and body.
    pub fn fuzzy_text(needle: &FuzzyNeedle) -> Vec<TextTest> {
        TextTest::words(ANYWHERE, needle).collect()
    }

    /// Each word by itself: one may be in the header and another in the body.
    fn words(fields: &'static [Field], needle: &FuzzyNeedle) -> impl Iterator<Item = TextTest> {
        let whole = [needle.whole()]
            .into_iter()
            .filter(|_| needle.words().is_empty());
        let whole = whole.map(|whole| vec![whole.folded().to_owned()]);
        let words = needle.words().iter().map(Word::alike);
        let tests = whole.chain(words).map(move |texts| {
            let alternatives = texts.iter().map(|text| buckets_of(text));
            TextTest::of(fields, alternatives.collect())
        });
        tests.flatten()
    }

    /// Nothing can be asked if a text without any bucket would pass.
    fn of(fields: &'static [Field], mut alternatives: Vec<Vec<u16>>) -> Option<TextTest> {
        for buckets in &mut alternatives {
            buckets.sort_unstable();
            buckets.dedup();
        }
        let asks = alternatives.iter().all(|buckets| !buckets.is_empty());
        asks.then_some(TextTest {
            fields,
            alternatives,
        })
    }
}
