//! Header fields that the index is made of, and their text.
//!
//! Not here: where a header begins and ends (`indexer`), and what the fields mean (`content`, `address`, `date`).

use super::{decode, index::Text};

/// A field that the index needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Date,
    Subject,
    From,
    Sender,
    ReplyTo,
    To,
    Cc,
    Bcc,
    InReplyTo,
    MessageId,
    References,
    ContentType,
    ContentTransferEncoding,
    ContentId,
    ContentDescription,
    ContentMd5,
    ContentDisposition,
    ContentLanguage,
    ContentLocation,
}

const NAMES: [(&str, Field); 19] = [
    ("date", Field::Date),
    ("subject", Field::Subject),
    ("from", Field::From),
    ("sender", Field::Sender),
    ("reply-to", Field::ReplyTo),
    ("to", Field::To),
    ("cc", Field::Cc),
    ("bcc", Field::Bcc),
    ("in-reply-to", Field::InReplyTo),
    ("message-id", Field::MessageId),
    ("references", Field::References),
    ("content-type", Field::ContentType),
    ("content-transfer-encoding", Field::ContentTransferEncoding),
    ("content-id", Field::ContentId),
    ("content-description", Field::ContentDescription),
    ("content-md5", Field::ContentMd5),
    ("content-disposition", Field::ContentDisposition),
    ("content-language", Field::ContentLanguage),
    ("content-location", Field::ContentLocation),
];

impl Field {
    /// The indexed field of that name; letters in any case.
    pub(super) fn named(name: &[u8]) -> Option<Field> {
        let named = NAMES
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        named.map(|&(_, field)| field)
    }

    /// Whether the field describes a part; the others describe a message.
    pub(super) fn is_content(self) -> bool {
        !matches!(
            self,
            Field::Date
                | Field::Subject
                | Field::From
                | Field::Sender
                | Field::ReplyTo
                | Field::To
                | Field::Cc
                | Field::Bcc
                | Field::InReplyTo
                | Field::MessageId
                | Field::References
        )
    }
}

/// The indexed fields of one header in their order, each with its body as written.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Vec<(Field, Vec<u8>)>);

impl Fields {
    /// Text of the first field of that kind.
    pub(super) fn text(&self, field: Field) -> Option<Text<'static>> {
        self.all(field).next().map(Text::from)
    }

    /// Like [`Fields::text`], but an empty field counts as absent.
    pub(super) fn text_not_empty(&self, field: Field) -> Option<Text<'static>> {
        self.text(field).filter(|text| !text.is_empty())
    }

    /// Texts of all fields of that kind.
    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .filter(move |(f, _)| *f == field)
            .map(|(_, raw)| unfolded(raw))
    }
}

/// A field body as one line of UTF-8 without NUL, CR and LF, trimmed (RFC 5322 §2.2.3).
pub(super) fn unfolded(raw: &[u8]) -> String {
    let text = decode::utf8_or_latin1(raw.trim_ascii());
    if !text.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return text.into_owned();
    }
    // A fold is CRLF before white space, and only the white space is text; a CR or NUL elsewhere is dirt.
    text.chars()
        .filter(|c| !matches!(c, '\r' | '\n' | '\0'))
        .collect()
}

/// The field name at the start of a line, if the line is a header field.
pub(super) fn field_name(line: &[u8]) -> Option<(&[u8], usize)> {
    let colon = memchr::memchr(b':', line)?;
    let name = line[..colon].trim_ascii_end();
    let proper = !name.is_empty()
        && name.len() <= super::limits::FIELD_NAME_OCTETS_MAX
        && name.iter().all(|&b| b > b' ' && b != 0x7f);
    proper.then_some((name, colon + 1))
}
