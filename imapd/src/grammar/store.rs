//! The arguments of STORE (RFC 3501 §6.4.6, RFC 7162 §3.1.3).

use super::capability::Capability;
use super::cursor::{Cursor, Malformed, Parsed};
use super::flag::Flag;

/// What is done with the named flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// FLAGS
    Replace,
    /// +FLAGS
    Add,
    /// -FLAGS
    Remove,
}

/// STORE or UID STORE without its set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// UNCHANGEDSINCE
    pub unchanged_since: Option<u64>,
    /// What is done.
    pub operation: Operation,
    /// .SILENT: the client works out the new flags by itself.
    pub silent: bool,
    /// With which flags.
    pub flags: Vec<Flag>,
}

impl Store {
    /// Reads modifiers, operation and flags.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let unchanged_since = if cursor.peek() == Some(b'(') {
            let since = parse_modifiers(cursor)?;
            cursor.space()?;
            Some(since)
        } else {
            None
        };
        let operation = if cursor.eat(b'+') {
            Operation::Add
        } else if cursor.eat(b'-') {
            Operation::Remove
        } else {
            Operation::Replace
        };
        let silent = match cursor.keyword("FLAGS")?.as_str() {
            "FLAGS" => false,
            "FLAGS.SILENT" => true,
            _ => return Err(Malformed::Expected("FLAGS or FLAGS.SILENT")),
        };
        cursor.space()?;
        let flags = Flag::parse_list_or_bare(cursor)?;
        Ok(Self {
            unchanged_since,
            operation,
            silent,
            flags,
        })
    }
}

fn parse_modifiers(cursor: &mut Cursor<'_>) -> Parsed<u64> {
    let modifiers = cursor.list(|cursor| {
        if !cursor.eat_word_of(Capability::CondStore, "UNCHANGEDSINCE") {
            return Err(Malformed::Expected("the modifier UNCHANGEDSINCE"));
        }
        cursor.space()?;
        cursor.number64()
    })?;
    match modifiers.as_slice() {
        [since] => Ok(*since),
        _ => Err(Malformed::Expected("one UNCHANGEDSINCE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<Store> {
        let mut cursor = Cursor::new(text.as_bytes());
        let store = Store::parse(&mut cursor)?;
        cursor.end()?;
        Ok(store)
    }

    #[test]
    fn operations_are_told_apart() {
        assert_eq!(
            parse("+FLAGS (\\Deleted)").unwrap().operation,
            Operation::Add
        );
        assert_eq!(parse("-flags.silent \\Seen $x").unwrap().flags.len(), 2);
        let store = parse("(UNCHANGEDSINCE 0) FLAGS.SILENT ()").unwrap();
        assert_eq!(
            (store.unchanged_since, store.silent, store.flags.len()),
            (Some(0), true, 0)
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "FLAG (\\Seen)",
            "+FLAGS",
            "+-FLAGS (a)",
            "(FOO 1) FLAGS ()",
            "(UNCHANGEDSINCE) FLAGS ()",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
