//! What has been read and not yet been understood.
//!
//! The buffer exists only while it holds something: an idle connection costs no read buffer. It grows while input comes
//! as fast as it is read.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use crate::deflate::Inflater;
use crate::limits::{READ_OCTETS_MAX, READ_OCTETS_MIN};
use crate::wire::Stream;

pub(crate) struct Input {
    buffer: Vec<u8>,
    /// How much of `buffer` is done with.
    start: usize,
    /// How much the next read may bring.
    room: usize,
    /// Unpacks what is read, if the client compresses it.
    inflater: Option<Box<Inflater>>,
    /// Octets read in all, after decryption and unpacking.
    read: u64,
}

impl Input {
    pub(crate) fn new() -> Input {
        Input {
            buffer: Vec::new(),
            start: 0,
            room: READ_OCTETS_MIN,
            inflater: None,
            read: 0,
        }
    }

    pub(crate) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.buffer.len()
    }

    pub(crate) fn octets_read(&self) -> u64 {
        self.read
    }

    pub(crate) fn consume(&mut self, octets: usize) {
        self.start += octets;
        if self.start >= self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
    }

    /// What comes next is compressed. What has been read already came from a client that did not wait, and is taken for
    /// compressed, too.
    pub(crate) fn compress(&mut self) {
        let raw = self.buffer.split_off(self.start);
        self.discard();
        self.inflater = Some(Box::new(Inflater::new(raw)));
    }

    /// What comes next is not compressed any more.
    pub(crate) fn uncompress(&mut self) {
        if let Some(inflater) = self.inflater.take() {
            self.buffer.extend(inflater.into_raw());
        }
    }

    /// Forgets everything; tells how much that was.
    pub(crate) fn discard(&mut self) -> usize {
        let octets = self.unread().len();
        self.buffer = Vec::new();
        self.start = 0;
        octets
    }

    /// Reads what is there; 0 at the end of the input.
    pub(crate) fn poll_read(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let filled = match &mut self.inflater {
            Some(inflater) => inflater.poll_fill(stream, cx, &mut self.buffer, self.room),
            None => stream.poll_fill(cx, &mut self.buffer, self.room),
        };
        match &filled {
            Poll::Ready(Ok(octets)) => {
                self.read += *octets as u64;
                if *octets >= self.room {
                    self.room = (self.room * 2).min(READ_OCTETS_MAX);
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.release(),
        }
        filled
    }

    /// Reads what is there now without waiting; None if that is nothing.
    pub(crate) async fn read_now(&mut self, stream: &mut Stream) -> Option<io::Result<usize>> {
        poll_fn(|cx| match self.poll_read(stream, cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    fn release(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
            self.room = READ_OCTETS_MIN;
        }
    }
}
