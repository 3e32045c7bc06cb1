//! Making a message smaller in its demands: 8-bit and binary parts become quoted-printable or base64 (RFC 6152 §3, RFC 3030 §3).
//!
//! Only what the host does not take is changed, and of a header section only what says how the body is encoded. A signature that covers
//! what is changed breaks: DKIM's is the price of delivery, but inside a multipart/signed nothing is touched (RFC 1847 §2.1), and the
//! message cannot go.

use std::ops::Range;

use store::mime::{Encoding as Declared, Kind, Part};

use super::body::Body;
use super::encoder::Encoding;
use super::facts::{Facts, PartFacts};

/// A part of what is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// These octets of the message as they are.
    Copy(Range<u64>),
    /// Other octets.
    Insert(Vec<u8>),
    /// These octets of the message, encoded.
    Encode(Range<u64>, Encoding),
}

/// What the host takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) eight_bit: bool,
    pub(super) binary: bool,
}

impl Taken {
    fn refuses(self, part: PartFacts) -> bool {
        (part.eight_bit && !self.eight_bit) || (part.binary && !self.binary)
    }
}

/// What is sent instead of the message: the message itself, if the host takes it as it is. None: it cannot be converted.
pub(super) async fn plan(
    facts: &Facts,
    taken: Taken,
    body: &Body,
) -> store::Result<Option<Vec<Segment>>> {
    let index = facts.index.decode()?;
    let changes = match changes(&index.parts, facts, taken) {
        Some(changes) => changes,
        None => return Ok(None),
    };
    let mut draft = Draft::default();
    for (place, part) in index.parts.iter().enumerate() {
        let Some(change) = changes.get(place).copied().flatten() else {
            continue;
        };
        let header = read_whole(body, part.header.clone()).await?;
        let edit = edit_header(&header, place == 0, change);
        let at = part.header.start;
        draft.copy_to(at + edit.range.start as u64);
        draft.insert(edit.text, at + edit.range.end as u64);
        if let Change::Encode(encoding) = change {
            draft.copy_to(part.body.start);
            draft.encode(part.body.clone(), encoding);
        }
    }
    draft.copy_to(body.size());
    Ok(Some(draft.segments))
}

/// What becomes of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// Its body is encoded.
    Encode(Encoding),
    /// It holds parts that are, and is labelled anew.
    Label(&'static str),
}

impl Change {
    fn encoding(self) -> &'static str {
        match self {
            Change::Encode(encoding) => encoding.name(),
            Change::Label(label) => label,
        }
    }
}

/// For each part what becomes of it. None if one must change that cannot.
fn changes(parts: &[Part<'_>], facts: &Facts, taken: Taken) -> Option<Vec<Option<Change>>> {
    let label = match taken.eight_bit {
        true => "8bit",
        false => "7bit",
    };
    let mut changes = vec![None; parts.len()];
    // The parts around the one that is looked at.
    let mut around: Vec<usize> = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        let encloses = |outer: &usize| {
            parts
                .get(*outer)
                .is_some_and(|outer| part.header.start < outer.body.end)
        };
        while around.pop_if(|outer| !encloses(outer)).is_some() {}
        let found = facts.parts.get(place).copied().unwrap_or_default();
        if part.kind != Kind::Leaf {
            around.push(place);
        } else if taken.refuses(found) && part.encoding.is_identity() {
            let outer = || around.iter().filter_map(|&place| parts.get(place));
            if is_untouchable(part) || outer().any(|part| part.is("multipart", "signed")) {
                return None;
            }
            set(
                &mut changes,
                place,
                Change::Encode(best_encoding(part, found)),
            );
            for &place in &around {
                let declared = parts.get(place).map(|part| &part.encoding);
                if matches!(declared, Some(Declared::EightBit | Declared::Binary)) {
                    set(&mut changes, place, Change::Label(label));
                }
            }
        }
    }
    Some(changes)
}

fn set(changes: &mut [Option<Change>], place: usize, change: Change) {
    if let Some(slot) = changes.get_mut(place) {
        *slot = Some(change);
    }
}

/// A fragment of a message must not be encoded (RFC 2046 §5.2.2.1), nor may other parts of type message that are no text.
fn is_untouchable(part: &Part<'_>) -> bool {
    part.media_type == "message" && !part.subtype.starts_with("global")
}

/// Text stays readable for those who read it raw.
fn best_encoding(part: &Part<'_>, found: PartFacts) -> Encoding {
    match part.media_type == "text" && !found.binary {
        true => Encoding::QuotedPrintable,
        false => Encoding::Base64,
    }
}

/// The segments in the making.
#[derive(Default)]
struct Draft {
    segments: Vec<Segment>,
    /// So far the message is dealt with.
    done: u64,
}

impl Draft {
    fn copy_to(&mut self, end: u64) {
        if self.done < end {
            self.segments.push(Segment::Copy(self.done..end));
            self.done = end;
        }
    }

    /// Puts `text` in place of everything up to `end`.
    fn insert(&mut self, text: Vec<u8>, end: u64) {
        self.segments.push(Segment::Insert(text));
        self.done = self.done.max(end);
    }

    fn encode(&mut self, range: Range<u64>, encoding: Encoding) {
        self.done = self.done.max(range.end);
        self.segments.push(Segment::Encode(range, encoding));
    }
}

async fn read_whole(body: &Body, range: Range<u64>) -> store::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let piece = body.read(start..range.end).await?;
        if piece.is_empty() {
            break;
        }
        start += piece.len() as u64;
        octets.extend_from_slice(&piece);
    }
    Ok(octets)
}

/// Other text for a part of a header section.
struct Edit {
    /// Octets of the header section that go away.
    range: Range<usize>,
    text: Vec<u8>,
}

/// Says the new encoding: in place of the field that says the old one, or behind all fields. A message that was no MIME message
/// becomes one; its charset is unknown (RFC 1428 §3).
fn edit_header(header: &[u8], is_message: bool, change: Change) -> Edit {
    let mut text = format!("Content-Transfer-Encoding: {}\r\n", change.encoding()).into_bytes();
    if let Some(range) = find_field(header, "Content-Transfer-Encoding") {
        return Edit { range, text };
    }
    if is_message && find_field(header, "MIME-Version").is_none() {
        text.splice(0..0, *b"MIME-Version: 1.0\r\n");
        if find_field(header, "Content-Type").is_none() {
            text.extend_from_slice(b"Content-Type: text/plain; charset=unknown-8bit\r\n");
        }
    }
    let end = match header.ends_with(b"\r\n\r\n") || header == b"\r\n" {
        true => header.len() - 2,
        false => header.len(),
    };
    if end > 0 && !header.get(..end).unwrap_or_default().ends_with(b"\n") {
        text.splice(0..0, *b"\r\n");
    }
    Edit {
        range: end..end,
        text,
    }
}

/// Where a field stands, with its continuation lines and its line end.
fn find_field(header: &[u8], name: &str) -> Option<Range<usize>> {
    let mut found: Option<Range<usize>> = None;
    let mut start = 0;
    for line in header.split_inclusive(|&octet| octet == b'\n') {
        let end = start + line.len();
        let continues = line.starts_with(b" ") || line.starts_with(b"\t");
        match &mut found {
            Some(field) if continues => field.end = end,
            Some(_) => break,
            None => {
                let named = line.get(..name.len()).is_some_and(|start| {
                    start.eq_ignore_ascii_case(name.as_bytes())
                        && line
                            .get(name.len()..)
                            .is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
                });
                if named && !continues {
                    found = Some(start..end);
                }
            }
        }
        start = end;
    }
    found
}
