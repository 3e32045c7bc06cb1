//! What a sender says about notices (RFC 3461 §4; RFC 6533 §3 for addresses that are not ASCII).
//!
//! Values are kept as they stood in the command, because that is how they go on to the next host.

use std::fmt;

use super::xtext;
use crate::limits::{ENVELOPE_ID_OCTETS_MAX, ORIGINAL_RECIPIENT_OCTETS_MAX};

/// `RET`: what of the message is given back when it fails (RFC 3461 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// All of it.
    Full,
    /// Its header section.
    Headers,
}

impl Return {
    pub(super) fn parse(value: &str) -> Option<Return> {
        [Return::Full, Return::Headers]
            .into_iter()
            .find(|ret| ret.keyword().eq_ignore_ascii_case(value))
    }

    /// The value in its usual form.
    pub fn keyword(self) -> &'static str {
        match self {
            Return::Full => "FULL",
            Return::Headers => "HDRS",
        }
    }
}

/// `ENVID`: the sender's own name for the transaction, in xtext (RFC 3461 §4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeId(String);

impl EnvelopeId {
    pub(super) fn parse(value: &str) -> Option<EnvelopeId> {
        let is_printable = |octets: &[u8]| octets.iter().all(|octet| matches!(octet, b' '..=b'~'));
        let valid = value.len() <= ENVELOPE_ID_OCTETS_MAX
            && xtext::decode(value).is_some_and(|octets| is_printable(&octets));
        valid.then(|| EnvelopeId(value.to_owned()))
    }

    /// As it stands in a command.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `NOTIFY`: what the sender wants to hear of a recipient; nothing of all this: `NEVER` (RFC 3461 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notify {
    /// `SUCCESS`
    pub success: bool,
    /// `FAILURE`
    pub failure: bool,
    /// `DELAY`
    pub delay: bool,
}

impl Notify {
    /// `NEVER`
    pub const NEVER: Notify = Notify {
        success: false,
        failure: false,
        delay: false,
    };

    pub(super) fn parse(value: &str) -> Option<Notify> {
        let mut notify = Notify::NEVER;
        if value.eq_ignore_ascii_case("NEVER") {
            return Some(notify);
        }
        for word in value.split(',') {
            let wish = match word.to_ascii_uppercase().as_str() {
                "SUCCESS" => &mut notify.success,
                "FAILURE" => &mut notify.failure,
                "DELAY" => &mut notify.delay,
                _ => return None,
            };
            *wish = true;
        }
        Some(notify)
    }

    /// The same for the addresses that a recipient was expanded to: success was told with the expansion (RFC 3461 §5.2.7.3).
    #[must_use]
    pub fn without_success(self) -> Notify {
        Notify {
            success: false,
            ..self
        }
    }
}

/// The value as it stands in a command.
impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = [
            (self.success, "SUCCESS"),
            (self.failure, "FAILURE"),
            (self.delay, "DELAY"),
        ]
        .into_iter()
        .filter_map(|(wanted, word)| wanted.then_some(word))
        .collect();
        match words.is_empty() {
            true => f.write_str("NEVER"),
            false => f.write_str(&words.join(",")),
        }
    }
}

/// `ORCPT`: the address that the sender wrote in the beginning, with its kind (RFC 3461 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalRecipient(String);

impl OriginalRecipient {
    pub(super) fn parse(value: &str) -> Option<OriginalRecipient> {
        let (kind, address) = value.split_once(';')?;
        let is_kind =
            !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let is_address = match kind.eq_ignore_ascii_case("utf-8") {
            // RFC 6533 §3: UTF-8 as it is, or `\\x{…}` for characters; both are free of blanks and controls here already.
            true => !address.is_empty() && !address.contains('='),
            false => xtext::decode(address).is_some_and(|octets| is_text(&octets)),
        };
        let valid = value.len() <= ORIGINAL_RECIPIENT_OCTETS_MAX && is_kind && is_address;
        valid.then(|| OriginalRecipient(value.to_owned()))
    }

    /// As it stands in a command.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Not empty, and nothing in it that could end a header field.
fn is_text(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(|octet| matches!(octet, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notify_is_never_or_a_list() {
        let read = |value| Notify::parse(value).map(|notify| notify.to_string());
        assert_eq!(read("never").as_deref(), Some("NEVER"));
        assert_eq!(read("delay,Success").as_deref(), Some("SUCCESS,DELAY"));
        for value in ["", "NEVER,DELAY", "SUCCESS,", "SUCCESS DELAY", "ALWAYS"] {
            assert_eq!(read(value), None, "{value}");
        }
        let success = Notify::parse("SUCCESS").unwrap();
        assert_eq!(success.without_success(), Notify::NEVER);
    }

    #[test]
    fn original_recipients_have_a_kind_and_an_encoded_address() {
        let valid = |value| OriginalRecipient::parse(value).is_some();
        assert!(valid("rfc822;Bob+40x@example.test"));
        assert!(valid("utf-8;j\\x{FC}rgen@example.test"));
        assert!(valid("utf-8;jürgen@example.test"));
        for value in [
            "a@b.test",
            ";a@b.test",
            "rfc822;",
            "rfc822;a+0D+0Ab",
            "rfc822;jürgen@b.test",
            "rfc822;a=b",
        ] {
            assert!(!valid(value), "{value}");
        }
        assert!(!valid(&format!("rfc822;{}", "a".repeat(500))));
    }

    #[test]
    fn envelope_ids_are_printable() {
        let valid = |value| EnvelopeId::parse(value).is_some();
        assert!(valid("QQ314159") && valid("a+20b"));
        assert!(!valid("a+0Ab") && !valid("a+zz") && !valid(&"a".repeat(101)));
    }
}
