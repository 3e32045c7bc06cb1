//! Chooses fields of a header for HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 3501 §6.4.5).
//!
//! Fields go out as they stand, folded lines included, and the blank line after them. A line that is no field belongs to
//! the field before; before the first field it is left out of HEADER.FIELDS and kept by HEADER.FIELDS.NOT.

/// The chosen fields of `header`, and the blank line.
pub fn choose(header: &[u8], names: &[Vec<u8>], wanted: bool) -> Vec<u8> {
    let mut chosen = Vec::with_capacity(header.len().min(1024));
    let mut keep = !wanted;
    for line in lines(header) {
        if is_blank(line) {
            break;
        }
        if !matches!(line.first(), Some(b' ' | b'\t'))
            && let Some(name) = field_name(line)
        {
            keep = names.iter().any(|known| known.eq_ignore_ascii_case(name)) == wanted;
        }
        if keep {
            chosen.extend_from_slice(line);
        }
    }
    if chosen.last().is_some_and(|&last| last != b'\n') {
        chosen.extend_from_slice(b"\r\n");
    }
    chosen.extend_from_slice(b"\r\n");
    chosen
}

fn lines(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    header.split_inclusive(|&octet| octet == b'\n')
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\r\n" | b"\n")
}

fn field_name(line: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memchr(b':', line)?;
    Some(line.get(..colon)?.trim_ascii_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"From: a@b\r\nSubject: one\r\n two\r\nX-Y : z\r\nsubject: again\r\n\r\n";

    fn chosen(names: &[&str], wanted: bool) -> String {
        let names: Vec<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        String::from_utf8(choose(HEADER, &names, wanted)).unwrap()
    }

    #[test]
    fn fields_keep_their_folding() {
        assert_eq!(
            chosen(&["SUBJECT"], true),
            "Subject: one\r\n two\r\nsubject: again\r\n\r\n"
        );
        assert_eq!(chosen(&["subject"], false), "From: a@b\r\nX-Y : z\r\n\r\n");
        assert_eq!(
            chosen(&["x-y", "from"], true),
            "From: a@b\r\nX-Y : z\r\n\r\n"
        );
    }

    #[test]
    fn the_blank_line_always_comes() {
        assert_eq!(chosen(&["nope"], true), "\r\n");
        assert_eq!(choose(b"", &[], true), b"\r\n");
        assert_eq!(choose(b"A: b", &[b"a".to_vec()], true), b"A: b\r\n\r\n");
    }
}
