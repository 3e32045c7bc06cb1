//! Serves parts without their transfer encoding (RFC 3516 §4, RFC 9051 §6.4.5).
//!
//! How long a decoded part is, and whether a NUL is in it, is told before it, so a part is decoded twice: once to know,
//! once to serve. A part that was read at once is decoded in memory, a larger one piece by piece. An encoding that is not
//! known fails the command, with UNKNOWN-CTE, and its item is left out. Lines of a text end with CRLF, whatever was encoded.

use std::ops::Range;

use bytes::Bytes;
use daemon::session::Output;
use store::Uid;
use store::mime::{Decoder, Kind, MessageIndex, Part};

use super::batch::Batches;
use super::load::read_ahead;
use super::section::{Located, apply};
use super::stream::{Stream, within};
use crate::grammar::fetch::{BinaryItem, Partial};
use crate::session::reject::Reject;

/// Where an encoded part lies, and how it is decoded.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// The octets, encoded.
    pub range: Range<u64>,
    decoder: Decoder,
}

/// What a look for a part found.
#[derive(Debug, Clone)]
pub enum Found {
    /// The message has no such part.
    Nowhere,
    /// It is in an encoding that nobody here knows.
    Unknown,
    /// Here it is.
    Part(Encoded),
}

/// What is known of a decoded part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measure {
    /// Octets of the whole part.
    pub octets: u64,
    /// A NUL is in what is asked for.
    pub has_nul: bool,
}

/// Finds a part. What holds other parts, and the message itself, are served as they are: RFC 2045 §6.4 allows them no encoding that
/// could be taken off.
pub fn locate(index: &MessageIndex<'_>, numbers: &[u32]) -> Found {
    let Some(part) = index.section(numbers) else {
        return Found::Nowhere;
    };
    let identity = store::mime::Encoding::Binary;
    let (range, encoding) = match part.kind {
        _ if numbers.is_empty() => (0..index.size, &identity),
        Kind::Multipart | Kind::Message => (part.body.clone(), &identity),
        Kind::Leaf => (part.body.clone(), &part.encoding),
    };
    match Decoder::new(encoding) {
        Some(decoder) if !numbers.is_empty() && has_lines(part) => Found::Part(Encoded {
            range,
            decoder: decoder.of_lines(),
        }),
        Some(decoder) => Found::Part(Encoded { range, decoder }),
        None => Found::Unknown,
    }
}

/// Whether the part is text whose lines end with octets as those of ASCII do.
fn has_lines(part: &Part<'_>) -> bool {
    const WIDE: [&str; 4] = ["utf-16", "utf-32", "ucs-", "iso-10646"];
    let charset = part.parameter("charset").unwrap_or_default();
    let begins_with = |name: &&str| {
        let start = charset.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let is_text = part.kind == Kind::Leaf && part.media_type == "text";
    is_text && !WIDE.iter().any(begins_with)
}

impl Encoded {
    /// Whether decoding changes nothing.
    fn is_identity(&self) -> bool {
        self.decoder.is_identity()
    }

    /// Decodes octets that were read at once.
    pub fn decode(&self, octets: &[u8]) -> Vec<u8> {
        let mut decoder = self.decoder.clone();
        let mut decoded = Vec::with_capacity(octets.len());
        decoder.push(octets, &mut decoded);
        decoder.finish(&mut decoded);
        decoded
    }
}

/// What of decoded octets a partial asks for.
pub fn cut(decoded: &[u8], partial: Option<Partial>) -> &[u8] {
    within(decoded, 0, &apply(0..decoded.len() as u64, partial))
}

impl Stream<'_> {
    /// Writes a large part as an item.
    pub async fn binary(&mut self, item: &BinaryItem, part: &Encoded) -> Result<(), Reject> {
        let whole = apply(0..u64::MAX, item.partial);
        let measure = self.measure(part, &whole).await?;
        let asked = apply(0..measure.octets, item.partial);
        let octets = asked.end - asked.start;
        self.line.binary_head(item, octets, measure.has_nul);
        self.pass(part, &asked, true).await.map(|_| ())
    }

    /// Decodes a part without writing it.
    pub async fn measure(&mut self, part: &Encoded, asked: &Range<u64>) -> Result<Measure, Reject> {
        self.pass(part, asked, false).await
    }

    /// Goes through a part, and writes what is asked for if `write`.
    async fn pass(
        &mut self,
        part: &Encoded,
        asked: &Range<u64>,
        write: bool,
    ) -> Result<Measure, Reject> {
        let (mut decoder, mut rest) = (part.decoder.clone(), part.range.clone());
        let (mut measure, mut decoded) = (Measure::default(), Vec::new());
        loop {
            let piece: Option<Bytes> = self.next(&mut rest).await?;
            match &piece {
                Some(piece) => decoder.push(piece, &mut decoded),
                None => decoder.finish(&mut decoded),
            }
            let wanted = within(&decoded, measure.octets, asked);
            measure.has_nul |= memchr::memchr(0, wanted).is_some();
            if write {
                self.line.raw_octets(wanted);
                self.send().await?;
            }
            measure.octets += decoded.len() as u64;
            decoded.clear();
            if piece.is_none() {
                return Ok(measure);
            }
        }
    }
}

impl Batches {
    /// Writes BINARY; false if the message vanished before it could be read.
    pub(super) async fn binary(
        &mut self,
        uid: Uid,
        item: &BinaryItem,
        located: &Located,
        ahead: Option<Bytes>,
        out: &mut Output,
    ) -> Result<bool, Reject> {
        match (located, ahead) {
            (Located::Encoded(part), ahead) if ahead.is_some() || part.range.is_empty() => {
                let decoded = part.decode(&ahead.unwrap_or_default());
                let wanted = cut(&decoded, item.partial);
                let has_nul = memchr::memchr(0, wanted).is_some();
                self.line.binary_head(item, wanted.len() as u64, has_nul);
                self.line.raw_octets(wanted);
            }
            (Located::Encoded(part), _) if read_ahead(located).is_none() => {
                let Some(mut stream) = self.open(uid, out).await? else {
                    self.line.binary_nil(item);
                    return Ok(false);
                };
                stream.binary(item, part).await?;
            }
            (Located::Encoded(_), _) => {
                self.line.binary_nil(item);
                return Ok(false);
            }
            (Located::UnknownEncoding, _) => self.unknown_encoding = true,
            _ => self.line.binary_nil(item),
        }
        Ok(true)
    }

    /// Writes BINARY.SIZE; what does not exist has no octets. False if the message vanished before it could be read.
    pub(super) async fn binary_size(
        &mut self,
        uid: Uid,
        numbers: &[u32],
        located: &Located,
        ahead: Option<Bytes>,
        out: &mut Output,
    ) -> Result<bool, Reject> {
        let octets = match (located, ahead) {
            (Located::Encoded(part), Some(octets)) => Some(part.decode(&octets).len() as u64),
            (Located::Encoded(part), None) if part.is_identity() => {
                Some(part.range.end - part.range.start)
            }
            (Located::Encoded(part), None) if read_ahead(located).is_none() => {
                match self.open(uid, out).await? {
                    Some(mut stream) => Some(stream.measure(part, &(0..0)).await?.octets),
                    None => None,
                }
            }
            (Located::Encoded(_), None) => None,
            (Located::UnknownEncoding, _) => {
                self.unknown_encoding = true;
                return Ok(true);
            }
            _ => Some(0),
        };
        self.line.binary_size(numbers, octets.unwrap_or_default());
        Ok(octets.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(message: &str, numbers: &[u32]) -> Found {
        let mut indexer = store::mime::Indexer::new();
        indexer.push(message.as_bytes());
        locate(&indexer.finish(), numbers)
    }

    #[test]
    fn only_leaves_are_decoded() {
        let part =
            |encoding| format!("--x\r\nContent-Transfer-Encoding: {encoding}\r\n\r\naGVsbG8=\r\n");
        let message = format!(
            "Content-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: x\r\n\r\n{}{}--x--\r\n",
            part("base64"),
            part("x-uuencode")
        );
        let Found::Part(encoded) = located(&message, &[1]) else {
            panic!("part 1 is there");
        };
        assert_eq!(encoded.decode(b"aGVsbG8="), b"hello");
        assert!(matches!(located(&message, &[2]), Found::Unknown));
        assert!(matches!(located(&message, &[3]), Found::Nowhere));
        let Found::Part(whole) = located(&message, &[]) else {
            panic!("the message is there");
        };
        assert_eq!(whole.range, 0..message.len() as u64);
        assert!(whole.is_identity());
    }

    #[test]
    fn a_partial_cuts_what_was_decoded() {
        let partial = |offset, count| Some(Partial { offset, count });
        assert_eq!(cut(b"hello", None), b"hello");
        assert_eq!(cut(b"hello", partial(1, 3)), b"ell");
        assert_eq!(cut(b"hello", partial(4, 9)), b"o");
        assert_eq!(cut(b"hello", partial(9, 9)), b"");
    }
}
