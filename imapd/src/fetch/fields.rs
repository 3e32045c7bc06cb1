//! Chooses fields of a header for HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 3501 §6.4.5).
//!
//! Fields go out as they stand, folded lines included, and the blank line after them. A line that is no field belongs to
//! the field before; before the first field it is left out of HEADER.FIELDS and kept by HEADER.FIELDS.NOT.
//!
//! The header may come in pieces of any size: how it is cut changes nothing.

use store::mime::limits::FIELD_NAME_OCTETS_MAX;

/// The chosen fields of a header that is in memory, and the blank line.
pub fn choose(header: &[u8], names: &[Vec<u8>], wanted: bool) -> Vec<u8> {
    let mut chosen = Vec::with_capacity(header.len().min(1024));
    let mut chooser = Chooser::new(names, wanted);
    chooser.push(header, &mut chosen);
    chooser.finish(&mut chosen);
    chosen
}

/// Takes a header as it comes, and gives what is chosen of it.
pub struct Chooser<'a> {
    names: &'a [Vec<u8>],
    wanted: bool,
    /// Whether the present field is chosen.
    keep: bool,
    /// The beginning of a line of which it is not clear yet what it is.
    start: Vec<u8>,
    /// What the present line is was decided; its rest is still to come.
    inside_line: bool,
    /// The blank line has come.
    ended: bool,
    /// The last chosen octet.
    last: u8,
}

impl<'a> Chooser<'a> {
    /// Chooses the fields with one of these names if they are wanted, all others if not.
    pub fn new(names: &'a [Vec<u8>], wanted: bool) -> Self {
        Self {
            names,
            wanted,
            keep: !wanted,
            start: Vec::new(),
            inside_line: false,
            ended: false,
            last: b'\n',
        }
    }

    /// Takes the next octets of the header; what is chosen is appended to `chosen`.
    pub fn push(&mut self, octets: &[u8], chosen: &mut Vec<u8>) {
        for piece in lines(octets) {
            if self.ended {
                return;
            }
            if self.inside_line {
                self.pass(piece, chosen);
            } else if self.start.is_empty() && piece.ends_with(b"\n") {
                self.decide(piece, chosen);
            } else {
                self.begin(piece, chosen);
            }
        }
    }

    /// A piece of a line of which the beginning or the end is in another piece.
    fn begin(&mut self, piece: &[u8], chosen: &mut Vec<u8>) {
        self.start.extend_from_slice(piece);
        if self.start.ends_with(b"\n")
            || self.start.len() > FIELD_NAME_OCTETS_MAX
            || self.start.contains(&b':')
        {
            let line = std::mem::take(&mut self.start);
            self.decide(&line, chosen);
        }
    }

    /// The header is over: the end of an unfinished line, and the blank line.
    pub fn finish(mut self, chosen: &mut Vec<u8>) {
        if !self.start.is_empty() && !self.ended {
            let line = std::mem::take(&mut self.start);
            self.decide(&line, chosen);
        }
        if self.last != b'\n' {
            chosen.extend_from_slice(b"\r\n");
        }
        chosen.extend_from_slice(b"\r\n");
    }

    /// Enough of the line is there to say what it is.
    fn decide(&mut self, line: &[u8], chosen: &mut Vec<u8>) {
        if matches!(line, b"\r\n" | b"\n") {
            self.ended = true;
            return;
        }
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        if let Some(name) = field_name(line).filter(|_| !folded) {
            let named = self
                .names
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name));
            self.keep = named == self.wanted;
        }
        self.pass(line, chosen);
    }

    /// Octets of a line that is known for what it is.
    fn pass(&mut self, octets: &[u8], chosen: &mut Vec<u8>) {
        self.inside_line = !octets.ends_with(b"\n");
        if self.keep {
            chosen.extend_from_slice(octets);
            self.last = octets.last().copied().unwrap_or(self.last);
        }
    }
}

/// Lines with their ends; the last may have none.
fn lines(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let (line, after) = rest.split_at_checked(end)?;
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

fn field_name(line: &[u8]) -> Option<&[u8]> {
    let line = line.get(..=FIELD_NAME_OCTETS_MAX).unwrap_or(line);
    let colon = memchr::memchr(b':', line)?;
    Some(line.get(..colon)?.trim_ascii_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"From: a@b\r\nSubject: one\r\n two\r\nX-Y : z\r\nsubject: again\r\n\r\n";

    fn chosen(names: &[&str], wanted: bool) -> String {
        let names: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        String::from_utf8(choose(HEADER, &names, wanted)).unwrap()
    }

    #[test]
    fn fields_keep_their_folding() {
        assert_eq!(
            chosen(&["SUBJECT"], true),
            "Subject: one\r\n two\r\nsubject: again\r\n\r\n"
        );
        assert_eq!(chosen(&["subject"], false), "From: a@b\r\nX-Y : z\r\n\r\n");
        assert_eq!(
            chosen(&["x-y", "from"], true),
            "From: a@b\r\nX-Y : z\r\n\r\n"
        );
    }

    #[test]
    fn the_blank_line_always_comes() {
        assert_eq!(chosen(&["nope"], true), "\r\n");
        assert_eq!(choose(b"", &[], true), b"\r\n");
        assert_eq!(choose(b"A: b", &[b"a".to_vec()], true), b"A: b\r\n\r\n");
        assert_eq!(choose(b"A: b", &[b"c".to_vec()], true), b"\r\n");
    }

    #[test]
    fn how_a_header_is_cut_changes_nothing() {
        let long = "x".repeat(FIELD_NAME_OCTETS_MAX + 5);
        let header =
            format!("no field\r\nA: 1\r\n{long}: 2\r\n B: no\r\nB: {long}\r\nA:3\r\n\r\nA: 4");
        for (names, wanted) in [(vec![b"a".to_vec()], true), (vec![b"b".to_vec()], false)] {
            let whole = choose(header.as_bytes(), &names, wanted);
            for size in [1, 2, 3, 7, 998, 999, 1000] {
                let mut chosen = Vec::new();
                let mut chooser = Chooser::new(&names, wanted);
                for piece in header.as_bytes().chunks(size) {
                    chooser.push(piece, &mut chosen);
                }
                chooser.finish(&mut chosen);
                assert_eq!(chosen, whole, "in pieces of {size}");
            }
        }
    }
}
