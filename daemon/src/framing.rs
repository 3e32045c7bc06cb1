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
