//! The index of a message: its parts, their ranges and descriptions, and the way from an IMAP part number to a part.
//!
//! All ranges are octets from the start of the message as it is served, half open. Texts of header fields are
//! unfolded, still RFC 2047-encoded, in UTF-8 (octets that were not UTF-8 are read as Windows-1252) and hold no
//! NUL, CR or LF. Parts are kept in one list in the order of the message, each before those inside it.
//!
//! The tree of a `message/rfc822` part has one more node than the part numbers have levels: the part, and, as its
//! only child, the message inside it. That child has the envelope, its `header` is `n.HEADER`, its `body` `n.TEXT`.
//!
//! Not here: how it is made (`indexer`) and how it is stored (`codec`).

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, Range};

use serde::{Deserialize, Serialize};

/// Text of the index: borrowed from the stored form, or made by the indexer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Text(Cow::Owned(text))
    }
}

impl From<&'static str> for Text<'_> {
    fn from(text: &'static str) -> Self {
        Text(Cow::Borrowed(text))
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

/// Everything known about a message without reading it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageIndex<'a> {
    /// Octets of the message: RFC822.SIZE.
    pub size: u64,
    /// All parts, each before its children; the first is the message itself. Never empty.
    pub parts: Vec<Part<'a>>,
    /// The time of the Date field, if it could be read.
    pub sent: Option<SentDate>,
    /// Message-IDs of the References field, without angle brackets, oldest first.
    pub references: Vec<Text<'a>>,
    /// Whether a part is there that a reader would call an attachment.
    pub has_attachment: bool,
    /// First words of the text for PREVIEW (RFC 8970): one line of UTF-8, at most 200 characters, may be empty.
    pub preview: Text<'a>,
}

/// One MIME entity: the message itself, a body part, or the message inside a `message/rfc822` part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "E: Serialize",
    deserialize = "'de: 'a, E: Deserialize<'de>"
))]
pub struct Part<'a, E = Option<Box<Envelope<'a>>>> {
    /// Place in [`MessageIndex::parts`].
    #[serde(skip)]
    pub(super) place: u32,
    /// Place after the last part inside this one.
    #[serde(skip)]
    pub(super) end: u32,
    /// The header with the blank line that ends it, if there is one.
    pub header: Range<u64>,
    /// The body: what a section `n` (or `TEXT` of a message) gives. The line end before a boundary is not in it.
    pub body: Range<u64>,
    /// Line ends (LF) in the body.
    pub lines: u64,
    /// Whether other parts are inside.
    pub kind: Kind,
    /// Media type in lower case, such as `text`.
    pub media_type: Text<'a>,
    /// Media subtype in lower case, such as `plain`.
    pub subtype: Text<'a>,
    /// Content-Type parameters; see [`Parameter`]. A text part without charset has `us-ascii` here.
    pub parameters: Vec<Parameter<'a>>,
    /// Content-Transfer-Encoding.
    pub encoding: Encoding<'a>,
    /// Content-ID as written, with its angle brackets.
    pub id: Option<Text<'a>>,
    /// Content-Description.
    pub description: Option<Text<'a>>,
    /// Content-MD5.
    pub md5: Option<Text<'a>>,
    /// Content-Disposition.
    pub disposition: Option<Disposition<'a>>,
    /// Content-Language tags.
    pub language: Vec<Text<'a>>,
    /// Content-Location.
    pub location: Option<Text<'a>>,
    /// The envelope, if this is a message (the first part, or the child of a `message/rfc822` part).
    pub envelope: E,
}

/// What is inside a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// No other parts.
    Leaf,
    /// `multipart/*`: at least one part. (A multipart without parts gets one empty `text/plain` part, because
    /// BODYSTRUCTURE cannot say "none".)
    Multipart,
    /// `message/rfc822` or `message/global`: exactly one part, the message inside.
    Message,
}

/// A parameter of Content-Type or Content-Disposition.
///
/// RFC 2231 continuations are joined. If the value is in the extended syntax the name keeps its `*` and the value
/// its percent encoding (`filename*` = `utf-8''%e2%82%ac`), which is what BODYSTRUCTURE tells clients;
/// [`super::decode::parameter`] reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct Parameter<'a> {
    /// Name in lower case.
    pub name: Text<'a>,
    /// Value without quotes.
    pub value: Text<'a>,
}

/// Content-Disposition (RFC 2183).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct Disposition<'a> {
    /// Kind in lower case: `attachment`, `inline`, ...
    pub kind: Text<'a>,
    /// Parameters, such as `filename`.
    pub parameters: Vec<Parameter<'a>>,
}

/// Content-Transfer-Encoding (RFC 2045 §6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub enum Encoding<'a> {
    /// `7bit`, also when the field is missing.
    SevenBit,
    /// `8bit`
    EightBit,
    /// `binary`
    Binary,
    /// `quoted-printable`
    QuotedPrintable,
    /// `base64`
    Base64,
    /// Anything else, as written.
    Other(Text<'a>),
}

/// ENVELOPE of a message (RFC 3501 §7.4.2).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct Envelope<'a> {
    /// Date, as written.
    pub date: Option<Text<'a>>,
    /// Subject, unfolded.
    pub subject: Option<Text<'a>>,
    /// From.
    pub from: Vec<EnvelopeAddress<'a>>,
    /// Sender as written; for ENVELOPE use [`Envelope::sender_or_from`].
    pub sender: Vec<EnvelopeAddress<'a>>,
    /// Reply-To as written; for ENVELOPE use [`Envelope::reply_to_or_from`].
    pub reply_to: Vec<EnvelopeAddress<'a>>,
    /// To.
    pub to: Vec<EnvelopeAddress<'a>>,
    /// Cc.
    pub cc: Vec<EnvelopeAddress<'a>>,
    /// Bcc.
    pub bcc: Vec<EnvelopeAddress<'a>>,
    /// In-Reply-To, as written.
    pub in_reply_to: Option<Text<'a>>,
    /// Message-ID, as written.
    pub message_id: Option<Text<'a>>,
}

/// An address structure of RFC 3501 §7.4.2.
///
/// A group is written as RFC 3501 wants it: a start (`mailbox` is the group's name, `host` is None), its members,
/// and an end (all None). An address that lacks its mailbox or host has [`EnvelopeAddress::MISSING_MAILBOX`] or
/// [`EnvelopeAddress::MISSING_HOST`] there, so that it is not taken for a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct EnvelopeAddress<'a> {
    /// Display name, still RFC 2047-encoded, without quotes.
    pub name: Option<Text<'a>>,
    /// Source route (`@a,@b`), obsolete.
    pub route: Option<Text<'a>>,
    /// Local part, or name of a group.
    pub mailbox: Option<Text<'a>>,
    /// Domain.
    pub host: Option<Text<'a>>,
}

/// The time in a Date field with the zone it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentDate {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
}

impl<'a> MessageIndex<'a> {
    /// The message itself.
    pub fn root(&self) -> &Part<'a> {
        &self.parts[0]
    }

    /// The envelope of the message itself.
    pub fn envelope(&self) -> &Envelope<'a> {
        static NONE: std::sync::LazyLock<Envelope<'static>> =
            std::sync::LazyLock::new(Envelope::default);
        self.root().envelope.as_deref().unwrap_or(&NONE)
    }

    /// The parts directly inside `part`, in order. One for a `Kind::Message`, none for a `Kind::Leaf`.
    pub fn children<'s>(
        &'s self,
        part: &Part<'_>,
    ) -> impl Iterator<Item = &'s Part<'a>> + use<'s, 'a> {
        let end = part.end;
        let mut next = part.place + 1;
        std::iter::from_fn(move || {
            if next >= end {
                return None;
            }
            let child = self.parts.get(next as usize)?;
            next = child.end;
            Some(child)
        })
    }

    /// The message inside a `message/rfc822` part: the part of which `n.HEADER`, `n.TEXT` and the envelope are told.
    pub fn message_in(&self, part: &Part<'_>) -> Option<&Part<'a>> {
        match part.kind {
            Kind::Message => self.children(part).next(),
            Kind::Leaf | Kind::Multipart => None,
        }
    }

    /// The part with an IMAP part number such as `4.2.1`; no number gives the message itself (RFC 3501 §6.4.5).
    ///
    /// - section `n`: `body` of the part; `n.MIME`: its `header`;
    /// - `n.HEADER`, `n.TEXT`: `header` and `body` of [`MessageIndex::message_in`] the part, or no such section.
    pub fn section(&self, numbers: &[u32]) -> Option<&Part<'a>> {
        let mut part = self.root();
        // A message that is no multipart has its own body as part 1: it is named by a number that is still to come.
        let mut named = numbers.is_empty();
        for (depth, &number) in numbers.iter().enumerate() {
            if depth > 0 && named && part.kind == Kind::Message {
                part = self.message_in(part)?;
                named = false;
            }
            let nth = usize::try_from(number.checked_sub(1)?).ok()?;
            match part.kind {
                Kind::Multipart => part = self.children(part).nth(nth)?,
                Kind::Leaf | Kind::Message if !named && nth == 0 => {}
                Kind::Leaf | Kind::Message => return None,
            }
            named = true;
        }
        Some(part)
    }

    /// The index of the same message with `octets` octets of complete header fields put in front of it. The
    /// message begins with a field or with the empty line (smtpd puts that in front of one that has no header); what else
    /// it began with would now be a line of the header.
    #[must_use]
    pub fn prepended(mut self, octets: u64) -> MessageIndex<'a> {
        self.size = self.size.saturating_add(octets);
        for (place, part) in self.parts.iter_mut().enumerate() {
            let start = if place == 0 { 0 } else { octets };
            part.header =
                part.header.start.saturating_add(start)..part.header.end.saturating_add(octets);
            part.body =
                part.body.start.saturating_add(octets)..part.body.end.saturating_add(octets);
        }
        self
    }
}

impl<'a, E> Part<'a, E> {
    /// The same part with another envelope.
    pub(super) fn with_envelope<F>(self, envelope: F) -> Part<'a, F> {
        Part {
            place: self.place,
            end: self.end,
            header: self.header,
            body: self.body,
            lines: self.lines,
            kind: self.kind,
            media_type: self.media_type,
            subtype: self.subtype,
            parameters: self.parameters,
            encoding: self.encoding,
            id: self.id,
            description: self.description,
            md5: self.md5,
            disposition: self.disposition,
            language: self.language,
            location: self.location,
            envelope,
        }
    }
}

impl Part<'_> {
    /// Whether the media type is `media_type/subtype` (given in lower case).
    pub fn is(&self, media_type: &str, subtype: &str) -> bool {
        self.media_type == media_type && self.subtype == subtype
    }

    /// The Content-Type parameter of that name (in lower case), as [`Parameter`] keeps it.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        find(&self.parameters, name)
    }

    /// Octets of the body: the size that BODYSTRUCTURE tells.
    pub fn body_octets(&self) -> u64 {
        self.body.end.saturating_sub(self.body.start)
    }
}

impl Disposition<'_> {
    /// The parameter of that name (in lower case), as [`Parameter`] keeps it.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        find(&self.parameters, name)
    }
}

fn find<'p>(parameters: &'p [Parameter<'_>], name: &str) -> Option<&'p str> {
    let found = parameters.iter().find(|p| p.name == name)?;
    Some(&found.value)
}

impl Encoding<'_> {
    /// The name as BODYSTRUCTURE tells it.
    pub fn as_str(&self) -> &str {
        match self {
            Encoding::SevenBit => "7bit",
            Encoding::EightBit => "8bit",
            Encoding::Binary => "binary",
            Encoding::QuotedPrintable => "quoted-printable",
            Encoding::Base64 => "base64",
            Encoding::Other(name) => name,
        }
    }

    /// Whether the body is stored as it is meant: 7bit, 8bit or binary.
    pub fn is_identity(&self) -> bool {
        matches!(
            self,
            Encoding::SevenBit | Encoding::EightBit | Encoding::Binary
        )
    }
}

impl<'a> Envelope<'a> {
    /// Sender, or From where there is none: the member that ENVELOPE tells.
    pub fn sender_or_from(&self) -> &[EnvelopeAddress<'a>] {
        if self.sender.is_empty() {
            &self.from
        } else {
            &self.sender
        }
    }

    /// Reply-To, or From where there is none: the member that ENVELOPE tells.
    pub fn reply_to_or_from(&self) -> &[EnvelopeAddress<'a>] {
        if self.reply_to.is_empty() {
            &self.from
        } else {
            &self.reply_to
        }
    }
}

impl EnvelopeAddress<'_> {
    /// Stands for a local part that is not there. (Dovecot's word: clients know it.)
    pub const MISSING_MAILBOX: &'static str = "MISSING_MAILBOX";
    /// Stands for a domain that is not there. (Dovecot's word: clients know it.)
    pub const MISSING_HOST: &'static str = "MISSING_DOMAIN";
}

impl SentDate {
    /// Days since 1970-01-01 of the date as written, disregarding time and zone: what SENTON compares (RFC 3501 §6.4.4).
    pub fn day(&self) -> i64 {
        self.seconds
            .saturating_add(i64::from(self.offset_minutes) * 60)
            .div_euclid(86_400)
    }
}
