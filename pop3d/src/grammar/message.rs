//! A message's octets on their way out: byte-stuffing (RFC 1939 §3) and the cut of `TOP` (RFC 1939 §7), both
//! streaming.
//!
//! A message is read from the store in chunks that end anywhere; what is sent never depends on where they end.
//! Octets are passed on as they are: nothing is decoded, and no line end is changed.

use daemon::session::Encode;
use memchr::memmem;

/// Byte-stuffs a stream of octets: every line that begins with a dot gets a second one.
///
/// A line begins after *any* line feed, not only after CR LF. Messages with bare line feeds exist (a client
/// may APPEND one over IMAP), and many a POP3 client ends lines at LF alone: were `\n.\r\n` sent as it is,
/// such a client would take it for the end of the message, and the rest of the message, which a stranger
/// wrote, for the server's replies.
#[derive(Debug)]
pub struct Stuffing {
    tail: Tail,
}

/// How the octets that went out so far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// In the middle of a line.
    Text,
    /// After a carriage return.
    Cr,
    /// At the beginning of a line, after CR LF or at the very start.
    LineStart,
    /// At the beginning of a line, after a bare line feed.
    BareLineFeed,
}

impl Default for Stuffing {
    fn default() -> Self {
        Stuffing {
            tail: Tail::LineStart,
        }
    }
}

impl Stuffing {
    /// The next octets of the message.
    pub fn push<'a>(&mut self, chunk: &'a [u8]) -> Stuffed<'a> {
        let at_line_start = matches!(self.tail, Tail::LineStart | Tail::BareLineFeed);
        self.tail = match chunk {
            [] => self.tail,
            [.., b'\r', b'\n'] => Tail::LineStart,
            [b'\n'] if self.tail == Tail::Cr => Tail::LineStart,
            [.., b'\n'] => Tail::BareLineFeed,
            [.., b'\r'] => Tail::Cr,
            _ => Tail::Text,
        };
        Stuffed {
            chunk,
            at_line_start,
        }
    }

    /// The end of the message.
    pub fn finish(self) -> MessageEnd {
        MessageEnd {
            completes_line: self.tail != Tail::LineStart,
        }
    }
}

/// Octets of a message, to be byte-stuffed as they are written.
#[derive(Debug, Clone, Copy)]
pub struct Stuffed<'a> {
    chunk: &'a [u8],
    at_line_start: bool,
}

impl Encode for Stuffed<'_> {
    fn encode(&self, into: &mut Vec<u8>) {
        into.reserve(self.chunk.len() + 1);
        if self.at_line_start && self.chunk.first() == Some(&b'.') {
            into.push(b'.');
        }
        let mut written = 0;
        for line_feed in memmem::find_iter(self.chunk, b"\n.") {
            into.extend_from_slice(&self.chunk[written..=line_feed]);
            into.push(b'.');
            written = line_feed + 1;
        }
        into.extend_from_slice(&self.chunk[written..]);
    }
}

/// The line with the dot alone, and before it what the message's last line lacks.
#[derive(Debug, Clone, Copy)]
pub struct MessageEnd {
    completes_line: bool,
}

impl Encode for MessageEnd {
    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(if self.completes_line {
            b"\r\n.\r\n"
        } else {
            b".\r\n"
        });
    }
}

/// Finds the end of the part of a message that `TOP` sends: the header, the empty line, and a number of lines
/// of the body.
#[derive(Debug)]
pub struct TopCut {
    lines_left: u64,
    in_header: bool,
    /// The line that is being read has had no octet yet but perhaps a carriage return.
    line_is_empty: bool,
}

impl TopCut {
    /// A cut after `lines` lines of the body.
    pub fn after_lines(lines: u64) -> Self {
        TopCut {
            lines_left: lines,
            in_header: true,
            line_is_empty: true,
        }
    }

    /// How many octets of this chunk are to be sent. Fewer than it has: the cut is there, and nothing more is
    /// to come.
    pub fn push(&mut self, chunk: &[u8]) -> usize {
        let mut taken = 0;
        for piece in chunk.split_inclusive(|&octet| octet == b'\n') {
            if self.is_done() {
                break;
            }
            taken += piece.len();
            self.push_piece(piece);
        }
        taken
    }

    /// Nothing more is to be sent.
    pub fn is_done(&self) -> bool {
        !self.in_header && self.lines_left == 0
    }

    fn push_piece(&mut self, piece: &[u8]) {
        let (text, ended) = match piece {
            [text @ .., b'\n'] => (text, true),
            text => (text, false),
        };
        self.line_is_empty &= text.iter().all(|&octet| octet == b'\r');
        if !ended {
            return;
        }
        if !self.in_header {
            self.lines_left -= 1;
        } else if self.line_is_empty {
            self.in_header = false;
        }
        self.line_is_empty = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stuffed<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut stuffing = Stuffing::default();
        let mut out = Vec::new();
        for chunk in chunks {
            stuffing.push(chunk).encode(&mut out);
        }
        stuffing.finish().encode(&mut out);
        out
    }

    /// What a client that ends lines at LF reads: lines up to the dot, unstuffed; and whether anything is
    /// left after it.
    fn client_reads(sent: &[u8]) -> (Vec<u8>, bool) {
        let mut message = Vec::new();
        let mut rest = sent;
        while !rest.is_empty() {
            let end = rest
                .iter()
                .position(|&octet| octet == b'\n')
                .map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            rest = after;
            match line {
                b".\r\n" | b".\n" => return (message, rest.is_empty()),
                [b'.', line @ ..] => message.extend_from_slice(line),
                line => message.extend_from_slice(line),
            }
        }
        (message, false)
    }

    fn cut(lines: u64, message: &[u8]) -> usize {
        TopCut::after_lines(lines).push(message)
    }

    #[test]
    fn stuffing_table() {
        let table: &[(&[u8], &[u8])] = &[
            (b"", b".\r\n"),
            (b"a\r\n", b"a\r\n.\r\n"),
            (b"a", b"a\r\n.\r\n"),
            (b".\r\n", b"..\r\n.\r\n"),
            (b"a\r\n.b\r\n..\r\n", b"a\r\n..b\r\n...\r\n.\r\n"),
            (b"a.b\r\n", b"a.b\r\n.\r\n"),
            (b"a\n.\r\nb\r\n", b"a\n..\r\nb\r\n.\r\n"),
            (b"a\n", b"a\n\r\n.\r\n"),
            (b"a\r", b"a\r\r\n.\r\n"),
        ];
        for (message, sent) in table {
            assert_eq!(stuffed([*message]), *sent, "{}", message.escape_ascii());
        }
    }

    #[test]
    fn top_is_the_header_the_empty_line_and_the_lines_asked_for() {
        let message = b"A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\nthree";
        let header = b"A: 1\r\nB: 2\r\n\r\n".len();
        assert_eq!(cut(0, message), header);
        assert_eq!(cut(1, message), header + 5);
        assert_eq!(cut(3, message), message.len());
        assert_eq!(cut(u64::MAX, message), message.len());
        assert_eq!(cut(0, b"no end of header\r\n"), 18);
        assert_eq!(cut(0, b"A: bare\n\nbody\n"), 9);
    }

    fn octets() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(
            prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(b'a')],
            0..60,
        )
    }

    proptest! {
        #[test]
        fn chunks_do_not_change_what_is_sent(message in octets(), chunk in 1usize..8, lines in 0u64..4) {
            prop_assert_eq!(stuffed(message.chunks(chunk)), stuffed([&message[..]]));
            let mut top = TopCut::after_lines(lines);
            let taken: usize = message.chunks(chunk).map(|chunk| top.push(chunk)).sum();
            prop_assert_eq!(taken, cut(lines, &message));
        }

        #[test]
        fn even_a_client_that_ends_lines_at_lf_reads_the_message_and_nothing_after_it(message in octets()) {
            let (read, at_end) = client_reads(&stuffed([&message[..]]));
            prop_assert!(at_end);
            prop_assert!(read == message || read == [&message[..], b"\r\n"].concat());
        }
    }
}
