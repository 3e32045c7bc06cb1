//! The octets of a message on their way to the host.
//!
//! Read from the store, changed where the plan says so, framed for DATA or BDAT, sent piece by piece; each piece must be taken within its
//! time. The last piece, with the end of the message in it, is a step of its own: what fails before it cannot have been delivered, what
//! fails from there on may have been.

use std::collections::VecDeque;

use bytes::Bytes;

use super::body::Body;
use super::conversion::Segment;
use super::dialogue::{Dialogue, Lost};
use super::encoder::Encoder;
use super::reply::HostReply;
use super::settings::Timeouts;
use crate::limits::{BODY_PIECE_OCTETS_MAX, BODY_READ_OCTETS_MAX};

/// Why no reply tells what became of the message.
pub(super) enum Failed {
    /// The end of the message was not sent.
    Before(Lost),
    /// The end of the message was sent, or may have been.
    After(Lost),
    /// The message cannot be read.
    Store(store::Error),
}

/// The octets to send, before framing.
pub(super) struct Outgoing<'a> {
    body: &'a Body,
    segments: VecDeque<Segment>,
    encoder: Option<Encoder>,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(body: &'a Body, segments: Vec<Segment>) -> Outgoing<'a> {
        Outgoing {
            body,
            segments: segments.into(),
            encoder: None,
        }
    }

    /// The next piece; None at the end.
    async fn next(&mut self) -> store::Result<Option<Bytes>> {
        loop {
            match self.segments.pop_front() {
                None => return Ok(None),
                Some(Segment::Insert(octets)) => return Ok(Some(Bytes::from(octets))),
                Some(Segment::Copy(range)) if range.is_empty() => {}
                Some(Segment::Copy(range)) => {
                    let (piece, rest) = self.read(range).await?;
                    self.segments.push_front(Segment::Copy(rest));
                    return Ok(Some(piece));
                }
                Some(Segment::Encode(range, encoding)) if range.is_empty() => {
                    let encoder = self.encoder.take();
                    let last = encoder.unwrap_or_else(|| Encoder::new(encoding)).finish();
                    return Ok(Some(Bytes::from(last)));
                }
                Some(Segment::Encode(range, encoding)) => {
                    let (piece, rest) = self.read(range).await?;
                    self.segments.push_front(Segment::Encode(rest, encoding));
                    let encoder = self.encoder.get_or_insert_with(|| Encoder::new(encoding));
                    return Ok(Some(Bytes::from(encoder.encode(&piece))));
                }
            }
        }
    }

    async fn read(
        &self,
        range: std::ops::Range<u64>,
    ) -> store::Result<(Bytes, std::ops::Range<u64>)> {
        let end = range.end.min(range.start + BODY_READ_OCTETS_MAX);
        let piece = self.body.read(range.start..end).await?;
        if piece.is_empty() {
            return Err(store::Error::Corrupt("a message is too short".to_owned()));
        }
        let start = range.start + piece.len() as u64;
        Ok((piece, start..range.end))
    }
}

/// Sends the message after 354, and reads the reply to its end.
pub(super) async fn send_data(
    dialogue: &mut Dialogue,
    mut outgoing: Outgoing<'_>,
    timeouts: &Timeouts,
) -> Result<HostReply, Failed> {
    let mut lines = Lines::default();
    let mut framed = Vec::new();
    while let Some(piece) = next_piece(dialogue, &mut outgoing).await? {
        lines.frame(&piece, &mut framed);
        send_all_but_last(dialogue, &mut framed, timeouts).await?;
    }
    lines.end(&mut framed);
    finish(dialogue, &framed, timeouts).await
}

/// Sends the message as one chunk, and reads the reply. The chunk has a line end at its end in any case.
pub(super) async fn send_chunk(
    dialogue: &mut Dialogue,
    mut outgoing: Outgoing<'_>,
    body: &Body,
    timeouts: &Timeouts,
) -> Result<HostReply, Failed> {
    let size = body.size();
    let last = body.read(size.saturating_sub(2)..size).await;
    let ending: &[u8] = match last.map_err(Failed::Store)?.ends_with(b"\r\n") {
        true => b"",
        false => b"\r\n",
    };
    let octets = size + ending.len() as u64;
    let mut framed = format!("BDAT {octets} LAST\r\n").into_bytes();
    while let Some(piece) = next_piece(dialogue, &mut outgoing).await? {
        framed.extend_from_slice(&piece);
        send_all_but_last(dialogue, &mut framed, timeouts).await?;
    }
    framed.extend_from_slice(ending);
    finish(dialogue, &framed, timeouts).await
}

/// A message that cannot be read to its end is not ended: the host throws away what it has when the connection closes.
async fn next_piece(
    dialogue: &mut Dialogue,
    outgoing: &mut Outgoing<'_>,
) -> Result<Option<Bytes>, Failed> {
    outgoing.next().await.map_err(|error| {
        dialogue.abandon();
        Failed::Store(error)
    })
}

/// Sends full pieces, and keeps what may be the end.
async fn send_all_but_last(
    dialogue: &mut Dialogue,
    framed: &mut Vec<u8>,
    timeouts: &Timeouts,
) -> Result<(), Failed> {
    let mut sent = 0;
    while let Some(piece) = framed.get(sent..sent + BODY_PIECE_OCTETS_MAX) {
        dialogue
            .go_on(piece, timeouts.piece)
            .await
            .map_err(Failed::Before)?;
        sent += piece.len();
    }
    framed.drain(..sent);
    Ok(())
}

/// Sends the end. A host that has said something already did not speak of this message.
async fn finish(
    dialogue: &mut Dialogue,
    framed: &[u8],
    timeouts: &Timeouts,
) -> Result<HostReply, Failed> {
    if dialogue.spoke_early().await {
        let lost = dialogue.begin(b"", timeouts.piece).await;
        return Err(Failed::Before(lost.err().unwrap_or(Lost::OutOfTurn)));
    }
    let sent = dialogue.go_on(framed, timeouts.piece).await;
    sent.map_err(Failed::After)?;
    dialogue.reply(timeouts.end).await.map_err(Failed::After)
}

/// Frames a message for DATA: a dot at the beginning of a line is doubled (RFC 5321 §4.5.2), and only CRLF goes out as a line end, so
/// that no host ever finds the end of the message where we did not mean it (a CR or LF alone becomes CRLF).
#[derive(Default)]
pub(super) struct Lines {
    place: Place,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    LineStart,
    Within,
    AfterCr,
}

impl Lines {
    /// Appends `octets` as they are sent.
    pub(super) fn frame(&mut self, mut octets: &[u8], framed: &mut Vec<u8>) {
        framed.reserve(octets.len() + octets.len() / 64);
        while let Some(&first) = octets.first() {
            let place = std::mem::replace(&mut self.place, Place::Within);
            match (place, first) {
                // The line end went out with the CR.
                (Place::AfterCr, b'\n') => {
                    self.place = Place::LineStart;
                    octets = octets.get(1..).unwrap_or_default();
                    continue;
                }
                (Place::AfterCr | Place::LineStart, b'.') => framed.push(b'.'),
                _ => {}
            }
            let end = memchr::memchr2(b'\r', b'\n', octets).unwrap_or(octets.len());
            framed.extend_from_slice(octets.get(..end).unwrap_or_default());
            self.place = match octets.get(end) {
                None => Place::Within,
                Some(b'\r') => Place::AfterCr,
                Some(_) => Place::LineStart,
            };
            if self.place != Place::Within {
                framed.extend_from_slice(b"\r\n");
            }
            octets = octets.get(end + 1..).unwrap_or_default();
        }
    }

    /// Appends the end of the message.
    pub(super) fn end(&mut self, framed: &mut Vec<u8>) {
        if self.place == Place::Within {
            framed.extend_from_slice(b"\r\n");
        }
        framed.extend_from_slice(b".\r\n");
        self.place = Place::LineStart;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut lines, mut framed) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.frame(piece, &mut framed);
        }
        lines.end(&mut framed);
        framed
    }

    #[test]
    fn dots_are_doubled_and_only_crlf_ends_lines() {
        let table: [(&[&[u8]], &[u8]); 8] = [
            (&[b"a\r\n"], b"a\r\n.\r\n"),
            (&[b"a"], b"a\r\n.\r\n"),
            (&[], b".\r\n"),
            (&[b".\r\n..x\r\n"], b"..\r\n...x\r\n.\r\n"),
            (&[b"a\r", b"\n.b\r\n"], b"a\r\n..b\r\n.\r\n"),
            (&[b"a\n.\nb\r.\rc"], b"a\r\n..\r\nb\r\n..\r\nc\r\n.\r\n"),
            (&[b"a\r\n.\n.\r\n"], b"a\r\n..\r\n..\r\n.\r\n"),
            (&[b"\r\r\n\n"], b"\r\n\r\n\r\n.\r\n"),
        ];
        for (pieces, expected) in table {
            assert_eq!(
                framed(pieces).escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
        }
    }

    proptest! {
        #[test]
        fn the_end_of_a_message_is_found_once_however_it_is_cut(
            octets in prop::collection::vec(prop::sample::select(b"\r\n.a".to_vec()), 0..60),
            cut in 0..60usize,
        ) {
            let cut = cut.min(octets.len());
            let whole = framed(&[&octets]);
            prop_assert_eq!(&whole, &framed(&[&octets[..cut], &octets[cut..]]));
            let end = b"\r\n.\r\n";
            let first = [&b"\r\n"[..], &whole].concat();
            let found = first.windows(end.len()).position(|window| window == end);
            prop_assert_eq!(found, Some(first.len() - end.len()));
            for (place, octet) in whole.iter().enumerate() {
                prop_assert!(*octet != b'\n' || whole[place - 1] == b'\r');
                prop_assert!(*octet != b'\r' || whole[place + 1] == b'\n');
            }
        }
    }
}
