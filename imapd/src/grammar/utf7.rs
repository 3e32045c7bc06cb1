//! Modified UTF-7, the wire form of mailbox names (RFC 3501 §5.1.3), both ways.
//!
//! Decoding accepts only the one form that encoding gives, as RFC 3501 asks ("MUST NOT use modified BASE64 to represent
//! any printing US-ASCII character"): two wire names never mean one mailbox. Anything else is `None`.

use base64::Engine;
use base64::alphabet::Alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig as Config};
use std::sync::LazyLock;

/// BASE64 with `,` for `/` and no padding.
static MODIFIED_BASE64: LazyLock<Option<GeneralPurpose>> = LazyLock::new(|| {
    let config: Config = GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone);
    let alphabet =
        Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").ok()?;
    Some(GeneralPurpose::new(&alphabet, config))
});

fn is_direct(character: char) -> bool {
    matches!(character, ' '..='~')
}

/// Writes `name` in modified UTF-7.
pub fn encode(name: &str, into: &mut Vec<u8>) {
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let length = rest
            .find(|character| is_direct(character) != is_direct(first))
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(length);
        rest = after;
        if is_direct(first) {
            for octet in run.bytes() {
                into.extend_from_slice(if octet == b'&' {
                    b"&-"
                } else {
                    std::slice::from_ref(&octet)
                });
            }
        } else {
            into.push(b'&');
            let units: Vec<u8> = run.encode_utf16().flat_map(u16::to_be_bytes).collect();
            if let Some(base64) = MODIFIED_BASE64.as_ref() {
                into.extend_from_slice(base64.encode(units).as_bytes());
            }
            into.push(b'-');
        }
    }
}

/// Reads modified UTF-7.
pub fn decode(wire: &[u8]) -> Option<String> {
    let mut name = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'&' => {
                let end = memchr::memchr(b'-', rest)?;
                let (run, after) = rest.split_at(end);
                rest = after.get(1..)?;
                if run.is_empty() {
                    name.push('&');
                } else {
                    decode_run(run, &mut name)?;
                    // Two runs without text between them are one run, written otherwise.
                    if rest.first() == Some(&b'&') && rest.get(1) != Some(&b'-') {
                        return None;
                    }
                }
            }
            b' '..=b'~' => name.push(char::from(first)),
            _ => return None,
        }
    }
    Some(name)
}

fn decode_run(run: &[u8], name: &mut String) -> Option<()> {
    let octets = MODIFIED_BASE64.as_ref()?.decode(run).ok()?;
    let (pairs, torn) = octets.as_chunks::<2>();
    if !torn.is_empty() {
        return None;
    }
    for character in char::decode_utf16(pairs.iter().map(|pair| u16::from_be_bytes(*pair))) {
        let character = character
            .ok()
            .filter(|&character| !is_direct(character) && character != '\0')?;
        name.push(character);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(name: &str) -> String {
        let mut wire = Vec::new();
        encode(name, &mut wire);
        String::from_utf8(wire).unwrap()
    }

    #[test]
    fn examples_of_the_rfc() {
        assert_eq!(
            encoded("~peter/mail/台北/日本語"),
            "~peter/mail/&U,BTFw-/&ZeVnLIqe-"
        );
        assert_eq!(
            decode(b"~peter/mail/&U,BTFw-/&ZeVnLIqe-").as_deref(),
            Some("~peter/mail/台北/日本語")
        );
        assert_eq!(encoded("Entwürfe & Co"), "Entw&APw-rfe &- Co");
        assert_eq!(encoded("📬"), "&2D3c7A-");
    }

    #[test]
    fn other_spellings_are_refused() {
        for wire in [
            "&Jjo!",
            "&U,BTFw-&ZeVnLIqe-",
            "&",
            "&AGE-",
            "&2D0-",
            "R&D",
            "&A-",
            "caf\u{e9}",
            "&AAA-",
        ] {
            assert_eq!(decode(wire.as_bytes()), None, "{wire}");
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(name in "[^\\x00]*") {
            let direct = name.chars().filter(|c| !c.is_ascii_control()).collect::<String>();
            prop_assert_eq!(decode(encoded(&direct).as_bytes()), Some(direct));
        }

        #[test]
        fn what_decodes_has_one_spelling(wire in "[&a-zA-Z0-9+,-]{0,12}") {
            if let Some(name) = decode(wire.as_bytes()) {
                prop_assert_eq!(encoded(&name), wire);
            }
        }
    }
}
