//! A connection that we make: to the host of another domain, to a filter, to anything that listens.
//!
//! Octets in, octets out, and TLS on demand; the words are the caller's, and so are the deadlines: every call may be given up, and the
//! connection with it. While it sends it also reads, up to a limit, so that two sides that both have much to say never wait for each
//! other, and a server's last words are there even if it closes before we are done.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;
use tokio::net::TcpSocket;

use crate::input::Input;
use crate::limits::READ_OCTETS_MAX;
use crate::tls::{Connector, HandshakeError, ServerTls, TlsFailure, Trust};
use crate::wire::Stream;

/// A connection to a server.
pub struct Connection {
    stream: Stream,
    input: Input,
    /// Nothing more will come.
    ended: bool,
}

impl Connection {
    /// Connects to `address`, from `source` if that is given.
    ///
    /// # Errors
    /// Nobody answers, or the source is not an address of this machine or of the other kind.
    pub async fn open(address: SocketAddr, source: Option<IpAddr>) -> io::Result<Connection> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        if let Some(source) = source {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let stream = socket.connect(address).await?;
        // What belongs together is sent together; waiting for more would only add to the time of a round trip.
        stream.set_nodelay(true)?;
        Ok(Connection::new(Stream::Plain(stream)))
    }

    fn new(stream: Stream) -> Connection {
        Connection {
            stream,
            input: Input::new(),
            ended: false,
        }
    }

    /// What has been read and not yet consumed.
    pub fn unread(&self) -> &[u8] {
        self.input.unread()
    }

    /// Is done with so many octets of [`Connection::unread`].
    pub fn consume(&mut self, octets: usize) {
        self.input.consume(octets);
    }

    /// Waits for more; 0 at the end of the input.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// Looks for more without waiting; true if the other side has said something or has closed.
    pub async fn has_input(&mut self) -> bool {
        let spoke = poll_fn(|cx| Poll::Ready(self.poll_fill(cx).is_ready())).await;
        spoke || !self.unread().is_empty()
    }

    /// Sends `octets` to the last one.
    ///
    /// # Errors
    /// The connection is broken, or the other side has closed it.
    pub async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        poll_fn(|cx| self.poll_send(cx, octets, &mut sent)).await
    }

    /// Goes over to TLS. The caller has made sure that nothing is unread.
    ///
    /// # Errors
    /// The server is not what `trust` demands, speaks no TLS that we know, left, or has sent something in the clear that would now be
    /// taken for its encrypted word.
    pub async fn start_tls(
        self,
        connector: &Connector,
        host: &str,
        trust: &Trust,
    ) -> Result<(Connection, ServerTls), HandshakeError> {
        let refused = |reason: &str| HandshakeError {
            failure: TlsFailure::Validation,
            reason: reason.to_owned(),
        };
        if !self.input.is_empty() {
            return Err(refused("plain text was sent in front of the handshake"));
        }
        let Stream::Plain(stream) = self.stream else {
            return Err(refused("the connection is encrypted already"));
        };
        let (stream, tls) = connector.connect(stream, host, trust).await?;
        Ok((Connection::new(Stream::Tls(Box::new(stream.into()))), tls))
    }

    /// Closes in the manner of the transport.
    pub async fn close(mut self) {
        // The other side may be gone already, which is what was wanted.
        let _ = self.stream.close().await;
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        let filled = match ready!(self.input.poll_read(&mut self.stream, cx)) {
            // A server that ends TLS without saying so: the end of a command is known without it.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            other => other,
        };
        self.ended = !matches!(filled, Ok(octets) if octets > 0);
        Poll::Ready(filled)
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[u8],
        sent: &mut usize,
    ) -> Poll<io::Result<()>> {
        while !self.ended && self.unread().len() < READ_OCTETS_MAX {
            match self.poll_fill(cx) {
                Poll::Ready(Ok(octets)) if octets > 0 => {}
                Poll::Ready(Ok(_)) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        while let Some(rest) = octets.get(*sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                taken => *sent += taken,
            }
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}
