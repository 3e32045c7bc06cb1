//! LIST with its selection and return options (RFC 3501 §6.3.8, RFC 5258, RFC 5819, RFC 6154 §5).

use super::capability::Capability;
use super::cursor::{Cursor, Malformed, Parsed};
use super::mailbox;
use super::metadata::EntryName;
use super::status::StatusItem;

/// Most patterns in one LIST.
const PATTERNS_MAX: usize = 1_000;
/// Most options in one list.
const OPTIONS_MAX: usize = 64;

/// Which mailboxes are listed (RFC 5258 §3.1, RFC 6154 §5.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Selection {
    /// SUBSCRIBED
    pub subscribed: bool,
    /// RECURSIVEMATCH
    pub recursive_match: bool,
    /// SPECIAL-USE
    pub special_use: bool,
}

/// What is told of each (RFC 5258 §3.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Returns {
    /// SUBSCRIBED
    pub subscribed: bool,
    /// CHILDREN
    pub children: bool,
    /// STATUS (…) (RFC 5819)
    pub status: Option<Vec<StatusItem>>,
    /// MYRIGHTS (RFC 8440)
    pub my_rights: bool,
    /// METADATA (…) (RFC 9590)
    pub metadata: Option<Vec<EntryName>>,
}

/// A LIST command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Selection options; `None` and no return options make it the basic command of RFC 3501.
    pub selection: Option<Selection>,
    /// Prefixed to each pattern.
    pub reference: String,
    /// At least one.
    pub patterns: Vec<String>,
    /// The patterns are in a list, be it of one.
    pub listed: bool,
    /// Return options.
    pub returns: Option<Returns>,
}

impl List {
    /// Reads everything after `LIST SP`.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let selection = if cursor.offers(Capability::ListExtended) && cursor.peek() == Some(b'(') {
            let selection = parse_selection(cursor)?;
            // Some examples of RFC 5819 have no space here.
            while cursor.eat(b' ') {}
            Some(selection)
        } else {
            None
        };
        let reference = mailbox::parse_reference(cursor)?;
        cursor.space()?;
        let listed = cursor.peek() == Some(b'(');
        let patterns = parse_patterns(cursor)?;
        let returns =
            if cursor.peek() == Some(b' ') && cursor.rest().iter().any(|&octet| octet != b' ') {
                cursor.space()?;
                if !cursor.eat_word_of(Capability::ListExtended, "RETURN") {
                    return Err(Malformed::Expected("RETURN"));
                }
                cursor.space()?;
                Some(parse_returns(cursor)?)
            } else {
                None
            };
        Ok(Self {
            selection,
            reference,
            patterns,
            listed,
            returns,
        })
    }
}

fn parse_patterns(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    if !cursor.offers(Capability::ListExtended) || cursor.peek() != Some(b'(') {
        return Ok(vec![mailbox::parse_pattern(cursor)?]);
    }
    let patterns = cursor.list(mailbox::parse_pattern)?;
    if patterns.len() > PATTERNS_MAX {
        Err(Malformed::TooMany("patterns"))
    } else {
        Ok(patterns)
    }
}

fn parse_selection(cursor: &mut Cursor<'_>) -> Parsed<Selection> {
    let mut selection = Selection::default();
    let mut count = 0;
    cursor.list_or_empty(|cursor| {
        count += 1;
        match cursor.keyword("a selection option")?.as_str() {
            _ if count > OPTIONS_MAX => return Err(Malformed::TooMany("selection options")),
            "SUBSCRIBED" => selection.subscribed = true,
            "RECURSIVEMATCH" => selection.recursive_match = true,
            "SPECIAL-USE" if cursor.offers(Capability::SpecialUse) => selection.special_use = true,
            // RFC 5258 §3.1: there are no remote mailboxes here, so the option changes nothing.
            "REMOTE" => {}
            _ => return Err(Malformed::Expected("a known selection option")),
        }
        Ok(())
    })?;
    // RFC 5258 §3.1: "RECURSIVEMATCH … MUST return a tagged BAD" without a base option.
    if selection.recursive_match && !selection.subscribed && !selection.special_use {
        return Err(Malformed::Expected("SUBSCRIBED beside RECURSIVEMATCH"));
    }
    Ok(selection)
}

fn parse_returns(cursor: &mut Cursor<'_>) -> Parsed<Returns> {
    let mut returns = Returns::default();
    let mut count = 0;
    cursor.list_or_empty(|cursor| {
        count += 1;
        match cursor.keyword("a return option")?.as_str() {
            _ if count > OPTIONS_MAX => return Err(Malformed::TooMany("return options")),
            "SUBSCRIBED" => returns.subscribed = true,
            "CHILDREN" => returns.children = true,
            // RFC 6154 §5: special-use attributes are told in every LIST, asked for or not.
            "SPECIAL-USE" if cursor.offers(Capability::SpecialUse) => {}
            "STATUS" if cursor.offers(Capability::ListStatus) => {
                cursor.space()?;
                returns.status = Some(StatusItem::parse_list(cursor)?);
            }
            "MYRIGHTS" if cursor.offers(Capability::ListMyRights) => returns.my_rights = true,
            "METADATA" if cursor.offers(Capability::ListMetadata) => {
                cursor.space()?;
                returns.metadata = Some(EntryName::parse_several(cursor)?);
            }
            _ => return Err(Malformed::Expected("a known return option")),
        }
        Ok(())
    })?;
    Ok(returns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed<List> {
        let mut cursor = Cursor::new(text.as_bytes());
        let list = List::parse(&mut cursor)?;
        cursor.end()?;
        Ok(list)
    }

    #[test]
    fn forms_that_clients_send() {
        assert_eq!(parse("\"\" \"\"").unwrap().patterns, [""]);
        assert_eq!(parse("\"\" %").unwrap().patterns, ["%"]);
        assert_eq!(parse("~/Mail/ %/foo*").unwrap().reference, "~/Mail/");
        let list = parse("(subscribed) \"\" \"*\" return (special-use)").unwrap();
        assert!(list.selection.unwrap().subscribed);
        let list =
            parse("(SUBSCRIBED RECURSIVEMATCH)\"\" % RETURN (STATUS (MESSAGES UNSEEN) CHILDREN)")
                .unwrap();
        assert_eq!(list.returns.unwrap().status.unwrap().len(), 2);
        assert_eq!(
            parse("() \"\" (\"INBOX\" \"Drafts\" Sent/%)")
                .unwrap()
                .patterns
                .len(),
            3
        );
    }

    #[test]
    fn wrong_options_are_refused() {
        for text in [
            "(RECURSIVEMATCH) \"\" *",
            "(FOO) \"\" *",
            "\"\" * RETURN (FOO)",
            "\"\" * FOO",
            "\"\"",
            "\"\" ()",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
