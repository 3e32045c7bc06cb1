//! Takes the transfer encoding off a body that comes in pieces (RFC 2045 §6.7, §6.8), for BINARY (RFC 3516).
//!
//! How the body is cut changes nothing, and memory does not depend on its size. Tolerant, so that a body has one decoded
//! form whatever is wrong with it: what base64 does not know is skipped, and an `=` that begins no proper escape of
//! quoted-printable stands for itself (RFC 2045 §6.7, note 2). Only an encoding that nobody here knows is refused, by
//! [`Decoder::new`].
//!
//! What was encoded comes out octet for octet, but for the lines of a text ([`Decoder::of_lines`]). Not here: charsets.

use super::index::Encoding;
use super::limits::PADDING_OCTETS_MAX;

/// A body being decoded.
#[derive(Debug, Clone)]
pub struct Decoder {
    state: State,
    lines: Option<Lines>,
}

#[derive(Debug, Clone)]
enum State {
    Identity,
    Base64(Base64),
    QuotedPrintable(QuotedPrintable),
}

impl Decoder {
    /// A decoder at the beginning of a body; `None` for an encoding that is not known.
    pub fn new(encoding: &Encoding<'_>) -> Option<Decoder> {
        let state = match encoding {
            Encoding::SevenBit | Encoding::EightBit | Encoding::Binary => State::Identity,
            Encoding::Base64 => State::Base64(Base64::default()),
            Encoding::QuotedPrintable => State::QuotedPrintable(QuotedPrintable::default()),
            Encoding::Other(_) => return None,
        };
        Some(Decoder { state, lines: None })
    }

    /// The same of a text whose lines end with CRLF, or shall: "servers MUST ensure that textual line-oriented sections are always transmitted using the
    /// IMAP CRLF line termination syntax" (RFC 9051 §7.5.2, RFC 3516 §4.3).
    #[must_use]
    pub fn of_lines(self) -> Decoder {
        Decoder {
            lines: Some(Lines::default()),
            ..self
        }
    }

    /// Whether what comes out is what goes in: 7bit, 8bit or binary that is no text.
    pub fn is_identity(&self) -> bool {
        matches!(self.state, State::Identity) && self.lines.is_none()
    }

    /// Takes the next octets of the body; what they give is appended to `decoded`.
    pub fn push(&mut self, octets: &[u8], decoded: &mut Vec<u8>) {
        let before = decoded.len();
        self.decode(octets, decoded);
        self.end_lines(before, decoded);
    }

    fn end_lines(&mut self, before: usize, decoded: &mut Vec<u8>) {
        if let Some(lines) = &mut self.lines {
            lines.end(before, decoded);
        }
    }

    fn decode(&mut self, octets: &[u8], decoded: &mut Vec<u8>) {
        match &mut self.state {
            State::Identity => decoded.extend_from_slice(octets),
            State::Base64(state) => state.push(octets, decoded),
            State::QuotedPrintable(state) => {
                octets.iter().for_each(|&octet| state.push(octet, decoded));
            }
        }
    }

    /// The body has ended.
    pub fn finish(&mut self, decoded: &mut Vec<u8>) {
        let before = decoded.len();
        match &mut self.state {
            State::Identity => {}
            State::Base64(state) => state.end_group(decoded),
            State::QuotedPrintable(state) => state.finish(decoded),
        }
        self.end_lines(before, decoded);
    }
}

/// Puts the CR before each LF that has none.
#[derive(Debug, Clone, Default)]
struct Lines {
    /// The last octet was a CR.
    after_cr: bool,
}

impl Lines {
    fn end(&mut self, before: usize, decoded: &mut Vec<u8>) {
        let fresh = decoded.split_off(before);
        decoded.reserve(fresh.len());
        for octet in fresh {
            if octet == b'\n' && !self.after_cr {
                decoded.push(b'\r');
            }
            decoded.push(octet);
            self.after_cr = octet == b'\r';
        }
    }
}

/// Up to three characters of a group of four.
#[derive(Debug, Clone, Default)]
struct Base64 {
    bits: u32,
    characters: u32,
}

impl Base64 {
    fn push(&mut self, octets: &[u8], decoded: &mut Vec<u8>) {
        for &octet in octets {
            match VALUES[usize::from(octet)] {
                SKIPPED => {}
                // Padding ends a group; what follows is another body's base64, put behind by a careless mailer.
                PADDING => self.end_group(decoded),
                value => {
                    self.bits = self.bits << 6 | u32::from(value);
                    self.characters += 1;
                    if self.characters == 4 {
                        let [_, first, second, third] = self.bits.to_be_bytes();
                        decoded.extend_from_slice(&[first, second, third]);
                        *self = Self::default();
                    }
                }
            }
        }
    }

    /// Gives the whole octets of a group that is not full.
    fn end_group(&mut self, decoded: &mut Vec<u8>) {
        let [_, first, second, _] = (self.bits << (6 * (4 - self.characters))).to_be_bytes();
        match self.characters {
            2 => decoded.push(first),
            3 => decoded.extend_from_slice(&[first, second]),
            _ => {}
        }
        *self = Self::default();
    }
}

const SKIPPED: u8 = 0xff;
const PADDING: u8 = 0xfe;

/// What each octet means in base64.
const VALUES: [u8; 256] = {
    let mut values = [SKIPPED; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < alphabet.len() {
        values[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    values[b'=' as usize] = PADDING;
    values
};

/// What has been read and not been understood: an `=` with what follows it, and white space that may be the end of a line.
#[derive(Debug, Clone, Default)]
struct QuotedPrintable {
    held: Vec<u8>,
}

impl QuotedPrintable {
    fn push(&mut self, octet: u8, decoded: &mut Vec<u8>) {
        if self.held.is_empty() {
            match octet {
                b'=' | b' ' | b'\t' => self.held.push(octet),
                _ => decoded.push(octet),
            }
        } else if self.held[0] == b'=' {
            self.escape(octet, decoded);
        } else {
            self.white_space(octet, decoded);
        }
    }

    fn escape(&mut self, octet: u8, decoded: &mut Vec<u8>) {
        match (&self.held[1..], octet) {
            // A soft line break, and white space that some relay put before its line end (RFC 2045 §6.7, rule 3).
            ([.., b'\r'] | [] | [b' ' | b'\t', ..], b'\n') => self.held.clear(),
            ([] | [b' ' | b'\t', ..], b'\r' | b' ' | b'\t')
                if self.held.last() != Some(&b'\r') && self.held.len() < PADDING_OCTETS_MAX =>
            {
                self.held.push(octet);
            }
            ([], _) if octet.is_ascii_hexdigit() => self.held.push(octet),
            ([first], _) if octet.is_ascii_hexdigit() && first.is_ascii_hexdigit() => {
                decoded.push(hexadecimal(*first) << 4 | hexadecimal(octet));
                self.held.clear();
            }
            _ => self.no_escape(octet, decoded),
        }
    }

    /// The `=` stands for itself; what was held behind it is looked at again, with what came now.
    fn no_escape(&mut self, octet: u8, decoded: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        decoded.push(b'=');
        // No `=` can be among them: each octet is held, or given, at once.
        held[1..]
            .iter()
            .for_each(|&octet| self.push(octet, decoded));
        self.push(octet, decoded);
    }

    /// White space at the end of a line was added on the way (RFC 2045 §6.7, rule 3).
    fn white_space(&mut self, octet: u8, decoded: &mut Vec<u8>) {
        match octet {
            b' ' | b'\t' | b'\r'
                if self.held.last() != Some(&b'\r') && self.held.len() < PADDING_OCTETS_MAX =>
            {
                self.held.push(octet);
            }
            b'\n' => {
                let crlf = self.held.last() == Some(&b'\r');
                decoded.extend_from_slice(if crlf { b"\r\n" } else { b"\n" });
                self.held.clear();
            }
            _ => {
                decoded.append(&mut self.held);
                self.push(octet, decoded);
            }
        }
    }

    fn finish(&mut self, decoded: &mut Vec<u8>) {
        match self.held.as_slice() {
            // A soft line break whose line end belongs to the boundary, and white space at the end of the last line.
            [b'='] | [b'=', b' ' | b'\t' | b'\r', ..] | [b' ' | b'\t', ..] => self.held.clear(),
            _ => decoded.append(&mut self.held),
        }
    }
}

/// The value of a hexadecimal digit.
fn hexadecimal(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded<'a>(encoding: &Encoding<'_>, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut decoder = Decoder::new(encoding).unwrap();
        let mut decoded = Vec::new();
        for piece in pieces {
            decoder.push(piece, &mut decoded);
        }
        decoder.finish(&mut decoded);
        decoded
    }

    fn base64(text: &str) -> Vec<u8> {
        decoded(&Encoding::Base64, [text.as_bytes()])
    }

    fn quoted_printable(text: &str) -> String {
        let text = decoded(&Encoding::QuotedPrintable, [text.as_bytes()]);
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn base64_is_read_whatever_stands_in_it() {
        assert_eq!(base64("aGVs\r\nbG8="), b"hello");
        assert_eq!(base64("aGVsbG8"), b"hello");
        assert_eq!(base64("aGVsbA"), b"hell");
        assert_eq!(base64("aGVsbA==aGVsbA=="), b"hellhell");
        assert_eq!(base64(" a-G!V*s\tb.G8= "), b"hello");
        assert_eq!(base64("AAA="), b"\0\0");
        assert_eq!(base64("A==="), b"");
        assert_eq!(base64("////"), b"\xff\xff\xff");
    }

    #[test]
    fn quoted_printable_is_read_by_its_rules() {
        assert_eq!(quoted_printable("a=3Db=3dc"), "a=b=c");
        assert_eq!(
            quoted_printable("soft=\r\n break= \t\r\ned=\n!"),
            "soft breaked!"
        );
        assert_eq!(
            quoted_printable("added \t \r\nkept  x\n"),
            "added\r\nkept  x\n"
        );
        assert_eq!(quoted_printable("end="), "end");
        assert_eq!(quoted_printable("end=\r"), "end");
        assert_eq!(quoted_printable("end  "), "end");
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        assert_eq!(quoted_printable("a=b c=4"), "a=b c=4");
        assert_eq!(quoted_printable("==3D=G1"), "===G1");
        assert_eq!(quoted_printable("= x"), "= x");
        assert_eq!(quoted_printable("=\rx"), "=\rx");
        assert_eq!(quoted_printable("a \rb\r\r\n"), "a \rb\r\r\n");
        let long = format!("a{}b", " ".repeat(3 * PADDING_OCTETS_MAX));
        assert_eq!(quoted_printable(&long), long);
    }

    #[test]
    fn an_unknown_encoding_is_refused() {
        assert!(Decoder::new(&Encoding::Other("x-uuencode".into())).is_none());
    }

    fn body() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![
            3 => Just(b'='), 2 => Just(b'\r'), 2 => Just(b'\n'), 2 => Just(b' '), 1 => Just(b'\t'),
            3 => proptest::char::range('A', 'G').prop_map(|c| c as u8), 1 => any::<u8>()
        ];
        proptest::collection::vec(octet, 0..80)
    }

    proptest! {
        #[test]
        fn how_a_body_is_cut_changes_nothing(body in body(), cut in 0usize..80) {
            for encoding in [Encoding::Base64, Encoding::QuotedPrintable, Encoding::Binary] {
                let (left, right) = body.split_at(cut.min(body.len()));
                prop_assert_eq!(decoded(&encoding, [&body[..]]), decoded(&encoding, [left, right]));
                prop_assert!(decoded(&encoding, [&body[..]]).len() <= body.len());
            }
        }

        #[test]
        fn what_was_encoded_is_read(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
            let escaped: String = octets.iter().map(|octet| format!("={octet:02X}")).collect();
            prop_assert_eq!(decoded(&Encoding::QuotedPrintable, [escaped.as_bytes()]), octets);
        }
    }

    #[test]
    fn lines_of_a_text_end_with_crlf_wherever_it_is_cut() {
        let text = b"a\nb\r\nc\r\rd\n\n";
        for cut in 0..=text.len() {
            let mut decoder = Decoder::new(&Encoding::EightBit).unwrap().of_lines();
            let mut decoded = b"before\n".to_vec();
            decoder.push(&text[..cut], &mut decoded);
            decoder.push(&text[cut..], &mut decoded);
            decoder.finish(&mut decoded);
            assert_eq!(decoded, b"before\na\r\nb\r\nc\r\rd\r\n\r\n");
            assert!(!decoder.is_identity());
        }
    }
}
