//! Reverse and forward paths (RFC 5321 §4.1.2, RFC 6531 §3.3).
//!
//! Tolerances: source routes are read and forgotten (RFC 5321 appendix C: MUST be accepted, SHOULD be ignored); dots may stand
//! anywhere in an unquoted local part, because large providers have given out such addresses; a local part may be longer
//! than 64 octets, because the bounce addresses of mailing lists are.

use std::fmt::{self, Write};

use super::cursor::Cursor;
use super::domain::{Host, parse_domain, parse_host};
use crate::limits::LOCAL_PART_OCTETS_MAX;

/// `local-part@host`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox {
    /// The local part without quotes and backslashes: all quoted forms are equivalent (RFC 5321 §4.1.2).
    pub local: String,
    /// The domain or address literal.
    pub host: Host,
}

/// The argument of MAIL: who is told when the message cannot be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReversePath {
    /// `<>`: nobody (RFC 5321 §4.5.5).
    Null,
    /// An address.
    Mailbox(Mailbox),
}

/// The argument of RCPT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardPath {
    /// `<postmaster>` without a domain, which every server has (RFC 5321 §4.5.1).
    Postmaster,
    /// An address.
    Mailbox(Mailbox),
}

impl Mailbox {
    /// A whole address, without angle brackets.
    pub fn parse(text: &str) -> Option<Mailbox> {
        let mut cursor = Cursor::new(text);
        let mailbox = parse_mailbox(&mut cursor)?;
        cursor.at_end().then_some(mailbox)
    }

    /// Whether it can be sent without SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii() && self.host.is_ascii()
    }
}

impl ReversePath {
    /// Whether it can be sent without SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        match self {
            ReversePath::Null => true,
            ReversePath::Mailbox(mailbox) => mailbox.is_ascii(),
        }
    }
}

impl ForwardPath {
    /// Whether it can be sent without SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        match self {
            ForwardPath::Postmaster => true,
            ForwardPath::Mailbox(mailbox) => mailbox.is_ascii(),
        }
    }
}

/// Writes the address with as little quoting as possible (RFC 5321 §4.1.2).
impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match is_dot_string(&self.local) {
            true => f.write_str(&self.local)?,
            false => write_quoted(&self.local, f)?,
        }
        write!(f, "@{}", self.host)
    }
}

/// Writes the path with its angle brackets.
impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReversePath::Null => f.write_str("<>"),
            ReversePath::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}

/// Writes the path with its angle brackets.
impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForwardPath::Postmaster => f.write_str("<postmaster>"),
            ForwardPath::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}

fn write_quoted(local: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for c in local.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}

pub(super) fn parse_reverse_path(cursor: &mut Cursor<'_>) -> Option<ReversePath> {
    if cursor.eat_word("<>") {
        return Some(ReversePath::Null);
    }
    open_path(cursor)?;
    let mailbox = parse_mailbox(cursor)?;
    cursor.eat('>').then_some(ReversePath::Mailbox(mailbox))
}

pub(super) fn parse_forward_path(cursor: &mut Cursor<'_>) -> Option<ForwardPath> {
    if cursor.eat_word("<postmaster>") {
        return Some(ForwardPath::Postmaster);
    }
    open_path(cursor)?;
    let mailbox = parse_mailbox(cursor)?;
    cursor.eat('>').then_some(ForwardPath::Mailbox(mailbox))
}

/// Reads `"<" [ A-d-l ":" ]`.
fn open_path(cursor: &mut Cursor<'_>) -> Option<()> {
    if !cursor.eat('<') {
        return None;
    }
    if cursor.peek() != Some('@') {
        return Some(());
    }
    loop {
        if !cursor.eat('@') {
            return None;
        }
        parse_domain(cursor)?;
        if cursor.eat(':') {
            return Some(());
        }
        if !cursor.eat(',') {
            return None;
        }
    }
}

pub(super) fn parse_mailbox(cursor: &mut Cursor<'_>) -> Option<Mailbox> {
    let local = match cursor.eat('"') {
        true => parse_quoted(cursor)?,
        false => cursor.take_while(|c| is_atext(c) || c == '.').to_owned(),
    };
    if local.is_empty() || local.len() > LOCAL_PART_OCTETS_MAX || !cursor.eat('@') {
        return None;
    }
    let host = parse_host(cursor)?;
    Some(Mailbox { local, host })
}

/// The rest of a quoted string whose first quote has been read.
fn parse_quoted(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut local = String::new();
    loop {
        match cursor.next()? {
            '"' => return Some(local),
            '\\' => local.push(cursor.next().filter(|c| matches!(c, ' '..='~'))?),
            c if c.is_control() => return None,
            c => local.push(c),
        }
    }
}

/// RFC 5322 §3.2.3, with the characters that RFC 6531 §3.3 adds.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(c)
        || !(c.is_ascii() || c.is_control())
}

fn is_dot_string(local: &str) -> bool {
    local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reverse(text: &str) -> Option<String> {
        let mut cursor = Cursor::new(text);
        let path = parse_reverse_path(&mut cursor)?;
        cursor.at_end().then(|| path.to_string())
    }

    fn forward(text: &str) -> Option<String> {
        let mut cursor = Cursor::new(text);
        let path = parse_forward_path(&mut cursor)?;
        cursor.at_end().then(|| path.to_string())
    }

    #[test]
    fn paths_are_read_and_written_in_their_simplest_form() {
        let table = [
            ("<a@b.test>", "<a@b.test>"),
            ("<>", "<>"),
            ("<\"a\"@b.test>", "<a@b.test>"),
            ("<\"a b\"@b.test>", "<\"a b\"@b.test>"),
            ("<\"a\\\"b\\\\c\"@b.test>", "<\"a\\\"b\\\\c\"@b.test>"),
            ("<\"a@evil.test\"@b.test>", "<\"a@evil.test\"@b.test>"),
            ("<a..b@c.test>", "<\"a..b\"@c.test>"),
            ("<@x.test,@y.test:a@b.test>", "<a@b.test>"),
            ("<a@[192.0.2.1]>", "<a@[192.0.2.1]>"),
            ("<a@[IPv6:2001:db8::1]>", "<a@[IPv6:2001:db8::1]>"),
            ("<a%evil.test@b.test>", "<a%evil.test@b.test>"),
            ("<jürgen@bücher.test>", "<jürgen@bücher.test>"),
        ];
        for (text, written) in table {
            assert_eq!(reverse(text).as_deref(), Some(written), "{text}");
        }
    }

    #[test]
    fn postmaster_needs_no_domain_and_only_in_a_forward_path() {
        assert_eq!(forward("<PostMaster>").as_deref(), Some("<postmaster>"));
        assert_eq!(
            forward("<postmaster@b.test>").as_deref(),
            Some("<postmaster@b.test>")
        );
        assert_eq!(reverse("<postmaster>"), None);
        assert_eq!(forward("<>"), None);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let table = [
            "",
            "<",
            ">",
            "a@b.test",
            "<a@b.test",
            "<a>",
            "<@b.test>",
            "<a@>",
            "<a b@c.test>",
            "<a@b@c.test>",
            "<a@b.test>x",
            "<\"a@b.test>",
            "<\"\"@b.test>",
            "<\"a\"b@c.test>",
            "<@x.test a@b.test>",
            "<@x.test,a@b.test>",
            "<a@[1.2.3]>",
            "<a@b_c.test>",
            "<a@b..test>",
            "<a,b@c.test>",
            "<a<b@c.test>",
            "<a\\@b.test>",
        ];
        for text in table {
            assert_eq!(reverse(text), None, "{text}");
        }
        assert_eq!(reverse(&format!("<{}@b.test>", "a".repeat(257))), None);
    }
}
