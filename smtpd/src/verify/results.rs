//! `Authentication-Results` fields that others wrote in our name: they are taken out, so that what is there under our name is ours
//! (RFC 8601 §5).

use crate::message::header::Field;

/// Whether a field claims to be our verdict, or cannot be read well enough to know.
pub fn is_forged(field: &Field<'_>, hostname: &str) -> bool {
    field.is("Authentication-Results")
        && author_of(field.value()).is_none_or(|author| is_same(&author, hostname))
}

/// Names are the same in any case, and with a dot at the end.
fn is_same(author: &[u8], hostname: &str) -> bool {
    let author = author.strip_suffix(b".").unwrap_or(author);
    author.eq_ignore_ascii_case(hostname.as_bytes())
}

/// The authserv-id: the first word, which may be quoted, behind blanks, folds and comments. None if there is no end to any of it.
fn author_of(value: &[u8]) -> Option<Vec<u8>> {
    let rest = skip_comments(value)?;
    match rest.strip_prefix(b"\"") {
        Some(quoted) => unquoted(quoted),
        None => {
            let is_end = |octet: &u8| b" \t\r\n;(".contains(octet);
            let end = rest.iter().position(is_end).unwrap_or(rest.len());
            Some(rest[..end].to_vec())
        }
    }
}

/// What follows blanks and comments, which may be nested (RFC 5322 §3.2.2).
fn skip_comments(text: &[u8]) -> Option<&[u8]> {
    let mut depth = 0_usize;
    let mut octets = text.iter().enumerate();
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b'\\' if depth > 0 => drop(octets.next()),
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ if depth > 0 => {}
            _ => return Some(&text[at..]),
        }
    }
    (depth == 0).then_some(&[])
}

fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut word = Vec::new();
    let mut octets = text.iter();
    loop {
        match octets.next()? {
            b'"' => return Some(word),
            b'\\' => word.push(*octets.next()?),
            octet => word.push(*octet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::header::HeaderReader;

    fn forged(text: &str) -> bool {
        let mut reader = HeaderReader::default();
        reader.push(text.as_bytes());
        let header = reader.finish().0;
        header
            .fields()
            .any(|field| is_forged(&field, "mail.example.test"))
    }

    #[test]
    fn our_name_is_found_however_it_is_written() {
        for text in [
            "Authentication-Results: mail.example.test; spf=pass\r\n",
            "authentication-results : MAIL.Example.Test.; spf=pass\r\n",
            "Authentication-Results:\r\n (a (b\\)) c)\r\n\tmail.example.test 1; none\r\n",
            "Authentication-Results: \"mail.exampl\\e.test\"; none\r\n",
            "Authentication-Results: mail.example.test(x); none\r\n",
            "Authentication-Results: mail.example.test\r\n",
            "Authentication-Results: (never ends; none\r\n",
            "Authentication-Results: \"never ends; none\r\n",
        ] {
            assert!(forged(text), "{text:?}");
        }
    }

    #[test]
    fn the_words_of_others_stay() {
        for text in [
            "Authentication-Results: other.test; spf=pass\r\n",
            "Authentication-Results: (mail.example.test) other.test; spf=pass\r\n",
            "Authentication-Results: xmail.example.test; spf=pass\r\n",
            "Authentication-Results:\r\n",
            "X-Authentication-Results: mail.example.test; spf=pass\r\n",
        ] {
            assert!(!forged(text), "{text:?}");
        }
    }
}
