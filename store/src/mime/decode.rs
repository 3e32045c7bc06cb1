//! From stored octets to text: transfer encodings, charsets, encoded words (RFC 2047) and parameters (RFC 2231).
//!
//! Tolerant: damaged text gives as much as can be read of it, with U+FFFD for the rest. Nothing fails, and all of it
//! takes time and memory in proportion to its input; the caller bounds that.

use std::borrow::Cow;

use mail_parser::decoders::{
    base64::base64_decode,
    charsets::map::charset_decoder,
    quoted_printable::{quoted_printable_decode, quoted_printable_decode_char},
};

use super::index::{Encoding, Parameter, Part};

/// Octets of a charset name in an encoded word.
const CHARSET_OCTETS_MAX: usize = 60;

/// Octets of the encoded text in an encoded word: RFC 2047 §2 allows 75 for all of the word, mailers write whole subjects. Without a
/// bound, a header full of words that do not end would be read to its end for each of them.
const ENCODED_OCTETS_MAX: usize = 4096;

/// UTF-8 as it is; anything else is read as Windows-1252, which is what undeclared 8-bit text mostly is.
pub fn utf8_or_latin1(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => match charset_decoder(b"windows-1252") {
            Some(decode) => Cow::Owned(decode(octets)),
            None => String::from_utf8_lossy(octets),
        },
    }
}

/// Octets in a charset as UTF-8. An unknown charset, and US-ASCII with 8-bit octets in it, is read as UTF-8 if it is
/// that, or else as Windows-1252.
pub fn charset<'a>(name: &str, octets: &'a [u8]) -> Cow<'a, str> {
    // RFC 2231 §5 allows a language behind the charset.
    let name = name.split('*').next().unwrap_or_default().trim().as_bytes();
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    if is("utf-8") || is("utf8") {
        return String::from_utf8_lossy(octets);
    }
    if is("us-ascii") || is("ascii") || is("ansi_x3.4-1968") || name.is_empty() {
        return utf8_or_latin1(octets);
    }
    match charset_decoder(name) {
        Some(decode) => Cow::Owned(decode(octets)),
        None => utf8_or_latin1(octets),
    }
}

/// A body without its transfer encoding. An unknown encoding leaves it as it is.
pub fn transfer<'a>(encoding: &Encoding, body: &'a [u8]) -> Cow<'a, [u8]> {
    match encoding {
        Encoding::Base64 => Cow::Owned(base64(body)),
        Encoding::QuotedPrintable => Cow::Owned(quoted_printable(body)),
        Encoding::SevenBit | Encoding::EightBit | Encoding::Binary | Encoding::Other(_) => {
            Cow::Borrowed(body)
        }
    }
}

/// Base64; octets outside of its alphabet are skipped (RFC 2045 §6.8).
fn base64(body: &[u8]) -> Vec<u8> {
    base64_decode(body).unwrap_or_else(|| {
        let proper = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        let cleaned: Vec<u8> = body.iter().copied().filter(proper).collect();
        base64_decode(&cleaned).unwrap_or_default()
    })
}

/// Quoted-printable; an `=` that begins no proper escape stands for itself (RFC 2045 §6.7, note 2).
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    quoted_printable_decode(body).unwrap_or_else(|| {
        let mut text = Vec::with_capacity(body.len());
        let mut rest = body;
        while let Some(at) = memchr::memchr(b'=', rest) {
            text.extend_from_slice(&rest[..at]);
            rest = &rest[at..];
            let taken = match rest {
                [_, b'\n', ..] => 2,
                [_, b'\r', b'\n', ..] => 3,
                [_, a, b, ..] => match quoted_printable_decode_char(*a, *b) {
                    Some(octet) => {
                        text.push(octet);
                        3
                    }
                    None => 0,
                },
                _ => 0,
            };
            if taken == 0 {
                text.push(b'=');
            }
            rest = &rest[taken.max(1)..];
        }
        text.extend_from_slice(rest);
        text
    })
}

/// Header text with its encoded words decoded. White space between two of them is dropped (RFC 2047 §6.2), and
/// octets of neighbours in the same charset are decoded together, because some mailers split characters.
pub fn encoded_words(text: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memmem::find(text.as_bytes(), b"=?") else {
        return Cow::Borrowed(text);
    };
    let mut decoded = text[..first].to_owned();
    let mut rest = &text[first..];
    let mut run: Option<(&str, Vec<u8>)> = None;
    while let Some(start) = rest.find("=?") {
        let Some((word, length)) = encoded_word(&rest[start..]) else {
            flush(&mut run, &mut decoded);
            decoded.push_str(&rest[..start + 2]);
            rest = &rest[start + 2..];
            continue;
        };
        let joins = rest[..start].trim().is_empty();
        match &mut run {
            Some((charset, octets)) if joins && charset.eq_ignore_ascii_case(word.0) => {
                octets.extend_from_slice(&word.1);
            }
            _ => {
                let between = if run.is_some() && joins {
                    ""
                } else {
                    &rest[..start]
                };
                flush(&mut run, &mut decoded);
                decoded.push_str(between);
                run = Some(word);
            }
        }
        rest = &rest[start + length..];
    }
    flush(&mut run, &mut decoded);
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

fn flush(run: &mut Option<(&str, Vec<u8>)>, decoded: &mut String) {
    if let Some((name, octets)) = run.take() {
        decoded.push_str(&charset(name, &octets));
    }
}

/// The encoded word at the start of `text`: charset, octets, and its length.
fn encoded_word(text: &str) -> Option<((&str, Vec<u8>), usize)> {
    let rest = text.strip_prefix("=?")?;
    let scanned = rest.len().min(CHARSET_OCTETS_MAX);
    let mark = memchr::memchr(b'?', &rest.as_bytes()[..scanned])?;
    let charset = &rest[..mark];
    let mut letters = rest[mark + 1..].chars();
    let encoding = letters.next()?;
    if letters.next() != Some('?') || !encoding.is_ascii() || charset.is_empty() {
        return None;
    }
    let data = letters.as_str();
    let scanned = data.len().min(ENCODED_OCTETS_MAX);
    let end = memchr::memmem::find(&data.as_bytes()[..scanned], b"?=")?;
    let octets = match encoding {
        'b' | 'B' => base64(&data.as_bytes()[..end]),
        'q' | 'Q' => quoted_printable(data[..end].replace('_', "=20").as_bytes()),
        _ => return None,
    };
    Some(((charset, octets), text.len() - data.len() + end + 2))
}

/// A header section as text for a search: each field on a line of its own, unfolded, encoded words decoded.
pub fn header_section(octets: &[u8]) -> Cow<'_, str> {
    let text = utf8_or_latin1(octets);
    let folded = ["\n ", "\n\t"].iter().any(|fold| text.contains(fold));
    if !folded && !text.contains("=?") {
        return text;
    }
    let unfolded = unfold(&text);
    let lines = unfolded.split_inclusive('\n').map(encoded_words);
    Cow::Owned(lines.collect())
}

fn unfold(text: &str) -> String {
    let mut unfolded = String::with_capacity(text.len());
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let goes_on = lines
            .peek()
            .is_some_and(|next| next.starts_with([' ', '\t']));
        unfolded.push_str(if goes_on {
            line.trim_end_matches(['\r', '\n'])
        } else {
            line
        });
    }
    unfolded
}

/// The value of a parameter as text: RFC 2231 where it is used, and encoded words where mailers wrongly use those.
pub fn parameter(parameters: &[Parameter], name: &str) -> Option<String> {
    let extended = |p: &&Parameter| p.name.strip_suffix('*') == Some(name);
    if let Some(parameter) = parameters.iter().find(extended) {
        return Some(extended_value(&parameter.value));
    }
    let plain = parameters.iter().find(|p| p.name == name)?;
    Some(encoded_words(&plain.value).into_owned())
}

/// The file name of a part: from Content-Disposition, or from the older `name` of Content-Type.
pub fn file_name(part: &Part) -> Option<String> {
    let disposition = part.disposition.as_ref();
    disposition
        .and_then(|disposition| parameter(&disposition.parameters, "filename"))
        .or_else(|| parameter(&part.parameters, "name"))
}

/// The text of `charset'language'percent-encoded` (RFC 2231 §4).
pub fn extended_value(value: &str) -> String {
    let mut pieces = value.splitn(3, '\'');
    let (name, text) = match (pieces.next(), pieces.next(), pieces.next()) {
        (Some(name), Some(_), Some(text)) => (name, text),
        _ => ("", value),
    };
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&octet, tail)) = rest.split_first() {
        let escaped = match tail {
            [a, b, ..] if octet == b'%' => quoted_printable_decode_char(*a, *b),
            _ => None,
        };
        octets.push(escaped.unwrap_or(octet));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    charset(name, &octets).into_owned()
}

/// The text of a part's body as stored: transfer encoding and charset undone, HTML reduced to its text.
pub fn body_text<'a>(part: &Part, body: &'a [u8]) -> Cow<'a, str> {
    let name = parameter(&part.parameters, "charset").unwrap_or_default();
    let text = match transfer(&part.encoding, body) {
        Cow::Borrowed(octets) => charset(&name, octets),
        Cow::Owned(octets) => Cow::Owned(charset(&name, &octets).into_owned()),
    };
    if part.is("text", "html") {
        Cow::Owned(super::html::to_text(&text))
    } else {
        text
    }
}
