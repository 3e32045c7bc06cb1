//! The messages and the arithmetic of SCRAM-SHA-256 (RFC 5802, RFC 7677), server side. Pure: no store, no clock, no randomness.
//!
//! ```text
//! client-first   n,,n=user,r=CNONCE
//! server-first   r=CNONCE+SNONCE,s=SALT,i=ITERATIONS
//! client-final   c=CHANNEL-BINDING,r=CNONCE+SNONCE,p=PROOF
//! server-final   v=SIGNATURE
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use store::ScramKeys;

use super::Failure;
use crate::credential::{hmac_sha256, sha256};
use crate::limits::SASL_MESSAGE_OCTETS_MAX;
use crate::secret::same;

/// What a client says of channel binding (RFC 5802 §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindingFlag {
    /// `n`: it cannot.
    Unsupported,
    /// `y`: it can, but thinks that we cannot.
    NotOffered,
    /// `p=NAME`: it does.
    Used(String),
}

/// The client's first message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFirst {
    /// Channel binding.
    pub binding: BindingFlag,
    /// Whom to act as; empty: the user itself.
    pub authorization: String,
    /// The user.
    pub user: String,
    /// The client's nonce.
    pub nonce: String,
    /// `n,,`: repeated in the final message.
    pub header: String,
    /// The rest, for the signature.
    pub bare: String,
}

/// The client's last message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFinal {
    /// The header of the first message and the channel's data.
    pub binding: Vec<u8>,
    /// Both nonces.
    pub nonce: String,
    /// The proof.
    pub proof: [u8; 32],
    /// All but the proof, for the signature.
    pub without_proof: String,
}

/// Parses the client's first message.
///
/// # Errors
/// [`Failure::Malformed`]; also for extensions that we would have to know (`m=`).
pub fn parse_client_first(message: &[u8]) -> Result<ClientFirst, Failure> {
    let text = text(message)?;
    let (flag, rest) = text.split_once(',').ok_or(Failure::Malformed)?;
    let (authorization, bare) = rest.split_once(',').ok_or(Failure::Malformed)?;
    let binding = match flag.strip_prefix("p=") {
        Some(name) if is_binding_name(name) => BindingFlag::Used(name.to_owned()),
        None if flag == "n" => BindingFlag::Unsupported,
        None if flag == "y" => BindingFlag::NotOffered,
        _ => return Err(Failure::Malformed),
    };
    let authorization = match authorization {
        "" => String::new(),
        named => sasl_name(named.strip_prefix("a=").ok_or(Failure::Malformed)?)?,
    };
    let mut attributes = bare.split(',');
    let user = sasl_name(attribute(attributes.next(), "n=")?)?;
    let nonce = attribute(attributes.next(), "r=")?;
    if !is_nonce(nonce) || !attributes.all(is_extension) {
        return Err(Failure::Malformed);
    }
    Ok(ClientFirst {
        binding,
        authorization,
        user,
        nonce: nonce.to_owned(),
        header: text[..text.len() - bare.len()].to_owned(),
        bare: bare.to_owned(),
    })
}

/// Our first message.
pub fn server_first(nonce: &str, salt: &[u8], iterations: u32) -> String {
    format!("r={nonce},s={},i={iterations}", STANDARD.encode(salt))
}

/// Parses the client's last message.
///
/// # Errors
/// [`Failure::Malformed`].
pub fn parse_client_final(message: &[u8]) -> Result<ClientFinal, Failure> {
    let text = text(message)?;
    let (without_proof, proof) = text.rsplit_once(",p=").ok_or(Failure::Malformed)?;
    let mut attributes = without_proof.split(',');
    let binding = decode(attribute(attributes.next(), "c=")?)?;
    let nonce = attribute(attributes.next(), "r=")?.to_owned();
    if !attributes.all(is_extension) {
        return Err(Failure::Malformed);
    }
    let proof = decode(proof)?.try_into().map_err(|_| Failure::Malformed)?;
    Ok(ClientFinal {
        binding,
        nonce,
        proof,
        without_proof: without_proof.to_owned(),
    })
}

/// `AuthMessage` (RFC 5802 §3).
pub fn auth_message(first: &ClientFirst, server_first: &str, last: &ClientFinal) -> String {
    format!("{},{server_first},{}", first.bare, last.without_proof)
}

/// True if the proof was made with the password of these keys.
pub fn proves(keys: &ScramKeys, auth_message: &str, proof: &[u8; 32]) -> bool {
    let mut client_key = hmac_sha256(&keys.stored_key, auth_message.as_bytes());
    for (octet, other) in client_key.iter_mut().zip(proof) {
        *octet ^= other;
    }
    same(&sha256(&client_key), &keys.stored_key)
}

/// Our last message: proof that we have the keys.
pub fn server_final(keys: &ScramKeys, auth_message: &str) -> String {
    format!(
        "v={}",
        STANDARD.encode(hmac_sha256(&keys.server_key, auth_message.as_bytes()))
    )
}

pub(super) fn text(message: &[u8]) -> Result<&str, Failure> {
    if message.len() > SASL_MESSAGE_OCTETS_MAX || message.contains(&0) {
        return Err(Failure::Malformed);
    }
    std::str::from_utf8(message).map_err(|_| Failure::Malformed)
}

pub(super) fn attribute<'a>(attribute: Option<&'a str>, name: &str) -> Result<&'a str, Failure> {
    attribute
        .and_then(|attribute| attribute.strip_prefix(name))
        .ok_or(Failure::Malformed)
}

pub(super) fn decode(text: &str) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(text).map_err(|_| Failure::Malformed)
}

/// `saslname`: a comma is written `=2C`, an equals sign `=3D`.
fn sasl_name(text: &str) -> Result<String, Failure> {
    let mut name = String::with_capacity(text.len());
    let mut parts = text.split('=');
    name.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (letter, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (None, Some(rest)) => ('=', rest),
            (None, None) => return Err(Failure::Malformed),
        };
        name.push(letter);
        name.push_str(rest);
    }
    if name.is_empty() {
        Err(Failure::Malformed)
    } else {
        Ok(name)
    }
}

/// Printable, without comma.
fn is_nonce(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|octet| octet.is_ascii_graphic() && octet != b',')
}

fn is_binding_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b".-".contains(&octet))
}

/// An optional extension, which we ignore: a letter, `=`, something. `m=` is not optional (RFC 5802 §5.1).
pub(super) fn is_extension(attribute: &str) -> bool {
    match attribute.as_bytes() {
        [letter, b'=', _, ..] => letter.is_ascii_alphabetic() && *letter != b'm',
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::credential::scram_keys;
    use crate::secret::Secret;

    const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                         p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    #[test]
    fn the_example_of_rfc_7677_is_reproduced() {
        let first = parse_client_first(FIRST.as_bytes()).unwrap();
        assert_eq!(
            (first.user.as_str(), first.header.as_str()),
            ("user", "n,,")
        );
        let salt = decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        assert_eq!(server_first(NONCE, &salt, 4096), SERVER_FIRST);
        let last = parse_client_final(FINAL.as_bytes()).unwrap();
        assert_eq!(
            (last.binding.as_slice(), last.nonce.as_str()),
            (&b"n,,"[..], NONCE)
        );
        let keys = scram_keys(&Secret::new("pencil"), &salt, 4096);
        let message = auth_message(&first, SERVER_FIRST, &last);
        assert!(proves(&keys, &message, &last.proof));
        assert_eq!(server_final(&keys, &message), SERVER_FINAL);
        let other = scram_keys(&Secret::new("pencils"), &salt, 4096);
        assert!(!proves(&other, &message, &last.proof));
    }

    #[test]
    fn names_and_flags_are_read() {
        let first = parse_client_first(b"p=tls-exporter,a=a=2Cb=3Dc,n=x=3Dy,r=abc,e=1").unwrap();
        assert_eq!(first.binding, BindingFlag::Used("tls-exporter".into()));
        assert_eq!(
            (first.authorization.as_str(), first.user.as_str()),
            ("a,b=c", "x=y")
        );
        assert_eq!(first.header, "p=tls-exporter,a=a=2Cb=3Dc,");
        assert_eq!(
            parse_client_first(b"y,,n=u,r=abc").unwrap().binding,
            BindingFlag::NotOffered
        );
    }

    #[test]
    fn other_shapes_are_malformed() {
        for message in [
            "",
            "n",
            "n,",
            "n,,",
            "x,,n=u,r=a",
            "p=,,n=u,r=a",
            "n,b=c,n=u,r=a",
            "n,,n=,r=a",
            "n,,n=u=,r=a",
            "n,,n=u=2c,r=a",
            "n,,n=u",
            "n,,n=u,r=",
            "n,,n=u,r=a b",
            "n,,m=x,n=u,r=a",
            "n,,n=u,r=a,m=x",
            "n,,n=u,r=a,",
            "n,,n=u\0,r=a",
        ] {
            assert_eq!(
                parse_client_first(message.as_bytes()),
                Err(Failure::Malformed),
                "{message}"
            );
        }
        for message in [
            "",
            "c=biws,r=a",
            "c=biws,r=a,p=AAAA",
            "c=!,r=a,p=",
            "r=a,c=biws,p=AAAA",
        ] {
            assert_eq!(
                parse_client_final(message.as_bytes()),
                Err(Failure::Malformed),
                "{message}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_parsed_without_panic(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_client_first(&message);
            let _ = parse_client_final(&message);
        }

        #[test]
        fn what_a_client_writes_is_read(user in "[^\0]{1,20}", nonce in "[!-+\\--~]{1,30}") {
            let written = user.replace('=', "=3D").replace(',', "=2C");
            let first = parse_client_first(format!("n,,n={written},r={nonce}").as_bytes()).unwrap();
            prop_assert_eq!(first.user, user);
            prop_assert_eq!(first.nonce, nonce);
        }
    }
}
