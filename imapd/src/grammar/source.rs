//! Which mailboxes are meant: `selected`, `personal`, `subtree (a b)` and so on (RFC 5465 §6, RFC 7377 §2.2).
//!
//! Which mailboxes there are, and who may see them, is not known here.

use super::cursor::{Cursor, Malformed, Parsed};
use super::mailbox;

/// Most sources in one command, and most names in one of them.
const SOURCES_MAX: usize = 1_000;

/// One choice of mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `selected`: the mailbox that is selected.
    Selected,
    /// `inboxes`: where mail may be delivered to.
    Inboxes,
    /// `personal`: all of the user's own.
    Personal,
    /// `subscribed`
    Subscribed,
    /// `subtree`: these, and all below them.
    Subtree(Vec<String>),
    /// `subtree-one`: these, and what is one level below them (RFC 7377 §2.2).
    SubtreeOne(Vec<String>),
    /// `mailboxes`: exactly these.
    Mailboxes(Vec<String>),
}

impl Source {
    /// Reads one choice.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let name = cursor.keyword("a choice of mailboxes")?;
        Ok(match name.as_str() {
            "SELECTED" => Self::Selected,
            "INBOXES" => Self::Inboxes,
            "PERSONAL" => Self::Personal,
            "SUBSCRIBED" => Self::Subscribed,
            "SUBTREE" => Self::Subtree(parse_names(cursor)?),
            "SUBTREE-ONE" => Self::SubtreeOne(parse_names(cursor)?),
            "MAILBOXES" => Self::Mailboxes(parse_names(cursor)?),
            _ => return Err(Malformed::Expected("a choice of mailboxes")),
        })
    }

    /// Reads what stands after `IN SP`. Scope options, of which none are defined, are refused.
    pub fn parse_all(cursor: &mut Cursor<'_>) -> Parsed<Vec<Self>> {
        let sources = cursor.list(Self::parse)?;
        if sources.len() > SOURCES_MAX {
            return Err(Malformed::TooMany("choices of mailboxes"));
        }
        Ok(sources)
    }
}

fn parse_names(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    let names = mailbox::parse_names(cursor)?;
    match names.len() > SOURCES_MAX {
        true => Err(Malformed::TooMany("mailboxes")),
        false => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read() {
        let parse = |text: &str| Source::parse_all(&mut Cursor::new(text.as_bytes()));
        assert_eq!(
            parse("(mailboxes \"folder1\" subtree-one folder2)").unwrap(),
            [
                Source::Mailboxes(vec!["folder1".into()]),
                Source::SubtreeOne(vec!["folder2".into()])
            ]
        );
        assert_eq!(
            parse("(selected Inboxes PERSONAL subscribed subtree (a inbox))").unwrap(),
            [
                Source::Selected,
                Source::Inboxes,
                Source::Personal,
                Source::Subscribed,
                Source::Subtree(vec!["a".into(), "INBOX".into()])
            ]
        );
        for wrong in [
            "()",
            "(selected-delayed)",
            "(mailboxes)",
            "(mailboxes ())",
            "(personal (x))",
            "personal",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
