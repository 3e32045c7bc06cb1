//! One client connection: bytes out, lines and responses in, TLS when asked for. Blocking, with a deadline on every wait.
//!
//! It frames what the server says (lines ended by CRLF; for IMAP, responses with their literals) and judges nothing
//! else. A line that ends in a bare LF is given with it, so that it matches nothing.

use crate::chat::Protocol;
use crate::tls::trusting_client;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, StreamOwned};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection to the server under test.
pub struct Link {
    stream: Stream,
    /// Both sides compress what they send.
    deflate: Option<(Compress, Decompress)>,
    /// Received; what lies before `start` was given away.
    input: Vec<u8>,
    start: usize,
    /// What is spoken.
    pub protocol: Protocol,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The time was over; what had come is still there.
    #[error("nothing came in time")]
    Timeout,
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Eof,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
}

/// How long a connection may take to be made, on loopback.
const CONNECT_SECONDS_MAX: u64 = 10;

impl Link {
    /// Connects, from the address `from` if there is one.
    pub fn connect(to: SocketAddr, from: Option<IpAddr>, protocol: Protocol) -> io::Result<Link> {
        let stream = match from {
            None => TcpStream::connect_timeout(&to, Duration::from_secs(CONNECT_SECONDS_MAX))?,
            Some(from) => connect_from(to, from)?,
        };
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(Duration::from_secs(CONNECT_SECONDS_MAX)))?;
        Ok(Link {
            stream: Stream::Plain(stream),
            deflate: None,
            input: Vec::new(),
            start: 0,
            protocol,
        })
    }

    /// Does a TLS handshake. Bytes that came before it and were not read are an error: they would be a reply that
    /// was injected in plain text.
    pub fn start_tls(self, name: &str) -> io::Result<Link> {
        self.start_tls_with(name, trusting_client().map_err(io::Error::other)?)
    }

    /// The same with a configuration of one's own.
    pub fn start_tls_with(self, name: &str, config: Arc<ClientConfig>) -> io::Result<Link> {
        if !self.waiting().is_empty() {
            return Err(io::Error::other(
                "the server said more before the TLS handshake",
            ));
        }
        let Stream::Plain(mut socket) = self.stream else {
            return Err(io::Error::other("TLS is already there"));
        };
        let name = name.to_owned().try_into().map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        socket.set_read_timeout(Some(Duration::from_secs(CONNECT_SECONDS_MAX)))?;
        tls.complete_io(&mut socket)?;
        let stream = Stream::Tls(Box::new(StreamOwned::new(tls, socket)));
        Ok(Link {
            stream,
            deflate: None,
            input: Vec::new(),
            start: 0,
            protocol: self.protocol,
        })
    }

    /// The certificate that the server showed, in DER; None without TLS.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => Some(stream.conn.peer_certificates()?.first()?.to_vec()),
        }
    }

    /// The version of TLS; None without TLS.
    pub fn tls_version(&self) -> Option<ProtocolVersion> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => stream.conn.protocol_version(),
        }
    }

    /// Sends all of `bytes`.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut squeezed = Vec::with_capacity(bytes.len() + bytes.len() / 100 + 1024);
        let bytes = match &mut self.deflate {
            Some((compress, _)) => {
                compress.compress_vec(bytes, &mut squeezed, FlushCompress::Sync)?;
                &squeezed[..]
            }
            None => bytes,
        };
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => {
                stream.write_all(bytes)?;
                stream.flush()
            }
        }
    }

    /// Begins, or ends, to compress (RFC 4978). What was received before and not read is an error.
    pub fn set_compressed(&mut self, compressed: bool) -> Result<(), String> {
        if !self.waiting().is_empty() {
            return Err("the server said more before the compression changed".to_owned());
        }
        self.deflate = compressed.then(|| {
            (
                Compress::new(Compression::fast(), false),
                Decompress::new(false),
            )
        });
        Ok(())
    }

    /// Tells the server that nothing more will be sent, and goes on reading.
    pub fn finish_sending(&mut self) {
        // The server may have closed already: what it does is seen by reading.
        match &mut self.stream {
            Stream::Plain(stream) => drop(stream.shutdown(Shutdown::Write)),
            Stream::Tls(stream) => {
                stream.conn.send_close_notify();
                drop(stream.flush());
                drop(stream.sock.shutdown(Shutdown::Write));
            }
        }
    }

    /// The next line, or for IMAP the next response with its literals, without the CRLF at its end.
    pub fn response(&mut self, within: Duration) -> Result<Vec<u8>, ReadError> {
        let deadline = Instant::now() + within;
        let end = self.response_end(deadline)?;
        let mut response = self.take(end);
        if response.ends_with(b"\r\n") {
            response.truncate(response.len() - 2);
        }
        Ok(response)
    }

    /// The next `count` octets.
    pub fn octets(&mut self, count: usize, within: Duration) -> Result<Vec<u8>, ReadError> {
        let deadline = Instant::now() + within;
        while self.waiting().len() < count {
            self.fill(deadline)?;
        }
        Ok(self.take(count))
    }

    /// Received and not yet asked for.
    pub fn waiting(&self) -> &[u8] {
        &self.input[self.start..]
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let taken = self.waiting()[..count].to_vec();
        self.start += count;
        taken
    }

    /// How many octets of what is waiting are the next response. (Places are counted from `start`, which `fill` may move.)
    fn response_end(&mut self, deadline: Instant) -> Result<usize, ReadError> {
        let mut from = 0;
        loop {
            let end = self.line_end(from, deadline)?;
            let literal = match self.protocol {
                Protocol::Imap => literal_octets(&self.waiting()[from..end]),
                Protocol::Smtp | Protocol::Pop3 => None,
            };
            let Some(octets) = literal else {
                return Ok(end);
            };
            from = end + octets;
            while self.waiting().len() < from {
                self.fill(deadline)?;
            }
        }
    }

    fn line_end(&mut self, from: usize, deadline: Instant) -> Result<usize, ReadError> {
        let mut searched = from;
        loop {
            if let Some(at) = self.waiting()[searched..]
                .iter()
                .position(|&byte| byte == b'\n')
            {
                return Ok(searched + at + 1);
            }
            searched = self.waiting().len();
            self.fill(deadline)?;
        }
    }

    fn fill(&mut self, deadline: Instant) -> Result<(), ReadError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ReadError::Timeout);
        }
        self.input.drain(..self.start);
        self.start = 0;
        let mut buffer = [0; 65536];
        let read = match &mut self.stream {
            Stream::Plain(stream) => {
                stream
                    .set_read_timeout(Some(left))
                    .map_err(ReadError::Broken)?;
                stream.read(&mut buffer)
            }
            Stream::Tls(stream) => {
                stream
                    .sock
                    .set_read_timeout(Some(left))
                    .map_err(ReadError::Broken)?;
                stream.read(&mut buffer)
            }
        };
        match read {
            Ok(0) => Err(ReadError::Eof),
            Ok(count) => self.unpack(&buffer[..count]).map_err(ReadError::Broken),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => Ok(()),
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(ReadError::Timeout),
                // A reset, or TLS without its closing alert, is an end too for a dialogue.
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => Err(ReadError::Eof),
                _ => Err(ReadError::Broken(error)),
            },
        }
    }
}

impl Link {
    /// Takes what was received, uncompressed if it comes compressed.
    fn unpack(&mut self, mut received: &[u8]) -> io::Result<()> {
        let Some((_, decompress)) = &mut self.deflate else {
            self.input.extend_from_slice(received);
            return Ok(());
        };
        loop {
            let (before_in, before_out) = (decompress.total_in(), decompress.total_out());
            self.input.reserve(65536);
            decompress.decompress_vec(received, &mut self.input, FlushDecompress::None)?;
            received = &received[(decompress.total_in() - before_in) as usize..];
            if received.is_empty() && self.input.len() < self.input.capacity() {
                return Ok(());
            }
            if (before_in, before_out) == (decompress.total_in(), decompress.total_out()) {
                return Err(io::Error::other("what the server sends is not compressed"));
            }
        }
    }
}

/// The standard library cannot bind a socket before it connects; tokio can.
fn connect_from(to: SocketAddr, from: IpAddr) -> io::Result<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from, 0))?;
        socket.connect(to).await?.into_std()
    })?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// The octets of the literal that a line announces at its end: `{310}` CRLF.
fn literal_octets(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let brace = line.iter().rposition(|&byte| byte == b'{')?;
    std::str::from_utf8(&line[brace + 1..]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_seen_at_the_end_of_a_line_only() {
        assert_eq!(literal_octets(b"* 1 FETCH (BODY[] {310}\r\n"), Some(310));
        assert_eq!(literal_octets(b"* 1 FETCH (BODY[] {310} \r\n"), None);
        assert_eq!(literal_octets(b"* OK {x}\r\n"), None);
    }
}
