//! Who a message says it is from: the addresses of its `From` field, which readers are shown and DMARC is about.
//!
//! Readers' programs understand much that the library does not: comments and blanks within an address, a dot at its end. All of that is
//! taken away first, so that nobody escapes a domain's policy by the way he writes its name. Of a field that is malformed, which
//! each program understands in its own way, everything that looks like an address is one.

use mail_auth::AuthenticatedMessage;
use store::Address;

use super::header::Header;

/// The only address of the only `From` field; nothing if there are several or none, or no mail could go there.
pub fn author(header: &Header) -> Option<Address> {
    match authors(header).as_slice() {
        [address] => Address::parse(address).ok(),
        _ => None,
    }
}

/// All addresses of all `From` fields, in lower case.
pub fn authors(header: &Header) -> Vec<String> {
    let mut authors = Vec::new();
    for field in header.fields_named("From") {
        let Some(plain) = plain(field.value()) else {
            authors.extend(all_in(field.value()));
            continue;
        };
        let octets = [b"From: ", plain.as_slice(), b"\r\n\r\n"].concat();
        if let Some(message) = AuthenticatedMessage::parse(&octets) {
            authors.extend(message.from);
        }
    }
    authors.iter().map(|author| in_the_dns(author)).collect()
}

/// With the domain as the DNS has it: no dot at its end, no letters beyond ASCII (RFC 5890 §2.3.2.1).
fn in_the_dns(author: &str) -> String {
    let author = author.trim_end_matches('.');
    match author.rsplit_once('@') {
        Some((local, domain)) if !domain.is_ascii() => match store::normal_domain(domain) {
            Ok(domain) => format!("{local}@{domain}"),
            Err(_) => author.to_owned(),
        },
        _ => author.to_owned(),
    }
}

/// The same without comments, folds, and blanks beside `@` and dots (RFC 5322 §3.2.2, §4.4). What is quoted stays. None: a quote or a
/// comment has no end, or something follows an address in angle brackets.
fn plain(value: &[u8]) -> Option<Vec<u8>> {
    let mut plain: Vec<u8> = Vec::with_capacity(value.len());
    let (mut depth, mut quoted) = (0_usize, false);
    let mut octets = value.iter().copied();
    while let Some(octet) = octets.next() {
        let is_blank = b" \t\r\n".contains(&octet);
        match octet {
            b'\\' if depth > 0 => drop(octets.next()),
            b'\\' if quoted => plain.extend([octet, octets.next()?]),
            b'"' if depth == 0 => {
                quoted = !quoted;
                plain.push(octet);
            }
            b'(' if !quoted => depth += 1,
            b')' if depth > 0 => depth -= 1,
            _ if depth > 0 || (is_blank && b" @.>".contains(plain.last().unwrap_or(&b' '))) => {}
            _ if quoted && b"\r\n".contains(&octet) => {}
            _ if is_blank && !quoted => plain.push(b' '),
            _ => {
                if !quoted && b"@.".contains(&octet) && plain.last() == Some(&b' ') {
                    plain.pop();
                }
                if !quoted && plain.last() == Some(&b'>') && !b",;>".contains(&octet) {
                    return None;
                }
                plain.push(octet);
            }
        }
    }
    (depth == 0 && !quoted).then_some(plain)
}

/// Everything in a text that looks like an address.
fn all_in(value: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(value).to_lowercase();
    let is_end = |letter: char| {
        letter.is_ascii() && !letter.is_ascii_alphanumeric() && !"-_.".contains(letter)
    };
    let pieces: Vec<&str> = text.split('@').collect();
    let pairs = pieces.windows(2).map(|pair| {
        let local = pair[0].rsplit(is_end).next().unwrap_or_default();
        let domain = pair[1].split(is_end).next().unwrap_or_default();
        format!("{local}@{domain}")
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::super::header::HeaderReader;
    use super::*;

    fn author_of(text: &str) -> Option<String> {
        let mut reader = HeaderReader::default();
        reader.push(text.as_bytes());
        author(&reader.finish().0).map(|address| address.to_string())
    }

    #[test]
    fn only_one_author_is_one() {
        let a = Some("a@example.test".to_owned());
        assert_eq!(author_of("From: A <A@Example.test>\r\n"), a);
        assert_eq!(author_of("from:\r\n a@example.test\r\n"), a);
        for text in [
            "To: a@example.test\r\n",
            "From: a@example.test, b@example.test\r\n",
            "From: a@example.test\r\nFrom: b@example.test\r\n",
            "From: nobody\r\n",
            "From: <a@example.test> b@example.test\r\n",
            "From: (never ends <a@example.test> <b@example.test>\r\n",
        ] {
            assert_eq!(author_of(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_address_is_the_same_however_it_is_written() {
        for text in [
            "From: a @ example . test\r\n",
            "From:\r\n A\r\n <a\r\n @\r\n example.test>\r\n",
            "From: <a@example.test.>\r\n",
            "From: (x@other.test) a@(y)example.test(z@other.test)\r\n",
            "From: A (nested (x\\)) <) <a(x)@example.test>\r\n",
            "From: \"x@other.test (\" <a@example.test>\r\n",
            "From: \"never ends <a@example.test>\r\n",
            "From: :( <a@example.test>\r\n",
            "From: <a@example.test>, \r\n",
            "From: a@\u{ff45}xample.test\r\n",
        ] {
            assert_eq!(
                author_of(text).as_deref(),
                Some("a@example.test"),
                "{text:?}"
            );
        }
    }
}
