//! A reply on the wire: code, enhanced code, lines of text (RFC 5321 §4.2, RFC 2034).
//!
//! Which reply is sent when is decided elsewhere; here its form is kept: one code for all lines, printable ASCII only, no line
//! over the limit. Text that would break that is cut or replaced, so that no reply can inject another.

use std::borrow::Cow;
use std::fmt;

use crate::limits::REPLY_LINE_OCTETS_MAX;

/// An enhanced status code (RFC 3463): class, subject, detail. The class is the first digit of the reply's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnhancedCode {
    /// What it is about: 1 address, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content, 7 security.
    pub subject: u16,
    /// What about it.
    pub detail: u16,
}

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<EnhancedCode>,
    first: Cow<'static, str>,
    more: Vec<Cow<'static, str>>,
}

impl Reply {
    /// A reply with an enhanced code; `(subject, detail)` as in RFC 3463.
    pub fn new(
        code: u16,
        (subject, detail): (u16, u16),
        text: impl Into<Cow<'static, str>>,
    ) -> Reply {
        Reply {
            enhanced: Some(EnhancedCode { subject, detail }),
            ..Reply::plain(code, text)
        }
    }

    /// A reply without one: the greeting, the answers to EHLO and HELO, and all 3yz (RFC 2034 §3).
    pub fn plain(code: u16, text: impl Into<Cow<'static, str>>) -> Reply {
        Reply {
            code,
            enhanced: None,
            first: text.into(),
            more: Vec::new(),
        }
    }

    /// The reply with another line.
    pub fn line(mut self, text: impl Into<Cow<'static, str>>) -> Reply {
        self.more.push(text.into());
        self
    }

    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The reply with `note` added to its first line.
    pub fn noted(mut self, note: fmt::Arguments<'_>) -> Reply {
        self.first = format!("{}{note}", self.first).into();
        self
    }

    /// Writes the lines with their line ends.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let last = self.more.len();
        for (index, text) in std::iter::once(&self.first).chain(&self.more).enumerate() {
            self.encode_line(text, index == last, into);
        }
    }

    fn encode_line(&self, text: &str, is_last: bool, into: &mut Vec<u8>) {
        let start = into.len();
        push_number(self.code, into);
        into.push(if is_last { b' ' } else { b'-' });
        if let Some(EnhancedCode { subject, detail }) = self.enhanced {
            push_number(self.code / 100, into);
            into.push(b'.');
            push_number(subject, into);
            into.push(b'.');
            push_number(detail, into);
            into.push(b' ');
        }
        into.extend(text.bytes().map(|byte| {
            if matches!(byte, b' '..=b'~') {
                byte
            } else {
                b'?'
            }
        }));
        into.truncate(start + REPLY_LINE_OCTETS_MAX - 2);
        into.extend_from_slice(b"\r\n");
    }
}

fn push_number(number: u16, into: &mut Vec<u8>) {
    if number >= 10 {
        push_number(number / 10, into);
    }
    into.push(b'0' + (number % 10) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(reply: Reply) -> String {
        let mut octets = Vec::new();
        reply.encode(&mut octets);
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn one_line_and_several_lines() {
        assert_eq!(
            encoded(Reply::new(250, (1, 0), "Sender ok")),
            "250 2.1.0 Sender ok\r\n"
        );
        assert_eq!(encoded(Reply::new(550, (7, 26), "x")), "550 5.7.26 x\r\n");
        assert_eq!(encoded(Reply::plain(354, "Go ahead")), "354 Go ahead\r\n");
        assert_eq!(
            encoded(Reply::plain(250, "a").line("b").line("c")),
            "250-a\r\n250-b\r\n250 c\r\n"
        );
        assert_eq!(
            encoded(Reply::new(214, (0, 0), "a").line("b")),
            "214-2.0.0 a\r\n214 2.0.0 b\r\n"
        );
    }

    #[test]
    fn text_cannot_inject_a_line_and_cannot_grow_too_long() {
        assert_eq!(
            encoded(Reply::new(550, (1, 1), "a\r\n250 b\u{e4}")),
            "550 5.1.1 a??250 b??\r\n"
        );
        assert_eq!(
            encoded(Reply::new(550, (1, 1), "x".repeat(2000))).len(),
            REPLY_LINE_OCTETS_MAX
        );
    }
}
