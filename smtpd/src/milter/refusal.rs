//! A refusal in a filter's own words (`SMFIR_REPLYCODE`): a reply of SMTP that another program wrote.
//!
//! The code must be 4yz or 5yz, or the filter is broken. The rest is only made safe: an enhanced code of another class is replaced, lines
//! beyond the limit are left out, and `grammar::Reply` lets no octet through that could be read as another reply.

use super::packet::Malformed;
use crate::grammar::Reply;
use crate::limits::MILTER_REPLY_LINES_MAX;

/// Stands in where a filter gave no enhanced code, or one of another class (RFC 3463 §3.8: "other or undefined security status").
const ENHANCED: (u16, u16) = (7, 0);

/// A refusal in a filter's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    code: u16,
    enhanced: (u16, u16),
    /// At least one.
    first: String,
    more: Vec<String>,
}

impl Refusal {
    /// A refusal in our words: for good (`SMFIR_REJECT`).
    pub(super) fn permanent() -> Refusal {
        Refusal::new(550, (7, 1), "Refused")
    }

    /// For now (`SMFIR_TEMPFAIL`).
    pub(super) fn temporary() -> Refusal {
        Refusal::new(451, (7, 1), "Refused for now, try again later")
    }

    /// The connection is to be closed (`SMFIR_SHUTDOWN`).
    pub(super) fn shutdown() -> Refusal {
        Refusal::new(421, (7, 0), "Refused, closing")
    }

    fn new(code: u16, enhanced: (u16, u16), text: &str) -> Refusal {
        Refusal {
            code,
            enhanced,
            first: text.to_owned(),
            more: Vec::new(),
        }
    }

    /// Reads `550 5.7.1 text`, perhaps of several lines.
    pub(super) fn parse(text: &[u8]) -> Result<Refusal, Malformed> {
        // libmilter wants each `%` written twice.
        let text = String::from_utf8_lossy(text).replace("%%", "%");
        let mut lines = text.split("\r\n").flat_map(|line| line.split('\n'));
        let first = lines.next().unwrap_or_default();
        let code = first.get(..3).and_then(|digits| digits.parse().ok());
        let code: u16 = code
            .filter(|code| (400..600).contains(code))
            .ok_or(Malformed("a reply that refuses nothing"))?;
        let (enhanced, first) = words(code, first);
        let more = lines
            .filter(|line| !line.is_empty())
            .take(MILTER_REPLY_LINES_MAX - 1)
            .map(|line| words(code, line).1);
        Ok(Refusal {
            code,
            enhanced: enhanced.unwrap_or(ENHANCED),
            first,
            more: more.collect(),
        })
    }

    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// As it is sent.
    pub fn reply(&self) -> Reply {
        let first = match self.first.is_empty() {
            true => "Refused".into(),
            false => self.first.clone(),
        };
        let reply = Reply::new(self.code, self.enhanced, first);
        self.more
            .iter()
            .fold(reply, |reply, line| reply.line(line.clone()))
    }
}

/// The enhanced code of a line, if it is of the right class, and the text behind it. A line that does not repeat the code is all text.
fn words(code: u16, line: &str) -> (Option<(u16, u16)>, String) {
    let text = line
        .strip_prefix(&code.to_string())
        .map_or(line, |rest| rest.strip_prefix(['-', ' ']).unwrap_or(rest));
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let Some((class, enhanced)) = enhanced_code(word) else {
        return (None, text.to_owned());
    };
    let enhanced = (class == code / 100).then_some(enhanced);
    (enhanced, rest.to_owned())
}

fn enhanced_code(word: &str) -> Option<(u16, (u16, u16))> {
    let mut numbers = word.split('.').map(|number| {
        let is_number = (1..=3).contains(&number.len());
        is_number.then(|| number.parse::<u16>().ok()).flatten()
    });
    let code = (numbers.next()??, (numbers.next()??, numbers.next()??));
    numbers.next().is_none().then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(text: &str) -> Option<String> {
        let mut octets = Vec::new();
        let refusal = Refusal::parse(text.as_bytes()).ok()?;
        refusal.reply().encode(&mut octets);
        String::from_utf8(octets).ok()
    }

    #[test]
    fn a_refusal_is_sent_in_the_filters_words() {
        let table = [
            ("550 5.7.1 Spam", "550 5.7.1 Spam\r\n"),
            ("451 4.7.1 Try again", "451 4.7.1 Try again\r\n"),
            ("554 Gtube pattern", "554 5.7.0 Gtube pattern\r\n"),
            ("550 4.7.1 Wrong class", "550 5.7.0 Wrong class\r\n"),
            ("550", "550 5.7.0 Refused\r\n"),
            ("550 100%% sure", "550 5.7.0 100% sure\r\n"),
            (
                "550-5.7.1 One\r\n550 5.7.1 two",
                "550-5.7.1 One\r\n550 5.7.1 two\r\n",
            ),
            (
                "550 5.7.1 One\r\n250 2.0.0 two",
                "550-5.7.1 One\r\n550 5.7.1 250 2.0.0 two\r\n",
            ),
            ("550 5.7.1 a\rb\u{e4}", "550 5.7.1 a?b??\r\n"),
        ];
        for (text, expected) in table {
            assert_eq!(sent(text).as_deref(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn only_a_refusal_refuses() {
        for text in ["", "250 ok", "354 go", "999 x", "55", "5.7.1", "\u{e4}550"] {
            assert_eq!(sent(text), None, "{text:?}");
        }
    }

    #[test]
    fn lines_are_counted() {
        let text = format!("550 5.7.1 x{}", "\r\n550 5.7.1 y".repeat(1000));
        let lines = sent(&text).map(|reply| reply.lines().count());
        assert_eq!(lines, Some(MILTER_REPLY_LINES_MAX));
    }
}
