//! Which certificate of a server is good enough, and what was wrong with one that is not.
//!
//! Three answers: any at all, one that a trusted root vouches for, one that a TLSA record matches. In each of them the server
//! proves that it has the certificate's key. Revocation is not looked at: no mail server does, and nothing could be asked in time.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::dane::{TlsaRecord, effective};

/// What a server's certificate must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Anything: encryption without authentication (RFC 7435).
    Any,
    /// Issued under a trusted root, for one of these names.
    Roots {
        /// DNS names as A-labels, or IP addresses.
        names: Vec<String>,
    },
    /// Matched by one of these records (RFC 7672 §3). If none of them is usable, anything.
    Dane {
        /// The records, validated.
        records: Vec<TlsaRecord>,
        /// What a certificate under a DANE-TA(2) record must be for.
        names: Vec<String>,
    },
}

impl Trust {
    /// Whether a certificate can be refused at all.
    pub fn authenticates(&self) -> bool {
        match self {
            Trust::Any => false,
            Trust::Roots { .. } => true,
            Trust::Dane { records, .. } => records.iter().any(TlsaRecord::is_usable),
        }
    }
}

/// What was wrong, in the terms of a TLS report (RFC 8460 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsFailure {
    /// The server offers no TLS, or refuses to begin.
    NotSupported,
    /// The certificate is for other names.
    HostMismatch,
    /// The certificate has expired or is not valid yet.
    Expired,
    /// Nobody whom we trust vouches for the certificate, or no TLSA record matches it.
    NotTrusted,
    /// Anything else that makes a handshake fail.
    Validation,
}

impl TlsFailure {
    /// The registered result type.
    pub fn result_type(self) -> &'static str {
        match self {
            TlsFailure::NotSupported => "starttls-not-supported",
            TlsFailure::HostMismatch => "certificate-host-mismatch",
            TlsFailure::Expired => "certificate-expired",
            TlsFailure::NotTrusted => "certificate-not-trusted",
            TlsFailure::Validation => "validation-failure",
        }
    }

    pub(super) fn from_error(error: &Error) -> TlsFailure {
        use CertificateError as Certificate;
        match error {
            Error::InvalidCertificate(reason) => match reason {
                Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                    TlsFailure::HostMismatch
                }
                Certificate::Expired
                | Certificate::ExpiredContext { .. }
                | Certificate::NotValidYet
                | Certificate::NotValidYetContext { .. } => TlsFailure::Expired,
                _ => TlsFailure::NotTrusted,
            },
            _ => TlsFailure::Validation,
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.result_type())
    }
}

/// A [`Trust`] as rustls asks for it.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) trust: Trust,
    pub(super) roots: Arc<RootCertStore>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    /// Issued under one of `roots`, for one of `names`.
    fn verify_chain(
        &self,
        host: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        roots: &RootCertStore,
        names: &[String],
        now: UnixTime,
    ) -> Result<(), Error> {
        let host = ParsedCertificate::try_from(host)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&host, roots, others, now, algorithms)?;
        let mut refused = CertificateError::NotValidForName.into();
        for name in names {
            let Ok(name) = ServerName::try_from(name.as_str()) else {
                continue;
            };
            match verify_server_name(&host, &name) {
                Ok(()) => return Ok(()),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn verify_dane(
        &self,
        records: &[TlsaRecord],
        names: &[String],
        host: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let records = effective(records);
        if records.is_empty() || records.iter().any(|record| record.matches_host(host)) {
            return Ok(());
        }
        let roots = issuers(&records, others);
        if roots.is_empty() {
            return Err(CertificateError::UnknownIssuer.into());
        }
        self.verify_chain(host, others, &roots, names, now)
    }
}

/// The issuers that the records name: among the certificates that the server sent, or in the records themselves.
fn issuers(records: &[&TlsaRecord], sent: &[CertificateDer<'_>]) -> RootCertStore {
    let matched = sent
        .iter()
        .filter(|certificate| {
            records
                .iter()
                .any(|record| record.matches_issuer(certificate))
        })
        .cloned();
    let enclosed = records.iter().filter_map(|record| record.issuer());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(matched.chain(enclosed));
    roots
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        host: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.trust {
            Trust::Any => Ok(()),
            Trust::Roots { names } => self.verify_chain(host, others, &self.roots, names, now),
            Trust::Dane { records, names } => self.verify_dane(records, names, host, others, now),
        }?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
