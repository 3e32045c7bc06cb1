//! What hosts say: octets to replies (RFC 5321 §4.2, RFC 2034).
//!
//! Pure. Tolerated: LF alone as a line end, a code without text, text that is not ASCII (each character that is not printable
//! ASCII becomes `?`, so that a reply can be put in a log, a journal or a notice as it is). Not tolerated, because nobody can know
//! what was meant: a line without a code, codes that differ within one reply, more than the limits allow.

use std::fmt;

use super::outcome::Status;
use crate::grammar::EnhancedCode;
use crate::limits::{HOST_LINE_OCTETS_MAX, HOST_REPLY_LINES_MAX, HOST_REPLY_OCTETS_MAX};

/// A reply of a host, harmless to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostReply {
    code: u16,
    enhanced: Option<EnhancedCode>,
    /// Without codes. At least one.
    lines: Vec<String>,
}

/// Why octets are no reply. The connection cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A line that does not begin with a reply code.
    #[error("a line without a reply code")]
    Malformed,
    /// Lines of one reply with different codes.
    #[error("a reply with different codes")]
    Mixed,
    /// More lines or octets than any reply needs.
    #[error("a reply without end")]
    TooLong,
}

impl HostReply {
    /// The three digits, 200 to 599.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced code, if there is one whose class agrees with the code.
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        self.enhanced
    }

    /// The text, line by line: printable ASCII, without codes.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// 2yz: done.
    pub fn is_success(&self) -> bool {
        self.code / 100 == 2
    }

    /// 5yz: do not try again.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// The status for a DSN. A class stands in for a missing enhanced code (RFC 3463 §3); 3yz, which ends nothing, counts as
    /// temporary.
    pub fn status(&self) -> Status {
        let class = match self.code / 100 {
            2 => 2,
            5 => 5,
            _ => 4,
        };
        let unknown = EnhancedCode {
            subject: 0,
            detail: 0,
        };
        Status {
            class,
            code: self.enhanced.unwrap_or(unknown),
        }
    }
}

/// The reply in one line.
impl fmt::Display for HostReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(EnhancedCode { subject, detail }) = self.enhanced {
            write!(f, " {}.{subject}.{detail}", self.code / 100)?;
        }
        let text = self.lines.join(" / ");
        match text.is_empty() {
            true => Ok(()),
            false => write!(f, " {text}"),
        }
    }
}

/// Puts replies together from what has been read.
#[derive(Debug, Default)]
pub struct ReplyReader {
    partial: Option<HostReply>,
    octets: usize,
}

impl ReplyReader {
    /// Reads on in `unread`: tells how many of its octets are done with, and the reply if it is whole.
    ///
    /// # Errors
    /// What was read is no reply.
    pub fn read(&mut self, unread: &[u8]) -> Result<(usize, Option<HostReply>), ReplyError> {
        let mut done = 0;
        while let Some(end) = memchr::memchr(b'\n', unread.get(done..).unwrap_or_default()) {
            let line = unread.get(done..done + end).unwrap_or_default();
            done += end + 1;
            if self.add(line.strip_suffix(b"\r").unwrap_or(line))? {
                self.octets = 0;
                return Ok((done, self.partial.take()));
            }
        }
        match unread.len() - done > HOST_LINE_OCTETS_MAX {
            true => Err(ReplyError::TooLong),
            false => Ok((done, None)),
        }
    }

    /// Adds a line; true if it is the last.
    fn add(&mut self, line: &[u8]) -> Result<bool, ReplyError> {
        self.octets += line.len();
        if line.len() > HOST_LINE_OCTETS_MAX || self.octets > HOST_REPLY_OCTETS_MAX {
            return Err(ReplyError::TooLong);
        }
        let line = Line::parse(line).ok_or(ReplyError::Malformed)?;
        let reply = self.partial.get_or_insert_with(|| HostReply {
            code: line.code,
            enhanced: line.enhanced,
            lines: Vec::new(),
        });
        if reply.code != line.code {
            return Err(ReplyError::Mixed);
        }
        if reply.lines.len() >= HOST_REPLY_LINES_MAX {
            return Err(ReplyError::TooLong);
        }
        reply.lines.push(line.text);
        Ok(line.is_last)
    }
}

/// One line of a reply.
struct Line {
    code: u16,
    is_last: bool,
    enhanced: Option<EnhancedCode>,
    text: String,
}

impl Line {
    fn parse(line: &[u8]) -> Option<Line> {
        let (digits, rest) = line.split_at_checked(3)?;
        let code = parse_code(digits)?;
        let (is_last, text) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return None,
        };
        let text = harmless(text);
        let (enhanced, text) = match split_enhanced(code, &text) {
            Some((enhanced, rest)) => (Some(enhanced), rest.to_owned()),
            None => (None, text),
        };
        Some(Line {
            code,
            is_last,
            enhanced,
            text,
        })
    }
}

fn parse_code(digits: &[u8]) -> Option<u16> {
    let first_is_known = matches!(digits.first(), Some(b'2'..=b'5'));
    let all_are_digits = digits.iter().all(u8::is_ascii_digit);
    (first_is_known && all_are_digits).then(|| {
        digits
            .iter()
            .fold(0, |code, digit| code * 10 + u16::from(digit - b'0'))
    })
}

/// Printable ASCII, whatever it was.
fn harmless(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .trim_end()
        .chars()
        .map(|c| match c {
            ' '..='~' => c,
            '\t' => ' ',
            _ => '?',
        })
        .collect()
}

/// Takes `5.1.1` off the text of a 5yz reply (RFC 2034 §4). One of another class is just text.
fn split_enhanced(code: u16, text: &str) -> Option<(EnhancedCode, &str)> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut numbers = word.split('.');
    let class = parse_number(numbers.next()?, 1)?;
    let subject = parse_number(numbers.next()?, 3)?;
    let detail = parse_number(numbers.next()?, 3)?;
    let fits = class == code / 100 && class != 3 && numbers.next().is_none();
    fits.then(|| (EnhancedCode { subject, detail }, rest.trim_start()))
}

/// A number of at most so many digits.
fn parse_number(text: &str, digits_max: usize) -> Option<u16> {
    let fits = (1..=digits_max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(octets: &[u8]) -> Result<Option<HostReply>, ReplyError> {
        ReplyReader::default().read(octets).map(|(_, reply)| reply)
    }

    #[test]
    fn replies_are_put_together_from_their_lines() {
        let reply = read(b"550-5.1.1 No\r\n550-5.1.1 such\r\n550 5.1.1 user\r\n").unwrap();
        let reply = reply.unwrap();
        assert_eq!(reply.to_string(), "550 5.1.1 No / such / user");
        assert_eq!(reply.status().to_string(), "5.1.1");
        let without = read(b"452 full\r\n").unwrap().unwrap();
        assert_eq!(
            (without.enhanced(), without.status().to_string()),
            (None, "4.0.0".into())
        );
        let go = read(b"354 3.0.0 go\r\n").unwrap().unwrap();
        assert_eq!(go.to_string(), "354 3.0.0 go");
    }

    #[test]
    fn enhanced_codes_are_taken_only_where_they_are_some() {
        for text in [
            "4.1.1 x",
            "5.1 x",
            "5.1.1.1 x",
            "5.1000.1 x",
            "5..1 x",
            "5.1.1x",
            "5.1.+1 x",
        ] {
            let reply = read(format!("550 {text}\r\n").as_bytes()).unwrap().unwrap();
            assert_eq!(
                (reply.enhanced(), reply.lines()),
                (None, &[text.to_owned()][..])
            );
        }
    }

    #[test]
    fn limits_hold_for_lines_and_octets() {
        let long = format!("250 {}\r\n", "x".repeat(HOST_LINE_OCTETS_MAX));
        assert_eq!(read(long.as_bytes()), Err(ReplyError::TooLong));
        assert_eq!(
            read(&[b'2'; HOST_LINE_OCTETS_MAX + 1]),
            Err(ReplyError::TooLong)
        );
        let many = "250-x\r\n".repeat(HOST_REPLY_LINES_MAX) + "250 x\r\n";
        assert_eq!(read(many.as_bytes()), Err(ReplyError::TooLong));
        let wide = format!("250-{}\r\n", "x".repeat(4000)).repeat(5);
        assert_eq!(read(wide.as_bytes()), Err(ReplyError::TooLong));
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_panic_and_what_comes_out_is_printable(
            octets in prop::collection::vec(prop_oneof![
                any::<u8>(), prop::sample::select(b"250-45 .1\r\n".to_vec())], 0..200),
        ) {
            let mut reader = ReplyReader::default();
            let mut rest = octets.as_slice();
            while let Ok((done, Some(reply))) = reader.read(rest) {
                prop_assert!(reply.to_string().bytes().all(|byte| matches!(byte, b' '..=b'~')));
                prop_assert!((200..600).contains(&reply.code()));
                rest = &rest[done..];
            }
        }

        #[test]
        fn a_reply_is_the_same_however_it_is_cut(
            lines in prop::collection::vec("[ -~]{0,30}", 1..5), cut in 0..200usize,
        ) {
            let mut text: String = lines.iter().map(|line| format!("550-{line}\r\n")).collect();
            text.push_str("550 end\r\n");
            let (left, _) = text.as_bytes().split_at(cut.min(text.len() - 1));
            let mut reader = ReplyReader::default();
            let (done, early) = reader.read(left).unwrap();
            prop_assert_eq!(early, None);
            let (_, late) = reader.read(&text.as_bytes()[done..]).unwrap();
            prop_assert_eq!(late, read(text.as_bytes()).unwrap());
        }
    }
}
