//! Asks other hosts over HTTPS where the protocols of mail want it: for MTA-STS policies (RFC 8461 §3.3), and to hand over TLS reports
//! (RFC 8460 §3).
//!
//! One request on one connection: no redirects, a certificate for the host's name, public addresses alone (so that nobody makes us
//! reach inner hosts), bounded in size. The time limit is the caller's: the connection lives no longer than the future.

use std::net::{IpAddr, SocketAddr};

use daemon::config::Routing;
use daemon::tls::{Connector, TlsFailure, Trust};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};

use crate::dns::Dns;
use crate::public_address::is_public;
use crate::relay::route::{addresses, places};

/// The port of HTTPS.
pub(crate) const HTTPS_PORT: u16 = 443;

/// What asking needs.
pub(crate) struct Https<'a> {
    pub(crate) dns: &'a Dns,
    pub(crate) routing: &'a Routing,
    pub(crate) tls: &'a Connector,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct HttpsFailure {
    /// What was wrong with TLS, if that was it.
    pub(crate) tls: Option<TlsFailure>,
    pub(crate) reason: String,
}

impl HttpsFailure {
    fn new(reason: impl ToString) -> HttpsFailure {
        HttpsFailure {
            tls: None,
            reason: reason.to_string(),
        }
    }
}

impl Https<'_> {
    /// Sends a request to a host; gives the answer, whatever it is, with a body of at most `octets_max`.
    pub(crate) async fn ask(
        &self,
        host: &str,
        port: u16,
        request: Request<Full<Bytes>>,
        octets_max: usize,
    ) -> Result<Response<Bytes>, HttpsFailure> {
        let found = addresses(self.dns, host, self.routing.ip)
            .await
            .map_err(HttpsFailure::new)?;
        let stream = self.connect(&found.list, port).await?;
        let names = vec![host.to_owned()];
        let (stream, _) = self
            .tls
            .connect(stream, host, &Trust::Roots { names })
            .await
            .map_err(|error| HttpsFailure {
                tls: Some(error.failure),
                reason: format!("TLS with {host}: {error}"),
            })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(HttpsFailure::new)?;
        // The connection is driven here, and ends with the answer or with the time limit: nothing is left behind.
        tokio::pin!(connection);
        let answer = async {
            let response = sender.send_request(request).await;
            whole(response.map_err(HttpsFailure::new)?, octets_max).await
        };
        tokio::pin!(answer);
        tokio::select! {
            result = &mut answer => result,
            ended = &mut connection => match ended {
                // What has arrived is still to be read.
                Ok(()) => answer.await,
                Err(error) => Err(HttpsFailure::new(error)),
            },
        }
    }

    /// Connects to the first address that takes the connection.
    async fn connect(&self, found: &[IpAddr], port: u16) -> Result<TcpStream, HttpsFailure> {
        let mut failure = HttpsFailure::new("the host has no address that we may use");
        for (address, source) in places(self.routing, found, port) {
            if !self.routing.private_addresses && !is_public(address.ip()) {
                continue;
            }
            match connect(address, source).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = HttpsFailure::new(format!("{address}: {error}")),
            }
        }
        Err(failure)
    }
}

async fn connect(address: SocketAddr, source: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(source) = source {
        socket.bind((source, 0).into())?;
    }
    socket.connect(address).await
}

async fn whole(
    response: Response<Incoming>,
    octets_max: usize,
) -> Result<Response<Bytes>, HttpsFailure> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, octets_max).collect().await;
    let body = body.map_err(HttpsFailure::new)?.to_bytes();
    Ok(Response::from_parts(head, body))
}
