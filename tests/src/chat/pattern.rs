//! Does a reply look as the dialogue says? Turns a [`Template`] into one anchored regular expression over bytes.
//!
//! A mismatch is not an error: [`Matcher::apply`] gives `None`. A pattern that cannot be compiled, or that uses a
//! variable which is not bound, is an error of the dialogue.

use super::Protocol;
use super::template::{Piece, Template, Values, quoted};
use regex::bytes::{Regex, RegexBuilder};
use std::sync::LazyLock;

/// A compiled pattern.
pub struct Matcher {
    regex: Regex,
    bound: Vec<String>,
}

impl Matcher {
    /// Compiles `template`; `any_end` lets anything follow.
    pub fn new(template: &Template, values: &Values, any_end: bool) -> Result<Matcher, String> {
        let mut text = String::from("^");
        let mut bound = Vec::new();
        for piece in &template.pieces {
            push(&mut text, piece, values, &mut bound)?;
        }
        text.push_str(if any_end { "(?: .*)?$" } else { "$" });
        let regex = RegexBuilder::new(&text)
            .unicode(false)
            .dot_matches_new_line(true)
            .size_limit(PATTERN_OCTETS_MAX)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Matcher { regex, bound })
    }

    /// Whether `reply` matches; if so, the variables that it binds.
    pub fn apply(&self, reply: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
        let captures = self.regex.captures(reply)?;
        let value = |name: &String| Some((name.clone(), captures.name(name)?.as_bytes().to_vec()));
        Some(self.bound.iter().filter_map(value).collect())
    }
}

/// A compiled pattern may hold a whole message of some MiB.
const PATTERN_OCTETS_MAX: usize = 1 << 30;

fn push(
    text: &mut String,
    piece: &Piece,
    values: &Values,
    bound: &mut Vec<String>,
) -> Result<(), String> {
    match piece {
        Piece::Anything => text.push_str(".*?"),
        Piece::Regex { bind: None, regex } => text.push_str(&format!("(?:{regex})")),
        Piece::Regex {
            bind: Some(name),
            regex,
        } => {
            text.push_str(&format!("(?P<{name}>{regex})"));
            bound.push(name.clone());
        }
        Piece::Literal(inner) if inner.is_constant() => {
            let content = inner.bytes(values)?;
            text.push_str(&format!(r"~?\{{{}\}}\r\n", content.len()));
            push_bytes(text, &content);
        }
        Piece::Literal(inner) => {
            text.push_str(r"~?\{\d+\}\r\n");
            for piece in &inner.pieces {
                push(text, piece, values, bound)?;
            }
        }
        Piece::String(inner) => {
            let content = inner.bytes(values)?;
            text.push_str("(?:");
            push_bytes(text, &quoted(&content));
            text.push_str(&format!(r"|\{{{}\}}\r\n", content.len()));
            push_bytes(text, &content);
            text.push(')');
        }
        constant => {
            let single = Template {
                source: String::new(),
                pieces: vec![constant.clone()],
            };
            push_bytes(text, &single.bytes(values)?);
        }
    }
    Ok(())
}

fn push_bytes(text: &mut String, bytes: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || byte == b' ' {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
}

/// Whether the expected text names a class of replies, after which any text may follow.
///
/// SMTP: `250`, `5xx`, `550 5.1.1`: a whole reply, of one line or many. IMAP: `a1 OK`, `* BYE`, `a1 NO [CODE]`, `+`. POP3: `+OK`, `-ERR [CODE]`, `+`.
pub fn is_class(source: &str, protocol: Protocol) -> bool {
    match protocol {
        Protocol::Smtp => SMTP_CLASS.is_match(source.as_bytes()),
        Protocol::Imap => IMAP_CLASS.is_match(source.as_bytes()),
        Protocol::Pop3 => POP3_CLASS.is_match(source.as_bytes()),
    }
}

/// The class of SMTP replies that `source` names, as a pattern for each line of a reply.
pub fn smtp_class(source: &str) -> Result<Regex, String> {
    let (code, status) = source.split_once(' ').unwrap_or((source, ""));
    let code = code.replace('x', "[0-9]");
    let status = status.replace('.', r"\.").replace('x', "[0-9]+");
    let status = if status.is_empty() {
        status
    } else {
        format!("{status}( |$)")
    };
    Regex::new(&format!("^{code}(?:$|[ -]{status})")).map_err(|error| error.to_string())
}

#[allow(clippy::unwrap_used, reason = "constants, tested below")]
static SMTP_CLASS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[2-5][0-9x][0-9x]( [245]\.(\d+|x)\.(\d+|x))?$").unwrap());
#[allow(clippy::unwrap_used, reason = "constants, tested below")]
static IMAP_CLASS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^((\S+ (OK|NO|BAD|BYE|PREAUTH)( \[[^\]]*\])?)|\+)$").unwrap());
#[allow(clippy::unwrap_used, reason = "constants, tested below")]
static POP3_CLASS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^((\+OK|-ERR)( \[[^\]]*\])?|\+)$").unwrap());

#[cfg(test)]
mod tests {
    use super::super::template::PATTERN;
    use super::*;

    fn matches(pattern: &str, reply: &str) -> Option<Vec<(String, Vec<u8>)>> {
        let mut values = Values::default();
        values.variables.insert("uid".into(), b"7".to_vec());
        values
            .messages
            .insert("m".into(), b"A: b\r\n\r\nbody\r\n".to_vec());
        let template = Template::parse(pattern, PATTERN).unwrap();
        Matcher::new(&template, &values, false)
            .unwrap()
            .apply(reply.as_bytes())
    }

    #[test]
    fn literal_text_is_exact_and_stars_are_stars() {
        assert!(matches("* 3 EXISTS", "* 3 EXISTS").is_some());
        assert!(matches("* 3 EXISTS", "* 33 EXISTS").is_none());
        assert!(matches("* 3 EXISTS", "* 3 EXISTS ").is_none());
        assert!(matches("* OK ...", "* OK hello").is_some());
    }

    #[test]
    fn a_binding_takes_one_word() {
        let bound = matches("* OK [UIDVALIDITY {$v}] ...", "* OK [UIDVALIDITY 42] fine").unwrap();
        assert_eq!(bound, vec![("v".to_owned(), b"42".to_vec())]);
    }

    #[test]
    fn literals_and_strings_match_what_servers_send() {
        let reply = "* 1 FETCH (UID 7 BODY[] {14}\r\nA: b\r\n\r\nbody\r\n)";
        assert!(matches("* 1 FETCH (UID {uid} BODY[] {literal:{message:m}})", reply).is_some());
        assert!(matches("* 1 FETCH (UID {uid} BODY[] {literal:A...})", reply).is_some());
        assert!(matches("{string:a b}", "\"a b\"").is_some());
        assert!(matches("{string:a b}", "{3}\r\na b").is_some());
    }

    #[test]
    fn classes_are_told_from_lines() {
        assert!(is_class("250", Protocol::Smtp) && is_class("5xx", Protocol::Smtp));
        assert!(is_class("550 5.1.1", Protocol::Smtp) && !is_class("550 no", Protocol::Smtp));
        assert!(is_class("a1 OK", Protocol::Imap) && is_class("a1 NO [LIMIT]", Protocol::Imap));
        assert!(!is_class("* 1 EXISTS", Protocol::Imap) && is_class("+", Protocol::Imap));
        assert!(is_class("+OK", Protocol::Pop3) && is_class("-ERR [AUTH]", Protocol::Pop3));
        let class = smtp_class("550 5.1.x").unwrap();
        assert!(class.is_match(b"550 5.1.1 no") && class.is_match(b"550-5.1.10 no"));
        assert!(!class.is_match(b"550 5.2.1 no"));
    }
}
