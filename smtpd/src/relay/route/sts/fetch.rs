//! Fetches a policy file over HTTPS (RFC 8461 §3.3): from `mta-sts.DOMAIN` and nowhere else, bounded in size and time.

use std::time::Duration;

use daemon::tls::TlsFailure;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, Response, StatusCode};

use crate::https::{Https, HttpsFailure};
use crate::limits::{STS_FETCH_SECONDS_MAX, STS_POLICY_OCTETS_MAX};

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

impl From<HttpsFailure> for FetchFailure {
    fn from(failure: HttpsFailure) -> FetchFailure {
        FetchFailure {
            result: failure.tls.map_or("sts-policy-fetch-error", result_type),
            reason: failure.reason,
        }
    }
}

/// Fetches the policy file of a domain.
pub(super) async fn fetch(
    https: &Https<'_>,
    domain: &str,
    port: u16,
) -> Result<String, FetchFailure> {
    let limit = Duration::from_secs(STS_FETCH_SECONDS_MAX);
    let host = format!("mta-sts.{domain}");
    let asked = https.ask(&host, port, request(&host)?, STS_POLICY_OCTETS_MAX);
    match tokio::time::timeout(limit, asked).await {
        Ok(answer) => body(answer?),
        Err(_) => Err(FetchFailure::fetch("no policy file in time")),
    }
}

fn request(host: &str) -> Result<Request<Full<Bytes>>, FetchFailure> {
    Request::get(PATH)
        .header(HOST, host)
        .header(USER_AGENT, "Pennyblack")
        .body(Full::default())
        .map_err(FetchFailure::fetch)
}

/// The file, if this is one: RFC 8461 §3.3 takes 200 and nothing else, and wants `text/plain`.
fn body(response: Response<Bytes>) -> Result<String, FetchFailure> {
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
    String::from_utf8(response.into_body().to_vec())
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
