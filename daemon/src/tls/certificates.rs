//! The certificates of a server and which of them a client gets.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::end_point::end_point;

/// Why TLS is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: {reason}")]
    Content {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The library refuses.
    #[error("TLS: {0}")]
    Library(#[source] rustls::Error),
    /// A self-signed certificate could not be made.
    #[error("cannot make a self-signed certificate: {0}")]
    SelfSigned(String),
}

/// All certificates of the server.
#[derive(Debug)]
pub(super) struct Certificates {
    /// The first that is configured.
    default: Arc<Entry>,
    /// By DNS name in lower case; a wildcard as `*.example.test`.
    names: HashMap<String, Arc<Entry>>,
}

#[derive(Debug)]
struct Entry {
    key: Arc<CertifiedKey>,
    end_point: Option<Box<[u8]>>,
    names: Vec<String>,
}

impl Certificates {
    /// The certificate for a name: its own, that of a wildcard, or the default.
    fn choose(&self, name: Option<&str>) -> &Arc<Entry> {
        let Some(name) = name.map(str::to_ascii_lowercase) else {
            return &self.default;
        };
        let wildcard = || {
            name.split_once('.')
                .map(|(_, parent)| format!("*.{parent}"))
        };
        self.names
            .get(&name)
            .or_else(|| self.names.get(&wildcard()?))
            .unwrap_or(&self.default)
    }

    /// The channel binding of the certificate that a client with this name got.
    pub(super) fn end_point(&self, name: Option<&str>) -> Option<Box<[u8]>> {
        self.choose(name).end_point.clone()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.choose(hello.server_name()).key.clone())
    }
}

/// Reads chains and keys. There must be at least one.
pub(super) fn load(
    files: &[(PathBuf, PathBuf)],
    provider: &CryptoProvider,
) -> Result<Certificates, TlsError> {
    let mut entries = Vec::new();
    for (chain, key) in files {
        entries.push(Arc::new(load_one(chain, key, provider)?));
    }
    let default = entries.first().cloned();
    let default = default.ok_or_else(|| TlsError::SelfSigned("no certificate".to_owned()))?;
    let mut names = HashMap::new();
    for entry in &entries {
        for name in &entry.names {
            names.entry(name.clone()).or_insert_with(|| entry.clone());
        }
    }
    Ok(Certificates { default, names })
}

fn load_one(chain: &Path, key: &Path, provider: &CryptoProvider) -> Result<Entry, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(&read(chain)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| content(chain, format!("not a PEM file of certificates: {error}")))?;
    let leaf = certificates.first();
    let leaf = leaf.ok_or_else(|| {
        content(
            chain,
            "holds no certificate (-----BEGIN CERTIFICATE-----)".to_owned(),
        )
    })?;
    let names = dns_names(leaf).ok_or_else(|| {
        content(
            chain,
            "the first certificate cannot be understood".to_owned(),
        )
    })?;
    let end_point = end_point(leaf);
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|error| content(key, format!("holds no private key in PEM: {error}")))?;
    let certified = CertifiedKey::from_der(certificates, secret, provider)
        .map_err(|error| content(key, format!("does not fit {}: {error}", chain.display())))?;
    Ok(Entry {
        key: Arc::new(certified),
        end_point,
        names,
    })
}

/// The names in the certificate; the common name counts no more (RFC 9525 §2).
pub(super) fn dns_names(certificate: &[u8]) -> Option<Vec<String>> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let Ok(Some(names)) = certificate.subject_alternative_name() else {
        return Some(Vec::new());
    };
    let names = names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
    Some(names.collect())
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::File {
        path: path.to_owned(),
        error,
    })
}

fn content(path: &Path, reason: String) -> TlsError {
    TlsError::Content {
        path: path.to_owned(),
        reason,
    }
}
