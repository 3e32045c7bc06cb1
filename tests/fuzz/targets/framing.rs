//! The same octets give the same frames however they were cut on their way, and never a panic.
//!
//! The first octet of the input says where to cut; the second which framings follow each other.

#![no_main]

use daemon::framing::{Found, Frame, Framer, Framing, LineEnding};
use libfuzzer_sys::fuzz_target;

/// A frame that owns its octets. Neighbouring chunks are one.
#[derive(Debug, PartialEq)]
enum Owned {
    Line(Vec<u8>, LineEnding),
    TooLong,
    Body(Vec<u8>),
    End(bool),
    Endless,
}

/// What comes next, as a session would decide it: by the number of frames so far.
fn framing(plan: u8, frames: usize) -> Framing {
    match (usize::from(plan) + frames) % 4 {
        0 => Framing::Dot,
        1 => Framing::Octets { remaining: u64::from(plan % 50) },
        _ => Framing::Line { octets_max: 40 },
    }
}

fn frames(input: &[u8], piece: usize, plan: u8) -> Vec<Owned> {
    let mut framer = Framer::default();
    let mut frames = Vec::new();
    let (mut start, mut end) = (0, 0);
    // Frames as the session counts them: a body's chunks are not frames of their own.
    let mut count = 0;
    loop {
        if framer.at_boundary() {
            framer.begin(framing(plan, count));
        }
        match framer.next(&input[start..end]) {
            Found::Frame { frame, consumed } => {
                start += consumed;
                match frame {
                    Frame::Line { text, ending } => frames.push(Owned::Line(text.to_vec(), ending)),
                    Frame::LineTooLong => frames.push(Owned::TooLong),
                    Frame::Chunk(chunk) => {
                        assert!(!chunk.is_empty());
                        match frames.last_mut() {
                            Some(Owned::Body(body)) => body.extend_from_slice(chunk),
                            _ => frames.push(Owned::Body(chunk.to_vec())),
                        }
                        continue;
                    }
                    Frame::BodyEnd { bare_newline } => frames.push(Owned::End(bare_newline)),
                }
                count += 1;
                // Counted bodies of no octets would go on for ever at the end of the input.
                if start == input.len() && count > input.len() + 8 {
                    return frames;
                }
            }
            Found::More { consumed } => {
                start += consumed;
                if end == input.len() {
                    return frames;
                }
                end = (end + piece).min(input.len());
            }
            Found::Endless => {
                frames.push(Owned::Endless);
                return frames;
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let [piece, plan, input @ ..] = data else { return };
    let whole = frames(input, input.len().max(1), *plan);
    let cut = frames(input, usize::from(*piece).max(1), *plan);
    let bytewise = frames(input, 1, *plan);
    // At the end of the input a body's last octets may be held back in one way of cutting only; all else is equal.
    assert_eq!(whole, bytewise);
    assert_eq!(whole, cut);
});
