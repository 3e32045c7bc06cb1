//! What filters change in a message, and how that is carried out on its header section.
//!
//! Names and values come from another program: a name that is none makes the filter a broken one; in a value, folds are made proper, so
//! that it can neither end the header section nor begin another field.
//!
//! Failure: [`Malformed`], and the header section is as it was before this filter. Pure.

use super::packet::Malformed;
use crate::limits::{HEADER_OCTETS_MAX, MILTER_FIELD_NAME_OCTETS_MAX};
use crate::message::header::Header;

/// A change of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A field at the end of the header section.
    AddField {
        /// Its name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// A field at a place in the header section.
    InsertField {
        /// So many fields stand above it. Beyond the last: the end.
        place: u32,
        /// Its name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// Another value for a field, or its removal.
    ChangeField {
        /// Which of those with this name, from 1; 0 is taken for 1. If there are not so many, it is added.
        nth: u32,
        /// Its name.
        name: Vec<u8>,
        /// Its value; empty: it is removed.
        value: Vec<u8>,
    },
    /// Not to be delivered as other mail; why.
    Quarantine(String),
}

/// Carries out all changes of one filter, in their order. `leading_space`: values come with the blank behind the colon.
///
/// # Errors
/// A field has no proper name, or the header section becomes larger than we take.
pub fn apply(
    header: &Header,
    changes: &[Change],
    leading_space: bool,
) -> Result<Header, Malformed> {
    let mut changed = header.clone();
    for change in changes {
        match change {
            Change::AddField { name, value } => {
                changed.append(&field(name, value, leading_space)?);
            }
            Change::InsertField { place, name, value } => {
                changed.insert(*place as usize, &field(name, value, leading_space)?);
            }
            Change::ChangeField { nth, name, value } => {
                let nth = nth.saturating_sub(1) as usize;
                let field = match value.is_empty() {
                    true => Vec::new(),
                    false => field(name, value, leading_space)?,
                };
                changed.replace(&String::from_utf8_lossy(name), nth, &field);
            }
            Change::Quarantine(_) => {}
        }
        if changed.octets().len() > HEADER_OCTETS_MAX {
            return Err(Malformed("the header section grows too large"));
        }
    }
    Ok(changed)
}

/// A field with its line end.
fn field(name: &[u8], value: &[u8], leading_space: bool) -> Result<Vec<u8>, Malformed> {
    let is_name = |octet: &u8| octet.is_ascii_graphic() && *octet != b':';
    if name.is_empty() || name.len() > MILTER_FIELD_NAME_OCTETS_MAX || !name.iter().all(is_name) {
        return Err(Malformed("the name of a field is none"));
    }
    let mut field = [name, b":"].concat();
    if !leading_space {
        field.push(b' ');
    }
    push_folded(value, &mut field);
    field.extend_from_slice(b"\r\n");
    Ok(field)
}

/// A value with CRLF and a blank at each fold. Lines of blanks alone are left out: they would end the header section for some
/// readers; so are bare CRs.
fn push_folded(value: &[u8], into: &mut Vec<u8>) {
    let lines = value
        .split(|octet| *octet == b'\n')
        .enumerate()
        .filter(|(index, line)| *index == 0 || !line.trim_ascii().is_empty());
    for (index, line) in lines {
        if index > 0 {
            into.extend_from_slice(b"\r\n");
            if !matches!(line.first(), Some(b' ' | b'\t')) {
                into.push(b'\t');
            }
        }
        into.extend(line.iter().filter(|octet| !matches!(octet, b'\r' | 0)));
    }
}

/// The value of a field as filters see it: LF for each line end, without the blank behind the colon unless they want it.
pub fn shown_value(octets: &[u8], leading_space: bool) -> Vec<u8> {
    let octets = octets.strip_suffix(b"\r\n").unwrap_or(octets);
    let octets = match (leading_space, octets) {
        (false, [b' ', rest @ ..]) => rest,
        _ => octets,
    };
    octets
        .iter()
        .copied()
        .filter(|octet| *octet != b'\r')
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::header::HeaderReader;

    fn header(text: &str) -> Header {
        let mut reader = HeaderReader::default();
        reader.push(text.as_bytes());
        reader.finish().0
    }

    fn changed(text: &str, change: Change) -> String {
        let changed = apply(&header(text), &[change], false).unwrap();
        String::from_utf8(changed.octets().to_vec()).unwrap()
    }

    fn add(name: &str, value: &str) -> Change {
        Change::AddField {
            name: name.into(),
            value: value.into(),
        }
    }

    fn insert(place: u32) -> Change {
        Change::InsertField {
            place,
            name: b"X".into(),
            value: b"y".into(),
        }
    }

    fn change(nth: u32, value: &str) -> Change {
        Change::ChangeField {
            nth,
            name: b"a".into(),
            value: value.into(),
        }
    }

    #[test]
    fn fields_are_added_inserted_changed_and_removed() {
        let text = "A: 1\r\nB: 2\r\n 3\r\nA: 4\r\n";
        let table = [
            (add("X", "y"), "A: 1\r\nB: 2\r\n 3\r\nA: 4\r\nX: y\r\n"),
            (insert(0), "X: y\r\nA: 1\r\nB: 2\r\n 3\r\nA: 4\r\n"),
            (insert(2), "A: 1\r\nB: 2\r\n 3\r\nX: y\r\nA: 4\r\n"),
            (insert(9), "A: 1\r\nB: 2\r\n 3\r\nA: 4\r\nX: y\r\n"),
            (change(0, "z"), "a: z\r\nB: 2\r\n 3\r\nA: 4\r\n"),
            (change(1, "z"), "a: z\r\nB: 2\r\n 3\r\nA: 4\r\n"),
            (change(2, ""), "A: 1\r\nB: 2\r\n 3\r\n"),
            (change(3, "z"), "A: 1\r\nB: 2\r\n 3\r\nA: 4\r\na: z\r\n"),
            (change(3, ""), "A: 1\r\nB: 2\r\n 3\r\nA: 4\r\n"),
        ];
        for (change, expected) in table {
            let told = format!("{change:?}");
            assert_eq!(changed(text, change), expected, "{told}");
        }
    }

    #[test]
    fn a_value_stays_within_its_field() {
        let table = [
            ("a\nb", "X: a\r\n\tb\r\n"),
            ("a\r\n b", "X: a\r\n b\r\n"),
            ("a\n\n \nb", "X: a\r\n\tb\r\n"),
            ("a\n\nBody", "X: a\r\n\tBody\r\n"),
            ("a\rb", "X: ab\r\n"),
            ("", "X: \r\n"),
            ("a\n", "X: a\r\n"),
        ];
        for (value, expected) in table {
            assert_eq!(changed("", add("X", value)), expected, "{value:?}");
        }
    }

    #[test]
    fn a_name_that_is_none_is_malformed() {
        for name in ["", "a b", "a:", "a\n", "\u{e4}", &"x".repeat(1000)] {
            assert!(apply(&header(""), &[add(name, "x")], false).is_err());
        }
    }

    #[test]
    fn a_header_section_cannot_grow_without_end() {
        let changes = vec![add("X", &"y".repeat(60_000)); 100];
        assert!(apply(&header("A: 1\r\n"), &changes, false).is_err());
    }

    #[test]
    fn a_field_without_its_line_end_is_given_one() {
        assert_eq!(changed("A: 1", add("X", "y")), "A: 1\r\nX: y\r\n");
    }

    #[test]
    fn filters_see_values_with_lf() {
        assert_eq!(shown_value(b" a\r\n b\r\n", false), b"a\n b");
        assert_eq!(shown_value(b" a\r\n b\r\n", true), b" a\n b");
    }

    proptest! {
        #[test]
        fn nothing_that_a_filter_adds_ends_the_header_section(
            name in "[!-~\n ]{1,4}", value in "[a\r\n \t:\0]{0,12}", nth in 0u32..4, place in 0u32..4,
        ) {
            let before = header("A: 1\r\nB: 2\r\n");
            let (name, value) = (name.into_bytes(), value.into_bytes());
            for change in [
                Change::AddField { name: name.clone(), value: value.clone() },
                Change::InsertField { place, name: name.clone(), value: value.clone() },
                Change::ChangeField { nth, name: name.clone(), value: value.clone() },
            ] {
                let Ok(after) = apply(&before, &[change], true) else { continue };
                prop_assert!(!after.has_forbidden_octets());
                let text = [after.octets(), b"\r\nbody"].concat();
                let mut reader = HeaderReader::default();
                reader.push(&text);
                let (read, body) = reader.finish();
                prop_assert_eq!(read, after);
                prop_assert_eq!(body, b"\r\nbody");
            }
        }
    }
}
