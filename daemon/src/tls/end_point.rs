//! The channel binding `tls-server-end-point` (RFC 5929 §4.1): a certificate's hash, by the hash function of its own
//! signature, where MD5 and SHA-1 count as SHA-256.

use aws_lc_rs::digest::{self, Algorithm, SHA224, SHA256, SHA384, SHA512};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::signature_algorithm::SignatureAlgorithm;

/// None if the certificate is not understood or its signature has no single hash function.
pub(super) fn end_point(certificate: &[u8]) -> Option<Box<[u8]>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let oid = parsed.signature_algorithm.algorithm.to_id_string();
    let algorithm = match signature_hash(&oid) {
        Some(algorithm) => algorithm,
        None => pss_hash(&parsed)?,
    };
    Some(digest::digest(algorithm, certificate).as_ref().into())
}

fn signature_hash(oid: &str) -> Option<&'static Algorithm> {
    Some(match oid {
        // RSA PKCS #1 with MD5, SHA-1, SHA-256, SHA-384, SHA-512, SHA-224 (RFC 8017).
        "1.2.840.113549.1.1.4" | "1.2.840.113549.1.1.5" | "1.2.840.113549.1.1.11" => &SHA256,
        "1.2.840.113549.1.1.12" => &SHA384,
        "1.2.840.113549.1.1.13" => &SHA512,
        "1.2.840.113549.1.1.14" => &SHA224,
        // ECDSA with SHA-1, SHA-224, SHA-256, SHA-384, SHA-512 (RFC 5758).
        "1.2.840.10045.4.1" | "1.2.840.10045.4.3.2" => &SHA256,
        "1.2.840.10045.4.3.1" => &SHA224,
        "1.2.840.10045.4.3.3" => &SHA384,
        "1.2.840.10045.4.3.4" => &SHA512,
        _ => return None,
    })
}

/// RSA-PSS names its hash in its parameters.
fn pss_hash(certificate: &X509Certificate<'_>) -> Option<&'static Algorithm> {
    let Ok(SignatureAlgorithm::RSASSA_PSS(parameters)) =
        SignatureAlgorithm::try_from(&certificate.signature_algorithm)
    else {
        return None;
    };
    Some(
        match parameters.hash_algorithm_oid().to_id_string().as_str() {
            "1.3.14.3.2.26" | "2.16.840.1.101.3.4.2.1" => &SHA256,
            "2.16.840.1.101.3.4.2.2" => &SHA384,
            "2.16.840.1.101.3.4.2.3" => &SHA512,
            _ => return None,
        },
    )
}
