//! Mailbox names on the wire and inside (RFC 3501 §5.1).
//!
//! Inside, a name is UTF-8 with `/` between the levels, and INBOX, in whatever case it came, is `INBOX`, also as the
//! first level of a longer name. On the wire it is modified UTF-7 to a client that has not enabled UTF-8.
//! Whether a mailbox exists, or may be made, is not known here.

use unicode_normalization::UnicodeNormalization;

use super::cursor::{Cursor, Malformed, Parsed, is_list_char};
use super::dialect::Dialect;
use super::{quote, utf7};

/// The one spelling of INBOX.
const INBOX: &str = "INBOX";
/// Between the levels of a mailbox name.
pub const SEPARATOR: char = '/';

/// Reads a mailbox name.
pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let wire = cursor.astring("a mailbox name")?;
    decode(&wire, cursor.dialect()).map(canonical)
}

/// Reads a mailbox pattern, in which `%` and `*` may stand unquoted.
pub fn parse_pattern(cursor: &mut Cursor<'_>) -> Parsed<String> {
    match cursor.peek() {
        Some(b'"' | b'{') => decode(&cursor.string("a mailbox pattern")?, cursor.dialect()),
        _ => match cursor.take_while(is_list_char) {
            [] => Err(Malformed::Expected("a mailbox pattern")),
            pattern => decode(pattern, cursor.dialect()),
        },
    }
}

/// Reads a reference name, which may be empty.
pub fn parse_reference(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let wire = cursor.astring("a reference name")?;
    decode(&wire, cursor.dialect())
}

/// From the wire. Octets above 127 are taken for UTF-8 from every client: RFC 9051 §5.1 wants it and RFC 3501 leaves it undefined. To one
/// that has enabled UTF-8, `&` is a letter like any other (RFC 6855 §3).
fn decode(wire: &[u8], dialect: Dialect) -> Parsed<String> {
    let decoded = if wire.is_ascii() && !dialect.utf8 {
        utf7::decode(wire)
    } else {
        std::str::from_utf8(wire)
            .ok()
            .filter(|name| !name.contains(char::is_control))
            .map(str::to_owned)
    };
    decoded.ok_or(Malformed::Expected("a mailbox name in its encoding"))
}

/// The one spelling of INBOX (RFC 3501 §5.1).
pub fn canonical(name: String) -> String {
    let (first, rest) = match name.split_once(SEPARATOR) {
        Some((first, rest)) => (first, Some(rest)),
        None => (name.as_str(), None),
    };
    if !first.eq_ignore_ascii_case("INBOX") {
        return name;
    }
    match rest {
        Some(rest) => format!("INBOX{SEPARATOR}{rest}"),
        None => "INBOX".to_owned(),
    }
}

/// The form in which a name is kept: composed (RFC 9051 §5.1: Net-Unicode), and without a separator at its end. For what is compared
/// with the names of mailboxes here; the store brings what it is given into this form by itself.
pub fn kept(name: &str) -> String {
    let name = name.strip_suffix(SEPARATOR).unwrap_or(name);
    name.nfc().collect()
}

/// ` INBOX` or ` (a b)`, each as it is kept (RFC 5465 §8, one-or-more-mailbox).
pub fn parse_names(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    cursor.space()?;
    let names = match cursor.peek() {
        Some(b'(') => cursor.list(parse)?,
        _ => vec![parse(cursor)?],
    };
    Ok(names.iter().map(|name| kept(name)).collect())
}

fn is_inbox_or_below(name: &str) -> bool {
    let rest = name.strip_prefix(INBOX);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(SEPARATOR))
}

/// To the wire.
pub fn encode(name: &str, dialect: Dialect, into: &mut Vec<u8>) {
    if dialect.utf8 {
        return quote::utf8_astring(name, into);
    }
    let mut wire = Vec::with_capacity(name.len());
    utf7::encode(name, &mut wire);
    quote::astring(&wire, into);
}

/// A LIST pattern, compiled: `%` matches anything within a level, `*` anything (RFC 3501 §6.3.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pattern: Vec<char>,
}

impl Pattern {
    /// Joins reference and pattern. INBOX matches in any case.
    pub fn new(reference: &str, pattern: &str) -> Self {
        let whole = canonical(format!("{reference}{pattern}"));
        // Names are kept composed (RFC 9051 §5.1), and a client may ask in another form.
        let mut pattern: Vec<char> = whole.nfc().collect();
        // `**` is `*`, and `*%` too: with single wildcards the matching below needs no memory of earlier ones.
        pattern.dedup_by(|next, before| {
            *before == '*' && matches!(next, '*' | '%') || (*before == '%' && *next == '%')
        });
        Self { pattern }
    }

    /// Whether it asks for levels, too, that are no mailboxes (RFC 3501 §6.3.8: `%` "is the last character").
    pub fn asks_for_levels(&self) -> bool {
        self.pattern.last() == Some(&'%')
    }

    /// Whether the whole of `name` matches.
    ///
    /// The states of the pattern that are reachable are carried along the name: time is the product of the lengths,
    /// whatever the wildcards.
    pub fn matches(&self, name: &str) -> bool {
        self.reach(name).last().copied().unwrap_or(false)
    }

    fn reach(&self, name: &str) -> Vec<bool> {
        let mut reached = vec![false; self.pattern.len() + 1];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        self.skip_wildcards(&mut reached);
        // INBOX is the same in any case (RFC 3501 §5.1), also where a wildcard stands for a part of it.
        let any_case = if is_inbox_or_below(name) {
            INBOX.len()
        } else {
            0
        };
        for (place, character) in name.chars().enumerate() {
            let same = |wanted: char| {
                wanted == character || place < any_case && wanted.eq_ignore_ascii_case(&character)
            };
            let mut next = vec![false; reached.len()];
            for (position, wanted) in self.pattern.iter().enumerate() {
                if !reached[position] {
                    continue;
                }
                match wanted {
                    '*' => next[position] = true,
                    '%' => next[position] = character != SEPARATOR,
                    _ => next[position + 1] |= same(*wanted),
                }
            }
            self.skip_wildcards(&mut next);
            reached = next;
        }
        reached
    }

    /// A wildcard may match nothing.
    fn skip_wildcards(&self, reached: &mut [bool]) {
        for (position, wanted) in self.pattern.iter().enumerate() {
            if reached[position] && matches!(wanted, '*' | '%') {
                reached[position + 1] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inbox_has_one_spelling() {
        assert_eq!(canonical("inBox".into()), "INBOX");
        assert_eq!(canonical("inbox/Sub".into()), "INBOX/Sub");
        assert_eq!(canonical("Inboxes".into()), "Inboxes");
    }

    #[test]
    fn wildcards_match_as_the_rfc_says() {
        let matches = |pattern: &str, name: &str| Pattern::new("", pattern).matches(name);
        assert!(matches("*", "a/b/c"));
        assert!(matches("%", "a"));
        assert!(!matches("%", "a/b"));
        assert!(matches("a/%/c", "a/b/c"));
        assert!(matches("%/%", "a/b"));
        assert!(matches("*b", "a/b"));
        assert!(matches("%*", "a/b"));
        assert!(matches("*%", "a/b"));
        assert!(matches("inbox", "INBOX"));
        assert!(matches("inb*", "INBOX"));
        assert!(matches("%box/%", "INBOX/Sub"));
        assert!(!matches("inb*", "INBOXES"));
        assert!(!matches("inbox/s%", "INBOX/Sub"));
        assert!(!matches("", "a"));
        assert!(matches("cafe\u{301}", "caf\u{e9}"));
        assert!(Pattern::new("a/", "%").matches("a/b"));
        assert!(!Pattern::new("a/", "%").matches("a"));
    }

    #[test]
    fn many_wildcards_cost_little() {
        let pattern = "*a".repeat(500);
        assert!(!Pattern::new("", &pattern).matches(&"a".repeat(400)));
    }
}
