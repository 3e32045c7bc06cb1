//! The compression of a connection (RFC 1951, raw), below the protocol and above TLS: IMAP's COMPRESS (RFC 4978).
//!
//! What is sent ends on an octet after each flush, so that the client can read all of it. Memory: a compressor exists only
//! while it is used ([`Deflater::release`]), which costs the next reply its acquaintance with those before and nothing else; a
//! decompressor is made when the first octet comes and then stays, because the client may refer to what it sent.
//!
//! However well input is compressed, no more of it is unpacked at a time than was asked for: the limits on lines and
//! literals hold for what comes out. Failure: input that is no such stream, and the end of it, which no client sends.

use std::io;
use std::task::{Context, Poll, ready};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::limits::{DEFLATE_LEVEL, READ_OCTETS_MIN};
use crate::wire::Stream;

/// Compresses what is sent.
#[derive(Default)]
pub(crate) struct Deflater {
    state: Option<Compress>,
}

impl Deflater {
    /// Appends `octets`, compressed, so that the other side can read all of them.
    pub(crate) fn squeeze(&mut self, octets: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
        let state = self
            .state
            .get_or_insert_with(|| Compress::new(Compression::new(DEFLATE_LEVEL), false));
        let start = state.total_in();
        loop {
            let done = usize::try_from(state.total_in() - start).unwrap_or(usize::MAX);
            let rest = octets.get(done..).unwrap_or_default();
            // Room for a flush is left at the end: then it is complete.
            into.reserve(rest.len() / 2 + FLUSH_OCTETS);
            state
                .compress_vec(rest, into, FlushCompress::Sync)
                .map_err(io::Error::other)?;
            if into.len() < into.capacity() {
                return Ok(());
            }
        }
    }

    /// Whether there is memory to be given back.
    pub(crate) fn holds_memory(&self) -> bool {
        self.state.is_some()
    }

    /// Gives the memory back. The stream goes on with a compressor that refers to nothing before.
    pub(crate) fn release(&mut self) {
        self.state = None;
    }
}

/// More than a flush takes.
const FLUSH_OCTETS: usize = 64;

/// Unpacks what is received.
#[derive(Default)]
pub(crate) struct Inflater {
    state: Option<Decompress>,
    /// Received, and not unpacked yet.
    raw: Vec<u8>,
    /// More may come out without anything going in.
    full: bool,
}

impl Inflater {
    /// A stream of which `raw` has been received already.
    pub(crate) fn new(raw: Vec<u8>) -> Inflater {
        Inflater {
            raw,
            ..Inflater::default()
        }
    }

    /// What has been received and not unpacked: the compression ends before it.
    pub(crate) fn into_raw(self) -> Vec<u8> {
        self.raw
    }

    /// Appends what comes next, at most `room` octets; nothing means the end.
    pub(crate) fn poll_fill(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
        into: &mut Vec<u8>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.full || !self.raw.is_empty() {
                let unpacked = self.unpack(into, room)?;
                if unpacked > 0 {
                    return Poll::Ready(Ok(unpacked));
                }
            }
            let read = ready!(stream.poll_fill(cx, &mut self.raw, READ_OCTETS_MIN))?;
            if read == 0 {
                return Poll::Ready(Ok(0));
            }
        }
    }

    fn unpack(&mut self, into: &mut Vec<u8>, room: usize) -> io::Result<usize> {
        let state = self.state.get_or_insert_with(|| Decompress::new(false));
        let (start, before_in, before_out) = (into.len(), state.total_in(), state.total_out());
        into.resize(start + room, 0);
        let status = state.decompress(
            &self.raw,
            into.get_mut(start..).unwrap_or_default(),
            FlushDecompress::None,
        );
        let count = |total: u64, before: u64| usize::try_from(total - before).unwrap_or_default();
        let unpacked = count(state.total_out(), before_out);
        let taken = count(state.total_in(), before_in).min(self.raw.len());
        into.truncate(start + unpacked);
        self.full = unpacked == room;
        self.raw.drain(..taken);
        if self.raw.is_empty() {
            self.raw = Vec::new();
        }
        let stuck = taken == 0 && unpacked == 0 && !self.raw.is_empty();
        match status {
            Ok(Status::Ok | Status::BufError) if !stuck => Ok(unpacked),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the input is not compressed as agreed",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(inflater: &mut Inflater, room: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while inflater.full || !inflater.raw.is_empty() {
            let before = all.len();
            let count = inflater.unpack(&mut all, room).unwrap();
            assert!(count <= room && all.len() == before + count);
        }
        all
    }

    #[test]
    fn each_flush_can_be_read_whole_also_after_a_release() {
        let mut deflater = Deflater::default();
        let mut inflater = Inflater::default();
        for (round, size) in [0_u64, 1, 10, 1000, 100_000, 500_000, 3]
            .into_iter()
            .enumerate()
        {
            let text: Vec<u8> = (0..size).map(|at| (at * at % 251) as u8).collect();
            let mut squeezed = Vec::new();
            deflater.squeeze(&text, &mut squeezed).unwrap();
            inflater.raw.extend_from_slice(&squeezed);
            assert_eq!(unpacked(&mut inflater, 700), text);
            if round % 2 == 0 {
                deflater.release();
                assert!(!deflater.holds_memory());
            }
        }
    }

    #[test]
    fn what_is_compressed_very_well_comes_out_bit_by_bit() {
        let mut squeezed = Vec::new();
        let zeros = vec![0; 20_000_000];
        Deflater::default().squeeze(&zeros, &mut squeezed).unwrap();
        assert!(squeezed.len() < 200_000);
        let mut inflater = Inflater::new(squeezed);
        let mut first = Vec::new();
        assert_eq!(inflater.unpack(&mut first, 1000).unwrap(), 1000);
        assert!(first.capacity() < 10_000);
        assert_eq!(unpacked(&mut inflater, 50_000).len(), zeros.len() - 1000);
    }

    #[test]
    fn what_is_no_such_stream_is_refused() {
        let mut inflater = Inflater::new(b"a1 NOOP\r\na2 NOOP\r\n".to_vec());
        assert!(inflater.unpack(&mut Vec::new(), 1000).is_err());
        // A last block: whoever sends it has ended the stream.
        let mut inflater = Inflater::new(vec![0x03, 0x00, 0x00]);
        assert!(inflater.unpack(&mut Vec::new(), 1000).is_err());
    }
}
