//! One connection as octets: plain or TLS, whoever made it, its two ends, and its name in the log.
//!
//! Reading and writing with deadlines is the session loop's business; this module knows no protocol.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

/// The two ends of a connection, as the client sees them: behind a proxy, those that the PROXY header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The client's address. Never an IPv4-mapped IPv6 address.
    pub address: IpAddr,
    /// The client's port.
    pub port: u16,
    /// Where the client connected to.
    pub local: SocketAddr,
    /// True if the addresses come from a PROXY header.
    pub proxied: bool,
}

impl Peer {
    /// A peer from the addresses of its socket.
    pub fn new(remote: SocketAddr, local: SocketAddr) -> Peer {
        let local = SocketAddr::new(local.ip().to_canonical(), local.port());
        Peer {
            address: remote.ip().to_canonical(),
            port: remote.port(),
            local,
            proxied: false,
        }
    }

    /// True if the client runs on this machine.
    pub fn is_loopback(&self) -> bool {
        self.address.is_loopback()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// The name of a session in logs and in replies: twelve letters and digits, drawn at random, so that it names
/// one session among all daemons and days.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId([u8; SessionId::OCTETS]);

impl SessionId {
    const OCTETS: usize = 12;
    /// Without the letters that are taken for others (Crockford's base 32).
    const ALPHABET: &'static [u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

    /// A new name.
    pub fn random() -> SessionId {
        let mut octets = [0; SessionId::OCTETS];
        crate::secret::fill_random(&mut octets);
        SessionId(octets.map(|octet| SessionId::ALPHABET[usize::from(octet & 31)]))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of a connection's encryption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsInfo {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite by its registered name, such as `TLS_AES_256_GCM_SHA384` (for the Received field).
    pub cipher: String,
    /// The name that the client asked for, in lower case.
    pub server_name: Option<String>,
    /// Channel binding `tls-server-end-point`: the certificate's hash (RFC 5929 §4). Absent if its signature
    /// algorithm has no single hash (Ed25519).
    pub server_end_point: Option<Box<[u8]>>,
    /// Channel binding `tls-exporter` (RFC 9266), TLS 1.3 only.
    pub exporter: Option<Box<[u8; 32]>>,
}

/// A connection's octets, in the clear or through TLS.
pub enum Stream {
    /// In the clear.
    Plain(TcpStream),
    /// Through TLS. Boxed: the state is large, and most of a plain connection's memory would be its unused room.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Reads what is there, at most about `room` octets, onto the end of `into`; nothing read means the end. While
    /// nothing is there, an empty `into` holds no memory.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut Vec<u8>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        match self {
            Stream::Plain(stream) => {
                into.reserve(room);
                let filled = pin!(stream.read_buf(into)).poll(cx);
                if filled.is_pending() && into.is_empty() {
                    *into = Vec::new();
                }
                filled
            }
            // rustls keeps what it has decrypted: taking it from there needs no buffer until there is something.
            Stream::Tls(stream) => {
                let mut stream = Pin::new(&mut **stream);
                let text = ready!(stream.as_mut().poll_fill_buf(cx))?;
                let taken = text.len().min(room);
                into.extend_from_slice(&text[..taken]);
                stream.consume(taken);
                Poll::Ready(Ok(taken))
            }
        }
    }

    /// Says good-bye in the manner of the transport: the TLS close alert, then a FIN.
    pub async fn close(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.shutdown().await,
            Stream::Tls(stream) => stream.shutdown().await,
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, octets),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
