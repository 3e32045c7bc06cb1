//! Framing: the same octets give the same frames however they were cut, and a dot body ends where RFC 5321 says, by the
//! simplest reading of it.
#![no_main]

use daemon::framing::{Found, Frame, Framer, Framing};
use libfuzzer_sys::fuzz_target;

/// What was understood of the input, without the cuts within a body.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Line(Vec<u8>),
    TooLong,
    Body(Vec<u8>),
    End { bare_newline: bool },
}

/// A session of which the frames decide what comes next, as in a protocol.
#[derive(Default)]
struct Session {
    framer: Framer,
    framing: Option<Framing>,
    unread: Vec<u8>,
    events: Vec<Event>,
}

impl Session {
    fn receive(&mut self, octets: &[u8]) {
        self.unread.extend_from_slice(octets);
        loop {
            let line = Framing::Line { octets_max: 8 };
            self.framer.begin(self.framing.unwrap_or(line));
            let consumed = match self.framer.next(&self.unread) {
                Found::Frame { frame, consumed } => {
                    self.framing = note(frame, &mut self.events);
                    consumed
                }
                Found::More { consumed } => {
                    self.unread.drain(..consumed);
                    return;
                }
                Found::Endless => panic!("the input is shorter than that"),
            };
            self.unread.drain(..consumed);
        }
    }
}

/// Notes a frame, and says what comes next if that is not a line.
fn note(frame: Frame<'_>, events: &mut Vec<Event>) -> Option<Framing> {
    match frame {
        Frame::Line { text, .. } => {
            events.push(Event::Line(text.to_vec()));
            match text {
                [b'd', ..] => Some(Framing::Dot),
                [b'o', count, ..] => Some(Framing::Octets {
                    remaining: u64::from(*count),
                }),
                _ => None,
            }
        }
        Frame::LineTooLong { .. } => {
            events.push(Event::TooLong);
            None
        }
        Frame::Chunk(octets) => {
            assert!(!octets.is_empty());
            match events.last_mut() {
                Some(Event::Body(body)) => body.extend_from_slice(octets),
                _ => events.push(Event::Body(octets.to_vec())),
            }
            // Within a body the framing is not asked for.
            None
        }
        Frame::BodyEnd { bare_newline } => {
            events.push(Event::End { bare_newline });
            None
        }
    }
}

/// A dot body read at once: where it ends, what it holds, whether a newline is not whole.
fn read_dot(octets: &[u8]) -> Option<(usize, Vec<u8>, bool)> {
    let stuffed = [b"\r\n", octets].concat();
    let end = stuffed
        .windows(5)
        .position(|window| window == b"\r\n.\r\n")?;
    let mut body = Vec::new();
    let mut rest = &stuffed[..end + 2];
    while let Some(at) = rest.windows(3).position(|window| window == b"\r\n.") {
        body.extend_from_slice(&rest[..at + 2]);
        rest = &rest[at + 3..];
    }
    body.extend_from_slice(rest);
    let bare = fuzz::has_bare_newline(&body);
    body.drain(..2);
    Some((end + 3, body, bare))
}

fuzz_target!(|data: &[u8]| {
    let Some((cuts, input)) = fuzz::cuts(data) else {
        return;
    };
    let mut whole = Session::default();
    whole.receive(input);
    let mut cut = Session::default();
    cuts.of(input).for_each(|piece| cut.receive(piece));
    assert_eq!(whole.events, cut.events);

    let mut dot = Session {
        framing: Some(Framing::Dot),
        ..Session::default()
    };
    dot.receive(input);
    let end = dot
        .events
        .iter()
        .position(|event| matches!(event, Event::End { .. }));
    let body = match dot.events.first() {
        Some(Event::Body(body)) => body.clone(),
        _ => Vec::new(),
    };
    match (end.map(|at| &dot.events[at]), read_dot(input)) {
        (None, None) => {}
        (Some(Event::End { bare_newline }), Some((_, expected, bare))) => {
            assert_eq!((body, *bare_newline), (expected, bare));
        }
        (found, expected) => panic!("{found:?} instead of {expected:?}"),
    }
});
