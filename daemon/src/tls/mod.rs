//! TLS, as a server and towards other servers.
//!
//! An [`Acceptor`] holds our certificates by name; [`Acceptor::reload`] replaces them for the connections that come after, and a
//! reload that fails changes nothing. A [`Connector`] makes connections to other servers, whose certificates are judged by a [`Trust`]. TLS 1.2 and 1.3 by rustls with aws-lc-rs, which is named explicitly everywhere:
//! nothing depends on a process-wide default. No certificates are obtained here (that is ACME's business).

mod certificates;
mod connector;
mod dane;
mod end_point;
mod self_signed;
mod trust;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::Config;
use crate::wire::TlsInfo;

pub use certificates::TlsError;
pub use connector::{Connector, HandshakeError, ServerTls};
pub use dane::TlsaRecord;
pub use trust::{TlsFailure, Trust};

use certificates::{Certificates, load};

/// The label and length of `tls-exporter` (RFC 9266 §2).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// Makes TLS connections. Cheap to clone; all clones share the certificates.
#[derive(Clone)]
pub struct Acceptor(Arc<RwLock<Arc<Active>>>);

/// What is in use at one time.
struct Active {
    server: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
    /// The files that it was read from, as they were.
    files: Vec<(PathBuf, Option<SystemTime>)>,
}

impl Acceptor {
    /// Reads the certificates that the configuration names, or makes a self-signed one if it names none.
    ///
    /// # Errors
    /// A file that cannot be read or does not fit its key.
    pub fn open(config: &Config) -> Result<Acceptor, TlsError> {
        Ok(Acceptor(Arc::new(RwLock::new(Arc::new(Active::read(
            config,
        )?)))))
    }

    /// Reads them again. After an error the old ones stay in use.
    ///
    /// # Errors
    /// As [`Acceptor::open`].
    pub fn reload(&self, config: &Config) -> Result<(), TlsError> {
        let active = Arc::new(Active::read(config)?);
        match self.0.write() {
            Ok(mut current) => *current = active,
            Err(poisoned) => *poisoned.into_inner() = active,
        }
        Ok(())
    }

    /// True if a file has another modification time than when it was read. One that is not to be seen (in a directory of root's,
    /// once we are another user, or between removal and renewal) counts as unchanged.
    pub fn is_stale(&self) -> bool {
        self.active()
            .files
            .iter()
            .any(|(path, read)| modified(path).is_some_and(|time| Some(time) != *read))
    }

    /// Does the handshake. The caller sets the deadline.
    ///
    /// # Errors
    /// The handshake failed or the client left.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, TlsInfo)> {
        let active = self.active();
        let stream = TlsAcceptor::from(active.server.clone())
            .accept(stream)
            .await?;
        let info = active.info(stream.get_ref().1);
        Ok((stream, info))
    }

    fn active(&self) -> Arc<Active> {
        match self.0.read() {
            Ok(active) => active.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        }
    }
}

impl Active {
    fn read(config: &Config) -> Result<Active, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let files = certificate_files(config)?;
        // The times are taken before the contents: a change in between is seen as one that is still to be read.
        let seen = files
            .iter()
            .flat_map(|(chain, key)| [chain.clone(), key.clone()]);
        let seen = seen
            .map(|path| {
                let time = modified(&path);
                (path, time)
            })
            .collect();
        let certificates = Arc::new(load(&files, &provider)?);
        let server = server_config(provider, certificates.clone())?;
        Ok(Active {
            server,
            certificates,
            files: seen,
        })
    }

    fn info(&self, connection: &rustls::ServerConnection) -> TlsInfo {
        let (version, cipher) = version_and_cipher(connection);
        // RFC 9266 §4.2 wants the extended master secret for TLS 1.2, which not every client has: offered for 1.3 only.
        let exporter = (version == "TLSv1.3")
            .then(|| {
                connection
                    .export_keying_material([0; 32], EXPORTER_LABEL, None)
                    .ok()
            })
            .flatten();
        let server_name = connection.server_name().map(str::to_ascii_lowercase);
        TlsInfo {
            version,
            cipher,
            server_end_point: self.certificates.end_point(server_name.as_deref()),
            server_name,
            exporter: exporter.map(Box::new),
        }
    }
}

/// The version and the registered name of the cipher suite, after the handshake.
fn version_and_cipher(connection: &rustls::CommonState) -> (&'static str, String) {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLSv1.3",
    };
    let cipher = connection
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str());
    // rustls names the suites of TLS 1.3 `TLS13_…`; the registry does not.
    let cipher = cipher.unwrap_or_default().replacen("TLS13_", "TLS_", 1);
    (version, cipher)
}

fn server_config(
    provider: Arc<CryptoProvider>,
    certificates: Arc<Certificates>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Library)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    server.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::Library)?;
    Ok(Arc::new(server))
}

/// The files to read: chain and key.
fn certificate_files(config: &Config) -> Result<Vec<(PathBuf, PathBuf)>, TlsError> {
    if config.tls.certificates.is_empty() {
        let file = self_signed::provide(&config.data_dir, &config.hostname)?;
        return Ok(vec![(file.clone(), file)]);
    }
    Ok(config
        .tls
        .certificates
        .iter()
        .map(|files| (files.chain.clone(), files.key.clone()))
        .collect())
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()
}
