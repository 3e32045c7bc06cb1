//! The xtext encoding of RFC 3461 §4: printable ASCII, with `+` and two upper-case hexadecimal digits for the rest.

/// The octets that `text` stands for, or nothing if it is no xtext.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => octets.push(hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?),
            b'=' => return None,
            b'!'..=b'~' => octets.push(byte),
            _ => return None,
        }
    }
    Some(octets)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_decoded_and_anything_else_refused() {
        assert_eq!(
            decode("e+3Dmc2@example.test").as_deref(),
            Some(&b"e=mc2@example.test"[..])
        );
        assert_eq!(decode("").as_deref(), Some(&b""[..]));
        for text in ["+", "+3", "+3d", "+GG", "a=b", "a b", "ä"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
