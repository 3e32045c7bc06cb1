//! A connection as a client sees it: TLS from the first octet, lines, and a deadline on everything.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use daemon::config::Config;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::fail::{Failure, Outcome};

/// How long the server may take over one answer.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Knows the server by its certificate.
#[derive(Clone)]
pub struct Dialer {
    tls: TlsConnector,
    server: ServerName<'static>,
}

/// A connection.
pub struct Line {
    stream: BufReader<TlsStream<TcpStream>>,
}

impl Dialer {
    /// A dialer that trusts the certificate which the configured server uses, and no other.
    pub fn new(config: &Config) -> Outcome<Self> {
        let file = certificate_file(config);
        let failed = |why: String| {
            Failure::failed(format!(
                "cannot use the certificate {}: {why}",
                file.display()
            ))
        };
        let pem = fs::read(&file).map_err(|error| failed(error.to_string()))?;
        let expected =
            CertificateDer::from_pem_slice(&pem).map_err(|error| failed(error.to_string()))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pinned = Arc::new(Pinned {
            expected,
            provider: provider.clone(),
        });
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(pinned)
            .with_no_client_auth();
        let server = ServerName::try_from(config.hostname.clone())
            .map_err(|error| failed(error.to_string()))?;
        Ok(Dialer {
            tls: TlsConnector::from(Arc::new(tls)),
            server,
        })
    }

    /// Connects and makes the handshake.
    pub async fn connect(&self, to: SocketAddr) -> Outcome<Line> {
        let connect = async {
            let stream = TcpStream::connect(to).await?;
            stream.set_nodelay(true)?;
            self.tls.connect(self.server.clone(), stream).await
        };
        let stream = within(connect)
            .await
            .map_err(|failure| failure.during(&format!("cannot connect to {to}")))?;
        Ok(Line {
            stream: BufReader::new(stream),
        })
    }
}

impl Line {
    /// Sends octets as they are.
    pub async fn send(&mut self, octets: &[u8]) -> Outcome<()> {
        let send = async {
            self.stream.get_mut().write_all(octets).await?;
            self.stream.get_mut().flush().await
        };
        within(send).await
    }

    /// The next line, without its end.
    pub async fn read(&mut self) -> Outcome<String> {
        Ok(String::from_utf8_lossy(&self.read_octets_line().await?)
            .trim_end_matches(['\r', '\n'])
            .to_owned())
    }

    /// The next line with its end.
    pub async fn read_octets_line(&mut self) -> Outcome<Vec<u8>> {
        let mut line = Vec::new();
        within(self.stream.read_until(b'\n', &mut line)).await?;
        match line.last() {
            Some(b'\n') => Ok(line),
            _ => Err(Failure::failed("the server closed the connection")),
        }
    }

    /// As many octets.
    pub async fn read_exactly(&mut self, octets: usize) -> Outcome<Vec<u8>> {
        let mut read = vec![0; octets];
        within(self.stream.read_exact(&mut read)).await?;
        Ok(read)
    }
}

/// A failure to answer as the script wants it.
pub fn unexpected(what: &str, answer: &str) -> Failure {
    Failure::failed(format!("{what}: the server said {answer:?}"))
}

async fn within<T>(work: impl Future<Output = std::io::Result<T>>) -> Outcome<T> {
    match timeout(ANSWER_MAX, work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Failure::failed(format!(
            "the server did not answer within {} s",
            ANSWER_MAX.as_secs()
        ))),
    }
}

fn certificate_file(config: &Config) -> PathBuf {
    match config.tls.certificates.first() {
        Some(files) => files.chain.clone(),
        None => config.data_dir.join("tls").join(format!(
            "self-signed-{}.pem",
            config.hostname.to_ascii_lowercase()
        )),
    }
}

/// Takes one certificate for the server's, whoever signed it: the server's own file says which.
#[derive(Debug)]
struct Pinned {
    expected: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match *end_entity == self.expected {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(TlsError::InvalidCertificate(
                CertificateError::UnknownIssuer,
            )),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
