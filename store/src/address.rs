//! A mail address in the form in which the store compares addresses.
//!
//! The local part is NFC and lower case, the domain lower-case A-labels (RFC 5890), so two
//! ways of writing one address are equal. For local domains that is what users expect;
//! addresses elsewhere keep their spelling in the outbound queue, which stores strings.
//!
//! Not here: the grammar of paths with source routes and quoting; that is smtpd's.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

use crate::{Error, Result};

/// Octets in a local part (RFC 5321 §4.5.3.1.1).
pub const LOCAL_PART_OCTETS_MAX: usize = 64;
/// Octets in a domain (RFC 5321 §4.5.3.1.2).
pub const DOMAIN_OCTETS_MAX: usize = 255;

/// A normalised mail address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    text: String,
    at: usize,
}

impl Address {
    /// Reads `local@domain`. The local part is taken literally: quotes are not interpreted.
    pub fn parse(text: &str) -> Result<Address> {
        let (local, domain) = text
            .rsplit_once('@')
            .ok_or_else(|| invalid(text, "there is no @"))?;
        Address::from_parts(local, domain)
    }

    /// Makes an address of an unquoted local part and a domain.
    pub fn from_parts(local: &str, domain: &str) -> Result<Address> {
        let whole = || format!("{local}@{domain}");
        // Composed once more, since the lower case of one character may be several: `İ` becomes `i` and a mark.
        let local: String = local.nfc().flat_map(char::to_lowercase).nfc().collect();
        if local.is_empty() || local.len() > LOCAL_PART_OCTETS_MAX {
            return Err(invalid(
                &whole(),
                "the part before @ must have 1 to 64 octets",
            ));
        }
        if local.chars().any(|c| c.is_control() || c == '@') {
            return Err(invalid(
                &whole(),
                "the part before @ has a character that cannot be there",
            ));
        }
        let domain = normal_domain(domain)?;
        let at = local.len();
        Ok(Address {
            text: local + "@" + &domain,
            at,
        })
    }

    /// The part before `@`, normalised.
    pub fn local(&self) -> &str {
        &self.text[..self.at]
    }

    /// The domain as lower-case A-labels.
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// The whole, `local@domain`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A domain in the form in which the store compares it: lower-case A-labels, no final dot.
pub fn normal_domain(domain: &str) -> Result<String> {
    let trimmed = domain.strip_suffix('.').unwrap_or(domain);
    let ascii = idna::domain_to_ascii_strict(trimmed)
        .map_err(|_| Error::Invalid(format!("{domain:?} is not a domain name")))?;
    if ascii.is_empty() || ascii.len() > DOMAIN_OCTETS_MAX {
        let text = format!("{domain:?} is not a domain name: it must have 1 to 255 octets");
        return Err(Error::Invalid(text));
    }
    Ok(ascii)
}

fn invalid(text: &str, why: &str) -> Error {
    Error::Invalid(format!("{text:?} is not a mail address: {why}"))
}

impl FromStr for Address {
    type Err = Error;
    fn from_str(text: &str) -> Result<Address> {
        Address::parse(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl rusqlite::ToSql for Address {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        self.text.to_sql()
    }
}

impl rusqlite::types::FromSql for Address {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        let text = value.as_str()?;
        let at = text
            .rfind('@')
            .ok_or(rusqlite::types::FromSqlError::InvalidType)?;
        Ok(Address {
            text: text.to_owned(),
            at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_normal_form_stays(local in "\\PC{0,12}", domain in "[\\PC.-]{0,12}|[a-zA-Z0-9.-]{1,12}") {
            if let Ok(address) = Address::parse(&format!("{local}@{domain}")) {
                prop_assert_eq!(Address::parse(address.as_str()), Ok(address.clone()));
                prop_assert_eq!(Address::from_parts(address.local(), address.domain()), Ok(address.clone()));
                prop_assert!(address.domain().is_ascii());
            }
            if let Ok(domain) = normal_domain(&domain) {
                prop_assert_eq!(normal_domain(&domain), Ok(domain.clone()));
                prop_assert!(!domain.contains(['/', '\0', ' ', '@']), "{domain:?}");
            }
        }
    }

    #[test]
    fn spelling_does_not_matter() {
        let plain = Address::parse("anna@xn--mller-kva.example").expect("valid");
        assert_eq!(
            Address::parse("Anna@Müller.Example.").expect("valid"),
            plain
        );
        assert_eq!(plain.local(), "anna");
        assert_eq!(plain.domain(), "xn--mller-kva.example");
    }

    #[test]
    fn the_normal_form_of_a_normal_form_is_itself() {
        let address = Address::parse("I\u{307}\u{327}\u{31e}@a").expect("valid");
        assert_eq!(Address::parse(address.as_str()), Ok(address));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "anna",
            "@example.test",
            "anna@",
            "an\0na@example.test",
            "a b@exa mple",
            "a@b@\n",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad:?}");
        }
    }
}
