//! Octets to quoted-printable (RFC 2045 §6.7) and base64 (§6.8), piece by piece.
//!
//! Pure. The last line of what comes out has no line end of its own: the boundary behind a part brings it, and the end of a message adds
//! what is missing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Octets of a line of base64, before encoding: 76 characters.
const BASE64_LINE_OCTETS: usize = 57;
/// Characters of a line of quoted-printable, without the `=` of a soft line break.
const QUOTED_LINE_CHARACTERS: usize = 75;
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// How octets are made ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    QuotedPrintable,
    Base64,
}

impl Encoding {
    /// As in Content-Transfer-Encoding.
    pub(super) fn name(self) -> &'static str {
        match self {
            Encoding::QuotedPrintable => "quoted-printable",
            Encoding::Base64 => "base64",
        }
    }
}

/// One body part being encoded.
pub(super) enum Encoder {
    QuotedPrintable(Quoting),
    /// What does not fill a line yet, and whether a line came before.
    Base64 {
        carried: Vec<u8>,
        begun: bool,
    },
}

impl Encoder {
    pub(super) fn new(encoding: Encoding) -> Encoder {
        match encoding {
            Encoding::QuotedPrintable => Encoder::QuotedPrintable(Quoting::default()),
            Encoding::Base64 => Encoder::Base64 {
                carried: Vec::new(),
                begun: false,
            },
        }
    }

    /// The next octets, encoded as far as they can be.
    pub(super) fn encode(&mut self, octets: &[u8]) -> Vec<u8> {
        match self {
            Encoder::QuotedPrintable(quoting) => {
                octets.iter().for_each(|&octet| quoting.push(octet));
                std::mem::take(&mut quoting.encoded)
            }
            Encoder::Base64 { carried, begun } => {
                carried.extend_from_slice(octets);
                let whole = carried.len() - carried.len() % BASE64_LINE_OCTETS;
                let lines: Vec<u8> = carried.drain(..whole).collect();
                let mut encoded = Vec::with_capacity(octets.len() / 2 * 3);
                for line in lines.chunks(BASE64_LINE_OCTETS) {
                    push_base64_line(line, begun, &mut encoded);
                }
                encoded
            }
        }
    }

    /// What was still waiting for more.
    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Encoder::QuotedPrintable(quoting) => quoting.finish(),
            Encoder::Base64 { carried, mut begun } => {
                let mut encoded = Vec::new();
                if !carried.is_empty() {
                    push_base64_line(&carried, &mut begun, &mut encoded);
                }
                encoded
            }
        }
    }
}

fn push_base64_line(line: &[u8], begun: &mut bool, encoded: &mut Vec<u8>) {
    if std::mem::replace(begun, true) {
        encoded.extend_from_slice(b"\r\n");
    }
    encoded.extend_from_slice(STANDARD.encode(line).as_bytes());
}

/// Quoted-printable in the making.
#[derive(Default)]
pub(super) struct Quoting {
    encoded: Vec<u8>,
    column: usize,
    /// A space, a tab or a CR: what becomes of it depends on what follows.
    waiting: Option<u8>,
}

impl Quoting {
    fn push(&mut self, octet: u8) {
        match (self.waiting.take(), octet) {
            (Some(b'\r'), b'\n') => {
                self.encoded.extend_from_slice(b"\r\n");
                self.column = 0;
                return;
            }
            (Some(b'\r'), _) => self.quote(b'\r'),
            // Blanks at the end of a line would get lost.
            (Some(blank), b'\r') => self.quote(blank),
            (Some(blank), _) => self.put(&[blank]),
            (None, _) => {}
        }
        match octet {
            b' ' | b'\t' | b'\r' => self.waiting = Some(octet),
            b'=' => self.quote(octet),
            b'!'..=b'~' => self.put(&[octet]),
            _ => self.quote(octet),
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if let Some(octet) = self.waiting.take() {
            self.quote(octet);
        }
        self.encoded
    }

    fn quote(&mut self, octet: u8) {
        let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or(b'0');
        self.put(&[b'=', digit(octet >> 4), digit(octet & 15)]);
    }

    fn put(&mut self, characters: &[u8]) {
        if self.column + characters.len() > QUOTED_LINE_CHARACTERS {
            self.encoded.extend_from_slice(b"=\r\n");
            self.column = 0;
        }
        self.encoded.extend_from_slice(characters);
        self.column += characters.len();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(encoding: Encoding, pieces: &[&[u8]]) -> Vec<u8> {
        let mut encoder = Encoder::new(encoding);
        let mut encoded: Vec<u8> = pieces
            .iter()
            .flat_map(|piece| encoder.encode(piece))
            .collect();
        encoded.extend(encoder.finish());
        encoded
    }

    #[test]
    fn text_stays_readable_and_nothing_gets_lost_at_line_ends() {
        let table: [(&[u8], &[u8]); 6] = [
            ("für=\r\n".as_bytes(), b"f=C3=BCr=3D\r\n"),
            (b"a \r\nb\t\r\n", b"a=20\r\nb=09\r\n"),
            (b"a b ", b"a b=20"),
            (b"a\rb\nc\0", b"a=0Db=0Ac=00"),
            (b"\r", b"=0D"),
            (b"", b""),
        ];
        for (text, expected) in table {
            let got = encoded(Encoding::QuotedPrintable, &[text]);
            assert_eq!(
                got.escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_can_be_read_back_and_is_short_lines_of_ascii(
            octets in prop::collection::vec(
                prop_oneof![any::<u8>(), prop::sample::select(b"\r\n =a.".to_vec())], 0..400),
            cut in 0..400usize,
        ) {
            let (left, right) = octets.split_at(cut.min(octets.len()));
            for encoding in [Encoding::QuotedPrintable, Encoding::Base64] {
                let encoded = encoded(encoding, &[left, right]);
                prop_assert!(encoded.is_ascii());
                for line in encoded.split(|&octet| octet == b'\n') {
                    prop_assert!(line.len() <= 77);
                    prop_assert!(!line.strip_suffix(b"\r").unwrap_or(line).ends_with(b" "));
                }
                let decoded = match encoding {
                    Encoding::QuotedPrintable => decode_quoted(&encoded),
                    Encoding::Base64 => STANDARD
                        .decode(encoded.iter().copied().filter(|b| !b"\r\n".contains(b)).collect::<Vec<u8>>())
                        .unwrap(),
                };
                prop_assert_eq!(&decoded, &octets);
            }
        }
    }

    /// A reader of quoted-printable of a few lines, so that the writer is not judged by itself.
    fn decode_quoted(encoded: &[u8]) -> Vec<u8> {
        let mut decoded = Vec::new();
        let mut rest = encoded;
        while let Some((&first, behind)) = rest.split_first() {
            rest = match (first, behind) {
                (b'=', [b'\r', b'\n', behind @ ..]) => behind,
                (b'=', [high, low, behind @ ..]) => {
                    let digits = [*high, *low];
                    let digits = std::str::from_utf8(&digits).unwrap();
                    decoded.push(u8::from_str_radix(digits, 16).unwrap());
                    behind
                }
                (_, behind) => {
                    decoded.push(first);
                    behind
                }
            };
        }
        decoded
    }
}
