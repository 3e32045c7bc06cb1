//! The parts of APPEND that stand around its messages (RFC 3501 §6.3.11, RFC 3502).
//!
//! A message to be appended is a literal that is never gathered: the session reads the line that announces it with
//! [`Start`] or [`Item`], and then sends its octets to the store as they come.

use super::capability::Capability;
use super::cursor::{Cursor, Malformed, Parsed};
use super::date::DateAndTime;
use super::dialect::Dialect;
use super::flag::Flag;
use super::mailbox;
use super::verb::Verb;

/// What is told of a message before its octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its flags.
    pub flags: Vec<Flag>,
    /// Its internal date; none means now.
    pub date: Option<DateAndTime>,
}

/// The line that begins an APPEND, up to the announcement of its first message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Where to.
    pub mailbox: String,
    /// The first message.
    pub item: Item,
}

impl Start {
    /// Reads a command up to an announcement, with which `input` ends.
    ///
    /// `None` when the announced literal is not a message but the mailbox's name, which has to be gathered first, or
    /// when the command is not an APPEND.
    pub fn parse(input: &[u8], dialect: Dialect) -> Option<Parsed<Self>> {
        let mut cursor = Cursor::speaking(input, dialect);
        cursor.tag().ok()?;
        cursor.space().ok()?;
        let verb = Verb::parse(&mut cursor).ok()?;
        if verb != Verb::Append || cursor.space().is_err() || is_announcement(cursor.rest()) {
            return None;
        }
        Some(Self::parse_arguments(&mut cursor))
    }

    fn parse_arguments(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mailbox = mailbox::parse(cursor)?;
        cursor.space()?;
        Ok(Self {
            mailbox,
            item: Item::parse(cursor)?,
        })
    }
}

impl Item {
    /// Reads what follows a message: another one (RFC 3502), or nothing.
    pub fn parse_next(input: &[u8], dialect: Dialect) -> Parsed<Option<Self>> {
        let mut cursor = Cursor::speaking(input, dialect);
        if cursor.end().is_ok() {
            return Ok(None);
        }
        let mut cursor = Cursor::speaking(input, dialect);
        if !cursor.offers(Capability::MultiAppend) {
            return Err(Malformed::Expected("the end of the command"));
        }
        cursor.space()?;
        Self::parse(&mut cursor).map(Some)
    }

    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut flags = Vec::new();
        if cursor.peek() == Some(b'(') {
            flags = Flag::parse_list(cursor)?;
            cursor.space()?;
        }
        let mut date = None;
        if cursor.peek() == Some(b'"') {
            date = Some(DateAndTime::parse(cursor)?);
            cursor.space()?;
        }
        if is_announcement(cursor.rest()) {
            Ok(Self { flags, date })
        } else {
            Err(Malformed::Expected("a message literal"))
        }
    }
}

fn is_announcement(rest: &[u8]) -> bool {
    rest.first() == Some(&b'{')
        && super::fragment::announced(rest).is_some()
        && !rest.contains(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announcement_of_a_message_is_told_from_that_of_a_name() {
        assert_eq!(Start::parse(b"a APPEND {5}", Dialect::default()), None);
        assert_eq!(Start::parse(b"a LOGIN x {5}", Dialect::default()), None);
        let start = Start::parse(b"a APPEND {5}\r\ninbox (\\Seen) {310}", Dialect::default())
            .unwrap()
            .unwrap();
        assert_eq!(start.mailbox, "INBOX");
        assert_eq!(start.item.flags.len(), 1);
        let start = Start::parse(
            b"a append saved-messages \"17-Jul-1996 02:44:25 -0700\" {3+}",
            Dialect::default(),
        )
        .unwrap()
        .unwrap();
        assert!(start.item.date.is_some());
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for text in [
            "a APPEND x (\\Recent) {1}",
            "a APPEND x y {1}",
            "a APPEND x ~{1}",
            "a APPEND x (a){1}",
        ] {
            assert!(
                Start::parse(text.as_bytes(), Dialect::default())
                    .unwrap()
                    .is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn more_messages_may_follow() {
        assert_eq!(Item::parse_next(b"", Dialect::default()), Ok(None));
        assert_eq!(
            Item::parse_next(b" (\\Seen) {4}", Dialect::default())
                .unwrap()
                .unwrap()
                .flags
                .len(),
            1
        );
        assert!(Item::parse_next(b"x", Dialect::default()).is_err());
        assert!(Item::parse_next(b" x", Dialect::default()).is_err());
    }
}
