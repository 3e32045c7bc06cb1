//! NOTIFY (RFC 5465 §8): for which mailboxes which events are to be told.
//!
//! The rules of §5 about which events need which others are kept here: what breaks them is malformed. An event that is
//! unknown is not, because the answer to it is another (§3.1); nor is a registration that is too large.

use super::cursor::{Cursor, Malformed, Parsed};
use super::fetch::Fetch;
use super::mailbox;

/// The events that there are here, by their names.
pub const EVENTS: &[&str] = &[
    "MessageNew",
    "MessageExpunge",
    "FlagChange",
    "MailboxName",
    "SubscriptionChange",
    "MailboxMetadataChange",
    "ServerMetadataChange",
];

/// A NOTIFY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notify {
    /// NOTIFY NONE
    None,
    /// NOTIFY SET
    Set {
        /// STATUS of all mailboxes is wanted first.
        status: bool,
        /// What is to be told.
        groups: Vec<Group>,
    },
}

/// Events of some mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Which mailboxes.
    pub filter: Filter,
    /// Which events.
    pub events: Events,
}

/// Which mailboxes (RFC 5465 §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// The selected one, told of at once.
    Selected,
    /// The selected one, expunges told where they always are.
    SelectedDelayed,
    /// Those to which mail may be delivered.
    Inboxes,
    /// The user's own.
    Personal,
    /// Those subscribed to.
    Subscribed,
    /// These and all below.
    Subtree(Vec<String>),
    /// These.
    Mailboxes(Vec<String>),
}

/// Which events (RFC 5465 §5); none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    /// MessageNew and MessageExpunge, which come together.
    pub messages: bool,
    /// FlagChange
    pub flags: bool,
    /// MailboxName
    pub name: bool,
    /// SubscriptionChange
    pub subscription: bool,
    /// MailboxMetadataChange
    pub metadata: bool,
    /// ServerMetadataChange
    pub server_metadata: bool,
    /// What is to be told of new messages.
    pub fetch: Option<Fetch>,
    /// One that this server does not have.
    pub unsupported: bool,
}

impl Notify {
    /// Reads the arguments.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if cursor.eat_word("NONE") {
            return Ok(Self::None);
        }
        if !cursor.eat_word("SET") {
            return Err(Malformed::Expected("SET or NONE"));
        }
        cursor.space()?;
        let status = cursor.eat_word("STATUS");
        if status {
            cursor.space()?;
        }
        let mut groups = vec![Group::parse(cursor)?];
        while cursor.clone().end().is_err() {
            cursor.space()?;
            groups.push(Group::parse(cursor)?);
        }
        let selected = groups.iter().filter(|group| group.filter.is_selected());
        match selected.count() {
            0 | 1 => Ok(Self::Set { status, groups }),
            _ => Err(Malformed::Expected("SELECTED or SELECTED-DELAYED once")),
        }
    }
}

impl Group {
    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.expect(b'(', "an event group")?;
        let filter = Filter::parse(cursor)?;
        cursor.space()?;
        let events = Events::parse(cursor, filter.is_selected())?;
        cursor.expect(b')', "the end of an event group")?;
        Ok(Self { filter, events })
    }
}

impl Filter {
    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        Ok(match cursor.keyword("a mailbox filter")?.as_str() {
            "SELECTED" => Self::Selected,
            "SELECTED-DELAYED" => Self::SelectedDelayed,
            "INBOXES" => Self::Inboxes,
            "PERSONAL" => Self::Personal,
            "SUBSCRIBED" => Self::Subscribed,
            "SUBTREE" => Self::Subtree(mailbox::parse_names(cursor)?),
            "MAILBOXES" => Self::Mailboxes(mailbox::parse_names(cursor)?),
            _ => return Err(Malformed::Expected("a mailbox filter")),
        })
    }

    /// Whether it stands for the selected mailbox.
    pub fn is_selected(&self) -> bool {
        matches!(self, Self::Selected | Self::SelectedDelayed)
    }

    /// The names in it.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Subtree(names) | Self::Mailboxes(names) => names,
            _ => &[],
        }
    }
}

/// The message events that were named: which of them need which is looked at when all are known.
#[derive(Default)]
struct Named {
    new: bool,
    expunge: bool,
    changes: bool,
    others: bool,
}

impl Events {
    fn parse(cursor: &mut Cursor<'_>, selected: bool) -> Parsed<Self> {
        let mut events = Self::default();
        if cursor.eat_word("NONE") {
            return Ok(events);
        }
        let mut named = Named::default();
        cursor.list(|cursor| events.parse_event(&mut named, cursor))?;
        if named.new != named.expunge {
            return Err(Malformed::Expected(
                "MessageNew and MessageExpunge together",
            ));
        }
        if named.changes && !named.new {
            return Err(Malformed::Expected(
                "MessageNew and MessageExpunge beside changes",
            ));
        }
        if selected && named.others {
            return Err(Malformed::Expected(
                "message events for the selected mailbox",
            ));
        }
        if !selected && events.fetch.is_some() {
            return Err(Malformed::Expected(
                "data items for the selected mailbox alone",
            ));
        }
        events.messages = named.new;
        Ok(events)
    }

    fn parse_event(&mut self, named: &mut Named, cursor: &mut Cursor<'_>) -> Parsed<()> {
        match cursor.keyword("an event")?.as_str() {
            "MESSAGENEW" => {
                named.new = true;
                let mut ahead = cursor.clone();
                if ahead.space().is_ok() && ahead.peek() == Some(b'(') {
                    cursor.space()?;
                    self.fetch = Some(Fetch::parse_list(cursor)?);
                }
                return Ok(());
            }
            "MESSAGEEXPUNGE" => named.expunge = true,
            "FLAGCHANGE" => (named.changes, self.flags) = (true, true),
            "ANNOTATIONCHANGE" => (named.changes, self.unsupported) = (true, true),
            "MAILBOXNAME" => (named.others, self.name) = (true, true),
            "SUBSCRIPTIONCHANGE" => (named.others, self.subscription) = (true, true),
            "MAILBOXMETADATACHANGE" => (named.others, self.metadata) = (true, true),
            "SERVERMETADATACHANGE" => (named.others, self.server_metadata) = (true, true),
            _ => self.unsupported = true,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Parsed<Notify> {
        let mut cursor = Cursor::new(text.as_bytes());
        let notify = Notify::parse(&mut cursor)?;
        cursor.end()?;
        Ok(notify)
    }

    fn groups(text: &str) -> Vec<Group> {
        match parse(text) {
            Ok(Notify::Set { groups, .. }) => groups,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn groups_of_the_rfc_are_understood() {
        let read = groups(
            "set status (selected (MessageNew (uid body.peek[header.fields (from to subject)]) \
             MessageExpunge)) (subtree Lists (MessageNew MessageExpunge)) (personal none)",
        );
        assert_eq!(read.len(), 3);
        assert_eq!(read[0].events.fetch.as_ref().unwrap().items.len(), 2);
        assert_eq!(read[1].filter, Filter::Subtree(vec!["Lists".into()]));
        assert_eq!(read[2].events, Events::default());
        let read = groups("SET (MAILBOXES (INBOX a) (SubscriptionChange MailboxName))");
        assert_eq!(read[0].filter.names(), ["INBOX", "a"]);
        assert!(read[0].events.subscription && read[0].events.name);
        let read = groups("SET (SUBTREE \"Entwu&Awg-rfe/\" (MailboxName))");
        assert_eq!(read[0].filter.names(), ["Entw\u{fc}rfe"]);
        assert_eq!(parse("NONE"), Ok(Notify::None));
    }

    #[test]
    fn events_need_each_other() {
        for wrong in [
            "SET (PERSONAL (MessageNew))",
            "SET (PERSONAL (MessageExpunge))",
            "SET (PERSONAL (FlagChange))",
            "SET (PERSONAL (AnnotationChange))",
            "SET (SELECTED (MailboxName))",
            "SET (SELECTED NONE) (SELECTED-DELAYED NONE)",
            "SET (PERSONAL (MessageNew (UID) MessageExpunge))",
            "SET (EVERYTHING (MailboxName))",
            "SET (PERSONAL ())",
            "SET (SUBTREE () (MailboxName))",
            "SET",
            "SET STATUS",
            "NONE x",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn unknown_events_are_not_malformed() {
        assert!(groups("SET (PERSONAL (NewEvent))")[0].events.unsupported);
        let known = "SET (SELECTED (MessageNew MessageExpunge AnnotationChange))";
        assert!(groups(known)[0].events.unsupported);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(SET|NONE)( STATUS)?( \\((SELECTED|SUBTREE|MAILBOXES|PERSONAL)?[ ()a-zA-Z]{0,40}\\)){0,3}") {
            let _ = parse(&text);
        }
    }
}
