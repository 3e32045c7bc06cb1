//! Certificates for hosts: an authority, and what it issues.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// An authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a host shows, and proves.
#[derive(Clone)]
pub struct Identity {
    pub config: Arc<ServerConfig>,
    pub certificate: CertificateDer<'static>,
    pem: String,
}

impl Identity {
    /// Key and chain in a file, for a host that wants to read them.
    pub fn pem_file(&self) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), &self.pem).expect("a file");
        file
    }
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Authority(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A host of that name, with the authority's certificate behind its own.
    pub fn issue(&self, name: &str) -> Identity {
        self.issue_until(name, 2999)
    }

    /// The same, with a certificate that expires at the beginning of a year.
    pub fn issue_until(&self, name: &str, year: i32) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        let pem = [key.serialize_pem(), certificate.pem(), self.0.pem()].concat();
        let certificate = certificate.der().clone();
        let chain = vec![certificate.clone(), self.certificate()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a configuration");
        Identity {
            config: Arc::new(config),
            certificate,
            pem,
        }
    }
}
