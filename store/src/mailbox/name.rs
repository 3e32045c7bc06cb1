//! What the name of a mailbox may be.

use unicode_normalization::UnicodeNormalization;

use crate::{Error, Result};

/// The mailbox that every account has (RFC 3501 §5.1).
pub(crate) const INBOX: &str = "INBOX";
/// Octets of a whole name.
const NAME_OCTETS_MAX: usize = 1024;
/// Levels of hierarchy.
const NAME_LEVELS_MAX: usize = 32;

/// The form in which names are compared and kept: NFC, `INBOX` in upper case when it is the
/// first level, no `/` at the end (CREATE "a/" announces inferiors, RFC 3501 §6.3.3).
pub(crate) fn normal_name(name: &str) -> Result<String> {
    let name: String = name.strip_suffix('/').unwrap_or(name).nfc().collect();
    if name.is_empty() || name.len() > NAME_OCTETS_MAX {
        return Err(invalid("must have 1 to 1024 octets"));
    }
    if name
        .chars()
        .any(|c| c.is_control() || matches!(c, '*' | '%' | '\u{2028}' | '\u{2029}'))
    {
        return Err(invalid("cannot contain control characters, * or %"));
    }
    let levels: Vec<&str> = name.split('/').collect();
    if levels.len() > NAME_LEVELS_MAX {
        return Err(invalid("has too many levels"));
    }
    if levels.iter().any(|level| level.is_empty()) {
        return Err(invalid("has an empty level"));
    }
    let (first, rest) = name.split_at(levels[0].len());
    Ok(if first.eq_ignore_ascii_case(INBOX) {
        format!("{INBOX}{rest}")
    } else {
        name
    })
}

/// Whether a mailbox can have this name.
pub fn is_mailbox_name(name: &str) -> bool {
    normal_name(name).is_ok()
}

/// The names above `name`, the highest first.
pub(crate) fn superiors(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(at, _)| &name[..at])
}

fn invalid(why: &str) -> Error {
    Error::Invalid(format!("the mailbox name {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inbox_is_known_in_any_case_and_only_as_first_level() {
        assert_eq!(normal_name("inBox"), Ok("INBOX".into()));
        assert_eq!(normal_name("inbox/a"), Ok("INBOX/a".into()));
        assert_eq!(normal_name("a/inbox"), Ok("a/inbox".into()));
        assert_eq!(normal_name("Inboxes"), Ok("Inboxes".into()));
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for bad in ["", "/", "a//b", "/a", "a*", "a%b", "a\0b", "a\nb"] {
            assert!(normal_name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(normal_name("a/b/"), Ok("a/b".into()));
    }

    #[test]
    fn superiors_come_from_above() {
        assert_eq!(superiors("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
    }
}
