//! Keys for DKIM: made here, kept in the store, told to the world in the DNS (RFC 6376 §3.6.1).
//!
//! A domain signs with two of them. RSA is what every verifier knows (RFC 8301: 2048 bits); Ed25519 (RFC 8463) is short
//! and quick, and verifiers that do not know it pass it over.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_auth::common::crypto::{DkimKey, Ed25519Key, RsaKey, Sha256};
use rustls_pki_types::PrivateKeyDer;
use store::{NewSigningKey, PrivateKey, SigningAlgorithm};

/// The most that one string of a TXT record holds (RFC 1035 §3.3.14).
const STRING_OCTETS_MAX: usize = 255;

/// A key cannot be made or is not what it should be. Nothing of the key is told.
#[derive(Debug, thiserror::Error)]
#[error("the {} key is unusable", .0.name())]
pub struct KeyUnusable(SigningAlgorithm);

/// Makes a key to be published under `selector`.
///
/// # Errors
/// The system has no randomness.
pub fn generate(
    algorithm: SigningAlgorithm,
    selector: String,
) -> Result<NewSigningKey, KeyUnusable> {
    let octets = match algorithm {
        SigningAlgorithm::RsaSha256 => generate_rsa(),
        SigningAlgorithm::Ed25519Sha256 => generate_ed25519(),
    };
    Ok(NewSigningKey {
        selector,
        algorithm,
        private_key: PrivateKey::new(octets.ok_or(KeyUnusable(algorithm))?),
    })
}

fn generate_rsa() -> Option<Vec<u8>> {
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).ok()?;
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    Some(pkcs8.as_ref().to_vec())
}

fn generate_ed25519() -> Option<Vec<u8>> {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).ok()?;
    Some(pkcs8.as_ref().to_vec())
}

/// The key in the form that signs.
///
/// # Errors
/// The octets are no such key.
pub fn signing(
    algorithm: SigningAlgorithm,
    private_key: &PrivateKey,
) -> Result<DkimKey, KeyUnusable> {
    let octets = private_key.reveal();
    let key = match algorithm {
        SigningAlgorithm::RsaSha256 => rsa(octets).map(DkimKey::from),
        SigningAlgorithm::Ed25519Sha256 => ed25519(octets).map(DkimKey::from),
    };
    key.ok_or(KeyUnusable(algorithm))
}

fn rsa(octets: &[u8]) -> Option<RsaKey<Sha256>> {
    RsaKey::from_key_der(PrivateKeyDer::Pkcs8(octets.into())).ok()
}

fn ed25519(octets: &[u8]) -> Option<Ed25519Key> {
    Ed25519Key::from_pkcs8_der(octets).ok()
}

/// What the DNS is to tell of a key, as one text.
///
/// # Errors
/// The octets are no such key.
pub fn record(algorithm: SigningAlgorithm, key: &PrivateKey) -> Result<String, KeyUnusable> {
    let (kind, public) = match signing(algorithm, key)? {
        DkimKey::Rsa(_) => ("rsa", public_rsa(key.reveal())),
        DkimKey::Ed25519(key) => ("ed25519", Some(key.public_key())),
    };
    let public = STANDARD.encode(public.ok_or(KeyUnusable(algorithm))?);
    Ok(format!("v=DKIM1; k={kind}; p={public}"))
}

/// RFC 6376 §3.6.1 says RSAPublicKey, but everybody publishes and reads a SubjectPublicKeyInfo (erratum 3017).
fn public_rsa(octets: &[u8]) -> Option<Vec<u8>> {
    use aws_lc_rs::encoding::PublicKeyX509Der;
    use aws_lc_rs::signature::KeyPair;
    let pair = aws_lc_rs::rsa::KeyPair::from_pkcs8(octets).ok()?;
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
    Some(der.as_ref().to_vec())
}

/// Where the record stands: a name in the DNS.
pub fn record_name(domain: &str, selector: &str) -> String {
    format!("{selector}._domainkey.{domain}")
}

/// A record as a zone file has it: quoted strings of at most 255 octets, which the reader joins (RFC 6376 §3.6.2.2).
pub fn in_strings(record: &str) -> String {
    let strings: Vec<String> = record
        .as_bytes()
        .chunks(STRING_OCTETS_MAX)
        .map(|part| format!("\"{}\"", String::from_utf8_lossy(part)))
        .collect();
    strings.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_signs_and_has_a_record() {
        for (algorithm, start, octets) in [
            (SigningAlgorithm::RsaSha256, "v=DKIM1; k=rsa; p=MIIB", 410),
            (
                SigningAlgorithm::Ed25519Sha256,
                "v=DKIM1; k=ed25519; p=",
                66,
            ),
        ] {
            let key = generate(algorithm, "s".into()).unwrap();
            assert!(signing(algorithm, &key.private_key).is_ok());
            let record = record(algorithm, &key.private_key).unwrap();
            assert!(record.starts_with(start), "{record}");
            assert_eq!(record.len(), octets);
        }
    }

    #[test]
    fn octets_that_are_no_key_are_refused_without_being_told() {
        let wrong = PrivateKey::new(b"geheim".to_vec());
        let error = signing(SigningAlgorithm::RsaSha256, &wrong).err().unwrap();
        assert_eq!(error.to_string(), "the rsa-sha256 key is unusable");
    }

    #[test]
    fn long_records_are_split_and_nothing_is_lost() {
        let record = "x".repeat(300);
        let split = in_strings(&record);
        assert_eq!(
            split,
            format!("\"{}\" \"{}\"", "x".repeat(255), "x".repeat(45))
        );
    }
}
