//! What the Content-* fields say about a part (RFC 2045, 2046, 2183, 2231, 3282, 2557), and the envelope of a message.
//!
//! Tolerant: what cannot be read is as if it were not there, and the defaults of RFC 2045 §5.2 apply.

use super::{
    address,
    header::{Field, Fields},
    index::{Disposition, Encoding, Envelope, EnvelopeAddress, Parameter, Text},
    limits::{LANGUAGES_MAX, PARAMETERS_MAX},
};

/// A Content-Type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ContentType {
    pub(super) media_type: Text<'static>,
    pub(super) subtype: Text<'static>,
    pub(super) parameters: Vec<Parameter<'static>>,
}

impl ContentType {
    /// The type without parameters, except that text says its default charset (RFC 2046 §4.1.2).
    pub(super) fn plain(media_type: &'static str, subtype: &'static str) -> ContentType {
        let (media_type, subtype) = (media_type.into(), subtype.into());
        let mut content = ContentType {
            media_type,
            subtype,
            parameters: Vec::new(),
        };
        content.default_charset();
        content
    }

    /// Reads the field; None if there is no type and subtype in it.
    pub(super) fn parse(text: &str) -> Option<ContentType> {
        let (head, parameters) = value_and_parameters(text);
        let (media_type, subtype) = head.split_once('/')?;
        let (media_type, subtype) = (media_type.trim(), subtype.trim());
        if media_type.is_empty() || subtype.is_empty() {
            return None;
        }
        let (media_type, subtype) = (
            media_type.to_ascii_lowercase().into(),
            subtype.to_ascii_lowercase().into(),
        );
        let mut content = ContentType {
            media_type,
            subtype,
            parameters,
        };
        content.default_charset();
        Some(content)
    }

    fn default_charset(&mut self) {
        let known = |p: &Parameter<'_>| p.name == "charset" || p.name == "charset*";
        if self.media_type == "text" && !self.parameters.iter().any(known) {
            let (name, value) = ("charset".into(), "us-ascii".into());
            self.parameters.push(Parameter { name, value });
        }
    }
}

/// Reads Content-Disposition.
pub(super) fn disposition(fields: &Fields) -> Option<Disposition<'static>> {
    let text = fields.text(Field::ContentDisposition)?;
    let (kind, parameters) = value_and_parameters(&text);
    let kind = kind.to_ascii_lowercase();
    (!kind.is_empty()).then_some(Disposition {
        kind: kind.into(),
        parameters,
    })
}

/// Reads Content-Transfer-Encoding.
pub(super) fn encoding(fields: &Fields) -> Encoding<'static> {
    let text = fields
        .text_not_empty(Field::ContentTransferEncoding)
        .unwrap_or_default();
    let (name, _) = value_and_parameters(&text);
    match name.to_ascii_lowercase().as_str() {
        "" | "7bit" => Encoding::SevenBit,
        "8bit" => Encoding::EightBit,
        "binary" => Encoding::Binary,
        "quoted-printable" => Encoding::QuotedPrintable,
        "base64" => Encoding::Base64,
        _ => Encoding::Other(name.into()),
    }
}

/// Reads Content-Language.
pub(super) fn language(fields: &Fields) -> Vec<Text<'static>> {
    let text = fields.text(Field::ContentLanguage).unwrap_or_default();
    let tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty());
    let tags = tags.take(LANGUAGES_MAX).map(str::to_owned);
    tags.map(Text::from).collect()
}

/// The envelope. The first of several fields counts, but all of To, Cc and Bcc do.
pub(super) fn envelope(fields: &Fields) -> Envelope<'static> {
    let first = |field| addresses(fields.all(field).take(1));
    let all = |field| addresses(fields.all(field));
    Envelope {
        date: fields.text(Field::Date),
        subject: fields.text(Field::Subject),
        from: first(Field::From),
        sender: first(Field::Sender),
        reply_to: first(Field::ReplyTo),
        to: all(Field::To),
        cc: all(Field::Cc),
        bcc: all(Field::Bcc),
        in_reply_to: fields.text(Field::InReplyTo),
        message_id: fields.text(Field::MessageId),
    }
}

fn addresses(texts: impl Iterator<Item = String>) -> Vec<EnvelopeAddress<'static>> {
    let mut list = Vec::new();
    for text in texts {
        address::parse_into(&text, &mut list);
    }
    list
}

/// The message-IDs in a References field, without angle brackets.
pub(crate) fn message_ids(text: &str) -> Vec<Text<'static>> {
    let inside = text
        .split('<')
        .skip(1)
        .filter_map(|rest| rest.split_once('>'));
    let ids = inside.map(|(id, _)| id.split_whitespace().collect::<String>());
    ids.filter(|id| !id.is_empty()).map(Text::from).collect()
}

/// A structured value and its parameters: `value; name=value; name="value"`.
fn value_and_parameters(text: &str) -> (String, Vec<Parameter<'static>>) {
    let mut at = 0;
    let value = until(text, &mut at, b";");
    // `text/plain charset=utf-8`: the semicolon is missing.
    let (value, glued) = match value.split_once([' ', '\t']) {
        Some((value, rest)) if rest.contains('=') => (value.to_owned(), Some(rest.to_owned())),
        _ => (value, None),
    };
    let mut parameters = Vec::new();
    if let Some(glued) = glued {
        parse_parameters(&glued, &mut parameters);
    }
    parse_parameters(&text[at..], &mut parameters);
    (value, joined(parameters))
}

fn parse_parameters(text: &str, parameters: &mut Vec<Parameter<'static>>) {
    let mut at = 0;
    while at < text.len() && parameters.len() < PARAMETERS_MAX {
        let name = until(text, &mut at, b";=").to_ascii_lowercase();
        if at == 0 || text.as_bytes()[at - 1] != b'=' {
            continue;
        }
        let value = until(text, &mut at, b";");
        if !name.is_empty() {
            parameters.push(Parameter {
                name: name.into(),
                value: value.into(),
            });
        }
    }
}

/// The text up to one of `stops` (which is skipped), trimmed, with comments removed and quoted strings unquoted.
fn until(text: &str, at: &mut usize, stops: &[u8]) -> String {
    let mut value = String::new();
    // Spaces at the end are dropped, but not those that were in quotes.
    let mut kept = 0;
    while let Some(c) = text[*at..].chars().next() {
        *at += c.len_utf8();
        match c {
            c if c.is_ascii() && stops.contains(&(c as u8)) => break,
            '"' => {
                value.push_str(&address::quoted_string(text, at));
                kept = value.len();
            }
            '(' => drop(address::comment(text, at)),
            ' ' | '\t' if value.is_empty() => {}
            c => value.push(c),
        }
        if !matches!(c, ' ' | '\t' | '(') {
            kept = value.len();
        }
    }
    value.truncate(kept);
    value
}

/// Joins the pieces of RFC 2231 §3 (`name*0`, `name*1*`, ...) into one parameter each.
fn joined(parameters: Vec<Parameter>) -> Vec<Parameter> {
    if !parameters.iter().any(|p| piece(&p.name).is_some()) {
        return parameters;
    }
    let mut whole: Vec<Parameter> = Vec::new();
    for parameter in &parameters {
        match piece(&parameter.name) {
            None => whole.push(parameter.clone()),
            Some((base, 0, _)) => whole.push(join(base, &parameters)),
            Some(_) => {}
        }
    }
    whole
}

/// `name*3*` is the extended piece 3 of `name`.
fn piece(name: &str) -> Option<(&str, usize, bool)> {
    let (rest, extended) = match name.strip_suffix('*') {
        Some(rest) => (rest, true),
        None => (name, false),
    };
    let (base, number) = rest.split_once('*')?;
    Some((base, number.parse().ok()?, extended))
}

fn join(base: &str, parameters: &[Parameter<'_>]) -> Parameter<'static> {
    let mut pieces: Vec<(usize, bool, &str)> = parameters
        .iter()
        .filter_map(|p| piece(&p.name).map(|found| (found, p)))
        .filter(|((name, _, _), _)| *name == base)
        .map(|((_, number, extended), p)| (number, extended, &*p.value))
        .collect();
    pieces.sort_by_key(|&(number, ..)| number);
    let extended = pieces.iter().any(|&(_, extended, _)| extended);
    let mut value = String::new();
    for (place, (number, encoded, text)) in pieces.into_iter().enumerate() {
        if place != number {
            break;
        }
        if extended && !encoded {
            percent_encode(text, &mut value);
        } else {
            value.push_str(text);
        }
    }
    let name = if extended {
        format!("{base}*")
    } else {
        base.to_owned()
    };
    Parameter {
        name: name.into(),
        value: value.into(),
    }
}

/// A plain piece between extended ones has to be encoded like them.
fn percent_encode(text: &str, into: &mut String) {
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~!#$&+^`{|}".contains(&octet) {
            into.push(char::from(octet));
        } else {
            into.push_str(&format!("%{octet:02x}"));
        }
    }
}
