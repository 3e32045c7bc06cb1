//! From a password to what is stored of it, and back to the question whether it was the right one.
//!
//! Stored are an Argon2id hash (RFC 9106) as a PHC string, for mechanisms that send the password, and the keys of
//! SCRAM-SHA-256 (RFC 5802 §3), for those that do not. Passwords are prepared by SASLprep (RFC 4013) on both ways, so that a
//! password typed on another keyboard is still the same. All of this takes a core for milliseconds: never call it on an async thread.

use std::num::NonZeroU32;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{CustomizedPasswordHasher, Error, PasswordVerifier, Result as Hashed};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::{digest, hmac, pbkdf2};
use store::{NewCredential, ScramKeys, ScramParameters};

use crate::limits::PASSWORD_OCTETS_MAX;
use crate::secret::{Secret, random};

/// Octets of the salt in an Argon2 hash (RFC 9106 §4).
const HASH_SALT_OCTETS: usize = 16;

/// What is reserved for the blocks of a hash. The C library hands memory back to the system at once only if it was more
/// than 32 MiB; less it keeps, for each thread that ever verified a password. What is reserved and not used costs nothing.
const HASH_OCTETS_RESERVED: usize = 33 * 1024 * 1024;

/// Why a password cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing.
    #[error("the password is empty")]
    Empty,
    /// Longer than [`PASSWORD_OCTETS_MAX`].
    #[error("the password is longer than {PASSWORD_OCTETS_MAX} octets")]
    TooLong,
    /// Not UTF-8, or with characters that SASLprep forbids (controls, private use).
    #[error("the password has characters that cannot be used in one")]
    Forbidden,
    /// The hash function refuses.
    #[error("the password cannot be hashed")]
    Hash,
}

/// Makes what is stored of a new password. `scram` are the account's parameters; None: no SCRAM for this password.
///
/// # Errors
/// The password cannot be used.
pub fn derive(
    password: &Secret,
    scram: Option<&ScramParameters>,
) -> Result<NewCredential, PasswordError> {
    let password = prepare(password)?;
    let salt: [u8; HASH_SALT_OCTETS] = random();
    let hash = Argon2id
        .hash_password_customized(password.expose(), &salt, None, None, Params::DEFAULT)
        .map_err(|_| PasswordError::Hash)?;
    let keys =
        scram.map(|parameters| scram_keys(&password, &parameters.salt, parameters.iterations));
    Ok(NewCredential {
        password_hash: hash.to_string(),
        scram: keys,
    })
}

/// SASLprep, as a stored string: unassigned code points are refused by `stringprep` in both roles.
pub(crate) fn prepare(password: &Secret) -> Result<Secret, PasswordError> {
    match password.expose().len() {
        0 => return Err(PasswordError::Empty),
        octets if octets > PASSWORD_OCTETS_MAX => return Err(PasswordError::TooLong),
        _ => {}
    }
    let text = std::str::from_utf8(password.expose()).map_err(|_| PasswordError::Forbidden)?;
    let prepared = stringprep::saslprep(text).map_err(|_| PasswordError::Forbidden)?;
    Ok(Secret::new(prepared.as_bytes()))
}

/// True if the prepared password has this hash. The hash names its own costs.
pub(crate) fn verify(prepared: &Secret, password_hash: &str) -> bool {
    PasswordHash::new(password_hash)
        .is_ok_and(|hash| Argon2id.verify_password(prepared.expose(), &hash).is_ok())
}

/// The keys of a prepared password that a server stores.
pub(crate) fn scram_keys(prepared: &Secret, salt: &[u8], iterations: u32) -> ScramKeys {
    let SaltedKeys {
        stored_key,
        server_key,
        ..
    } = salted_keys(prepared, salt, iterations);
    ScramKeys {
        stored_key,
        server_key,
    }
}

/// All keys that come of a password (RFC 5802 §3); the client's is as good as the password.
pub(crate) struct SaltedKeys {
    pub(crate) client_key: [u8; 32],
    pub(crate) stored_key: [u8; 32],
    pub(crate) server_key: [u8; 32],
}

/// Stretches a prepared password.
pub(crate) fn salted_keys(prepared: &Secret, salt: &[u8], iterations: u32) -> SaltedKeys {
    let mut salted = [0; digest::SHA256_OUTPUT_LEN];
    let iterations = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        salt,
        prepared.expose(),
        &mut salted,
    );
    let client_key = hmac_sha256(&salted, b"Client Key");
    SaltedKeys {
        stored_key: sha256(&client_key),
        server_key: hmac_sha256(&salted, b"Server Key"),
        client_key,
    }
}

pub(crate) fn sha256(text: &[u8]) -> [u8; 32] {
    octets(digest::digest(&digest::SHA256, text).as_ref())
}

pub(crate) fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    octets(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref())
}

fn octets(text: &[u8]) -> [u8; 32] {
    let mut octets = [0; 32];
    octets.copy_from_slice(text);
    octets
}

/// Argon2 in memory that goes back to the system afterwards. `Params::DEFAULT` is what OWASP recommends at least:
/// 19 MiB, two passes, one lane.
struct Argon2id;

impl CustomizedPasswordHasher<PasswordHash> for Argon2id {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> Hashed<PasswordHash> {
        let algorithm = algorithm.map_or(Ok(Algorithm::Argon2id), Algorithm::try_from)?;
        let version = version.map_or(Ok(Version::V0x13), Version::try_from)?;
        let mut output = [0; Output::MAX_LENGTH];
        let output = output
            .get_mut(..params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN))
            .ok_or(Error::OutputSize)?;
        let mut blocks = Vec::with_capacity(HASH_OCTETS_RESERVED / Block::SIZE);
        blocks.resize(params.block_count(), Block::new());
        Argon2::new(algorithm, version, params.clone()).hash_password_into_with_memory(
            password,
            salt,
            output,
            &mut blocks,
        )?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(&params)?,
            salt: Some(Salt::new(salt)?),
            hash: Some(Output::new(output)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> ScramParameters {
        ScramParameters {
            salt: b"0123456789abcdef".to_vec(),
            iterations: 4096,
        }
    }

    #[test]
    fn a_password_is_known_again_and_another_is_not() {
        let new = derive(&Secret::new("testpass"), Some(&parameters())).unwrap();
        assert!(
            new.password_hash
                .starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            new.password_hash
        );
        assert!(verify(&Secret::new("testpass"), &new.password_hash));
        assert!(!verify(&Secret::new("testpasS"), &new.password_hash));
        assert!(!verify(&Secret::new("testpass"), "$argon2id$nonsense"));
    }

    #[test]
    fn two_hashes_of_one_password_differ_but_its_scram_keys_do_not() {
        let [one, two] =
            [0, 1].map(|_| derive(&Secret::new("testpass"), Some(&parameters())).unwrap());
        assert_ne!(one.password_hash, two.password_hash);
        assert!(one.scram == two.scram);
    }

    #[test]
    fn passwords_are_prepared() {
        // RFC 4013 §3: a soft hyphen is mapped to nothing, a Roman numeral to letters.
        assert_eq!(prepare(&Secret::new("I\u{ad}X")), Ok(Secret::new("IX")));
        assert_eq!(prepare(&Secret::new("\u{2168}")), Ok(Secret::new("IX")));
        assert_eq!(
            prepare(&Secret::new("\u{7}")),
            Err(PasswordError::Forbidden)
        );
        assert_eq!(prepare(&Secret::new([0xff])), Err(PasswordError::Forbidden));
        assert_eq!(prepare(&Secret::new("")), Err(PasswordError::Empty));
        assert_eq!(
            prepare(&Secret::new([b'x'; 1025])),
            Err(PasswordError::TooLong)
        );
    }
}
