//! The other side of SASL: how we log in elsewhere. PLAIN (RFC 4616) and SCRAM-SHA-256 (RFC 7677) without channel binding.
//!
//! Pure but for the nonce. Failure: a server that asks for more or less work than is sensible, or does not keep to the grammar.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Failure;
use super::scram::{attribute, decode, is_extension, text};
use crate::credential::{hmac_sha256, prepare, salted_keys};
use crate::limits::{SCRAM_ITERATIONS_MAX, SCRAM_ITERATIONS_MIN};
use crate::secret::{Secret, random, same};

/// Octets of our nonce, before base64.
const NONCE_OCTETS: usize = 18;
/// `n,,` in base64: no channel binding, no other authorization identity.
const GS2_HEADER: &str = "n,,";

/// The one message of PLAIN.
pub fn plain_message(user: &str, password: &Secret) -> Secret {
    let mut message = Vec::with_capacity(user.len() + password.expose().len() + 2);
    message.push(0);
    message.extend_from_slice(user.as_bytes());
    message.push(0);
    message.extend_from_slice(password.expose());
    Secret::new(message)
}

/// A SCRAM login, from the first message to the server's proof.
pub struct ScramClient {
    password: Secret,
    nonce: String,
    /// The first message without its header.
    bare: String,
}

/// What the server's last message must hold.
pub struct ServerProof(String);

impl ScramClient {
    /// A login with a new nonce.
    ///
    /// # Errors
    /// [`Failure::Malformed`]: the password cannot be used, see [`crate::credential::PasswordError`].
    pub fn new(user: &str, password: &Secret) -> Result<ScramClient, Failure> {
        let nonce = STANDARD.encode(random::<NONCE_OCTETS>());
        ScramClient::with_nonce(user, password, nonce)
    }

    fn with_nonce(user: &str, password: &Secret, nonce: String) -> Result<ScramClient, Failure> {
        let name = user.replace('=', "=3D").replace(',', "=2C");
        Ok(ScramClient {
            password: prepare(password).map_err(|_| Failure::Malformed)?,
            bare: format!("n={name},r={nonce}"),
            nonce,
        })
    }

    /// Our first message.
    pub fn first_message(&self) -> String {
        format!("{GS2_HEADER}{}", self.bare)
    }

    /// Our answer to the server's first message. Takes a core for milliseconds.
    ///
    /// # Errors
    /// [`Failure::Malformed`]: also for a nonce that is not made from ours, and for iterations out of bounds.
    pub fn answer(&self, server_first: &[u8]) -> Result<(String, ServerProof), Failure> {
        let server_first = text(server_first)?;
        let mut attributes = server_first.split(',');
        let nonce = attribute(attributes.next(), "r=")?;
        let salt = decode(attribute(attributes.next(), "s=")?)?;
        let iterations: u32 = attribute(attributes.next(), "i=")?
            .parse()
            .map_err(|_| Failure::Malformed)?;
        let is_sensible = (SCRAM_ITERATIONS_MIN..=SCRAM_ITERATIONS_MAX).contains(&iterations);
        let is_extended = nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce);
        if !is_sensible || !is_extended || !attributes.all(is_extension) {
            return Err(Failure::Malformed);
        }
        let keys = salted_keys(&self.password, &salt, iterations);
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(GS2_HEADER));
        let signed = format!("{},{server_first},{without_proof}", self.bare);
        let signature = hmac_sha256(&keys.stored_key, signed.as_bytes());
        let mut proof = keys.client_key;
        proof
            .iter_mut()
            .zip(signature)
            .for_each(|(octet, other)| *octet ^= other);
        let answer = format!("{without_proof},p={}", STANDARD.encode(proof));
        let server = hmac_sha256(&keys.server_key, signed.as_bytes());
        Ok((
            answer,
            ServerProof(format!("v={}", STANDARD.encode(server))),
        ))
    }
}

impl ServerProof {
    /// Whether the server's last message shows that it knows the password too.
    pub fn is_shown_by(&self, server_final: &[u8]) -> bool {
        let shown = server_final.split(|&octet| octet == b',').next();
        same(shown.unwrap_or_default(), self.0.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const SERVER_FIRST: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn client() -> ScramClient {
        ScramClient::with_nonce("user", &Secret::new("pencil"), NONCE.to_owned()).unwrap()
    }

    #[test]
    fn the_example_of_rfc_7677_is_spoken_from_the_clients_side() {
        assert_eq!(client().first_message(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (answer, proof) = client().answer(SERVER_FIRST.as_bytes()).unwrap();
        assert_eq!(
            answer,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(proof.is_shown_by(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        assert!(!proof.is_shown_by(b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        assert!(!proof.is_shown_by(b""));
    }

    #[test]
    fn a_server_that_is_not_sensible_gets_no_answer() {
        for message in [
            "",
            "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4000000000",
            "r=rOprNGfwEbeRWgbNEkqOx,s=!,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,m=x",
            "m=x,r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        ] {
            assert!(client().answer(message.as_bytes()).is_err(), "{message}");
        }
    }

    #[test]
    fn names_are_escaped_and_plain_is_as_rfc_4616_says() {
        let scram = ScramClient::new("a,b=c", &Secret::new("x")).unwrap();
        assert!(scram.first_message().starts_with("n,,n=a=2Cb=3Dc,r="));
        let plain = plain_message("tim", &Secret::new("tanstaaftanstaaf"));
        assert_eq!(plain.expose(), b"\0tim\0tanstaaftanstaaf");
    }
}
