//! The header section of a message: finding its end as it streams in, looking into it, taking fields out.
//!
//! A header section is held whole, up to [`HEADER_OCTETS_MAX`]: loop protection, submission and the checks of incoming mail
//! look into it before the message is accepted. Fields are found by walking the octets; nothing is parsed that nobody
//! asked for, and a header of a million empty fields costs no more memory than its octets.
//!
//! Not here: the meaning of any field, MIME (the store indexes it), folding of what we write (`trace`).

use memchr::memchr;

use crate::limits::HEADER_OCTETS_MAX;

/// Gathers octets until the header section is complete.
///
/// It ends at the first empty line. A line that can be neither a field nor the continuation of one belongs to the field before,
/// as in the store's index: it is mostly the rest of a field that was folded badly. If the message begins with such a line
/// there is no header section, and the body begins there.
#[derive(Debug, Default)]
pub struct HeaderReader {
    octets: Vec<u8>,
    /// Start of the line that is not complete yet.
    line_start: usize,
    /// Up to where that line is known to hold no LF: no octet is looked at twice, however small the pieces.
    searched: usize,
    /// The line at `line_start` is complete and does not belong to the header section.
    complete: bool,
}

/// What [`HeaderReader::push`] knows after more octets.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// The header section goes on.
    More,
    /// The header section is complete; [`HeaderReader::finish`] gives it.
    Complete,
    /// It is longer than [`HEADER_OCTETS_MAX`].
    TooLong,
}

/// A complete header section: fields with their line ends, without the empty line that separates it from the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub(super) octets: Vec<u8>,
}

impl HeaderReader {
    /// Takes the next octets of the message. Not called again once it was complete or too long.
    pub fn push(&mut self, octets: &[u8]) -> Progress {
        self.octets.extend_from_slice(octets);
        while let Some(length) = memchr(b'\n', &self.octets[self.searched..]) {
            let line_end = self.searched + length + 1;
            if !self.is_header_line(line_end) {
                self.complete = true;
                break;
            }
            self.line_start = line_end;
            self.searched = line_end;
        }
        let header_octets = if self.complete {
            self.line_start
        } else {
            self.octets.len()
        };
        match (header_octets > HEADER_OCTETS_MAX, self.complete) {
            (true, _) => Progress::TooLong,
            (false, true) => Progress::Complete,
            (false, false) => {
                self.searched = self.octets.len();
                Progress::More
            }
        }
    }

    /// The header section, and what of the body was read behind it, from the empty line on. If the empty line is missing it is put
    /// there, unless the message ends with the header section (RFC 5322 §2.1).
    pub fn finish(mut self) -> (Header, Vec<u8>) {
        let last_line_belongs = !self.complete && self.is_header_line(self.octets.len());
        let header_end = if last_line_belongs {
            self.octets.len()
        } else {
            self.line_start
        };
        let mut body = self.octets.split_off(header_end);
        if !body.is_empty() && !body.starts_with(b"\r\n") {
            body.splice(..0, *b"\r\n");
        }
        (
            Header {
                octets: self.octets,
            },
            body,
        )
    }

    /// Whether the line from `line_start` to `line_end` is a field `name:`, or not empty and has a field before it.
    fn is_header_line(&self, line_end: usize) -> bool {
        let line = &self.octets[self.line_start..line_end];
        match line {
            b"\r\n" | b"\n" => false,
            _ => self.line_start > 0 || begins_field(line),
        }
    }
}

/// The name in front of the colon: printable ASCII (RFC 5322 §2.2); blanks before the colon are obsolete syntax (§4.5).
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let name = line[..memchr(b':', line)?].trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(name)
}

/// Whether a line is the first of a field.
fn begins_field(line: &[u8]) -> bool {
    !matches!(line.first(), Some(b' ' | b'\t')) && field_name(line).is_some()
}

/// One field of a header section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    octets: &'a [u8],
}

impl<'a> Field<'a> {
    /// All of it, with folds and line end.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Whether it has this name, in any case.
    pub fn is(&self, name: &str) -> bool {
        field_name(self.octets).is_some_and(|own| own.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The name as it is written, without blanks before the colon.
    pub fn name(&self) -> &'a [u8] {
        field_name(self.octets).unwrap_or_default()
    }

    /// All that stands behind the colon, with folds and line end.
    pub fn raw_value(&self) -> &'a [u8] {
        let colon = memchr(b':', self.octets).map_or(self.octets.len(), |at| at + 1);
        &self.octets[colon..]
    }

    /// What stands behind the colon, without blanks at either end; folds are left in.
    pub fn value(&self) -> &'a [u8] {
        self.raw_value().trim_ascii()
    }
}

impl Header {
    /// The fields from the top.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        let mut rest = &self.octets[..];
        std::iter::from_fn(move || {
            let (field, after) = rest.split_at(field_end(rest)?);
            rest = after;
            Some(Field { octets: field })
        })
    }

    /// The fields of one name, from the top.
    pub fn fields_named(&self, name: &str) -> impl Iterator<Item = Field<'_>> {
        self.fields().filter(move |field| field.is(name))
    }

    /// Whether there is a field of this name.
    pub fn has(&self, name: &str) -> bool {
        self.fields_named(name).next().is_some()
    }

    /// Takes out all fields with one of these names.
    pub fn remove(&mut self, names: &[&str]) {
        self.remove_if(|field| names.iter().any(|name| field.is(name)));
    }

    /// Takes out the fields that are unwanted.
    pub fn remove_if(&mut self, unwanted: impl Fn(&Field<'_>) -> bool) {
        if self.fields().any(|field| unwanted(&field)) {
            let kept: Vec<&[u8]> = self
                .fields()
                .filter(|field| !unwanted(field))
                .map(|field| field.octets)
                .collect();
            self.octets = kept.concat();
        }
    }

    /// The same header section with complete fields put on top.
    #[must_use]
    pub fn below(&self, fields: &str) -> Header {
        Header {
            octets: [fields.as_bytes(), &self.octets].concat(),
        }
    }

    /// Whether there is a NUL in it, or a CR or LF that is not part of a CRLF.
    pub fn has_forbidden_octets(&self) -> bool {
        let mut previous = 0;
        let mut newlines_are_whole = true;
        for &octet in &self.octets {
            newlines_are_whole &= (octet == b'\n') == (previous == b'\r');
            previous = octet;
        }
        !newlines_are_whole || previous == b'\r' || memchr(0, &self.octets).is_some()
    }

    /// The octets as they go to the store.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }
}

/// Where the first field of `octets` ends: before the next line that begins one.
fn field_end(octets: &[u8]) -> Option<usize> {
    if octets.is_empty() {
        return None;
    }
    let mut end = 0;
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        if end > 0 && begins_field(line) {
            return Some(end);
        }
        end += line.len();
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a message in pieces of `step` octets; gives header and body.
    fn read(message: &[u8], step: usize) -> (Vec<u8>, Vec<u8>) {
        let mut reader = HeaderReader::default();
        let mut rest = message.chunks(step);
        for piece in rest.by_ref() {
            if reader.push(piece) != Progress::More {
                break;
            }
        }
        let (header, mut body) = reader.finish();
        rest.for_each(|piece| body.extend_from_slice(piece));
        (header.octets, body)
    }

    fn header(text: &str) -> Header {
        Header {
            octets: text.as_bytes().to_vec(),
        }
    }

    #[test]
    fn the_first_empty_line_ends_the_header() {
        let table: [(&str, &str, &str); 9] = [
            (
                "A: 1\r\nB: 2\r\n\r\nbody\r\n",
                "A: 1\r\nB: 2\r\n",
                "\r\nbody\r\n",
            ),
            (
                "A: 1\r\n 2\r\n\r\nC: 3\r\n",
                "A: 1\r\n 2\r\n",
                "\r\nC: 3\r\n",
            ),
            ("A: 1\r\n", "A: 1\r\n", ""),
            ("A: 1", "A: 1", ""),
            ("", "", ""),
            ("\r\nbody", "", "\r\nbody"),
            ("hello\r\nA: 1\r\n", "", "\r\nhello\r\nA: 1\r\n"),
            (
                "A: 1\r\nhello\r\nB: 2\r\n\r\nC: 3\r\n",
                "A: 1\r\nhello\r\nB: 2\r\n",
                "\r\nC: 3\r\n",
            ),
            (" folded\r\nA: 1\r\n", "", "\r\n folded\r\nA: 1\r\n"),
        ];
        for (message, header, body) in table {
            for step in [1, 2, 3, 1000] {
                let read = read(message.as_bytes(), step);
                assert_eq!(
                    read,
                    (header.into(), body.into()),
                    "{message:?} in steps of {step}"
                );
            }
        }
    }

    #[test]
    fn a_header_without_end_is_too_long() {
        let mut reader = HeaderReader::default();
        let piece = b"X: 0123456789012345678901234567\r\n".repeat(1024);
        let pushes = (0..)
            .map(|_| reader.push(&piece))
            .position(|progress| progress == Progress::TooLong);
        assert_eq!(pushes, Some(HEADER_OCTETS_MAX / piece.len()));
        assert_eq!(
            HeaderReader::default().push(&vec![b'x'; HEADER_OCTETS_MAX + 1]),
            Progress::TooLong
        );
    }

    #[test]
    fn fields_are_found_in_any_case_and_folded() {
        let header = header("Received: a\r\n b\r\nreceived : c\r\nX-Received: d\r\n");
        let values: Vec<_> = header
            .fields_named("Received")
            .map(|field| field.value().to_vec())
            .collect();
        assert_eq!(values, [&b"a\r\n b"[..], b"c"]);
        assert!(!header.has("Subject"));
    }

    #[test]
    fn removed_fields_take_their_folds_with_them() {
        let mut header = header("To: a\r\nBcc: b,\r\n c\r\nSubject: d\r\nbcc:\r\n");
        header.remove(&["Bcc", "Resent-Bcc"]);
        assert_eq!(header.octets(), b"To: a\r\nSubject: d\r\n");
        let mut header = self::header("Bcc: b,\r\nc@d: e, f\r\ng\r\nSubject: h\r\n");
        header.remove(&["Bcc", "c@d"]);
        assert_eq!(header.octets(), b"Subject: h\r\n");
    }

    #[test]
    fn nul_and_bare_newlines_are_seen() {
        for text in ["A: \0\r\n", "A: 1\n", "A: 1\rB: 2\r\n", "A: 1\r"] {
            assert!(header(text).has_forbidden_octets(), "{text:?}");
        }
        assert!(!header("A: 1\r\nB: 2\r\n").has_forbidden_octets());
    }

    proptest! {
        #[test]
        fn chunking_never_changes_the_result(message in "([a-z:\r\n \t\0]|\r\n){0,60}", step in 1usize..9) {
            prop_assert_eq!(read(message.as_bytes(), step), read(message.as_bytes(), usize::MAX));
        }

        #[test]
        fn fields_put_together_are_the_header(text in "([a-z]{1,3}: [a-z]{0,3}(\r\n [a-z]{1,3}){0,2}\r\n){0,6}") {
            let header = header(&text);
            prop_assert_eq!(header.fields().map(|field| field.octets).collect::<Vec<_>>().concat(), text.into_bytes());
        }
    }
}
