//! Fetches a policy file over HTTPS (RFC 8461 §3.3): from `mta-sts.DOMAIN` and nowhere else, no redirects, a certificate for that name,
//! public addresses alone, bounded in size and time.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use daemon::config::Routing;
use daemon::tls::{Connector, TlsFailure, Trust};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};

use super::super::address::{Addresses, addresses};
use super::super::host::places;
use crate::dns::Dns;
use crate::limits::{STS_FETCH_SECONDS_MAX, STS_POLICY_OCTETS_MAX};
use crate::public_address::is_public;

/// The port of HTTPS.
pub(super) const HTTPS_PORT: u16 = 443;

const PATH: &str = "/.well-known/mta-sts.txt";

/// Why there is no file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct FetchFailure {
    /// The result type of a TLS report (RFC 8460 §4.3.2.2).
    pub(super) result: &'static str,
    pub(super) reason: String,
}

impl FetchFailure {
    fn fetch(reason: impl ToString) -> FetchFailure {
        FetchFailure {
            result: "sts-policy-fetch-error",
            reason: reason.to_string(),
        }
    }
}

/// What is needed to fetch.
pub(super) struct Fetcher<'a> {
    pub(super) dns: &'a Dns,
    pub(super) routing: &'a Routing,
    pub(super) tls: &'a Connector,
    pub(super) port: u16,
}

impl Fetcher<'_> {
    /// Fetches the policy file of a domain.
    pub(super) async fn fetch(&self, domain: &str) -> Result<String, FetchFailure> {
        let limit = Duration::from_secs(STS_FETCH_SECONDS_MAX);
        match tokio::time::timeout(limit, self.fetch_from(&format!("mta-sts.{domain}"))).await {
            Ok(result) => result,
            Err(_) => Err(FetchFailure::fetch("no policy file in time")),
        }
    }

    async fn fetch_from(&self, host: &str) -> Result<String, FetchFailure> {
        let found = addresses(self.dns, host, self.routing.ip)
            .await
            .map_err(FetchFailure::fetch)?;
        let stream = self.connect(&found).await?;
        let names = vec![host.to_owned()];
        let (stream, _) = self
            .tls
            .connect(stream, host, &Trust::Roots { names })
            .await
            .map_err(|error| FetchFailure {
                result: result_type(error.failure),
                reason: format!("TLS with {host}: {error}"),
            })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(FetchFailure::fetch)?;
        let request = request(host)?;
        // The connection is driven here, and ends with the answer or with the time limit: nothing is left behind.
        tokio::pin!(connection);
        let answer = async {
            let response = sender
                .send_request(request)
                .await
                .map_err(FetchFailure::fetch)?;
            body(response).await
        };
        tokio::pin!(answer);
        tokio::select! {
            result = &mut answer => result,
            ended = &mut connection => match ended {
                // What has arrived is still to be read.
                Ok(()) => answer.await,
                Err(error) => Err(FetchFailure::fetch(error)),
            },
        }
    }

    /// Connects to the first address that takes the connection.
    async fn connect(&self, found: &Addresses) -> Result<TcpStream, FetchFailure> {
        let mut failure = FetchFailure::fetch("the policy host has no address that we may use");
        for (address, source) in places(self.routing, &found.list, self.port) {
            if !self.routing.private_addresses && !is_public(address.ip()) {
                continue;
            }
            match connect(address, source).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = FetchFailure::fetch(format!("{address}: {error}")),
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

fn request(host: &str) -> Result<Request<Empty<Bytes>>, FetchFailure> {
    Request::get(PATH)
        .header(HOST, host)
        .header(USER_AGENT, "Pennyblack")
        .body(Empty::new())
        .map_err(FetchFailure::fetch)
}

/// The file, if this is one: RFC 8461 §3.3 takes 200 and nothing else, and wants `text/plain`.
async fn body(response: Response<Incoming>) -> Result<String, FetchFailure> {
    if response.status() != StatusCode::OK {
        return Err(FetchFailure::fetch(format!(
            "the policy host answers {}",
            response.status()
        )));
    }
    let content_type = response.headers().get(CONTENT_TYPE);
    let media_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("text/plain") {
        return Err(FetchFailure::fetch("the policy file is not text/plain"));
    }
    let limited = Limited::new(response.into_body(), STS_POLICY_OCTETS_MAX);
    let octets = limited
        .collect()
        .await
        .map_err(FetchFailure::fetch)?
        .to_bytes();
    String::from_utf8(octets.to_vec())
        .map_err(|_| FetchFailure::fetch("the policy file is not UTF-8"))
}

/// RFC 8460 §4.3.2.2: what is wrong with the certificate of the policy host has a name of its own.
fn result_type(failure: TlsFailure) -> &'static str {
    match failure {
        TlsFailure::HostMismatch | TlsFailure::Expired | TlsFailure::NotTrusted => {
            "sts-webpki-invalid"
        }
        TlsFailure::NotSupported | TlsFailure::Validation => "sts-policy-fetch-error",
    }
}
