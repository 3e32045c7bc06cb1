//! The order of texts: i;unicode-casemap (RFC 5051), which SORT and THREAD must use (RFC 5256 §7, RFC 5255 §4.3).
//!
//! A text becomes a key, and keys compare as octets: each character in its simple titlecase, decomposed for compatibility, in UTF-8.
//! SEARCH compares by `store::mime::Needle`, which holds some more texts equal.

use unicode_normalization::UnicodeNormalization;

/// Appends the key of `text`.
pub fn collate(text: &str, key: &mut Vec<u8>) {
    if text.is_ascii() {
        let start = key.len();
        key.extend_from_slice(text.as_bytes());
        key[start..].make_ascii_uppercase();
        return;
    }
    let mut octets = [0; 4];
    for character in text.chars().map(titlecase).nfkd() {
        key.extend_from_slice(character.encode_utf8(&mut octets).as_bytes());
    }
}

/// The Simple_Titlecase_Mapping of the Unicode Character Database, of which the standard library has only the upper case.
fn titlecase(character: char) -> char {
    let moved = |by: u32| char::from_u32(character as u32 + by).unwrap_or(character);
    match character {
        // Digraphs have a form of their own: "Dž".
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        // Georgian has no titlecase.
        '\u{10d0}'..='\u{10ff}' => character,
        // Greek with the iota below.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => moved(8),
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => moved(9),
        _ => {
            let mut upper = character.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(single), None) => single,
                // What becomes several characters has no simple mapping.
                _ => character,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Vec<u8> {
        let mut key = Vec::new();
        collate(text, &mut key);
        key
    }

    #[test]
    fn case_does_not_count() {
        for (one, other) in [
            ("hello", "HeLLo"),
            ("grüße", "GRÜßE"),
            ("ОЛЕГ", "олег"),
            ("\u{e9}", "E\u{301}"),
            ("ǆ", "Ǆ"),
            ("\u{1f80}", "\u{1f88}"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        assert_ne!(key("a"), key("á"));
    }

    #[test]
    fn titlecase_is_simple() {
        assert_eq!(key("ǆ"), "Dz\u{30c}".as_bytes());
        assert_eq!(key("ß"), "ß".as_bytes());
        assert_eq!(key("ა"), "ა".as_bytes());
        assert_eq!(key("\u{1fb3}"), "Α\u{345}".as_bytes());
    }

    #[test]
    fn order_is_that_of_titlecase() {
        // RFC 5255 §4.6: (4) before (2).
        assert!(key("Алексей") < key("сЕРГЕЙ"));
        assert!(key("") < key("a"));
        // In lower case the other way round.
        assert!(key("a") < key("_"));
    }
}
