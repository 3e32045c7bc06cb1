//! Hashes of a body, made while it arrives (RFC 6376 §3.7): for our signatures, and for those that are to be verified.
//!
//! A body is never kept or read again for this. There are at most four hashes: two canonicalizations and two algorithms.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use mail_auth::common::crypto::HashAlgorithm;
use mail_auth::dkim::Canonicalization;
use mail_auth::dkim::canonicalize::BodyHasher;

/// What makes a hash of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestKind {
    /// Which differences do not count.
    pub canonicalization: Canonicalization,
    /// The hash function.
    pub algorithm: HashAlgorithm,
}

impl DigestKind {
    /// What we sign with.
    pub const SIGNED: DigestKind = DigestKind {
        canonicalization: Canonicalization::Relaxed,
        algorithm: HashAlgorithm::Sha256,
    };
}

/// The empty line between header section and body, which belongs to neither.
const SEPARATOR: &[u8] = b"\r\n";

/// Hashes that are being made of one body.
#[derive(Default)]
pub struct BodyDigests {
    /// Octets of the separator that have passed.
    passed: usize,
    hashers: Vec<(DigestKind, BodyHasher<Context>)>,
}

impl BodyDigests {
    /// Makes these hashes, each once.
    pub fn new(kinds: impl IntoIterator<Item = DigestKind>) -> BodyDigests {
        let mut digests = BodyDigests::default();
        for kind in kinds {
            if !digests.hashers.iter().any(|(other, _)| *other == kind) {
                let hasher = BodyHasher::new(context(kind.algorithm), kind.canonicalization, 0);
                digests.hashers.push((kind, hasher));
            }
        }
        digests
    }

    /// Takes the next octets of what follows the header section, the empty line included.
    pub fn push(&mut self, octets: &[u8]) {
        let separator = (SEPARATOR.len() - self.passed).min(octets.len());
        self.passed += separator;
        for (_, hasher) in &mut self.hashers {
            hasher.write(&octets[separator..]);
        }
    }

    /// The hashes.
    pub fn finish(self) -> Vec<(DigestKind, Vec<u8>)> {
        let finished = self.hashers.into_iter().map(|(kind, hasher)| {
            let (context, _) = hasher.finish();
            (kind, context.finish().as_ref().to_vec())
        });
        finished.collect()
    }
}

fn context(algorithm: HashAlgorithm) -> Context {
    match algorithm {
        HashAlgorithm::Sha1 => Context::new(&SHA1_FOR_LEGACY_USE_ONLY),
        HashAlgorithm::Sha256 => Context::new(&SHA256),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn digest(pieces: &[&[u8]], canonicalization: Canonicalization) -> String {
        let kind = DigestKind {
            canonicalization,
            algorithm: HashAlgorithm::Sha256,
        };
        let mut digests = BodyDigests::new([kind, kind]);
        pieces.iter().for_each(|piece| digests.push(piece));
        let hashes = digests.finish();
        assert_eq!(hashes.len(), 1);
        STANDARD.encode(&hashes[0].1)
    }

    #[test]
    fn an_empty_body_has_the_hashes_of_the_rfc() {
        // RFC 6376 §3.4.3, §3.4.4
        for pieces in [&[][..], &[&b"\r\n"[..]], &[b"\r", b"\n\r\n"]] {
            assert_eq!(
                digest(pieces, Canonicalization::Simple),
                "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="
            );
        }
        assert_eq!(
            digest(&[b"\r\n"], Canonicalization::Relaxed),
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
    }

    #[test]
    fn pieces_do_not_matter() {
        let body = b"\r\nHello \t World \r\n\r\nBye\r\n\r\n\r\n";
        for canonicalization in [Canonicalization::Simple, Canonicalization::Relaxed] {
            let whole = digest(&[body], canonicalization);
            for step in 1..7 {
                let pieces: Vec<&[u8]> = body.chunks(step).collect();
                assert_eq!(
                    digest(&pieces, canonicalization),
                    whole,
                    "in steps of {step}"
                );
            }
        }
    }
}
