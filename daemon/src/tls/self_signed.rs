//! A certificate of our own making, so that a new server has TLS from its first minute. Clients warn about it.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::certificates::{TlsError, dns_names};
use crate::secret::publish;

/// The file with certificate and key, made now if there is none for this host name.
///
/// One file holds both and appears under its name whole, so that daemons that start together agree on one.
pub(super) fn provide(data_dir: &Path, hostname: &str) -> Result<PathBuf, TlsError> {
    let directory = data_dir.join("tls");
    let path = directory.join(format!("self-signed-{}.pem", hostname.to_ascii_lowercase()));
    if !is_for(&path, hostname) {
        let file_error = |error| TlsError::File {
            path: path.clone(),
            error,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(file_error)?;
        let pem = make(hostname).map_err(|error| TlsError::SelfSigned(error.to_string()))?;
        publish(&path, pem.as_bytes()).map_err(file_error)?;
    }
    tracing::warn!(
        file = %path.display(),
        "no certificate is configured: using a self-signed one, which clients will warn about; set tls.certificates"
    );
    Ok(path)
}

fn is_for(path: &Path, hostname: &str) -> bool {
    let names = fs::read(path)
        .ok()
        .and_then(|pem| dns_names(&CertificateDer::from_pem_slice(&pem).ok()?));
    names.is_some_and(|names| names.iter().any(|name| name.eq_ignore_ascii_case(hostname)))
}

fn make(hostname: &str) -> Result<String, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new([hostname.to_owned(), "localhost".to_owned()])?;
    parameters
        .distinguished_name
        .push(DnType::CommonName, hostname);
    let certificate = parameters.self_signed(&key)?;
    Ok(certificate.pem() + &key.serialize_pem())
}
