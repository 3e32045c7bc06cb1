//! What one FETCH needs of each message, worked out once.

use store::mime::Extent;

use crate::grammar::fetch::{Fetch, Item};
use crate::grammar::partial::PartialRange;

/// A FETCH, prepared.
#[derive(Debug)]
pub struct Plan {
    /// What to answer, in the order asked.
    pub items: Vec<Item>,
    /// Only messages changed since (RFC 7162 §3.1.4.1).
    pub changed_since: Option<u64>,
    /// Only this window of the messages named (RFC 9394 §3.3).
    pub partial: Option<PartialRange>,
    /// The facts of the entry are needed: size, dates or the name of its content.
    pub needs_entry: bool,
    /// The MIME index is needed.
    pub needs_index: bool,
    /// How much of it is written as it stands; nothing if it only says where octets lie.
    pub described: Option<Extent>,
    /// The threads are needed.
    pub needs_threads: bool,
    /// Fetching sets \Seen.
    pub sets_seen: bool,
}

impl Plan {
    /// Works out what `fetch` needs.
    ///
    /// A UID command answers with UIDs (RFC 3501 §6.4.8), CHANGEDSINCE with mod-sequences (RFC 7162 §3.1.4.1), whether
    /// they were asked for or not. Flags come with mod-sequences once the client has used CONDSTORE (RFC 7162 §3.1, "all
    /// subsequent untagged FETCH responses").
    pub fn new(fetch: Fetch, with_uid: bool, condstore: bool) -> Self {
        let mut items = told_once(fetch.items);
        if with_uid && !items.contains(&Item::Uid) {
            items.insert(0, Item::Uid);
        }
        let tells_flags = condstore && items.contains(&Item::Flags);
        if (fetch.changed_since.is_some() || tells_flags) && !items.contains(&Item::ModSeq) {
            items.push(Item::ModSeq);
        }
        let any = |wanted: fn(&Item) -> bool| items.iter().any(wanted);
        let described = items
            .iter()
            .filter_map(extent)
            .reduce(|one, other| match one == other {
                true => one,
                false => Extent::All,
            });
        Self {
            described,
            changed_since: fetch.changed_since,
            partial: fetch.partial,
            needs_entry: any(|item| {
                matches!(
                    item,
                    Item::Size | Item::InternalDate | Item::SaveDate | Item::EmailId
                )
            }),
            needs_index: described.is_some() || any(Item::is_located),
            needs_threads: any(|item| *item == Item::ThreadId),
            sets_seen: any(|item| match item {
                Item::Section(section) => !section.peek,
                Item::Binary(part) => !part.peek,
                _ => false,
            }),
            items,
        }
    }

    /// The items that are octets of the message, in order.
    pub fn located(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.is_located())
    }

    /// Whether the client asks for mod-sequences, and so enables CONDSTORE (RFC 7162 §3.1).
    pub fn enables_condstore(&self) -> bool {
        self.items.contains(&Item::ModSeq)
    }
}

/// What is told from the index is told once, however often it was asked for: all of a batch is in memory.
fn told_once(asked: Vec<Item>) -> Vec<Item> {
    let mut items = Vec::with_capacity(asked.len());
    for item in asked {
        if extent(&item).is_none() || !items.contains(&item) {
            items.push(item);
        }
    }
    items
}

/// How much of the index an item tells.
fn extent(item: &Item) -> Option<Extent> {
    match item {
        Item::Envelope => Some(Extent::Envelope),
        Item::Body | Item::BodyStructure => Some(Extent::Parts),
        Item::Preview => Some(Extent::All),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::Cursor;

    fn plan(text: &str) -> Plan {
        Plan::new(
            Fetch::parse(&mut Cursor::new(text.as_bytes())).unwrap(),
            true,
            false,
        )
    }

    #[test]
    fn what_is_told_from_the_index_is_told_once() {
        let items = plan("(ENVELOPE BODY ENVELOPE BODY[1] BODY[1] BODY)").items;
        assert_eq!(items.len(), 5, "{items:?}");
    }

    #[test]
    fn only_what_is_needed_is_read() {
        let flags = plan("(UID FLAGS)");
        assert!(!flags.needs_entry && !flags.needs_index && !flags.sets_seen);
        assert!(plan("FAST").needs_entry);
        assert!(plan("BODY.PEEK[HEADER]").needs_index && !plan("BODY.PEEK[HEADER]").sets_seen);
        assert!(
            plan("BODY[]").sets_seen
                && plan("RFC822.TEXT").sets_seen
                && !plan("RFC822.HEADER").sets_seen
        );
        assert!(plan("BINARY[1]").sets_seen && !plan("BINARY.PEEK[1]").sets_seen);
        assert!(plan("BINARY.SIZE[1]").needs_index && !plan("BINARY.SIZE[1]").sets_seen);
        assert!(plan("(EMAILID SAVEDATE)").needs_entry && plan("THREADID").needs_threads);
        assert!(plan("FLAGS (CHANGEDSINCE 4)").enables_condstore());
        assert_eq!(
            plan("(BODYSTRUCTURE ENVELOPE)").described,
            Some(Extent::All)
        );
        assert_eq!(plan("(BODY BODYSTRUCTURE)").described, Some(Extent::Parts));
        assert_eq!(plan("BODY.PEEK[1]").described, None);
    }
}
