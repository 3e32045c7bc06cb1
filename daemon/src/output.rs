//! What a session writes: gathered in memory, sent when the loop or the session says so.
//!
//! A write that fails or takes too long breaks the output: it is told once, what is put later is dropped, and the loop closes
//! the connection. Sessions may ignore it where they write little.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::deflate::Deflater;
use crate::limits::OUTPUT_OCTETS_MAX;
use crate::wire::Stream;

/// Something that can be written: a typed reply.
pub trait Encode {
    /// Appends its octets, with the line ending.
    fn encode(&self, into: &mut Vec<u8>);
}

/// The client is gone or does not read: stop making output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client does not take the output")]
pub struct Disconnected;

/// The way to the client.
pub struct Output {
    buffer: Vec<u8>,
    /// None in a test without a socket, and for a moment while TLS starts.
    stream: Option<Stream>,
    deflater: Option<Deflater>,
    write_timeout: Duration,
    failure: Option<io::Error>,
    written: u64,
}

impl Output {
    /// An output onto a connection. Each flush must be taken by the client within `write_timeout`.
    pub fn new(stream: Stream, write_timeout: Duration) -> Output {
        Output {
            buffer: Vec::new(),
            stream: Some(stream),
            deflater: None,
            write_timeout,
            failure: None,
            written: 0,
        }
    }

    /// An output that keeps everything, for tests of a session without a connection: see [`Output::take`].
    pub fn detached() -> Output {
        Output {
            buffer: Vec::new(),
            stream: None,
            deflater: None,
            write_timeout: Duration::ZERO,
            failure: None,
            written: 0,
        }
    }

    /// Appends a reply.
    pub fn put(&mut self, reply: &(impl Encode + ?Sized)) {
        if self.failure.is_none() {
            reply.encode(&mut self.buffer);
        }
    }

    /// Appends octets as they are.
    pub fn put_bytes(&mut self, octets: &[u8]) {
        if self.failure.is_none() {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// How many octets wait to be sent.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// True if nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// True once writing has failed.
    pub fn is_broken(&self) -> bool {
        self.failure.is_some()
    }

    /// Back-pressure: sends what waits if it is more than [`OUTPUT_OCTETS_MAX`], and waits until the client has taken
    /// it. To be called between the pieces of a long answer.
    pub async fn drain(&mut self) -> Result<(), Disconnected> {
        if self.buffer.len() < OUTPUT_OCTETS_MAX && self.failure.is_none() {
            return Ok(());
        }
        self.flush().await
    }

    /// Sends all that waits: for a reply that the client must see before the work goes on. The loop flushes by
    /// itself when it is the client's turn.
    pub async fn flush(&mut self) -> Result<(), Disconnected> {
        if self.failure.is_some() {
            return Err(Disconnected);
        }
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut squeezed = Vec::new();
        let write = async {
            let octets = match &mut self.deflater {
                Some(deflater) => {
                    deflater.squeeze(&self.buffer, &mut squeezed)?;
                    &squeezed
                }
                None => &self.buffer,
            };
            stream.write_all(octets).await?;
            stream.flush().await
        };
        let result = match timeout(self.write_timeout, write).await {
            Ok(result) => result,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client does not read",
            )),
        };
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        result.map_err(|error| {
            self.failure = Some(error);
            Disconnected
        })
    }

    /// Takes out what waits to be sent. For tests.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// Gives the memory of an empty buffer back, while the client is silent.
    pub(crate) fn release(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
    }

    /// Begins, or ends, to compress what is put from now on.
    pub(crate) fn set_compressed(&mut self, compressed: bool) {
        self.deflater = compressed.then(Deflater::default);
    }

    /// Whether a compressor waits for work.
    pub(crate) fn holds_compressor(&self) -> bool {
        self.deflater.as_ref().is_some_and(Deflater::holds_memory)
    }

    /// Gives the memory of the compressor back, while the client is silent for long.
    pub(crate) fn release_compressor(&mut self) {
        if let Some(deflater) = &mut self.deflater {
            deflater.release();
        }
    }

    /// Octets sent so far, before compression and encryption.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Why writing failed. The output stays broken.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        let kind = self.failure.as_ref()?.kind();
        self.failure.replace(kind.into())
    }

    pub(crate) fn set_write_timeout(&mut self, write_timeout: Duration) {
        self.write_timeout = write_timeout;
    }

    pub(crate) fn stream(&mut self) -> Option<&mut Stream> {
        self.stream.as_mut()
    }

    pub(crate) fn take_stream(&mut self) -> Option<Stream> {
        self.stream.take()
    }

    pub(crate) fn set_stream(&mut self, stream: Stream) {
        self.stream = Some(stream);
    }
}

impl Encode for str {
    fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(self.as_bytes());
    }
}
