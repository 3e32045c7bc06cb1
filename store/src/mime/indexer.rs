//! The parser: octets of a message in, its index out, in one pass and without going back.
//!
//! Lines are what matters: in a header each one, in a body only those that begin with `--` while a boundary is
//! awaited. Of a line that matters the first octets are kept (`head`) until it is clear what it is; all other
//! octets are only counted. Open parts are a stack, so that depth costs no recursion:
//!
//! ```text
//!  ┌────────── delimiter: a new part ───────────┐
//!  ▼                                            │
//! Header ────────── blank line ───────────────► Body ── close delimiter ──► Body (epilogue)
//!  │                                            ▲
//!  └── message/rfc822: the header of the message inside, and so on
//! ```
//!
//! Broken messages, decided here:
//! - A line that is no field, after one that is, is in the header and means nothing, as in Dovecot: it is mostly the rest of
//!   a field that was folded badly, and the fields behind it count. If the header begins with one, there is no header, and
//!   the body begins there; an mbox `From ` line is skipped.
//! - A boundary ends whatever is open inside of it, header or body. The innermost of two equal boundaries counts.
//! - A boundary line is `--boundary`, perhaps `--`, then only white space. So no boundary is taken for a longer one.
//! - A multipart without a usable boundary is `text/plain`, as in Dovecot.
//! - A `message/rfc822` part in base64 or quoted-printable (forbidden by RFC 2046 §5.2.1), and a message or multipart
//!   beyond the limits, is `application/octet-stream`: BODYSTRUCTURE could not say what it is.
//! - A header field beyond [`HEADER_OCTETS_MAX`] is not indexed; boundaries beyond [`PARTS_MAX`] are text.

use memchr::memmem::Finder;

use super::{
    content::{self, ContentType},
    date,
    describe::{describe, is_attachment, make_opaque},
    header::{self, Field, Fields},
    index::{Kind, MessageIndex, Part, SentDate, Text},
    limits::{BOUNDARY_LINE_OCTETS_MAX, DEPTH_MAX, HEADER_OCTETS_MAX, PARTS_MAX, REFERENCES_MAX},
    preview::Preview,
};

/// Octets of a line that decide what it is.
const HEAD_OCTETS_MAX: usize = BOUNDARY_LINE_OCTETS_MAX;

/// Makes the index of a message from its octets, pushed in pieces of any size.
pub struct Indexer {
    /// Octets seen that are accounted for, that is, all but those in `head`.
    offset: u64,
    /// LFs among them.
    line_ends: u64,
    /// The last two octets accounted for, to know the length of a line end.
    last: [u8; 2],
    /// First octets of the present line while it is not clear what it is.
    head: Vec<u8>,
    /// What the present line is was decided; its rest is still to come.
    inside_line: bool,
    in_header: bool,
    /// The present header has a field.
    has_field: bool,
    /// Indexed fields of the present header.
    fields: Fields,
    /// The present header line belongs to the last of `fields`.
    collecting: bool,
    /// Octets of fields that may still be kept.
    header_octets_left: usize,
    open: Vec<Open>,
    /// Boundaries in `open`.
    awaited: usize,
    parts: Vec<Part<'static>>,
    finder: Finder<'static>,
    preview: Preview,
    sent: Option<SentDate>,
    references: Vec<Text<'static>>,
}

/// A part whose end is still to come.
struct Open {
    place: usize,
    /// Value of `line_ends` where its body began.
    line_ends: u64,
    /// What separates its parts; None if it has none, or the close delimiter was seen.
    boundary: Option<Vec<u8>>,
    /// Whether it is a message, with an envelope.
    is_message: bool,
    /// Whether its parts are messages by default (RFC 2046 §5.1.5).
    is_digest: bool,
}

impl Default for Indexer {
    fn default() -> Indexer {
        Indexer::new()
    }
}

impl Indexer {
    /// An indexer at the start of a message.
    pub fn new() -> Indexer {
        let mut indexer = Indexer {
            offset: 0,
            line_ends: 0,
            last: [0; 2],
            head: Vec::new(),
            inside_line: false,
            in_header: true,
            has_field: false,
            fields: Fields::default(),
            collecting: false,
            header_octets_left: HEADER_OCTETS_MAX,
            open: Vec::new(),
            awaited: 0,
            parts: Vec::new(),
            finder: Finder::new(b"\n--"),
            preview: Preview::default(),
            sent: None,
            references: Vec::new(),
        };
        indexer.start_part(true);
        indexer
    }

    /// The index of a message that is in memory.
    pub fn index(message: &[u8]) -> MessageIndex<'static> {
        let mut indexer = Indexer::new();
        indexer.push(message);
        indexer.finish()
    }

    /// Takes the next octets of the message.
    pub fn push(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() {
            rest = match (self.inside_line, self.in_header) {
                (true, true) => self.rest_of_field(rest),
                (true, false) => self.body(rest),
                (false, _) => self.line_start(rest),
            };
        }
    }

    /// Ends the message.
    pub fn finish(mut self) -> MessageIndex<'static> {
        if !self.head.is_empty() {
            self.decide();
        }
        self.close_parts(0, self.offset, self.line_ends);
        let has_attachment = self.parts.iter().any(is_attachment);
        MessageIndex {
            size: self.offset,
            parts: self.parts,
            sent: self.sent,
            references: self.references,
            has_attachment,
            preview: self.preview.finish().into(),
        }
    }

    /// Gathers the head of a line until it is clear what it is.
    fn line_start<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        if !self.in_header && !self.may_be_boundary(octets) {
            self.inside_line = true;
            let head = std::mem::take(&mut self.head);
            self.account(&head);
            return octets;
        }
        let room = octets.len().min(HEAD_OCTETS_MAX - self.head.len());
        let end = memchr::memchr(b'\n', &octets[..room]).map_or(room, |lf| lf + 1);
        self.head.extend_from_slice(&octets[..end]);
        if self.head.ends_with(b"\n") || self.head.len() == HEAD_OCTETS_MAX {
            self.decide();
        }
        &octets[end..]
    }

    /// Whether the line that begins with `head` and goes on with `octets` may be a boundary.
    fn may_be_boundary(&self, octets: &[u8]) -> bool {
        let mut first = self.head.iter().chain(octets).take(2);
        self.awaited > 0 && first.all(|&octet| octet == b'-')
    }

    /// Decides what the line in `head` is: all of it, or as much as has to be seen.
    fn decide(&mut self) {
        let head = std::mem::take(&mut self.head);
        self.inside_line = !head.ends_with(b"\n");
        let mut taken = self.boundary_line(&head);
        // Where the header of a message/rfc822 part ends, that of the message inside begins with the same line.
        while !taken && self.in_header {
            taken = self.header_line(&head);
        }
        if !taken {
            self.account(&head);
        }
        // The buffer is used again for the next line.
        self.head = head;
        self.head.clear();
    }

    /// Takes the line as part of the header; false if the header ended before it.
    fn header_line(&mut self, line: &[u8]) -> bool {
        if matches!(line, b"\n" | b"\r\n") {
            self.account(line);
            self.finish_header();
            return true;
        }
        let continued = matches!(line.first(), Some(b' ' | b'\t'));
        if let Some((name, value)) = header::field_name(line).filter(|_| !continued) {
            self.has_field = true;
            self.start_field(Field::named(name), &line[value..]);
        } else if continued {
            self.collect(line);
        } else if self.has_field || line.starts_with(b"From ") || line.starts_with(b">From ") {
            self.collecting = false;
        } else {
            self.finish_header();
            return false;
        }
        self.account(line);
        true
    }

    fn start_field(&mut self, field: Option<Field>, value: &[u8]) {
        let is_message = self.open.last().is_some_and(|open| open.is_message);
        let wanted = field.filter(|field| field.is_content() || is_message);
        self.collecting = wanted.is_some() && self.header_octets_left > 0;
        if let Some(field) = wanted.filter(|_| self.collecting) {
            self.fields.0.push((field, Vec::new()));
            self.collect(value);
        }
    }

    /// Keeps octets of the present field, if it is an indexed one.
    fn collect(&mut self, octets: &[u8]) {
        if let Some((_, value)) = self.fields.0.last_mut().filter(|_| self.collecting) {
            let octets = &octets[..octets.len().min(self.header_octets_left)];
            self.header_octets_left -= octets.len();
            value.extend_from_slice(octets);
        }
    }

    /// The rest of a header line that is longer than a head.
    fn rest_of_field<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let end = memchr::memchr(b'\n', octets).map_or(octets.len(), |lf| lf + 1);
        let (line, rest) = octets.split_at(end);
        self.inside_line = !line.ends_with(b"\n");
        self.collect(line);
        self.account(line);
        rest
    }

    /// Body octets from within a line up to the next line that may be a boundary.
    fn body<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let end = if self.awaited == 0 {
            None
        } else {
            self.next_dashes(octets)
        };
        let (body, rest) = octets.split_at(end.unwrap_or(octets.len()));
        self.inside_line = end.is_none();
        self.account(body);
        rest
    }

    /// Where the next line begins that begins with `--`, or may do so when more octets come.
    fn next_dashes(&self, octets: &[u8]) -> Option<usize> {
        let found = self.finder.find(octets).or_else(|| {
            let tail = octets.len().saturating_sub(2);
            memchr::memrchr(b'\n', &octets[tail..]).map(|lf| tail + lf)
        });
        found.map(|lf| lf + 1)
    }

    /// Counts octets of the present part.
    fn account(&mut self, octets: &[u8]) {
        self.offset += octets.len() as u64;
        self.line_ends += memchr::memchr_iter(b'\n', octets).count() as u64;
        match *octets {
            [] => {}
            [one] => self.last = [self.last[1], one],
            [.., before, one] => self.last = [before, one],
        }
        if !self.in_header {
            self.preview.push(octets);
        }
    }

    /// Acts on the line if it is a boundary; false if it is not.
    fn boundary_line(&mut self, line: &[u8]) -> bool {
        let Some((level, closes)) = self.boundary_of(line) else {
            return false;
        };
        if !closes && self.parts.len() >= PARTS_MAX {
            self.open.iter_mut().for_each(|open| open.boundary = None);
            self.awaited = 0;
            return false;
        }
        let line_end = match self.last {
            [b'\r', b'\n'] => 2,
            [_, b'\n'] => 1,
            _ => 0,
        };
        self.close_parts(
            level + 1,
            self.offset - line_end,
            self.line_ends - line_end.min(1),
        );
        self.in_header = false;
        self.preview.end_part();
        if closes && let Some(open) = self.open.last_mut() {
            open.boundary = None;
            self.awaited -= 1;
        }
        self.account(line);
        if !closes {
            self.start_part(false);
        }
        true
    }

    /// The level in `open` of which the line is a boundary, and whether it is the close delimiter.
    fn boundary_of(&self, line: &[u8]) -> Option<(usize, bool)> {
        if self.awaited == 0 {
            return None;
        }
        let text = line.strip_prefix(b"--")?.trim_ascii_end();
        self.open
            .iter()
            .enumerate()
            .rev()
            .find_map(
                |(level, open)| match text.strip_prefix(open.boundary.as_deref()?)? {
                    b"" => Some((level, false)),
                    b"--" => Some((level, true)),
                    _ => None,
                },
            )
    }

    /// Opens a part at the present offset; its header begins.
    fn start_part(&mut self, is_message: bool) {
        let mut part = Part::empty(self.parts.len(), self.offset);
        part.header = self.offset..self.offset;
        self.open.push(Open {
            place: self.parts.len(),
            line_ends: self.line_ends,
            boundary: None,
            is_message,
            is_digest: false,
        });
        self.parts.push(part);
        self.in_header = true;
        self.has_field = false;
        self.collecting = false;
    }

    /// Ends the header of the present part: now it is known what it is.
    fn finish_header(&mut self) {
        let fields = std::mem::take(&mut self.fields);
        let room = self.open.len() < DEPTH_MAX && self.parts.len() < PARTS_MAX;
        let by_default = self.default_type();
        let Some(open) = self.open.last_mut() else {
            return;
        };
        let part = &mut self.parts[open.place];
        part.header.end = self.offset;
        part.body = self.offset..self.offset;
        open.line_ends = self.line_ends;
        let boundary = describe(part, &fields, by_default, room);
        open.is_digest = part.subtype == "digest";
        open.boundary = boundary;
        self.awaited += usize::from(open.boundary.is_some());
        let (kind, place, is_message) = (part.kind, open.place, open.is_message);
        if is_message {
            part.envelope = Some(Box::new(content::envelope(&fields)));
        }
        if place == 0 {
            self.note_thread(&fields);
        }
        self.in_header = false;
        self.preview.start_part(&self.parts[place]);
        if kind == Kind::Message {
            self.start_part(true);
        }
    }

    fn default_type(&self) -> ContentType {
        let parent = self
            .open
            .len()
            .checked_sub(2)
            .map(|level| &self.open[level]);
        match parent {
            Some(parent) if parent.is_digest && parent.boundary.is_some() => {
                ContentType::plain("message", "rfc822")
            }
            _ => ContentType::plain("text", "plain"),
        }
    }

    fn note_thread(&mut self, fields: &Fields) {
        self.sent = fields.text(Field::Date).and_then(|text| date::sent(&text));
        let text = fields.text(Field::References).unwrap_or_default();
        self.references = content::message_ids(&text);
        let surplus = self.references.len().saturating_sub(REFERENCES_MAX);
        if surplus > 0 {
            self.references.drain(1..=surplus);
        }
    }

    /// Closes the open parts from `level` on, whose bodies end at `end`, with `line_ends` seen until there.
    fn close_parts(&mut self, level: usize, end: u64, line_ends: u64) {
        // The header of a message/rfc822 part that ends here opens the message inside, which ends here, too.
        while self.in_header && level < self.open.len() {
            self.finish_header();
        }
        let mut inner_end = end;
        while level < self.open.len() {
            let Some(open) = self.open.pop() else { return };
            self.awaited -= usize::from(open.boundary.is_some());
            self.supply_missing_part(&open);
            let count = self.parts.len();
            let part = &mut self.parts[open.place];
            // A body cannot end before it begins, nor before one that is inside of it.
            inner_end = inner_end.max(part.body.start);
            part.body.end = inner_end;
            part.lines = line_ends.saturating_sub(open.line_ends);
            part.end = u32::try_from(count).unwrap_or(u32::MAX);
        }
    }

    /// Gives a multipart that has no part an empty one.
    fn supply_missing_part(&mut self, open: &Open) {
        let is_empty = open.place + 1 == self.parts.len();
        if !is_empty || self.parts[open.place].kind != Kind::Multipart {
            return;
        }
        if self.parts.len() < PARTS_MAX {
            let at = self.parts[open.place].body.start;
            self.parts.push(Part::empty(self.parts.len(), at));
        } else {
            make_opaque(&mut self.parts[open.place]);
        }
    }
}
