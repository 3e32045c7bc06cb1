//! Text with pieces in braces: what a dialogue sends, and what it expects.
//!
//! `{name}` is a variable, `{function:argument}` a value that is worked out, and in expected text `...` is anything,
//! `{/regex/}` a regular expression, and `{$name}` or `{$name:/regex/}` binds what stands there. A brace that is not
//! followed by one of these is a brace. The parser is pure; values come from a [`Values`] when the template is used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::collections::BTreeMap;
use std::ops::Range;

/// A text with pieces that are filled in when it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As written.
    pub source: String,
    pub(super) pieces: Vec<Piece>,
}

/// Which pieces may stand in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// `...`, `{/regex/}` and `{$name}` are understood.
    pub pattern: bool,
    /// `\r \n \t \0 \\ \xNN` are understood.
    pub escapes: bool,
}

/// Bytes to send.
pub const TEXT: Dialect = Dialect {
    pattern: false,
    escapes: false,
};
/// Bytes to send, with escapes.
pub const ESCAPED: Dialect = Dialect {
    pattern: false,
    escapes: true,
};
/// What is expected.
pub const PATTERN: Dialect = Dialect {
    pattern: true,
    escapes: false,
};
/// What is expected, with escapes.
pub const ESCAPED_PATTERN: Dialect = Dialect {
    pattern: true,
    escapes: true,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(Vec<u8>),
    /// `...`
    Anything,
    /// `{/regex/}`, and `{$name:/regex/}` with a name.
    Regex {
        bind: Option<String>,
        regex: String,
    },
    /// `{name}`
    Variable(String),
    /// `{message:NAME}` and its relatives.
    Message {
        part: MessagePart,
        name: String,
        range: Option<Range<usize>>,
    },
    /// `{size:NAME}`
    Size(String),
    /// `{length:…}`
    Length(Template),
    /// `{base64:…}`
    Base64(Template),
    /// `{repeat:N:…}`
    Repeat(usize, Template),
    /// `{literal:…}`
    Literal(Template),
    /// `{string:…}`
    String(Template),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessagePart {
    Whole,
    Header,
    Body,
}

/// What names stand for.
#[derive(Debug, Default, Clone)]
pub struct Values {
    /// Bound by replies, or set by the harness.
    pub variables: BTreeMap<String, Vec<u8>>,
    /// The file's messages.
    pub messages: BTreeMap<String, Vec<u8>>,
}

/// What a bound name takes when it has no regular expression of its own: a word that ends at brackets and quotes.
const BOUND_WORD: &str = r#"[^\s()\[\]{}"<>]+"#;

impl Template {
    /// Reads a text. The error says what is wrong with it.
    pub fn parse(source: &str, dialect: Dialect) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut rest = source;
        while let Some(c) = rest.chars().next() {
            rest = match c {
                '\\' if dialect.escapes => escape(rest, &mut pieces)?,
                '.' if dialect.pattern && rest.starts_with("...") => {
                    pieces.push(Piece::Anything);
                    &rest[3..]
                }
                '{' => brace(rest, dialect, &mut pieces)?,
                _ => {
                    push_text(&mut pieces, &rest.as_bytes()[..c.len_utf8()]);
                    &rest[c.len_utf8()..]
                }
            };
        }
        Ok(Template {
            source: source.to_owned(),
            pieces,
        })
    }

    /// The bytes that the text stands for. The error names a piece that has no value.
    pub fn bytes(&self, values: &Values) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        for piece in &self.pieces {
            out.extend(piece.bytes(values)?);
        }
        Ok(out)
    }

    /// Adds bytes to the end.
    pub fn with_end(mut self, end: &[u8]) -> Template {
        push_text(&mut self.pieces, end);
        self
    }

    /// Whether the text is the same whatever the server says.
    pub(super) fn is_constant(&self) -> bool {
        !self
            .pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Anything | Piece::Regex { .. }))
    }
}

impl Piece {
    fn bytes(&self, values: &Values) -> Result<Vec<u8>, String> {
        match self {
            Piece::Text(text) => Ok(text.clone()),
            Piece::Anything | Piece::Regex { .. } => Err("a pattern cannot stand here".to_owned()),
            Piece::Variable(name) => values
                .variables
                .get(name)
                .cloned()
                .ok_or_else(|| format!("the variable {{{name}}} is not bound")),
            Piece::Message { part, name, range } => {
                let message = part.of(values.message(name)?);
                match range {
                    None => Ok(message.to_vec()),
                    Some(range) => {
                        let end = range.end.min(message.len());
                        Ok(message[range.start.min(end)..end].to_vec())
                    }
                }
            }
            Piece::Size(name) => Ok(values.message(name)?.len().to_string().into_bytes()),
            Piece::Length(inner) => Ok(inner.bytes(values)?.len().to_string().into_bytes()),
            Piece::Base64(inner) => Ok(BASE64.encode(inner.bytes(values)?).into_bytes()),
            Piece::Repeat(times, inner) => Ok(inner.bytes(values)?.repeat(*times)),
            Piece::Literal(inner) => {
                let content = inner.bytes(values)?;
                let mut out = format!("{{{}+}}\r\n", content.len()).into_bytes();
                out.extend(content);
                Ok(out)
            }
            Piece::String(inner) => Ok(quoted(&inner.bytes(values)?)),
        }
    }
}

impl MessagePart {
    fn of(self, message: &[u8]) -> &[u8] {
        let body = message
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .map_or(message.len(), |at| at + 4);
        match self {
            MessagePart::Whole => message,
            MessagePart::Header => &message[..body],
            MessagePart::Body => &message[body..],
        }
    }
}

impl Values {
    fn message(&self, name: &str) -> Result<&Vec<u8>, String> {
        self.messages
            .get(name)
            .ok_or_else(|| format!("there is no message {name}"))
    }
}

/// `text` as an IMAP quoted string.
pub(super) fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
    out
}

fn push_text(pieces: &mut Vec<Piece>, text: &[u8]) {
    match pieces.last_mut() {
        Some(Piece::Text(before)) => before.extend_from_slice(text),
        _ => pieces.push(Piece::Text(text.to_vec())),
    }
}

/// Takes an escape from the front of `rest`, and gives what follows it.
fn escape<'a>(rest: &'a str, pieces: &mut Vec<Piece>) -> Result<&'a str, String> {
    let (byte, length) = match rest.as_bytes().get(1) {
        Some(b'r') => (b'\r', 2),
        Some(b'n') => (b'\n', 2),
        Some(b't') => (b'\t', 2),
        Some(b'0') => (0, 2),
        Some(b'\\') => (b'\\', 2),
        Some(b'x') => {
            let digits = rest.get(2..4).ok_or("\\x wants two digits")?;
            let byte = u8::from_str_radix(digits, 16).map_err(|_| "\\x wants two digits")?;
            (byte, 4)
        }
        _ => return Err("unknown escape; known are \\r \\n \\t \\0 \\\\ \\xNN".to_owned()),
    };
    push_text(pieces, &[byte]);
    Ok(&rest[length..])
}

/// Takes what begins with a brace from the front of `rest`, and gives what follows it.
fn brace<'a>(rest: &'a str, dialect: Dialect, pieces: &mut Vec<Piece>) -> Result<&'a str, String> {
    let named = |c: char| c.is_ascii_lowercase() || (dialect.pattern && (c == '/' || c == '$'));
    let Some(content) = rest[1..]
        .starts_with(named)
        .then(|| enclosed(rest))
        .flatten()
    else {
        push_text(pieces, b"{");
        return Ok(&rest[1..]);
    };
    pieces.push(piece(content, dialect)?);
    Ok(&rest[content.len() + 2..])
}

/// What stands between the brace at the front of `rest` and the one that closes it.
fn enclosed(rest: &str) -> Option<&str> {
    if rest.starts_with("{/") || rest.starts_with("{$") {
        // A regular expression may hold braces; the slash before the last one ends it.
        if let Some(slash) = rest
            .find('/')
            .filter(|&slash| rest[..slash].find('}').is_none())
        {
            let end = slash + 1 + rest[slash + 1..].find("/}")?;
            return Some(&rest[1..=end]);
        }
    }
    let mut depth = 0usize;
    for (index, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&rest[1..index]);
        }
    }
    None
}

fn piece(content: &str, dialect: Dialect) -> Result<Piece, String> {
    if let Some(regex) = content.strip_prefix('/') {
        return Ok(Piece::Regex {
            bind: None,
            regex: regex.trim_end_matches('/').to_owned(),
        });
    }
    if let Some(bound) = content.strip_prefix('$') {
        return binding(bound);
    }
    let Some((function, argument)) = content.split_once(':') else {
        return match name(content) {
            Some(name) => Ok(Piece::Variable(name)),
            None => Err(format!(
                "{{{content}}} is neither a variable nor a function"
            )),
        };
    };
    call(function, argument, dialect)
}

fn binding(bound: &str) -> Result<Piece, String> {
    let (variable, regex) = match bound.split_once(':') {
        None => (bound, BOUND_WORD),
        Some((variable, regex)) => (
            variable,
            regex
                .strip_prefix('/')
                .and_then(|regex| regex.strip_suffix('/'))
                .ok_or("a binding's pattern stands between slashes: {$name:/regex/}")?,
        ),
    };
    let variable = name(variable).ok_or_else(|| format!("{variable} is not a name"))?;
    Ok(Piece::Regex {
        bind: Some(variable),
        regex: regex.to_owned(),
    })
}

fn call(function: &str, argument: &str, dialect: Dialect) -> Result<Piece, String> {
    let inner = |text: &str| {
        Template::parse(
            text,
            Dialect {
                escapes: true,
                ..dialect
            },
        )
    };
    let constant = |text: &str| Template::parse(text, ESCAPED);
    match function {
        "message" => message(MessagePart::Whole, argument),
        "header" => message(MessagePart::Header, argument),
        "body" => message(MessagePart::Body, argument),
        "size" => Ok(Piece::Size(argument.to_owned())),
        "length" => Ok(Piece::Length(constant(argument)?)),
        "base64" => Ok(Piece::Base64(constant(argument)?)),
        "literal" => Ok(Piece::Literal(inner(argument)?)),
        "string" => Ok(Piece::String(constant(argument)?)),
        "repeat" => {
            let (times, text) = argument.split_once(':').ok_or("{repeat:TIMES:TEXT}")?;
            let times = times
                .parse()
                .map_err(|_| format!("{times} is not a number"))?;
            Ok(Piece::Repeat(times, constant(text)?))
        }
        _ => Err(format!("there is no function {function}")),
    }
}

/// `NAME` or `NAME[from..to]`, in octets.
fn message(part: MessagePart, argument: &str) -> Result<Piece, String> {
    let (name, range) = match argument
        .strip_suffix(']')
        .and_then(|text| text.split_once('['))
    {
        None => (argument, None),
        Some((name, range)) => (name, Some(octets(range)?)),
    };
    Ok(Piece::Message {
        part,
        name: name.to_owned(),
        range,
    })
}

fn octets(range: &str) -> Result<Range<usize>, String> {
    let wrong = || format!("[{range}] is not a range such as [0..10]");
    let (from, to) = range.split_once("..").ok_or_else(wrong)?;
    let from = if from.is_empty() {
        0
    } else {
        from.parse().map_err(|_| wrong())?
    };
    let to = if to.is_empty() {
        usize::MAX
    } else {
        to.parse().map_err(|_| wrong())?
    };
    Ok(from..to)
}

fn name(text: &str) -> Option<String> {
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(rest))
        .then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let mut values = Values::default();
        values.variables.insert("tag".into(), b"a1".to_vec());
        values
            .messages
            .insert("m".into(), b"A: b\r\n\r\nbody\r\n".to_vec());
        values
    }

    fn sent(text: &str) -> String {
        let bytes = Template::parse(text, TEXT)
            .unwrap()
            .bytes(&values())
            .unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn braces_of_imap_literals_are_text() {
        assert_eq!(
            sent(r"a APPEND INBOX (\Seen) {310}"),
            r"a APPEND INBOX (\Seen) {310}"
        );
        assert_eq!(sent("{5+}"), "{5+}");
    }

    #[test]
    fn variables_and_functions_are_filled_in() {
        assert_eq!(sent("{tag} NOOP"), "a1 NOOP");
        assert_eq!(sent("{{size:m}}"), "{14}");
        assert_eq!(sent("{body:m[0..2]}"), "bo");
        assert_eq!(sent(r"{base64:\0alice\0pw}"), "AGFsaWNlAHB3");
        assert_eq!(sent("{literal:{header:m}}"), "{8+}\r\nA: b\r\n\r\n");
        assert_eq!(sent("{repeat:3:ab}"), "ababab");
        assert_eq!(sent(r#"{string:a"b}"#), r#""a\"b""#);
    }

    #[test]
    fn an_unbound_variable_is_an_error() {
        assert!(
            Template::parse("{nope}", TEXT)
                .unwrap()
                .bytes(&values())
                .is_err()
        );
        assert!(Template::parse("{nope:x}", TEXT).is_err());
    }

    #[test]
    fn a_regular_expression_may_hold_braces() {
        let template = Template::parse("x {/[0-9]{2}/} {$y:/a{1}/} {$z}", PATTERN).unwrap();
        let regexes: Vec<_> = template
            .pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Regex { regex, .. } => Some(regex.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(regexes, ["[0-9]{2}", "a{1}", BOUND_WORD]);
    }
}
