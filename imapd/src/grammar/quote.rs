//! Writes strings: as an atom, quoted, or as a literal, whichever the grammar allows (RFC 3501 §4.3, §9).
//!
//! A quoted string holds no CR, LF, NUL or octet above 127; what has one of these goes out as a literal.
//! NUL can stand nowhere: see [`literal_octets`]. Never fails.

use super::cursor::is_atom_char;

/// Longest string that is written quoted; readers have fixed buffers for lines, not for literals.
const QUOTED_OCTETS_MAX: usize = 1024;

fn fits_quotes(value: &[u8]) -> bool {
    value.len() <= QUOTED_OCTETS_MAX
        && value
            .iter()
            .all(|&octet| matches!(octet, 0x01..0x7f) && octet != b'\r' && octet != b'\n')
}

/// Writes an astring: an atom where possible.
pub fn astring(value: &[u8], into: &mut Vec<u8>) {
    let is_nil = value.eq_ignore_ascii_case(b"NIL");
    if !value.is_empty() && !is_nil && value.iter().all(|&octet| is_atom_char(octet)) {
        into.extend_from_slice(value);
    } else {
        string(value, into);
    }
}

/// Writes an astring in UTF-8, for a client that has enabled it (RFC 6855 §3, RFC 9051 §4.3): an atom or quoted where possible.
pub fn utf8_astring(value: &str, into: &mut Vec<u8>) {
    if value.is_ascii() {
        astring(value.as_bytes(), into);
    } else {
        utf8_string(value, into);
    }
}

/// Writes a string in UTF-8, for a client that has enabled it: quoted where possible.
pub fn utf8_string(value: &str, into: &mut Vec<u8>) {
    let is_torn = |octet| matches!(octet, b'\r' | b'\n' | 0);
    if value.len() > QUOTED_OCTETS_MAX || value.bytes().any(is_torn) {
        // What stands for NUL in octets is not UTF-8.
        literal(value.replace('\0', "\u{fffd}").as_bytes(), into);
    } else {
        quoted(value.as_bytes(), into);
    }
}

/// Writes a string: quoted where possible.
pub fn string(value: &[u8], into: &mut Vec<u8>) {
    if !fits_quotes(value) {
        return literal(value, into);
    }
    quoted(value, into);
}

fn quoted(value: &[u8], into: &mut Vec<u8>) {
    into.push(b'"');
    let mut rest = value;
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        into.extend_from_slice(&rest[..at]);
        into.extend_from_slice(&[b'\\', rest[at]]);
        rest = &rest[at + 1..];
    }
    into.extend_from_slice(rest);
    into.push(b'"');
}

/// Writes a string, or NIL for none.
pub fn nstring(value: Option<&[u8]>, into: &mut Vec<u8>) {
    match value {
        Some(value) => string(value, into),
        None => into.extend_from_slice(b"NIL"),
    }
}

/// Writes `{n}`, CRLF and the octets.
pub fn literal(value: &[u8], into: &mut Vec<u8>) {
    literal_head(value.len() as u64, into);
    literal_octets(value, into);
}

/// Writes `{n}` and CRLF; exactly `octets` octets must follow.
pub fn literal_head(octets: u64, into: &mut Vec<u8>) {
    into.push(b'{');
    number(octets, into);
    into.extend_from_slice(b"}\r\n");
}

/// What is written for a NUL: no letter in US-ASCII, UTF-8 or ISO 8859, so that nobody takes it for text; Dovecot's
/// choice, which clients know.
const NUL_SUBSTITUTE: u8 = 0x80;

/// Writes octets of a literal. A NUL may not be in it (RFC 3501 §9, CHAR8; RFC 9051 §4.3); the length is already told,
/// so it is replaced and not removed.
pub fn literal_octets(value: &[u8], into: &mut Vec<u8>) {
    let start = into.len();
    into.extend_from_slice(value);
    if memchr::memchr(0, value).is_some() {
        for octet in into.iter_mut().skip(start).filter(|octet| **octet == 0) {
            *octet = NUL_SUBSTITUTE;
        }
    }
}

/// Writes a number in decimal.
pub fn number(value: u64, into: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    into.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::Cursor;
    use proptest::prelude::*;

    fn written(write: fn(&[u8], &mut Vec<u8>), value: &str) -> String {
        let mut out = Vec::new();
        write(value.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_plainest_form_is_chosen() {
        assert_eq!(written(astring, "INBOX"), "INBOX");
        assert_eq!(written(astring, "nil"), "\"nil\"");
        assert_eq!(written(astring, ""), "\"\"");
        assert_eq!(written(string, "a \"b\\"), "\"a \\\"b\\\\\"");
        assert_eq!(written(string, "a\r\nb"), "{4}\r\na\r\nb");
        assert_eq!(written(string, "é"), "{2}\r\né");
        let mut out = Vec::new();
        literal(b"a\0b", &mut out);
        assert_eq!(out, b"{3}\r\na\x80b");
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        let mut out = Vec::new();
        number(0, &mut out);
        out.push(b' ');
        number(u64::MAX, &mut out);
        assert_eq!(out, b"0 18446744073709551615");
    }

    proptest! {
        #[test]
        fn reading_undoes_writing(value in proptest::collection::vec(1u8.., 0..80)) {
            let mut wire = Vec::new();
            astring(&value, &mut wire);
            let mut cursor = Cursor::new(&wire);
            let read = cursor.astring("a string").unwrap().into_owned();
            prop_assert!(cursor.end().is_ok());
            prop_assert_eq!(read, value);
        }
    }
}
