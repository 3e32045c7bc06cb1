//! A message on its way out by POP3: a client that takes off the dots has the message, no line of it is ever the dot that
//! ends it (for a client that ends lines at LF, too), and chunks change nothing. The surrogate of a header stays a header.
#![no_main]

use daemon::framing::{Found, Frame, Framer, Framing};
use daemon::session::Encode;
use libfuzzer_sys::fuzz_target;
use pop3d::grammar::message::{Stuffing, TopCut};
use pop3d::grammar::surrogate;

fn stuffed<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut sent = Vec::new();
    let mut stuffing = Stuffing::default();
    for piece in pieces {
        stuffing.push(piece).encode(&mut sent);
    }
    stuffing.finish().encode(&mut sent);
    sent
}

fn top<'a>(pieces: impl Iterator<Item = &'a [u8]>, lines: u64) -> usize {
    let mut cut = TopCut::after_lines(lines);
    let mut taken = 0;
    for piece in pieces {
        let here = cut.push(piece);
        assert!(here <= piece.len() && (here == piece.len() || cut.is_done()));
        taken += here;
    }
    taken
}

fn unstuffed(sent: &[u8]) -> Vec<u8> {
    let mut framer = Framer::default();
    framer.begin(Framing::Dot);
    let (mut message, mut rest) = (Vec::new(), sent);
    loop {
        match framer.next(rest) {
            Found::Frame {
                frame: Frame::Chunk(chunk),
                consumed,
            } => {
                message.extend_from_slice(chunk);
                rest = &rest[consumed..];
            }
            Found::Frame {
                frame: Frame::BodyEnd { .. },
                consumed,
            } => {
                assert_eq!(consumed, rest.len());
                return message;
            }
            Found::More { consumed } if consumed > 0 => rest = &rest[consumed..],
            other => panic!("{other:?}"),
        }
    }
}

/// Lines that begin a field.
fn fields(header: &[u8]) -> usize {
    let lines = header.split(|&octet| octet == b'\n');
    lines
        .filter(|line| !line.is_empty() && !line.starts_with(b" ") && !line.starts_with(b"\t"))
        .count()
}

fuzz_target!(|data: &[u8]| {
    let Some((cuts, message)) = fuzz::cuts(data) else {
        return;
    };
    let sent = stuffed(std::iter::once(message));
    assert_eq!(sent, stuffed(cuts.of(message)));
    let mut lines: Vec<&[u8]> = sent.split_inclusive(|&octet| octet == b'\n').collect();
    assert_eq!(lines.pop(), Some(&b".\r\n"[..]));
    assert!(
        !lines
            .iter()
            .any(|line| matches!(line.trim_ascii_end(), b"."))
    );
    if !fuzz::has_bare_newline(message) {
        let ending: &[u8] = if message.is_empty() || message.ends_with(b"\r\n") {
            b""
        } else {
            b"\r\n"
        };
        assert_eq!(unstuffed(&sent), [message, ending].concat());
    }

    let lines = u64::from(data[0] % 4);
    assert_eq!(
        top(std::iter::once(message), lines),
        top(cuts.of(message), lines)
    );

    let surrogate = surrogate::downgrade(message);
    assert!(surrogate.is_ascii());
    assert_eq!(fields(&surrogate), fields(message));
    if message.is_ascii() {
        assert_eq!(surrogate, message);
    }
});
