//! Message flags: `\Seen`, keywords, and lists of them (RFC 3501 §2.3.2, §9).
//!
//! Whether a keyword can be stored is the store's decision; `\Recent` cannot be written by a client and is refused here.

use super::cursor::{Cursor, Malformed, Parsed};

/// Most flags in one list.
const FLAGS_MAX: usize = 256;
/// Longest keyword.
const KEYWORD_OCTETS_MAX: usize = 128;

/// The system flags that are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemFlag {
    /// `\Seen`
    Seen,
    /// `\Answered`
    Answered,
    /// `\Flagged`
    Flagged,
    /// `\Deleted`
    Deleted,
    /// `\Draft`
    Draft,
}

impl SystemFlag {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 5] = [
        Self::Answered,
        Self::Flagged,
        Self::Deleted,
        Self::Seen,
        Self::Draft,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seen => "\\Seen",
            Self::Answered => "\\Answered",
            Self::Flagged => "\\Flagged",
            Self::Deleted => "\\Deleted",
            Self::Draft => "\\Draft",
        }
    }
}

/// A flag as a client names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flag {
    /// One of the five.
    System(SystemFlag),
    /// A keyword; case is kept, comparison ignores it.
    Keyword(String),
}

impl Flag {
    /// Reads one flag.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if !cursor.eat(b'\\') {
            return parse_keyword(cursor).map(Self::Keyword);
        }
        let name = cursor.atom("a flag")?;
        SystemFlag::ALL
            .into_iter()
            .find(|flag| {
                flag.name()
                    .get(1..)
                    .is_some_and(|known| known.eq_ignore_ascii_case(name))
            })
            .map(Self::System)
            .ok_or(Malformed::Expected("a flag that can be stored"))
    }

    /// Reads `(\Seen $Junk)`, perhaps empty.
    pub fn parse_list(cursor: &mut Cursor<'_>) -> Parsed<Vec<Self>> {
        let flags = cursor.list_or_empty(Self::parse)?;
        limited(flags)
    }

    /// Reads a list, or flags with spaces between and no parentheses, as STORE allows (RFC 3501 §9, store-att-flags).
    pub fn parse_list_or_bare(cursor: &mut Cursor<'_>) -> Parsed<Vec<Self>> {
        if cursor.peek() == Some(b'(') {
            return Self::parse_list(cursor);
        }
        let mut flags = vec![Self::parse(cursor)?];
        while cursor.peek() == Some(b' ') {
            cursor.space()?;
            flags.push(Self::parse(cursor)?);
        }
        limited(flags)
    }
}

fn limited(flags: Vec<Flag>) -> Parsed<Vec<Flag>> {
    if flags.len() > FLAGS_MAX {
        Err(Malformed::TooMany("flags"))
    } else {
        Ok(flags)
    }
}

/// Reads a keyword.
pub fn parse_keyword(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let keyword = cursor.atom("a flag")?;
    if keyword.len() > KEYWORD_OCTETS_MAX {
        return Err(Malformed::TooMany("octets in a keyword"));
    }
    Ok(keyword.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_in_any_case() {
        let flags = Flag::parse_list(&mut Cursor::new(b"(\\seen $Forwarded \\DELETED)")).unwrap();
        assert_eq!(
            flags,
            [
                Flag::System(SystemFlag::Seen),
                Flag::Keyword("$Forwarded".into()),
                Flag::System(SystemFlag::Deleted)
            ]
        );
    }

    #[test]
    fn recent_and_unknown_system_flags_are_refused() {
        for text in ["(\\Recent)", "(\\Foo)", "(\\)", "(a", "((a))"] {
            assert!(
                Flag::parse_list(&mut Cursor::new(text.as_bytes())).is_err(),
                "{text}"
            );
        }
    }
}
