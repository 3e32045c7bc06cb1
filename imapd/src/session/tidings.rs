//! What has happened to mailboxes that are not selected, worked out by comparison (RFC 5465 §5).
//!
//! The feed of the store says that something has changed, not what. A registration of NOTIFY therefore remembers what it
//! knew of each mailbox, and compares: the numbers stand in the mailboxes' rows, so that no messages are looked at.
//! Several changes between two looks are told as one.
//!
//! Nothing here does I/O, and nothing fails.

use std::collections::{BTreeMap, BTreeSet};

use store::MailboxId;

use super::place::OTHER_USERS;
use crate::grammar::mailbox::SEPARATOR;
use crate::grammar::notify::{Events, Filter, Group};
use crate::grammar::status::StatusItem;

/// What is known of one mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The name by which the user knows it.
    pub name: String,
    /// Messages in it can be looked at: it is selectable, and its rights allow it.
    pub readable: bool,
    /// It is more than a level of the hierarchy.
    pub selectable: bool,
    /// UIDVALIDITY
    pub uid_validity: u32,
    /// UIDNEXT
    pub uid_next: u32,
    /// How many messages.
    pub messages: u32,
    /// How many without `\Seen`.
    pub unseen: u32,
    /// HIGHESTMODSEQ
    pub modseq: u64,
}

/// All that is known of the mailboxes that the user may look up. The server's own annotations stand under mailbox 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture {
    /// The mailboxes.
    pub mailboxes: BTreeMap<MailboxId, Known>,
    /// The names that are subscribed to.
    pub subscribed: BTreeSet<String>,
    /// Whole names of annotations, each with a digest of its value.
    pub annotations: BTreeMap<(MailboxId, String), u64>,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tiding {
    /// STATUS of a mailbox.
    Status {
        /// Which.
        mailbox: MailboxId,
        /// These items.
        items: Vec<StatusItem>,
    },
    /// LIST of a name, with the name before.
    List {
        /// The name.
        name: String,
        /// What it was before it was renamed.
        old_name: Option<String>,
    },
    /// METADATA: which entries have changed.
    Metadata {
        /// Of which mailbox; empty: of the server.
        mailbox: String,
        /// Whole names.
        names: Vec<String>,
    },
}

/// What decides over what is told.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// What the client has registered.
    pub groups: &'a [Group],
    /// Mod-sequences are told.
    pub condstore: bool,
    /// The selected mailbox, of whose messages the view tells.
    pub selected: Option<MailboxId>,
    /// Names that the client itself has changed just now: what happened to them is not told (RFC 5465 §5).
    pub own: &'a [String],
}

impl Asking<'_> {
    /// The events that are asked of the mailbox with this name, as far as `wanted` looks at them.
    fn asks(&self, name: &str, subscribed: bool, wanted: impl Fn(&Events) -> bool) -> bool {
        let covering = |group: &&Group| covers(&group.filter, name, subscribed);
        self.groups
            .iter()
            .filter(covering)
            .any(|group| wanted(&group.events))
    }

    fn is_own(&self, name: &str) -> bool {
        let related = |own: &String| own == name || is_below(own, name) || is_below(name, own);
        self.own.iter().any(related)
    }
}

/// Whether a filter stands for the mailbox with this name (RFC 5465 §6). To which of one's own mailboxes mail may be
/// delivered depends on subaddresses and filters of each moment, so that INBOXES is PERSONAL (§6.3).
pub fn covers(filter: &Filter, name: &str, subscribed: bool) -> bool {
    match filter {
        Filter::Selected | Filter::SelectedDelayed => false,
        Filter::Inboxes | Filter::Personal => !name.starts_with(OTHER_USERS),
        Filter::Subscribed => subscribed,
        Filter::Subtree(names) => names.iter().any(|top| top == name || is_below(name, top)),
        Filter::Mailboxes(names) => names.iter().any(|one| one == name),
    }
}

fn is_below(name: &str, top: &str) -> bool {
    let rest = name.strip_prefix(top);
    rest.is_some_and(|rest| rest.starts_with(SEPARATOR))
}

fn parent(name: &str) -> Option<&str> {
    name.rsplit_once(SEPARATOR).map(|(parent, _)| parent)
}

/// The items of STATUS that tell all that the client asks of a mailbox (RFC 5465 §3.1); none if it asks nothing.
pub fn status_items(
    groups: &[Group],
    name: &str,
    subscribed: bool,
    condstore: (bool, bool),
) -> Vec<StatusItem> {
    let (offered, enabled) = condstore;
    let any = |wanted: fn(&Events) -> bool| {
        let mut groups = groups.iter();
        groups.any(|group| covers(&group.filter, name, subscribed) && wanted(&group.events))
    };
    let (messages, flags) = (any(|events| events.messages), any(|events| events.flags));
    let mut items = Vec::new();
    if messages {
        items.extend(COUNTS);
    }
    if messages && (enabled || flags && offered) {
        items.push(StatusItem::HighestModSeq);
    }
    items
}

const COUNTS: [StatusItem; 3] = [
    StatusItem::Messages,
    StatusItem::UidNext,
    StatusItem::UidValidity,
];

/// Everything that is to be told of what lies between `old` and `new`.
pub fn compare(old: &Picture, new: &Picture, asking: Asking<'_>) -> Vec<Tiding> {
    let mut tidings = compare_names(old, new, asking);
    for (&mailbox, known) in &new.mailboxes {
        let subscribed = new.subscribed.contains(&known.name);
        if known.readable && asking.selected != Some(mailbox) {
            let items = compare_messages(old.mailboxes.get(&mailbox), known, subscribed, asking);
            if !items.is_empty() {
                tidings.push(Tiding::Status { mailbox, items });
            }
        }
    }
    tidings.extend(compare_annotations(old, new, asking));
    tidings
}

/// A mailbox of which nothing was known counts as empty: it has just been made, or made readable.
fn compare_messages(
    old: Option<&Known>,
    new: &Known,
    subscribed: bool,
    asking: Asking<'_>,
) -> Vec<StatusItem> {
    // Who hears of names learns from OLDNAME which one this was; for others a name stands for another mailbox now.
    let hears_names = asking.asks(&new.name, subscribed, |events| events.name);
    let old = old.filter(|old| old.readable && (hears_names || old.name == new.name));
    let differs =
        |number: fn(&Known) -> u64, at_first: u64| old.map_or(at_first, number) != number(new);
    let counts =
        differs(|known| known.messages.into(), 0) || differs(|known| known.uid_next.into(), 1);
    let flags = old.is_some_and(|old| old.modseq != new.modseq);
    let unseen = old.is_some_and(|old| old.unseen != new.unseen);
    let asks_messages = asking.asks(&new.name, subscribed, |events| events.messages);
    let asks_flags = asking.asks(&new.name, subscribed, |events| events.flags);
    // §5.1: with FlagChange a new UIDVALIDITY must be told, which is that of a mailbox made anew under a name that the client may know.
    let is_new = asks_flags && !asking.is_own(&new.name);
    let reset = old.map_or(is_new, |old| old.uid_validity != new.uid_validity);
    let mut items = Vec::new();
    if asks_messages && (counts || reset) {
        items.extend(COUNTS);
    }
    if asks_flags && unseen {
        items.push(StatusItem::Unseen);
    }
    if asks_flags && flags && asking.condstore || asking.condstore && !items.is_empty() {
        items.push(StatusItem::HighestModSeq);
    }
    if !items.is_empty() && !items.contains(&StatusItem::UidValidity) {
        items.push(StatusItem::UidValidity);
    }
    items
}

/// The names to be listed, each once, with the name before where there is one.
#[derive(Default)]
struct Names(BTreeMap<String, Option<String>>);

impl Names {
    fn add(&mut self, name: &str, old_name: Option<&str>) {
        let known = self.0.entry(name.to_owned()).or_default();
        if let Some(old_name) = old_name {
            *known = Some(old_name.to_owned());
        }
    }

    /// The mailbox that came or went, and its parent (RFC 5465 §5.4).
    fn add_affected(&mut self, name: &str, wanted: impl Fn(&str) -> bool) {
        for affected in [Some(name), parent(name)].into_iter().flatten() {
            if wanted(affected) && affected != OTHER_USERS.trim_end_matches(SEPARATOR) {
                self.add(affected, None);
            }
        }
    }
}

fn compare_names(old: &Picture, new: &Picture, asking: Asking<'_>) -> Vec<Tiding> {
    let subscribed = |name: &str| new.subscribed.contains(name) || old.subscribed.contains(name);
    let asks_name = |name: &str| asking.asks(name, subscribed(name), |events| events.name);
    let mut names = Names::default();
    let ids: BTreeSet<&MailboxId> = old.mailboxes.keys().chain(new.mailboxes.keys()).collect();
    for id in ids {
        match (old.mailboxes.get(id), new.mailboxes.get(id)) {
            (Some(before), Some(now)) if before.name != now.name => {
                let told = asks_name(&before.name) || asks_name(&now.name);
                let own = asking.is_own(&before.name) || asking.is_own(&now.name);
                if told && !own && !moved_with_parent(before, now, old, new) {
                    names.add(&now.name, Some(&before.name));
                }
            }
            (Some(before), Some(now)) if before.selectable == now.selectable => {}
            (Some(one), _) | (None, Some(one)) if !asking.is_own(&one.name) => {
                names.add_affected(&one.name, asks_name);
            }
            _ => {}
        }
    }
    for name in old.subscribed.symmetric_difference(&new.subscribed) {
        if asking.asks(name, true, |events| events.subscription) && !asking.own.contains(name) {
            names.add(name, None);
        }
    }
    let listed = names.0.into_iter();
    listed
        .map(|(name, old_name)| Tiding::List { name, old_name })
        .collect()
}

/// Whether the mailbox was renamed because one above it was.
fn moved_with_parent(before: &Known, now: &Known, old: &Picture, new: &Picture) -> bool {
    let above = old.mailboxes.iter().filter_map(|(id, above)| {
        let rest = before.name.strip_prefix(above.name.as_str())?;
        let moved = new.mailboxes.get(id)?;
        (rest.starts_with(SEPARATOR) && moved.name != above.name).then_some((rest, moved))
    });
    above
        .into_iter()
        .any(|(rest, moved)| now.name.strip_prefix(moved.name.as_str()) == Some(rest))
}

fn compare_annotations(old: &Picture, new: &Picture, asking: Asking<'_>) -> Vec<Tiding> {
    let keys: BTreeSet<_> = old
        .annotations
        .keys()
        .chain(new.annotations.keys())
        .collect();
    let mut changed: BTreeMap<MailboxId, Vec<String>> = BTreeMap::new();
    for key in keys {
        if old.annotations.get(key) != new.annotations.get(key) {
            let (mailbox, name) = key;
            changed.entry(*mailbox).or_default().push(name.clone());
        }
    }
    let told = changed.into_iter().filter_map(|(id, names)| {
        let mailbox = annotated(id, old, new, asking)?;
        Some(Tiding::Metadata { mailbox, names })
    });
    told.collect()
}

/// The name under which the annotations of a mailbox are told. Those of one that has just come or gone came or went with it.
fn annotated(id: MailboxId, old: &Picture, new: &Picture, asking: Asking<'_>) -> Option<String> {
    if id == MailboxId(0) {
        let mut groups = asking.groups.iter();
        let asked = groups.any(|group| group.events.server_metadata);
        return Some(String::new()).filter(|server| asked && !asking.own.contains(server));
    }
    let name = &new.mailboxes.get(&id).filter(|known| known.readable)?.name;
    let known = old.mailboxes.get(&id).is_some_and(|old| old.readable);
    let subscribed = new.subscribed.contains(name);
    let asked = asking.asks(name, subscribed, |events| events.metadata);
    (known && asked && !asking.own.contains(name)).then(|| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::Cursor;
    use crate::grammar::notify::Notify;

    fn known(name: &str) -> Known {
        Known {
            name: name.into(),
            readable: true,
            selectable: true,
            uid_validity: 1,
            uid_next: 5,
            messages: 3,
            unseen: 1,
            modseq: 9,
        }
    }

    fn picture(names: &[&str]) -> Picture {
        let mailboxes = names.iter().zip(1..);
        Picture {
            mailboxes: mailboxes
                .map(|(name, id)| (MailboxId(id), known(name)))
                .collect(),
            ..Picture::default()
        }
    }

    fn groups(text: &str) -> Vec<Group> {
        match Notify::parse(&mut Cursor::new(text.as_bytes())).unwrap() {
            Notify::Set { groups, .. } => groups,
            Notify::None => Vec::new(),
        }
    }

    fn told(old: &Picture, new: &Picture, text: &str, own: &[String]) -> Vec<Tiding> {
        let groups = groups(text);
        let asking = Asking {
            groups: &groups,
            condstore: false,
            selected: None,
            own,
        };
        compare(old, new, asking)
    }

    fn list(name: &str, old_name: Option<&str>) -> Tiding {
        Tiding::List {
            name: name.into(),
            old_name: old_name.map(str::to_owned),
        }
    }

    #[test]
    fn numbers_are_told_of_what_is_asked_for() {
        let old = picture(&["INBOX", "a", "a/b"]);
        let mut new = old.clone();
        for known in new.mailboxes.values_mut() {
            known.messages += 1;
            known.uid_next += 1;
        }
        let told = told(
            &old,
            &new,
            "SET (SUBTREE a (MessageNew MessageExpunge))",
            &[],
        );
        let ids: Vec<_> = told
            .iter()
            .map(|tiding| match tiding {
                Tiding::Status { mailbox, .. } => mailbox.0,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ids, [2, 3]);
    }

    #[test]
    fn flags_are_told_by_mod_sequences_or_by_what_is_unseen() {
        let old = picture(&["a"]);
        let mut new = old.clone();
        new.mailboxes.get_mut(&MailboxId(1)).unwrap().modseq += 1;
        let all = "SET (PERSONAL (MessageNew MessageExpunge FlagChange))";
        assert_eq!(told(&old, &new, all, &[]), []);
        new.mailboxes.get_mut(&MailboxId(1)).unwrap().unseen = 0;
        let items = vec![StatusItem::Unseen, StatusItem::UidValidity];
        let status = Tiding::Status {
            mailbox: MailboxId(1),
            items,
        };
        assert_eq!(told(&old, &new, all, &[]), [status]);
    }

    #[test]
    fn children_move_with_their_parent() {
        let (old, new) = (picture(&["a", "a/b", "c"]), picture(&["x", "x/b", "c"]));
        let names = "SET (PERSONAL (MailboxName))";
        assert_eq!(told(&old, &new, names, &[]), [list("x", Some("a"))]);
        assert_eq!(told(&old, &new, names, &["a".into(), "x".into()]), []);
    }

    #[test]
    fn a_mailbox_that_comes_affects_its_parent() {
        let (old, new) = (picture(&["a"]), picture(&["a", "a/b"]));
        let names = "SET (PERSONAL (MailboxName))";
        let both = [list("a", None), list("a/b", None)];
        assert_eq!(told(&old, &new, names, &[]), both);
        assert_eq!(told(&new, &old, names, &[]), both);
        assert_eq!(told(&old, &new, "SET (MAILBOXES z (MailboxName))", &[]), []);
    }

    #[test]
    fn changed_entries_are_told_by_name() {
        let old = picture(&["a"]);
        let mut new = old.clone();
        let entry = |id| (MailboxId(id), "/shared/comment".to_owned());
        new.annotations.extend([(entry(0), 1), (entry(1), 1)]);
        let names = vec!["/shared/comment".to_owned()];
        let metadata = |mailbox: &str| Tiding::Metadata {
            mailbox: mailbox.into(),
            names: names.clone(),
        };
        let both = "SET (MAILBOXES a (MailboxMetadataChange ServerMetadataChange))";
        assert_eq!(told(&old, &new, both, &[]), [metadata(""), metadata("a")]);
        assert_eq!(told(&new, &old, both, &["a".into()]), [metadata("")]);
    }
}
