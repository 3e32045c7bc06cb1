//! Cuts the octets of a connection into lines and bodies.
//!
//! Pure: no I/O and no clock, so that it can be fuzzed. The same octets give the same frames however they were cut
//! on their way (chunks of a body may be cut elsewhere, their concatenation is the same). Nothing here fails: what is wrong
//! with the input is told in the frame, and the next boundary is always known. What a line means is not its business.

use memchr::{memchr, memchr2};

use crate::limits::LINE_DISCARD_OCTETS_MAX;

/// What kind of frame comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One line. Ends with LF; a CR before it belongs to the ending.
    Line {
        /// The longest line that is taken, without its ending.
        octets_max: usize,
    },
    /// A dot-stuffed body (RFC 5321 §4.5.2, RFC 1939 §3). Only CRLF "." CRLF ends it; a dot at the start of a line
    /// is taken off.
    Dot,
    /// A body of known length: a BDAT chunk or an IMAP literal.
    Octets {
        /// How many octets follow. Zero gives [`Frame::BodyEnd`] at once.
        remaining: u64,
    },
}

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnding {
    /// CR LF.
    Crlf,
    /// LF alone.
    BareLf,
}

/// A piece of input, borrowed from the read buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole line.
    Line {
        /// The line without its ending. May hold any octet but LF; also CR and NUL.
        text: &'a [u8],
        /// How it ended.
        ending: LineEnding,
    },
    /// A line was longer than allowed. All of it was read and thrown away.
    LineTooLong,
    /// Some octets of a body, never empty. Of a dot body: with the stuffing taken off.
    Chunk(&'a [u8]),
    /// The body has ended. The session decides anew what comes next.
    BodyEnd {
        /// A CR without LF or an LF without CR was somewhere in a dot body. Always false for counted octets.
        bare_newline: bool,
    },
}

/// What [`Framer::next`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// A frame, made of the first `consumed` octets of the input.
    Frame {
        /// The frame.
        frame: Frame<'a>,
        /// How many octets of the input it used up.
        consumed: usize,
    },
    /// No whole frame yet. The first `consumed` octets are done with; the rest must be shown again with more behind it.
    More {
        /// How many octets of the input are used up.
        consumed: usize,
    },
    /// A line went on for more than [`LINE_DISCARD_OCTETS_MAX`]: the peer is not speaking our language.
    Endless,
}

/// Where in the input we are.
#[derive(Debug, Default)]
pub struct Framer {
    state: State,
}

/// ```text
/// Boundary ──Line──► Boundary | Searching ──► Boundary | Discarding ──► Boundary
/// Boundary ──Dot───► Dot ──► Boundary
/// Boundary ──Octets► Octets ──► Boundary
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between frames: the session is asked what comes next.
    #[default]
    Boundary,
    /// Within a line whose first `searched` octets (still in the input) hold no LF.
    Searching { octets_max: usize, searched: usize },
    /// Within a line that is too long.
    Discarding { octets: usize },
    /// Within a dot body. `line_start`: the next octet is the first of a line.
    Dot {
        line_start: bool,
        bare_newline: bool,
    },
    /// Within a counted body.
    Octets { remaining: u64 },
}

impl Framer {
    /// True between frames: only then is the session asked for the framing.
    pub fn at_boundary(&self) -> bool {
        self.state == State::Boundary
    }

    /// True within a body (not within a line).
    pub fn in_body(&self) -> bool {
        matches!(self.state, State::Dot { .. } | State::Octets { .. })
    }

    /// True within a line of which something has come; `unread` is the input that is not used up.
    pub fn in_line(&self, unread: &[u8]) -> bool {
        matches!(self.state, State::Discarding { .. }) || (!self.in_body() && !unread.is_empty())
    }

    /// Takes up the framing of the next frame. Has no effect within a frame.
    pub fn begin(&mut self, framing: Framing) {
        if !self.at_boundary() {
            return;
        }
        self.state = match framing {
            Framing::Line { octets_max } => State::Searching {
                octets_max,
                searched: 0,
            },
            Framing::Dot => State::Dot {
                line_start: true,
                bare_newline: false,
            },
            Framing::Octets { remaining } => State::Octets { remaining },
        };
    }

    /// Forgets everything, as before the first octet: for the start of TLS.
    pub fn reset(&mut self) {
        self.state = State::Boundary;
    }

    /// The next frame at the start of `input`. [`Framer::begin`] must have been called at a boundary.
    pub fn next<'a>(&mut self, input: &'a [u8]) -> Found<'a> {
        match self.state {
            State::Boundary => Found::More { consumed: 0 },
            State::Searching {
                octets_max,
                searched,
            } => self.line(input, octets_max, searched),
            State::Discarding { octets } => self.discard(input, octets),
            State::Dot {
                line_start,
                bare_newline,
            } => self.dot(input, line_start, bare_newline),
            State::Octets { remaining } => self.octets(input, remaining),
        }
    }

    fn line<'a>(&mut self, input: &'a [u8], octets_max: usize, searched: usize) -> Found<'a> {
        let searched = searched.min(input.len());
        let Some(end) = memchr(b'\n', &input[searched..]).map(|at| searched + at) else {
            // One octet more may still be the CR of the ending.
            if input.len() > octets_max + 1 {
                return self.discard(input, 0);
            }
            self.state = State::Searching {
                octets_max,
                searched: input.len(),
            };
            return Found::More { consumed: 0 };
        };
        self.state = State::Boundary;
        let (text, ending) = match input[..end].strip_suffix(b"\r") {
            Some(text) => (text, LineEnding::Crlf),
            None => (&input[..end], LineEnding::BareLf),
        };
        let frame = if text.len() > octets_max {
            Frame::LineTooLong
        } else {
            Frame::Line { text, ending }
        };
        Found::Frame {
            frame,
            consumed: end + 1,
        }
    }

    fn discard<'a>(&mut self, input: &'a [u8], octets: usize) -> Found<'a> {
        if let Some(end) = memchr(b'\n', input) {
            self.state = State::Boundary;
            return Found::Frame {
                frame: Frame::LineTooLong,
                consumed: end + 1,
            };
        }
        let octets = octets + input.len();
        if octets > LINE_DISCARD_OCTETS_MAX {
            return Found::Endless;
        }
        self.state = State::Discarding { octets };
        Found::More {
            consumed: input.len(),
        }
    }

    fn octets<'a>(&mut self, input: &'a [u8], remaining: u64) -> Found<'a> {
        if remaining == 0 {
            self.state = State::Boundary;
            return Found::Frame {
                frame: Frame::BodyEnd {
                    bare_newline: false,
                },
                consumed: 0,
            };
        }
        let take = usize::try_from(remaining)
            .unwrap_or(usize::MAX)
            .min(input.len());
        if take == 0 {
            return Found::More { consumed: 0 };
        }
        self.state = State::Octets {
            remaining: remaining - take as u64,
        };
        Found::Frame {
            frame: Frame::Chunk(&input[..take]),
            consumed: take,
        }
    }

    /// Gives the longest piece that needs no unstuffing. At most two octets (`.` CR, or a CR) are held back until
    /// what follows them is known.
    fn dot<'a>(&mut self, input: &'a [u8], line_start: bool, bare_newline: bool) -> Found<'a> {
        let mut bare_newline = bare_newline;
        let mut start = 0;
        if line_start && input.first() == Some(&b'.') {
            match input.get(1..3) {
                Some(b"\r\n") => {
                    self.state = State::Boundary;
                    return Found::Frame {
                        frame: Frame::BodyEnd { bare_newline },
                        consumed: 3,
                    };
                }
                None if matches!(input, [b'.'] | [b'.', b'\r']) => {
                    return Found::More { consumed: 0 };
                }
                _ => start = 1,
            }
        }
        let (end, line_start) =
            scan_dot(&input[start..], line_start && start == 0, &mut bare_newline);
        let chunk = &input[start..start + end];
        self.state = State::Dot {
            line_start,
            bare_newline,
        };
        match chunk {
            [] => Found::More { consumed: start },
            _ => Found::Frame {
                frame: Frame::Chunk(chunk),
                consumed: start + end,
            },
        }
    }
}

/// How far `text` goes without a dot at the start of a line and without an undecided CR at the end; and whether a
/// line starts there.
fn scan_dot(text: &[u8], line_start: bool, bare_newline: &mut bool) -> (usize, bool) {
    let mut at = 0;
    while let Some(found) = memchr2(b'\r', b'\n', &text[at..]).map(|offset| at + offset) {
        at = match (text[found], text.get(found + 1)) {
            (b'\r', Some(b'\n')) => match text.get(found + 2) {
                None | Some(b'.') => return (found + 2, true),
                Some(_) => found + 2,
            },
            (b'\r', None) => return (found, line_start && found == 0),
            _ => {
                *bare_newline = true;
                found + 1
            }
        };
    }
    (text.len(), line_start && text.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A frame that owns its octets; chunks are joined.
    #[derive(Debug, PartialEq, Eq)]
    enum Owned {
        Line(Vec<u8>, LineEnding),
        TooLong,
        Body(Vec<u8>, bool),
    }

    /// Feeds the pieces as a connection would bring them, asking `framing` at each boundary with the number of frames so far.
    fn frames<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
        framing: impl Fn(usize) -> Framing,
    ) -> Vec<Owned> {
        let mut framer = Framer::default();
        let (mut owned, mut body, mut buffer) = (Vec::new(), Vec::new(), Vec::new());
        for piece in pieces {
            buffer.extend_from_slice(piece);
            loop {
                framer.begin(framing(owned.len()));
                let consumed = match framer.next(&buffer) {
                    Found::Frame { frame, consumed } => {
                        match frame {
                            Frame::Line { text, ending } => {
                                owned.push(Owned::Line(text.to_vec(), ending))
                            }
                            Frame::LineTooLong => owned.push(Owned::TooLong),
                            Frame::Chunk(chunk) => {
                                assert!(!chunk.is_empty());
                                body.extend_from_slice(chunk);
                            }
                            Frame::BodyEnd { bare_newline } => {
                                owned.push(Owned::Body(std::mem::take(&mut body), bare_newline));
                            }
                        }
                        consumed
                    }
                    Found::More { consumed } => {
                        buffer.drain(..consumed);
                        break;
                    }
                    Found::Endless => return owned,
                };
                buffer.drain(..consumed);
            }
        }
        owned
    }

    fn dot(input: &[u8]) -> Vec<Owned> {
        frames([input], |count| match count {
            0 => Framing::Dot,
            _ => Framing::Line { octets_max: 100 },
        })
    }

    fn line(text: &[u8]) -> Owned {
        Owned::Line(text.to_vec(), LineEnding::Crlf)
    }

    fn body(text: &[u8]) -> Owned {
        Owned::Body(text.to_vec(), false)
    }

    #[test]
    fn lines_end_with_lf_and_say_so() {
        let found = frames([&b"EHLO a\r\nNOOP\n\r\nA\rB\r\r\n"[..]], |_| {
            Framing::Line { octets_max: 100 }
        });
        assert_eq!(
            found,
            [
                line(b"EHLO a"),
                Owned::Line(b"NOOP".to_vec(), LineEnding::BareLf),
                line(b""),
                line(b"A\rB\r")
            ]
        );
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_is_understood() {
        let found = frames([&b"12345\r\n123456\r\nNOOP\r\n"[..]], |_| Framing::Line {
            octets_max: 5,
        });
        assert_eq!(found, [line(b"12345"), Owned::TooLong, line(b"NOOP")]);
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let mut framer = Framer::default();
        framer.begin(Framing::Line { octets_max: 5 });
        let input = vec![b'x'; LINE_DISCARD_OCTETS_MAX / 2];
        assert!(matches!(framer.next(&input), Found::More { .. }));
        assert!(matches!(framer.next(&input), Found::More { .. }));
        assert_eq!(framer.next(&input), Found::Endless);
    }

    #[test]
    fn a_dot_body_is_unstuffed() {
        assert_eq!(dot(b".\r\nQUIT\r\n"), [body(b""), line(b"QUIT")]);
        assert_eq!(
            dot(b"a\r\n..\r\n...b\r\n.c\r\n.\r\nQUIT\r\n"),
            [body(b"a\r\n.\r\n..b\r\nc\r\n"), line(b"QUIT")]
        );
        assert_eq!(dot(b"..\r\n.\r\n"), [body(b".\r\n")]);
    }

    #[test]
    fn only_crlf_dot_crlf_ends_a_body() {
        for smuggled in [
            &b"a\n.\nMAIL FROM:<x>\r\n"[..],
            b"a\n.\r\nMAIL FROM:<x>\r\n",
            b"a\r\n.\nMAIL FROM:<x>\r\n",
            b"a\r.\rMAIL FROM:<x>\r\n",
            b"a\r\n.\rMAIL FROM:<x>\r\n",
            b"a\r\r\n.\r\r\nMAIL FROM:<x>\r\n",
            b"a\r.\r\nMAIL FROM:<x>\r\n",
        ] {
            assert_eq!(dot(smuggled), [], "{}", smuggled.escape_ascii());
            let found = dot(&[smuggled, b".\r\nQUIT\r\n"].concat());
            assert!(
                matches!(found.as_slice(), [Owned::Body(_, true), Owned::Line(..)]),
                "{}: {found:?}",
                smuggled.escape_ascii()
            );
        }
    }

    #[test]
    fn counted_octets_end_by_count_alone() {
        let found = frames([&b".\r\n\n\r.NOOP\r\n\r\n"[..]], |count| match count {
            0 => Framing::Octets { remaining: 6 },
            1 => Framing::Line { octets_max: 10 },
            2 => Framing::Octets { remaining: 0 },
            _ => Framing::Line { octets_max: 10 },
        });
        assert_eq!(
            found,
            [body(b".\r\n\n\r."), line(b"NOOP"), body(b""), line(b"")]
        );
    }

    /// Octets that matter to framing, often.
    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![3 => Just(b'\r'), 3 => Just(b'\n'), 3 => Just(b'.'), 2 => Just(b'x'), 1 => any::<u8>()];
        let end = prop_oneof![Just(&b"\r\n.\r\n"[..]), Just(&b"\r\n"[..]), Just(&b""[..])];
        proptest::collection::vec((proptest::collection::vec(octet, 0..12), end), 0..8).prop_map(
            |parts| {
                parts
                    .into_iter()
                    .flat_map(|(part, end)| [part, end.to_vec()].concat())
                    .collect()
            },
        )
    }

    fn mixed(count: usize) -> Framing {
        match count % 4 {
            0 => Framing::Dot,
            1 => Framing::Line { octets_max: 4 },
            2 => Framing::Octets { remaining: 5 },
            _ => Framing::Line { octets_max: 1000 },
        }
    }

    fn stuffed(body: &[u8]) -> Vec<u8> {
        let lines = body.split_inclusive(|octet| *octet == b'\n');
        let mut stuffed: Vec<u8> = lines
            .flat_map(|line| {
                [
                    if line.starts_with(b".") {
                        &b"."[..]
                    } else {
                        b""
                    },
                    line,
                ]
                .concat()
            })
            .collect();
        stuffed.extend_from_slice(b".\r\n");
        stuffed
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn the_way_octets_are_cut_changes_nothing(input in hostile(), cuts in proptest::collection::vec(1usize..6, 1..8)) {
            let whole = frames([&input[..]], mixed);
            let mut pieces = Vec::new();
            let mut rest = &input[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, tail) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = tail;
            }
            prop_assert_eq!(frames(pieces, mixed), whole);
        }

        #[test]
        fn what_is_stuffed_is_unstuffed(lines in proptest::collection::vec("[.a-c]{0,5}", 0..10)) {
            let text: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect();
            prop_assert_eq!(dot(&stuffed(&text)), [body(&text)]);
        }
    }
}
