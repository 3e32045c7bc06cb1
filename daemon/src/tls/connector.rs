//! TLS towards other servers: roots, handshakes, and the sessions that can be resumed.
//!
//! A session is resumed only under the very demands it was made under, because a resumed handshake shows no certificate: each
//! [`Trust`] has a configuration of its own, kept for a while. A handshake that fails says why in the terms of a TLS report.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificates::TlsError;
use super::trust::{TlsFailure, Trust, Verifier};
use crate::limits::{TLS_SESSIONS_MAX, TRUST_SECONDS_MAX, TRUST_SESSIONS_MAX, TRUSTS_MAX};

/// Makes TLS connections to servers. Cheap to clone; clones share the memory of sessions.
#[derive(Clone)]
pub struct Connector(Arc<Shared>);

struct Shared {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    configs: Mutex<HashMap<Trust, Kept>>,
}

struct Kept {
    config: Arc<ClientConfig>,
    since: Instant,
}

/// A handshake failed.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct HandshakeError {
    /// In the terms of a TLS report.
    pub failure: TlsFailure,
    /// In words.
    pub reason: String,
}

/// What is known of a connection that we made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite by its registered name.
    pub cipher: String,
    /// Whether we know who the server is: its certificate was verified by roots or by DANE.
    pub authenticated: bool,
}

impl Connector {
    /// Trusts the roots of the system.
    pub fn with_system_roots() -> Connector {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a root certificate of the system cannot be read");
        }
        Connector::with_roots(found.certs)
    }

    /// Trusts the certificates in a PEM file.
    ///
    /// # Errors
    /// It cannot be read, or has none.
    pub fn with_roots_of(path: &Path) -> Result<Connector, TlsError> {
        let content = |reason: String| TlsError::Content {
            path: path.to_owned(),
            reason,
        };
        let pem = std::fs::read(path).map_err(|error| TlsError::File {
            path: path.to_owned(),
            error,
        })?;
        let roots: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|error| content(format!("not a PEM file of certificates: {error}")))?;
        match roots.is_empty() {
            true => Err(content("no certificate in it: give a PEM file".to_owned())),
            false => Ok(Connector::with_roots(roots)),
        }
    }

    /// Trusts these certificates. Those that cannot be read are passed over.
    pub fn with_roots(roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Connector {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots);
        Connector(Arc::new(Shared {
            provider: Arc::new(aws_lc_rs::default_provider()),
            roots: Arc::new(store),
            configs: Mutex::default(),
        }))
    }

    /// Does the handshake with `host`, a DNS name or an IP address. The caller sets the deadline.
    ///
    /// # Errors
    /// The server is not what `trust` demands, speaks no TLS that we know, or left.
    pub async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
        trust: &Trust,
    ) -> Result<(TlsStream<TcpStream>, ServerTls), HandshakeError> {
        let address = stream.peer_addr().map_err(|error| left(&error))?.ip();
        let config = self.0.config(trust).map_err(|error| refused(&error))?;
        let stream = TlsConnector::from(config)
            .connect(server_name(host, address), stream)
            .await
            .map_err(|error| HandshakeError::from_io(&error))?;
        let connection = stream.get_ref().1;
        let (version, cipher) = super::version_and_cipher(connection);
        let tls = ServerTls {
            version,
            cipher,
            authenticated: trust.authenticates(),
        };
        Ok((stream, tls))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connector({} roots)", self.0.roots.len())
    }
}

impl HandshakeError {
    fn from_io(error: &io::Error) -> HandshakeError {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(error) => refused(error),
            None => left(error),
        }
    }
}

fn refused(error: &rustls::Error) -> HandshakeError {
    HandshakeError {
        failure: TlsFailure::from_error(error),
        reason: error.to_string(),
    }
}

fn left(error: &io::Error) -> HandshakeError {
    HandshakeError {
        failure: TlsFailure::Validation,
        reason: error.to_string(),
    }
}

/// What is sent as SNI. A host without a usable name is asked for by its address, which sends none.
fn server_name(host: &str, address: IpAddr) -> ServerName<'static> {
    ServerName::try_from(host.to_owned()).unwrap_or(ServerName::IpAddress(address.into()))
}

impl Shared {
    fn config(&self, trust: &Trust) -> Result<Arc<ClientConfig>, rustls::Error> {
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = Duration::from_secs(TRUST_SECONDS_MAX);
        if let Some(kept) = configs
            .get(trust)
            .filter(|kept| kept.since.elapsed() < oldest)
        {
            return Ok(kept.config.clone());
        }
        let config = Arc::new(self.new_config(trust)?);
        if configs.len() >= TRUSTS_MAX {
            configs.retain(|_, kept| kept.since.elapsed() < oldest);
        }
        if configs.len() >= TRUSTS_MAX {
            configs.clear();
        }
        let kept = Kept {
            config: config.clone(),
            since: Instant::now(),
        };
        configs.insert(trust.clone(), kept);
        Ok(config)
    }

    fn new_config(&self, trust: &Trust) -> Result<ClientConfig, rustls::Error> {
        let verifier = Verifier {
            trust: trust.clone(),
            roots: self.roots.clone(),
            algorithms: self.provider.signature_verification_algorithms,
        };
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        let sessions = match trust {
            Trust::Any => TLS_SESSIONS_MAX,
            Trust::Roots { .. } | Trust::Dane { .. } => TRUST_SESSIONS_MAX,
        };
        config.resumption = Resumption::in_memory_sessions(sessions);
        Ok(config)
    }
}
