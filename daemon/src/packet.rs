//! A connection to another program of the operator's, over which packets go to and fro: a length of four octets (network order),
//! then so many octets.
//!
//! This side connects, by TCP or a Unix socket. Failure: whatever is not done in time, a packet that is longer than
//! [`PACKET_OCTETS_MAX`], or the end of the connection is an error of I/O, after which the connection is of no more use.
//! Not here: what the packets mean.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::config::SocketName;
use crate::limits::PACKET_OCTETS_MAX;

/// An open connection.
pub struct PacketLink {
    stream: BufReader<Box<dyn Duplex>>,
}

/// What can be read and written.
trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

impl PacketLink {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there, or not within the time.
    pub async fn connect(name: &SocketName, within: Duration) -> io::Result<PacketLink> {
        let connected = async {
            let stream: Box<dyn Duplex> = match name {
                SocketName::Unix(path) => Box::new(UnixStream::connect(path).await?),
                SocketName::Inet(address) => {
                    let stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    Box::new(stream)
                }
            };
            Ok(PacketLink {
                stream: BufReader::new(stream),
            })
        };
        in_time(within, connected).await
    }

    /// Sends packets, each with its length in front.
    ///
    /// # Errors
    /// They are not taken within the time, or the connection is broken.
    pub async fn send(&mut self, packets: &[u8], within: Duration) -> io::Result<()> {
        in_time(within, self.stream.write_all(packets)).await
    }

    /// The next packet, without its length.
    ///
    /// # Errors
    /// It is too long, or not there within the time, or the connection is broken.
    pub async fn receive(&mut self, within: Duration) -> io::Result<Vec<u8>> {
        let received = async {
            let length = self.stream.read_u32().await?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > PACKET_OCTETS_MAX {
                let message = format!("a packet of {length} octets");
                return Err(io::Error::new(ErrorKind::InvalidData, message));
            }
            let mut packet = vec![0; length];
            self.stream.read_exact(&mut packet).await?;
            Ok(packet)
        };
        in_time(within, received).await
    }
}

async fn in_time<T>(within: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::new(ErrorKind::TimedOut, "it took too long");
    timeout(within, work).await.map_err(late)?
}
