//! A certification authority of a test's own, and the certificates that it issues.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::NamedTempFile;

/// What is wrong with a certificate that is to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// It expired long ago.
    Expired,
}

/// An authority; its certificate lies in a file, for `relay.ca_file`.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

/// A certificate with its key.
pub struct Issued {
    /// The authority's behind its own.
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    pem: String,
}

impl Authority {
    /// A new authority.
    ///
    /// # Errors
    /// If no key can be made or no file written.
    pub fn new() -> io::Result<Authority> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "Authority of a test");
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
        let file = NamedTempFile::new()?;
        std::fs::write(file.path(), issuer.as_ref().pem())?;
        Ok(Authority { issuer, file })
    }

    /// The file with its certificate.
    pub fn file(&self) -> &Path {
        self.file.path()
    }

    /// Its certificate's DER, as for a TLSA record `2 0 0`.
    pub fn der(&self) -> CertificateDer<'static> {
        self.issuer.as_ref().der().clone()
    }

    /// A certificate for some names.
    ///
    /// # Errors
    /// If a name is none.
    pub fn issue(&self, names: &[&str]) -> io::Result<Issued> {
        self.issue_with(names, Flaw::None)
    }

    /// The same with a flaw.
    ///
    /// # Errors
    /// If a name is none.
    pub fn issue_with(&self, names: &[&str], flaw: Flaw) -> io::Result<Issued> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.use_authority_key_identifier_extension = true;
        if flaw == Flaw::Expired {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(io::Error::other)?;
        Ok(Issued {
            chain: vec![certificate.der().clone(), self.der()],
            pem: [certificate.pem(), self.issuer.as_ref().pem()].concat(),
            key,
        })
    }
}

impl Issued {
    /// The key, the certificate and the authority's, as PEM for a file, in the order that Postfix wants.
    pub fn pem(&self) -> String {
        format!("{}{}", self.key.serialize_pem(), self.pem)
    }

    /// The certificate's DER, as for a TLSA record `3 0 0`.
    pub fn der(&self) -> &[u8] {
        self.chain.first().map(AsRef::as_ref).unwrap_or_default()
    }

    /// The public key's DER (SubjectPublicKeyInfo), as for a TLSA record `3 1 0`.
    pub fn public_key(&self) -> Vec<u8> {
        self.key.subject_public_key_info()
    }

    /// What a TLS server needs.
    ///
    /// # Errors
    /// If the library does not take the certificate.
    pub fn server(&self) -> io::Result<Arc<ServerConfig>> {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).map_err(io::Error::other)?;
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key)
            .map(Arc::new)
            .map_err(io::Error::other)
    }
}
