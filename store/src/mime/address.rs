//! Address lists as ENVELOPE tells them (RFC 5322 §3.4, RFC 3501 §7.4.2).
//!
//! Tolerant: whatever stands between two commas becomes an address, as well as it can be read. Nothing fails.
//! Not here: whether an address is valid, and RFC 2047 decoding of names.

use super::{
    index::{EnvelopeAddress, Text},
    limits::{ADDRESSES_MAX, COMMENT_DEPTH_MAX},
};

/// Appends the addresses of an unfolded field body to `list`, up to [`ADDRESSES_MAX`].
pub(super) fn parse_into(text: &str, list: &mut Vec<EnvelopeAddress<'static>>) {
    Parser {
        text,
        at: 0,
        list,
        in_group: false,
        words: Words::default(),
    }
    .run();
}

/// What was read since the last comma.
#[derive(Default)]
struct Words {
    /// Words, one space between them, quotes removed.
    phrase: String,
    /// Where the last unquoted gap between words is.
    gap: Option<usize>,
    /// White space was seen after the last word.
    spaced: bool,
    /// What stands before an `@` outside angle brackets.
    local: Option<String>,
    /// Text of the last comment.
    comment: Option<String>,
    /// What stands in angle brackets.
    angle: Option<EnvelopeAddress<'static>>,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    list: &'a mut Vec<EnvelopeAddress<'static>>,
    in_group: bool,
    words: Words,
}

impl Parser<'_> {
    fn run(mut self) {
        while let Some(&octet) = self.text.as_bytes().get(self.at) {
            if self.list.len() >= ADDRESSES_MAX {
                return;
            }
            self.at += 1;
            match octet {
                b' ' | b'\t' => self.words.spaced = true,
                b',' => self.finish_address(),
                b';' => self.finish_group(),
                b':' if !self.in_group && self.words.local.is_none() => self.start_group(),
                b'"' => {
                    let quoted = quoted_string(self.text, &mut self.at);
                    self.words.push(&quoted, true);
                }
                b'(' => self.words.comment = Some(comment(self.text, &mut self.at)),
                b'<' => self.angle(),
                b'@' if self.words.local.is_none() => self.words.at_sign(),
                _ => self.atom(),
            }
        }
        self.finish_address();
        if self.in_group {
            self.list.push(EnvelopeAddress::default());
        }
    }

    /// A run of octets without meaning of their own, from the one just read.
    fn atom(&mut self) {
        let start = self.at - 1;
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest
            .iter()
            .position(|b| b" \t,;:\"(<@".contains(b))
            .unwrap_or(rest.len());
        self.at += length;
        self.words.push(&self.text[start..self.at], false);
    }

    fn start_group(&mut self) {
        let words = std::mem::take(&mut self.words);
        self.list.push(EnvelopeAddress {
            mailbox: Some(words.phrase.into()),
            ..Default::default()
        });
        self.in_group = true;
    }

    fn finish_group(&mut self) {
        self.finish_address();
        if std::mem::take(&mut self.in_group) {
            self.list.push(EnvelopeAddress::default());
        }
    }

    fn finish_address(&mut self) {
        self.list
            .extend(std::mem::take(&mut self.words).into_address());
    }

    fn angle(&mut self) {
        let inside = &self.text[self.at..];
        let (length, skip) = angle_length(inside);
        self.at += length + skip;
        self.words.angle = Some(angle_address(&inside[..length]));
    }
}

impl Words {
    fn push(&mut self, word: &str, quoted: bool) {
        if std::mem::take(&mut self.spaced) && !self.phrase.is_empty() {
            self.gap = (!quoted).then_some(self.phrase.len());
            self.phrase.push(' ');
        }
        self.phrase.push_str(word);
    }

    /// `john@…` without angle brackets; in `John Doe john@…` the words before are the name.
    fn at_sign(&mut self) {
        let mut before = std::mem::take(&mut self.phrase);
        if let Some(gap) = self.gap.take() {
            self.phrase = before[..gap].to_owned();
            before.drain(..=gap);
        }
        let name = std::mem::take(&mut self.phrase);
        if !name.is_empty() {
            self.comment = Some(name);
        }
        self.spaced = false;
        self.local = Some(before);
    }

    fn into_address(self) -> Option<EnvelopeAddress<'static>> {
        let comment = self.comment.filter(|comment| !comment.is_empty());
        if let Some(angle) = self.angle {
            let name = Some(self.phrase)
                .filter(|phrase| !phrase.is_empty())
                .or(comment)
                .map(Text::from);
            return Some(EnvelopeAddress { name, ..angle });
        }
        match self.local {
            Some(local) => Some(address(
                comment,
                None,
                &local,
                &self.phrase.replace(' ', ""),
            )),
            None if self.phrase.is_empty() => None,
            None => Some(address(comment, None, &self.phrase, "")),
        }
    }
}

fn address(
    name: Option<String>,
    route: Option<String>,
    local: &str,
    host: &str,
) -> EnvelopeAddress<'static> {
    let or = |text: &str, missing: &'static str| {
        Some(match text {
            "" => missing.into(),
            text => text.to_owned().into(),
        })
    };
    EnvelopeAddress {
        name: name.map(Text::from),
        route: route.map(Text::from),
        mailbox: or(local, EnvelopeAddress::MISSING_MAILBOX),
        host: or(host, EnvelopeAddress::MISSING_HOST),
    }
}

/// Octets up to the `>` that ends the address, and how many to skip then; without one up to the next comma.
fn angle_length(text: &str) -> (usize, usize) {
    let mut quoted = false;
    let mut comma = text.len();
    let mut octets = text.bytes().enumerate();
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'\\' => drop(octets.next()),
            b'"' => quoted = !quoted,
            b'>' if !quoted => return (at, 1),
            b'<' if !quoted => break,
            b',' if !quoted => comma = comma.min(at),
            _ => {}
        }
    }
    (comma, 0)
}

/// `[route ":"] local "@" domain` as it stands in angle brackets.
fn angle_address(text: &str) -> EnvelopeAddress<'static> {
    let text = text.trim();
    let (route, spec) = match text.split_once(':') {
        Some((route, spec)) if text.starts_with('@') => (Some(route.trim().to_owned()), spec),
        _ => (None, text),
    };
    let (local, host) = spec.rsplit_once('@').unwrap_or((spec, ""));
    address(None, route, &unquoted(local), &unquoted(host))
}

/// A local part or domain without its quotes, comments, and the white space outside of quotes.
fn unquoted(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        at += c.len_utf8();
        match c {
            '"' => plain.push_str(&quoted_string(text, &mut at)),
            '(' => drop(comment(text, &mut at)),
            ' ' | '\t' => {}
            c => plain.push(c),
        }
    }
    plain
}

/// The content of a quoted string; `at` is behind its opening quote and ends behind the closing one.
pub(super) fn quoted_string(text: &str, at: &mut usize) -> String {
    let mut content = String::new();
    let mut chars = text[*at..].char_indices();
    let start = *at;
    *at = text.len();
    while let Some((offset, c)) = chars.next() {
        match c {
            '"' => {
                *at = start + offset + 1;
                break;
            }
            '\\' => content.extend(chars.next().map(|(_, c)| c)),
            c => content.push(c),
        }
    }
    content
}

/// The content of a comment; `at` is behind its opening parenthesis and ends behind the closing one.
pub(super) fn comment(text: &str, at: &mut usize) -> String {
    let mut content = String::new();
    let mut depth = 1;
    let mut chars = text[*at..].char_indices();
    let start = *at;
    *at = text.len();
    while let Some((offset, c)) = chars.next() {
        match c {
            '(' if depth == COMMENT_DEPTH_MAX => break,
            '(' => depth += 1,
            ')' if depth == 1 => {
                *at = start + offset + 1;
                break;
            }
            ')' => depth -= 1,
            _ => {}
        }
        match c {
            '\\' => content.extend(chars.next().map(|(_, c)| c)),
            c => content.push(c),
        }
    }
    content.trim().to_owned()
}
