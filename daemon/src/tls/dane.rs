//! TLSA records and the certificates that they match (RFC 6698, RFC 7671, RFC 7672 §3).
//!
//! Pure: certificates are DER octets, nothing is asked of DNS, and no chain is verified here. A record that cannot be used is
//! [unusable](TlsaRecord::is_usable), never an error; a certificate that cannot be read matches nothing.

use std::fmt;

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Certificate usage DANE-TA: the record names an issuer.
const DANE_TA: u8 = 2;
/// Certificate usage DANE-EE: the record names the host's own certificate or key.
const DANE_EE: u8 = 3;
/// Selector: the whole certificate.
const CERTIFICATE: u8 = 0;
/// Selector: its public key.
const PUBLIC_KEY: u8 = 1;
/// Matching type: the octets themselves.
const FULL: u8 = 0;
/// Matching type: their SHA-256.
const SHA_256: u8 = 1;
/// Matching type: their SHA-512.
const SHA_512: u8 = 2;

/// A TLSA record (RFC 6698 §2.1).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TlsaRecord {
    /// Certificate usage.
    pub usage: u8,
    /// Selector: 0 the certificate, 1 its public key.
    pub selector: u8,
    /// Matching type: 0 the octets, 1 SHA-256, 2 SHA-512.
    pub matching: u8,
    /// Certificate association data.
    pub data: Vec<u8>,
}

/// The record as in a zone file.
impl fmt::Debug for TlsaRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ", self.usage, self.selector, self.matching)?;
        self.data
            .iter()
            .try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl TlsaRecord {
    /// Whether an SMTP client can use it: PKIX-TA(0) and PKIX-EE(1) are not for SMTP (RFC 7672 §3.1.3), parameters that nobody
    /// has defined and data of the wrong length are no use to anybody (RFC 7671 §4).
    pub fn is_usable(&self) -> bool {
        let length_fits = match self.matching {
            FULL => !self.data.is_empty(),
            SHA_256 => self.data.len() == SHA256.output_len(),
            SHA_512 => self.data.len() == SHA512.output_len(),
            _ => false,
        };
        matches!(self.usage, DANE_TA | DANE_EE)
            && matches!(self.selector, CERTIFICATE | PUBLIC_KEY)
            && length_fits
    }

    /// Whether the record stands for the host's own certificate, whatever its names and dates (RFC 7672 §3.1.1).
    pub(super) fn matches_host(&self, certificate: &CertificateDer<'_>) -> bool {
        self.usage == DANE_EE && self.matches(certificate)
    }

    /// Whether the record stands for this issuer.
    pub(super) fn matches_issuer(&self, certificate: &CertificateDer<'_>) -> bool {
        self.usage == DANE_TA && self.matches(certificate)
    }

    /// The issuer, if the record holds its whole certificate: the host need not send it (RFC 7671 §5.2.2).
    pub(super) fn issuer(&self) -> Option<CertificateDer<'_>> {
        let whole = self.usage == DANE_TA && self.selector == CERTIFICATE && self.matching == FULL;
        whole.then(|| CertificateDer::from(self.data.as_slice()))
    }

    fn matches(&self, certificate: &CertificateDer<'_>) -> bool {
        let selected = match self.selector {
            CERTIFICATE => certificate.as_ref(),
            PUBLIC_KEY => match X509Certificate::from_der(certificate) {
                Ok((_, parsed)) => parsed.tbs_certificate.subject_pki.raw,
                Err(_) => return false,
            },
            _ => return false,
        };
        match self.matching {
            FULL => self.data == selected,
            SHA_256 => self.data == digest(&SHA256, selected).as_ref(),
            SHA_512 => self.data == digest(&SHA512, selected).as_ref(),
            _ => false,
        }
    }
}

/// The records to go by: those that are usable, and of the digests for one usage and selector only the strongest (RFC 7671 §9).
pub(super) fn effective(records: &[TlsaRecord]) -> Vec<&TlsaRecord> {
    let usable: Vec<&TlsaRecord> = records.iter().filter(|record| record.is_usable()).collect();
    let stronger_exists = |record: &TlsaRecord| {
        usable.iter().any(|other| {
            (other.usage, other.selector, other.matching)
                == (record.usage, record.selector, SHA_512)
        })
    };
    usable
        .iter()
        .copied()
        .filter(|record| record.matching != SHA_256 || !stronger_exists(record))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(vec!["mx.example.test".into()]).unwrap();
        made.cert.der().clone()
    }

    fn record(usage: u8, selector: u8, matching: u8, data: impl Into<Vec<u8>>) -> TlsaRecord {
        TlsaRecord {
            usage,
            selector,
            matching,
            data: data.into(),
        }
    }

    #[test]
    fn every_selector_and_matching_type_finds_its_certificate_and_no_other() {
        let (ours, other) = (certificate(), certificate());
        let (_, parsed) = X509Certificate::from_der(&ours).unwrap();
        let key = parsed.tbs_certificate.subject_pki.raw;
        for (selector, selected) in [(CERTIFICATE, ours.as_ref()), (PUBLIC_KEY, key)] {
            for (matching, data) in [
                (FULL, selected.to_vec()),
                (SHA_256, digest(&SHA256, selected).as_ref().to_vec()),
                (SHA_512, digest(&SHA512, selected).as_ref().to_vec()),
            ] {
                let record = record(DANE_EE, selector, matching, data);
                assert!(record.is_usable());
                assert!(record.matches_host(&ours), "{record:?}");
                assert!(!record.matches_host(&other), "{record:?}");
                assert!(!record.matches_issuer(&ours), "{record:?}");
            }
        }
    }

    #[test]
    fn records_that_smtp_cannot_use_are_told_apart() {
        for unusable in [
            record(0, 0, 1, [0; 32]),
            record(1, 1, 1, [0; 32]),
            record(4, 1, 1, [0; 32]),
            record(3, 2, 1, [0; 32]),
            record(3, 1, 3, [0; 32]),
            record(3, 1, 1, [0; 31]),
            record(3, 1, 2, [0; 32]),
            record(3, 1, 0, []),
        ] {
            assert!(!unusable.is_usable(), "{unusable:?}");
        }
    }

    #[test]
    fn a_stronger_digest_displaces_the_weaker_one_of_the_same_usage_and_selector() {
        let weak = record(3, 1, SHA_256, [1; 32]);
        let strong = record(3, 1, SHA_512, [2; 64]);
        let other_selector = record(3, 0, SHA_256, [3; 32]);
        let records = [weak.clone(), strong.clone(), other_selector.clone()];
        assert_eq!(effective(&records), [&strong, &other_selector]);
        assert_eq!(effective(std::slice::from_ref(&weak)), [&weak]);
    }
}
