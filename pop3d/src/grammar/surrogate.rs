//! Headers with raw UTF-8, for clients that have not said `UTF8`.
//!
//! RFC 6856 §2.1 leaves two ways to serve an internationalised message to such a client: an error, or a
//! surrogate. An error would leave the message in the maildrop, refused at every visit, and many clients stop
//! at it and fetch nothing more; so anybody could block a mailbox with one message. A surrogate then: the
//! message with its header made ASCII, close to RFC 6858.
//!
//! - Words with other characters become encoded words (RFC 2047).
//! - An *address* with other characters cannot be written at all: it becomes an empty group that bears it as
//!   its name, which shows who wrote and cannot be replied to (RFC 6858 §2.1.1).
//! - Parameters (file names, say) get an encoded word inside their quotes: not what RFC 2047 allows, but what
//!   clients read.
//!
//! What it does not do: change the body. Text in 8bit is what POP3 servers have always sent, and header
//! fields of inner parts are left alone. The size that LIST gives remains the stored message's (RFC 6856 §2.1
//! lets it differ; computing it would mean reading every message at login).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Octets of text in one encoded word: in base64 with its frame at most 75 characters (RFC 2047 §2).
const WORD_OCTETS_MAX: usize = 45;

/// The surrogate of a header that is not ASCII. `header` ends with its empty line, if there is one.
pub fn downgrade(header: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(header.len() * 2);
    for field in fields(header) {
        if field.is_ascii() {
            out.extend_from_slice(field);
        } else {
            downgrade_field(&String::from_utf8_lossy(field), &mut out);
        }
    }
    out
}

/// The fields of a header, each with its continuation lines. The empty line at the end is one too.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let end = (0..rest.len())
            .find(|&at| rest[at] == b'\n' && !matches!(rest.get(at + 1), Some(b' ' | b'\t')))
            .map_or(rest.len(), |at| at + 1);
        let (field, after) = rest.split_at(end);
        rest = after;
        (!field.is_empty()).then_some(field)
    })
}

/// How a field's value is built, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Addresses,
    Parameters,
    Text,
}

fn kind_of(name: &str) -> Kind {
    const ADDRESSES: [&str; 7] = [
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "bcc",
        "return-path",
    ];
    let name = name.trim_end().to_ascii_lowercase();
    match name.as_str() {
        "content-type" | "content-disposition" => Kind::Parameters,
        _ if ADDRESSES.contains(&name.strip_prefix("resent-").unwrap_or(&name)) => Kind::Addresses,
        _ => Kind::Text,
    }
}

fn downgrade_field(field: &str, out: &mut Vec<u8>) {
    let Some((name, value)) = field.split_once(':').filter(|(name, _)| name.is_ascii()) else {
        // Not a field at all. Its characters cannot be kept, and nothing can be meant by them.
        out.extend(
            field
                .chars()
                .map(|char| u8::try_from(char).ok().filter(u8::is_ascii).unwrap_or(b'?')),
        );
        return;
    };
    let mut words = Words::default();
    match kind_of(name) {
        Kind::Text => words.text(value),
        Kind::Addresses => words.addresses(value),
        Kind::Parameters => words.parameters(value),
    }
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    out.extend_from_slice(words.finish().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A value under construction: ASCII goes through, the rest is gathered and written as encoded words.
#[derive(Default)]
struct Words {
    out: String,
}

impl Words {
    fn finish(self) -> String {
        self.out
    }

    /// Unstructured: from the first word that needs it to the last, everything is encoded, so that the spaces
    /// between survive (RFC 2047 §6.2).
    fn text(&mut self, value: &str) {
        let value = unfolded(value);
        // Blanks as headers know them: other white space has to be encoded.
        let leading = value.len() - value.trim_start_matches([' ', '\t']).len();
        let (space, text) = value.split_at(leading);
        let words: Vec<&str> = text.split(' ').collect();
        let first = words.iter().position(|word| !word.is_ascii()).unwrap_or(0);
        let last = words.iter().rposition(|word| !word.is_ascii()).unwrap_or(0);
        self.out.push_str(space);
        self.plain(&words[..first], "", " ");
        self.encoded(&words[first..=last].join(" "));
        self.plain(&words[last + 1..], " ", "");
    }

    fn plain(&mut self, words: &[&str], before: &str, after: &str) {
        if !words.is_empty() {
            self.out.push_str(before);
            self.out.push_str(&words.join(" "));
            self.out.push_str(after);
        }
    }

    /// A list of addresses: each of them on its own, and its commas kept.
    fn addresses(&mut self, value: &str) {
        for (at, address) in split_outside_quotes(&unfolded(value), ',')
            .into_iter()
            .enumerate()
        {
            if at > 0 {
                self.out.push(',');
            }
            match address.is_ascii() {
                true => self.out.push_str(address),
                false => self.address(address.trim()),
            }
        }
    }

    fn address(&mut self, address: &str) {
        self.out.push(' ');
        match address.rsplit_once('<') {
            Some((name, route)) if route.is_ascii() => {
                self.encoded(&unquoted(name.trim()));
                self.out.push_str(" <");
                self.out.push_str(route);
            }
            _ => {
                self.encoded(&unquoted(address));
                self.out.push_str(" :;");
            }
        }
    }

    /// `value; name="value"`: each value that needs it.
    fn parameters(&mut self, value: &str) {
        for (at, parameter) in split_outside_quotes(&unfolded(value), ';')
            .into_iter()
            .enumerate()
        {
            if at > 0 {
                self.out.push(';');
            }
            match parameter.split_once('=') {
                _ if parameter.is_ascii() => self.out.push_str(parameter),
                Some((name, value)) if name.is_ascii() => {
                    self.out.push_str(name);
                    self.out.push_str("=\"");
                    self.encoded(&unquoted(value.trim()));
                    self.out.push('"');
                }
                _ => self.encoded(parameter),
            }
        }
    }

    /// As many encoded words as it takes, cut between characters; the space between two of them is not part
    /// of the text.
    fn encoded(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let (word, after) = rest.split_at(word_end(rest));
            self.out.push_str("=?utf-8?B?");
            self.out.push_str(&BASE64.encode(word));
            self.out.push_str("?=");
            if !after.is_empty() {
                self.out.push_str("\r\n ");
            }
            rest = after;
        }
    }
}

/// Where a non-empty text is cut for one encoded word: at a character's beginning, and never at 0, since no
/// character is that long.
fn word_end(text: &str) -> usize {
    let longest = WORD_OCTETS_MAX.min(text.len());
    (1..=longest)
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(text.len())
}

/// On one line: the fold's line ends go, its white space stays.
fn unfolded(value: &str) -> String {
    value
        .replace(['\r', '\n'], "")
        .replace('\t', " ")
        .trim_end()
        .to_owned()
}

/// Without the quotes around it, and the backslashes in them.
fn unquoted(text: &str) -> String {
    let mut escaped = false;
    text.chars()
        .filter(|&char| {
            escaped = char == '\\' && !escaped;
            !escaped && (char != '"')
        })
        .collect()
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|char| {
        quoted ^= char == '"' && !escaped;
        escaped = char == '\\' && !escaped;
        char == separator && !quoted
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn downgraded(header: &str) -> String {
        String::from_utf8(downgrade(header.as_bytes())).expect("ASCII")
    }

    #[test]
    fn table() {
        let table = [
            ("Subject: plain\r\n\r\n", "Subject: plain\r\n\r\n"),
            (
                "Subject: a Grüße b\r\n",
                "Subject: a =?utf-8?B?R3LDvMOfZQ==?= b\r\n",
            ),
            (
                "Subject: ü x\r\n é\r\nA: b\r\n\r\n",
                "Subject: =?utf-8?B?w7wgeCDDqQ==?=\r\nA: b\r\n\r\n",
            ),
            (
                "From: Jörg <j@example.test>\r\n",
                "From: =?utf-8?B?SsO2cmc=?= <j@example.test>\r\n",
            ),
            (
                "From: \"Jörg, J\" <j@example.test>\r\n",
                "From: =?utf-8?B?SsO2cmcsIEo=?= <j@example.test>\r\n",
            ),
            (
                "To: a@example.test, Jörg <j@example.test>\r\n",
                "To: a@example.test, =?utf-8?B?SsO2cmc=?= <j@example.test>\r\n",
            ),
            (
                "To: jörg@example.test\r\n",
                "To: =?utf-8?B?asO2cmdAZXhhbXBsZS50ZXN0?= :;\r\n",
            ),
            (
                "Content-Type: text/plain; name=\"ü.txt\"\r\n",
                "Content-Type: text/plain; name=\"=?utf-8?B?w7wudHh0?=\"\r\n",
            ),
            ("Überschrift\r\n", "?berschrift\r\n"),
            (
                "Subject: \u{2008}x\r\n",
                "Subject: =?utf-8?B?4oCIeA==?=\r\n",
            ),
        ];
        for (header, surrogate) in table {
            assert_eq!(downgraded(header), surrogate);
        }
    }

    #[test]
    fn long_text_is_several_words_cut_between_characters() {
        let text = "ü".repeat(50);
        let header = downgraded(&format!("Subject: {text}\r\n"));
        let decoded: String = header["Subject:".len()..]
            .split_whitespace()
            .map(|word| word.trim_start_matches("=?utf-8?B?").trim_end_matches("?="))
            .map(|word| {
                String::from_utf8(BASE64.decode(word).expect("base64")).expect("whole characters")
            })
            .collect();
        assert_eq!(decoded, text);
        assert!(header.lines().all(|line| line.len() <= 85), "{header}");
    }

    proptest! {
        #[test]
        fn any_header_becomes_ascii_and_keeps_its_empty_line(fields in prop::collection::vec("(Subject|From|To|Content-Type|ü|x): ?[a-zü,;\"<>@\\\\= é]{0,40}", 0..5)) {
            let header = fields.iter().map(|field| format!("{field}\r\n")).collect::<String>() + "\r\n";
            let surrogate = downgraded(&header);
            prop_assert!(surrogate.is_ascii());
            prop_assert!(surrogate.ends_with("\r\n"));
            prop_assert_eq!(surrogate.lines().filter(|line| line.is_empty()).count(), 1);
            prop_assert_eq!(downgrade(surrogate.as_bytes()), surrogate.as_bytes());
        }

        #[test]
        fn no_octets_make_it_panic(header: Vec<u8>) {
            prop_assert!(downgrade(&header).is_ascii());
        }
    }
}
