//! Makes header text safe for a client that has not enabled UTF-8: what is above 127 becomes encoded-words (RFC 2047).
//!
//! Header text that is ASCII already, encoded-words included, passes unchanged. Octets that are not UTF-8 are labelled
//! `unknown-8bit` (RFC 1428 §3), which loses nothing.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Octets of text in one encoded-word, such that the word has at most 75 characters (RFC 2047 §2).
const CHUNK_OCTETS_MAX: usize = 39;

/// The text in ASCII.
pub fn ascii(text: &[u8]) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    // From the first word to the last that is not ASCII: between encoded-words white space would be lost.
    let first = text.iter().position(|octet| !octet.is_ascii()).unwrap_or(0);
    let last = text
        .iter()
        .rposition(|octet| !octet.is_ascii())
        .unwrap_or(0);
    let start = text[..first]
        .iter()
        .rposition(|&octet| octet == b' ')
        .map_or(0, |space| space + 1);
    let end = text[last..]
        .iter()
        .position(|&octet| octet == b' ')
        .map_or(text.len(), |space| last + space);
    let mut out = text[..start].to_vec();
    encode(&text[start..end], &mut out);
    out.extend_from_slice(&text[end..]);
    Cow::Owned(out)
}

fn encode(text: &[u8], into: &mut Vec<u8>) {
    let (charset, mut rest) = match std::str::from_utf8(text) {
        Ok(_) => ("utf-8", text),
        Err(_) => ("unknown-8bit", text),
    };
    let mut first = true;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(chunk_length(rest));
        if !first {
            into.push(b' ');
        }
        first = false;
        into.extend_from_slice(format!("=?{charset}?b?{}?=", STANDARD.encode(chunk)).as_bytes());
        rest = after;
    }
}

/// No character may be split between two words (RFC 2047 §5).
fn chunk_length(text: &[u8]) -> usize {
    if text.len() <= CHUNK_OCTETS_MAX {
        return text.len();
    }
    let is_start = |&at: &usize| text.get(at).is_none_or(|octet| octet & 0xc0 != 0x80);
    (CHUNK_OCTETS_MAX - 3..=CHUNK_OCTETS_MAX)
        .rev()
        .find(is_start)
        .unwrap_or(CHUNK_OCTETS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_left_alone() {
        assert!(matches!(ascii(b"=?utf-8?q?x?= plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn eight_bits_are_encoded() {
        assert_eq!(
            ascii("Re: Grüße".as_bytes()).as_ref(),
            b"Re: =?utf-8?b?R3LDvMOfZQ==?="
        );
        assert_eq!(
            ascii(b"Gr\xfc\xdfe an alle").as_ref(),
            b"=?unknown-8bit?b?R3L832U=?= an alle"
        );
    }

    #[test]
    fn long_text_is_split_between_characters() {
        let text = "ü".repeat(100);
        let encoded = ascii(text.as_bytes()).into_owned();
        assert!(encoded.is_ascii());
        for word in String::from_utf8(encoded).unwrap().split(' ') {
            assert!(word.len() <= 75);
            let inner = word
                .strip_prefix("=?utf-8?b?")
                .unwrap()
                .strip_suffix("?=")
                .unwrap();
            assert!(String::from_utf8(STANDARD.decode(inner).unwrap()).is_ok());
        }
    }
}
