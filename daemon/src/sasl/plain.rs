//! PLAIN (RFC 4616): `[authzid] NUL authcid NUL password`.

use super::Failure;
use crate::limits::SASL_MESSAGE_OCTETS_MAX;
use crate::secret::Secret;

/// A parsed message.
#[derive(Debug, PartialEq, Eq)]
pub struct Plain {
    /// Whom to act as; empty: the user itself.
    pub authorization: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// Parses a message. Pure.
///
/// # Errors
/// [`Failure::Malformed`].
pub fn parse(message: &[u8]) -> Result<Plain, Failure> {
    if message.len() > SASL_MESSAGE_OCTETS_MAX {
        return Err(Failure::Malformed);
    }
    let text = std::str::from_utf8(message).map_err(|_| Failure::Malformed)?;
    let mut parts = text.split('\0');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(authorization), Some(user), Some(password), None)
            if !user.is_empty() && !password.is_empty() =>
        {
            Ok(Plain {
                authorization: authorization.to_owned(),
                user: user.to_owned(),
                password: Secret::new(password),
            })
        }
        _ => Err(Failure::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(authorization: &str, user: &str, password: &str) -> Result<Plain, Failure> {
        Ok(Plain {
            authorization: authorization.into(),
            user: user.into(),
            password: Secret::new(password),
        })
    }

    #[test]
    fn the_examples_of_rfc_4616_parse() {
        assert_eq!(
            parse(b"\0tim\0tanstaaftanstaaf"),
            plain("", "tim", "tanstaaftanstaaf")
        );
        assert_eq!(
            parse(b"Ursel\0Kurt\0xipj3plmq"),
            plain("Ursel", "Kurt", "xipj3plmq")
        );
    }

    #[test]
    fn other_shapes_are_malformed() {
        for message in [
            &b""[..],
            b"tim",
            b"\0tim",
            b"\0tim\0",
            b"\0\0secret",
            b"\0tim\0a\0b",
            b"\0t\xffm\0a",
        ] {
            assert_eq!(
                parse(message),
                Err(Failure::Malformed),
                "{}",
                message.escape_ascii()
            );
        }
        assert_eq!(parse(&[b'a'; 5000]), Err(Failure::Malformed));
    }
}
