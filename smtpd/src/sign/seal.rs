//! Sealing what we forward: an ARC set (RFC 8617 §5.1) tells the next host what we found out about a message, so that it may believe
//! us where forwarding has broken SPF.
//!
//! Sealed is the message as it leaves: behind the checks and filters, with all that they added. Not sealed is a message whose own
//! ARC fields cannot be read, or whose chain was broken before (§5.1.2: nothing is added to a chain that has failed).

use mail_auth::arc::{ArcSealer, Set};
use mail_auth::common::crypto::{Algorithm, DkimKey, HashAlgorithm, Sha256, SigningKey};
use mail_auth::common::headers::{Header as Parsed, HeaderWriter, Writable};
use mail_auth::dkim::Canonicalization;
use mail_auth::{ArcOutput, AuthenticatedMessage, DkimResult};

use super::keyring::Signer;
use crate::message::header::Header;
use crate::verify::Evidence;

/// Fields whose content the seal vouches for. Not those that hosts on the way add or change (RFC 8617 §4.1.2).
const SEALED: &[&str] = &[
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "DKIM-Signature",
    "List-Id",
];

/// The three fields of the next ARC set, with their line ends; empty if there can be none. `body_hash` is of the kind that we sign
/// with.
pub fn seal(
    signers: &[Signer],
    header: &Header,
    evidence: &Evidence<'_>,
    body_hash: &[u8],
) -> String {
    // RFC 8617 §4.1.3 knows the algorithms of DKIM, and verifiers RSA alone.
    let signer = signers
        .iter()
        .find(|signer| signer.key.algorithm() == Algorithm::RsaSha256);
    let (Some(signer), Some(mut message)) = (signer, AuthenticatedMessage::parse(header.octets()))
    else {
        return String::new();
    };
    message.body_hashes = vec![(
        Canonicalization::Relaxed,
        HashAlgorithm::Sha256,
        0,
        body_hash.to_vec(),
    )];
    let Some(chain) = chain(&message, &evidence.chain) else {
        return String::new();
    };
    let set = ArcSealer::from_key(Key(&signer.key))
        .domain(signer.domain.as_str())
        .selector(signer.selector.as_str())
        .headers(SEALED.iter().copied())
        .seal(&message, &evidence.results, &chain);
    match set {
        Ok(set) => set.to_header(),
        Err(error) => {
            tracing::info!(%error, "a forwarded message is not sealed");
            String::new()
        }
    }
}

/// The chain that the message came with, if another set may follow it.
fn chain<'m>(message: &'m AuthenticatedMessage<'m>, result: &DkimResult) -> Option<ArcOutput<'m>> {
    let sets = message.as_headers.len();
    let is_whole = sets == message.ams_headers.len() && sets == message.aar_headers.len();
    let may_follow = match result {
        DkimResult::None => sets == 0,
        DkimResult::Pass => sets > 0,
        _ => false,
    };
    if message.has_arc_errors || !is_whole || !may_follow {
        return None;
    }
    let fields = message.as_headers.iter().zip(&message.ams_headers);
    let mut chain = ArcOutput::default().with_result(result.clone());
    for ((seal, signature), results) in fields.zip(&message.aar_headers) {
        chain = chain.with_set(Set {
            signature: Parsed::new(signature.name, signature.value, &signature.header),
            seal: Parsed::new(seal.name, seal.value, &seal.header),
            results: Parsed::new(results.name, results.value, &results.header),
        });
    }
    Some(chain)
}

/// A key that stays in the keyring.
struct Key<'a>(&'a DkimKey);

impl SigningKey for Key<'_> {
    type Hasher = Sha256;

    fn sign(&self, input: impl Writable) -> mail_auth::Result<Vec<u8>> {
        self.0.sign(input)
    }

    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }
}

#[cfg(test)]
mod tests {
    use mail_auth::AuthenticationResults;
    use store::SigningAlgorithm;

    use super::*;
    use crate::message::header::HeaderReader;
    use crate::sign::key;

    fn signer() -> Signer {
        let made = key::generate(SigningAlgorithm::RsaSha256, "s".into()).unwrap();
        Signer {
            domain: "ours.test".into(),
            selector: made.selector,
            key: key::signing(SigningAlgorithm::RsaSha256, &made.private_key).unwrap(),
        }
    }

    fn sealed(text: &str, chain: DkimResult) -> String {
        let mut reader = HeaderReader::default();
        reader.push(text.as_bytes());
        let evidence = Evidence {
            results: AuthenticationResults::new("mail.ours.test"),
            chain,
            confirmed: None,
        };
        seal(&[signer()], &reader.finish().0, &evidence, &[1; 32])
    }

    #[test]
    fn the_first_set_has_no_chain_before_it_and_the_second_has() {
        let message = "From: a@b.test\r\nSubject: c\r\n";
        let first = sealed(message, DkimResult::None);
        assert!(first.starts_with("ARC-Seal: i=1;"), "{first}");
        assert!(first.contains("cv=none"));
        assert!(first.contains("\r\nARC-Authentication-Results: i=1; mail.ours.test"));
        let second = sealed(&(first + message), DkimResult::Pass);
        assert!(second.starts_with("ARC-Seal: i=2;"), "{second}");
        assert!(second.contains("cv=pass"));
    }

    #[test]
    fn a_broken_chain_is_left_as_it_is() {
        let message = "From: a@b.test\r\n";
        let broken = format!("{}{message}", sealed(message, DkimResult::None));
        for (message, chain) in [
            (
                broken.as_str(),
                DkimResult::Fail(mail_auth::Error::ParseError),
            ),
            (broken.as_str(), DkimResult::None),
            (message, DkimResult::Pass),
            ("ARC-Seal: nonsense\r\nFrom: a@b.test\r\n", DkimResult::None),
        ] {
            assert_eq!(sealed(message, chain), "", "{message}");
        }
    }
}
