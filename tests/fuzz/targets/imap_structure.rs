//! ENVELOPE, BODY and BODYSTRUCTURE of any message: always what a strict client can read, in ASCII, and of bounded depth.
#![no_main]

use imapd::grammar::{encoded_word, structure};
use libfuzzer_sys::fuzz_target;
use store::mime::Indexer;

/// Reads one item of a response as the grammar has it: NIL, a number, a string, a literal, or a list of such. Gives the rest.
fn item(text: &[u8], depth: usize) -> Option<&[u8]> {
    match text.first()? {
        b'(' => list(text.get(1..)?, depth),
        b'"' => quoted(text.get(1..)?),
        b'{' => literal(text.get(1..)?),
        b'0'..=b'9' => Some(text.trim_ascii_start_digits()),
        _ => text.strip_prefix(b"NIL"),
    }
}

trait Digits {
    fn trim_ascii_start_digits(&self) -> &[u8];
}

impl Digits for [u8] {
    fn trim_ascii_start_digits(&self) -> &[u8] {
        let digits = self
            .iter()
            .take_while(|octet| octet.is_ascii_digit())
            .count();
        &self[digits..]
    }
}

/// Items divided by one space; the parts of a multipart by nothing.
fn list(mut text: &[u8], depth: usize) -> Option<&[u8]> {
    assert!(depth < 1000);
    loop {
        text = item(text, depth + 1)?;
        match text.first()? {
            b')' => return text.get(1..),
            b' ' => text = text.get(1..)?,
            b'(' => {}
            _ => return None,
        }
    }
}

fn quoted(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        match text {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', b'"' | b'\\', rest @ ..] => text = rest,
            [b'\\' | b'\r' | b'\n' | 0, ..] => return None,
            [_, rest @ ..] => text = rest,
            [] => return None,
        }
    }
}

fn literal(text: &[u8]) -> Option<&[u8]> {
    let end = text.windows(3).position(|window| window == b"}\r\n")?;
    let octets: usize = std::str::from_utf8(&text[..end]).ok()?.parse().ok()?;
    let (content, rest) = text.get(end + 3..)?.split_at_checked(octets)?;
    (!content.contains(&0)).then_some(rest)
}

fuzz_target!(|message: &[u8]| {
    let index = Indexer::index(message);
    let mut answers = [Vec::new(), Vec::new(), Vec::new()];
    structure::envelope(index.envelope(), false, &mut answers[0]);
    structure::body(&index, false, structure::Reading::default(), &mut answers[1]);
    structure::body(&index, true, structure::Reading::default(), &mut answers[2]);
    for answer in &answers {
        assert!(answer.is_ascii(), "{}", answer.escape_ascii());
        assert_eq!(item(answer, 0), Some(&b""[..]), "{}", answer.escape_ascii());
    }
    assert!(encoded_word::ascii(message).is_ascii());
});
