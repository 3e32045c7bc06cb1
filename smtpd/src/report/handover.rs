//! A TLS report handed over by HTTPS (RFC 8460 §3): a POST of the packed JSON, which the host takes or does not.
//!
//! The host must have a certificate for its name; the RFC would allow less, but then anybody on the way could read the report.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, Uri};
use mail_auth::report::tlsrpt::TlsReport;

use super::letter::Post;
use crate::https::{HTTPS_PORT, Https, HttpsFailure};
use crate::limits::{REPORT_ANSWER_OCTETS_MAX, REPORT_HANDOVER_SECONDS_MAX};
use crate::relay::route::connector;

/// Why a report was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    #[error("the URI names no host")]
    Uri,
    #[error("{0}")]
    Tls(#[from] daemon::tls::TlsError),
    #[error("{0}")]
    Connection(#[from] HttpsFailure),
    #[error("the request cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
    #[error("packing: {0}")]
    Packing(#[from] std::io::Error),
    #[error("no answer in time")]
    Time,
    #[error("the host answers {0}")]
    Answer(hyper::StatusCode),
}

/// Hands a report over.
pub(super) async fn hand_over(
    post: &Post<'_>,
    uri: &Uri,
    report: &TlsReport,
) -> Result<(), NotTaken> {
    let host = uri.host().ok_or(NotTaken::Uri)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let port = uri.port_u16().unwrap_or(HTTPS_PORT);
    let authority = match port {
        HTTPS_PORT => host.to_owned(),
        _ => format!("{host}:{port}"),
    };
    let request = Request::post(path)
        .header(HOST, authority)
        .header(USER_AGENT, "Pennyblack")
        .header(CONTENT_TYPE, "application/tlsrpt+gzip")
        .body(Full::from(packed(report)?))?;
    let routing = &post.config.relay.routing;
    let https = Https {
        dns: &post.shared.dns,
        routing,
        tls: &connector(routing)?,
    };
    let asked = https.ask(host, port, request, REPORT_ANSWER_OCTETS_MAX);
    let limit = Duration::from_secs(REPORT_HANDOVER_SECONDS_MAX);
    let answer = tokio::time::timeout(limit, asked).await;
    let status = answer.map_err(|_| NotTaken::Time)??.status();
    match status.is_success() {
        true => Ok(()),
        false => Err(NotTaken::Answer(status)),
    }
}

fn packed(report: &TlsReport) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(report.to_json().as_bytes())?;
    encoder.finish()
}
