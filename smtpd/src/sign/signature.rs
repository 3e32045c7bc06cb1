//! Signing a message: the `DKIM-Signature` field (RFC 6376 §3.5, §5).
//!
//! The body's hash comes from outside (`message::digest` made it while the message arrived), so that only the header
//! section is looked at here. There is no `l=`: what is signed is the whole body (RFC 6376 §8.2).

use std::time::{SystemTime, UNIX_EPOCH};

use mail_auth::common::crypto::SigningKey;
use mail_auth::common::headers::{HeaderWriter, Writable, Writer};
use mail_auth::dkim::{Canonicalization, Signature};

use super::keyring::Signer;
use crate::message::header::Header;

/// Fields that are signed once more than they are there, so that a signed message cannot be given another one of them
/// (RFC 6376 §8.15): all that a reader sees or that decides how the body is read.
const SEALED: &[&str] = &[
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// Fields that are signed as often as they are there; lists and other agents add their own (RFC 6376 §5.4.1).
const SIGNED: &[&str] = &[
    "Sender",
    "In-Reply-To",
    "References",
    "Content-ID",
    "Content-Description",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

/// A `DKIM-Signature` field with its line end for each signer whose key works.
pub fn sign(signers: &[Signer], header: &Header, body_hash: &[u8]) -> String {
    signers
        .iter()
        .filter_map(|signer| sign_one(signer, header, body_hash))
        .collect()
}

fn sign_one(signer: &Signer, header: &Header, body_hash: &[u8]) -> Option<String> {
    let (names, fields) = selected(header);
    let mut signature = Signature {
        v: 1,
        a: signer.key.algorithm(),
        d: signer.domain.clone(),
        s: signer.selector.clone(),
        h: names,
        bh: body_hash.to_vec(),
        t: now_seconds(),
        ch: Canonicalization::Relaxed,
        cb: Canonicalization::Relaxed,
        ..Signature::default()
    };
    let signed = Signed {
        fields: &fields,
        signature: &signature,
    };
    match signer.key.sign(signed) {
        Ok(octets) => signature.b = octets,
        Err(error) => {
            tracing::error!(%error, domain = signer.domain, "signing failed");
            return None;
        }
    }
    Some(signature.to_header())
}

/// Name and value of a field.
type NameValue<'a> = (&'a [u8], &'a [u8]);

/// What `h=` names, and the fields it means: of each name the lowest first (RFC 6376 §5.4.2).
fn selected(header: &Header) -> (Vec<String>, Vec<NameValue<'_>>) {
    let mut names = Vec::new();
    let mut fields = Vec::new();
    for name in SEALED.iter().chain(SIGNED) {
        let mut named: Vec<_> = header.fields_named(name).collect();
        named.reverse();
        let more = usize::from(SEALED.contains(name));
        names.extend(std::iter::repeat_n((*name).to_owned(), named.len() + more));
        fields.extend(named.iter().map(|field| (field.name(), field.raw_value())));
    }
    (names, fields)
}

fn now_seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

/// The octets that a signature is made of (RFC 6376 §3.7): the fields, then the signature's own without `b=`.
struct Signed<'a> {
    fields: &'a [NameValue<'a>],
    signature: &'a Signature,
}

impl Writable for Signed<'_> {
    fn write(self, writer: &mut impl Writer) {
        Canonicalization::Relaxed.canonicalize_headers(self.fields.iter().copied(), writer);
        self.signature.write(writer, false);
    }
}

#[cfg(test)]
mod tests {
    use mail_auth::AuthenticatedMessage;
    use store::SigningAlgorithm;

    use super::*;
    use crate::message::header::HeaderReader;
    use crate::sign::key;

    fn header(text: &str) -> Header {
        let mut reader = HeaderReader::default();
        reader.push(text.as_bytes());
        reader.finish().0
    }

    #[test]
    fn what_is_signed_cannot_be_added_to() {
        let header = header("From: a\r\nTo: b\r\nTO: c\r\nList-Id: d\r\nX: e\r\n");
        let (names, fields) = selected(&header);
        assert_eq!(names[..5], ["From", "From", "To", "To", "To"]);
        assert_eq!(names.last().map(String::as_str), Some("List-Id"));
        let values: Vec<&[u8]> = fields.iter().map(|(_, value)| *value).collect();
        assert_eq!(values, [&b" a\r\n"[..], b" c\r\n", b" b\r\n", b" d\r\n"]);
    }

    #[test]
    fn each_key_gives_a_signature_that_can_be_read_again() {
        let algorithms = [SigningAlgorithm::RsaSha256, SigningAlgorithm::Ed25519Sha256];
        let signers = algorithms.map(|algorithm| {
            let made = key::generate(algorithm, algorithm.name().into()).unwrap();
            Signer {
                domain: "example.test".into(),
                selector: made.selector,
                key: key::signing(algorithm, &made.private_key).unwrap(),
            }
        });
        let text = "From: a@example.test\r\nSubject: b\r\n";
        let fields = sign(&signers, &header(text), &[1; 32]);
        let message = fields + text + "\r\n";
        let read = AuthenticatedMessage::parse(message.as_bytes()).unwrap();
        assert!(!read.has_dkim_errors);
        let selectors: Vec<&str> = read
            .dkim_headers
            .iter()
            .map(|field| field.header.s.as_str())
            .collect();
        assert_eq!(selectors, ["rsa-sha256", "ed25519-sha256"]);
        assert!(read.dkim_headers.iter().all(|field| field.header.l == 0));
    }
}
