//! LIST (RFC 3501 §6.3.8; RFC 5258; RFC 5819; RFC 6154) and LSUB (RFC 3501 §6.3.9).
//!
//! Children, subscription where asked, and special use are told in every LIST: clients that never ask for them rely on
//! them all the same.

use std::collections::{BTreeMap, BTreeSet};

use daemon::session::Output;
use store::{MailboxInfo, Rights, SpecialUse};

use crate::grammar::capability::Capability;
use crate::grammar::list::{List, Returns, Selection};
use crate::grammar::mailbox::{Pattern, SEPARATOR};
use crate::grammar::response::{Attribute, Response};
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::session::place::Place;
use crate::session::reject::Reject;

/// What LIST chooses from: the mailboxes that the user may look up, and the names that are subscribed without one.
struct Tree {
    mailboxes: BTreeMap<String, Place>,
    subscribed: BTreeSet<String>,
    parents: BTreeSet<String>,
}

impl Tree {
    fn new(mailboxes: Vec<Place>, subscribed: Vec<String>) -> Self {
        let parents = mailboxes
            .iter()
            .flat_map(|place| ancestors(&place.info.name))
            .map(str::to_owned)
            .collect();
        Self {
            mailboxes: mailboxes
                .into_iter()
                .map(|place| (place.info.name.clone(), place))
                .collect(),
            subscribed: subscribed.into_iter().collect(),
            parents,
        }
    }

    /// Whether the name itself is wanted, patterns apart.
    fn is_selected(&self, selection: Selection, name: &str) -> bool {
        let info = self.info(name);
        let used = info.is_some_and(|info| info.special_use.is_some());
        (!selection.special_use || used)
            && (!selection.subscribed || self.subscribed.contains(name))
            && (selection.subscribed || info.is_some())
    }

    fn names(&self) -> BTreeSet<&str> {
        self.mailboxes
            .keys()
            .chain(&self.subscribed)
            .map(String::as_str)
            .collect()
    }

    fn info(&self, name: &str) -> Option<&MailboxInfo> {
        self.mailboxes.get(name).map(|place| &place.info)
    }

    /// Names above mailboxes that are none themselves: the namespace of other users, its users, and mailboxes of theirs
    /// that the user may not look up (RFC 4314 §4: as if they did not exist).
    fn levels(&self) -> impl Iterator<Item = &str> {
        let levels = self.parents.iter().map(String::as_str);
        levels.filter(|level| !self.mailboxes.contains_key(*level))
    }

    fn attributes(&self, name: &str, tell_subscribed: bool) -> Vec<Attribute> {
        let mut attributes = Vec::new();
        match self.info(name) {
            None => {
                attributes.push(Attribute::NonExistent);
                // A level of the hierarchy, also to clients that know RFC 3501 alone.
                if self.parents.contains(name) {
                    attributes.push(Attribute::NoSelect);
                }
            }
            Some(info) if info.no_select => attributes.push(Attribute::NoSelect),
            Some(_) => {}
        }
        let has_children = self.parents.contains(name);
        attributes.push(if has_children {
            Attribute::HasChildren
        } else {
            Attribute::HasNoChildren
        });
        if tell_subscribed && self.subscribed.contains(name) {
            attributes.push(Attribute::Subscribed);
        }
        let special_use = self.info(name).and_then(|info| info.special_use);
        attributes
            .extend(special_use.map(|special_use| Attribute::Use(attribute_name(special_use))));
        attributes
    }
}

pub(super) fn attribute_name(special_use: SpecialUse) -> &'static str {
    match special_use {
        SpecialUse::Archive => "\\Archive",
        SpecialUse::Drafts => "\\Drafts",
        SpecialUse::Junk => "\\Junk",
        SpecialUse::Sent => "\\Sent",
        SpecialUse::Trash => "\\Trash",
    }
}

/// The names above `name`, the longest last.
fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices(SEPARATOR)
        .filter_map(|(end, _)| name.get(..end))
}

/// One line of the answer.
struct Listed {
    name: String,
    matched: bool,
    child_info: bool,
}

impl ImapSession {
    /// What the client may know of a mailbox: attributes of an extension that it is not offered are left out.
    fn known_attributes(&self, mut attributes: Vec<Attribute>) -> Vec<Attribute> {
        let (children, uses) = (
            self.offers(Capability::Children) || self.offers(Capability::ListExtended),
            self.offers(Capability::SpecialUse),
        );
        attributes.retain(|attribute| match attribute {
            Attribute::HasChildren | Attribute::HasNoChildren => children,
            Attribute::Use(_) => uses,
            _ => true,
        });
        attributes
    }

    pub(crate) async fn list(&mut self, list: &List, out: &mut Output) -> Outcome {
        let extended = list.selection.is_some() || list.returns.is_some() || list.listed;
        if !extended && list.patterns.iter().all(String::is_empty) {
            // RFC 3501 §6.3.8: an empty name asks for the separator.
            let attributes = vec![Attribute::NoSelect];
            let root = Response::List {
                attributes,
                mailbox: String::new(),
                child_info: Vec::new(),
                old_name: None,
            };
            self.say(&root, out);
            return Ok(Done::text("LIST completed"));
        }
        let tree = self.tree().await?;
        let selection = list.selection.unwrap_or_default();
        let returns = list.returns.clone().unwrap_or_default();
        if returns
            .status
            .as_ref()
            .is_some_and(|items| items.contains(&crate::grammar::status::StatusItem::HighestModSeq))
        {
            self.enable_condstore(out);
        }
        for listed in choose(&tree, selection, &patterns(&list.reference, &list.patterns)) {
            let tell_subscribed = returns.subscribed || selection.subscribed;
            let attributes = self.known_attributes(tree.attributes(&listed.name, tell_subscribed));
            let child_info = if listed.child_info {
                vec![base_option(selection)]
            } else {
                Vec::new()
            };
            let line = Response::List {
                attributes,
                mailbox: listed.name.clone(),
                child_info,
                old_name: None,
            };
            self.say(&line, out);
            let place = tree.mailboxes.get(&listed.name);
            if let Some(place) = place.filter(|_| listed.matched) {
                self.tell_more(place, &returns, out).await?;
            }
            out.drain().await?;
        }
        Ok(Done::text("LIST completed"))
    }

    /// What IMAP4rev2 tells of the name at SELECT (RFC 9051 §6.3.2), with the name as the client wrote it where that is
    /// not the one spelling (§6.3.9.7).
    pub(crate) async fn tell_name(
        &self,
        place: &Place,
        written: &str,
        out: &mut Output,
    ) -> Result<(), Reject> {
        let info = &place.info;
        let mut attributes = vec![match self.has_children(place).await? {
            true => Attribute::HasChildren,
            false => Attribute::HasNoChildren,
        }];
        attributes.extend(
            info.special_use
                .map(|special_use| Attribute::Use(attribute_name(special_use))),
        );
        let line = Response::List {
            attributes: self.known_attributes(attributes),
            mailbox: info.name.clone(),
            child_info: Vec::new(),
            old_name: (written != info.name).then(|| written.to_owned()),
        };
        self.say(&line, out);
        Ok(())
    }

    /// What NOTIFY tells of names that have come, gone or changed (RFC 5465 §5.4, §5.5), each with the name before.
    pub(crate) async fn tell_names(
        &self,
        names: Vec<(String, Option<String>)>,
        out: &mut Output,
    ) -> Result<(), Reject> {
        let tree = self.tree().await?;
        for (mailbox, old_name) in names {
            let line = Response::List {
                attributes: self.known_attributes(tree.attributes(&mailbox, true)),
                mailbox,
                child_info: Vec::new(),
                old_name,
            };
            self.say(&line, out);
            out.drain().await?;
        }
        Ok(())
    }

    /// What NOTIFY tells of a mailbox that the user may look up, but not read (RFC 5465 §3.1).
    pub(crate) async fn tell_no_access(
        &self,
        place: &Place,
        out: &mut Output,
    ) -> Result<(), Reject> {
        let line = Response::List {
            attributes: vec![Attribute::NoAccess],
            mailbox: place.info.name.clone(),
            child_info: Vec::new(),
            old_name: None,
        };
        self.say(&line, out);
        Ok(out.drain().await?)
    }

    /// Whether there are mailboxes below that the user may look up.
    async fn has_children(&self, place: &Place) -> Result<bool, Reject> {
        if place.access.is_own() {
            let (store, owner) = (self.store(), place.access.owner());
            return Ok(store.has_children(owner, &place.local).await?);
        }
        let visible = self.visible_mailboxes().await?;
        Ok(visible
            .iter()
            .any(|other| ancestors(&other.info.name).any(|above| above == place.info.name)))
    }

    /// What LIST tells besides of a mailbox, as far as its rights go: after its LIST line, never before (RFC 5819 §2,
    /// RFC 8440 §3, RFC 9590 §3).
    async fn tell_more(
        &self,
        place: &Place,
        returns: &Returns,
        out: &mut Output,
    ) -> Result<(), Reject> {
        let readable = place.rights.contains(Rights::READ) && !place.info.no_select;
        if let Some(items) = returns.status.as_ref().filter(|_| readable) {
            let owner = place.access.owner();
            let status = self.status_response(owner, &place.info, items).await?;
            self.say(&status, out);
        }
        if returns.my_rights {
            self.say(&super::acl::my_rights(place), out);
        }
        if let Some(entries) = &returns.metadata {
            self.list_metadata(place, entries, out).await?;
        }
        Ok(())
    }

    pub(crate) async fn lsub(
        &mut self,
        reference: &str,
        pattern: &str,
        out: &mut Output,
    ) -> Outcome {
        let tree = self.tree().await?;
        let pattern = Pattern::new(reference, pattern);
        for (name, subscribed) in choose_subscribed(&tree, &pattern) {
            let mut attributes = self.known_attributes(tree.attributes(&name, false));
            attributes.retain(|attribute| {
                !matches!(attribute, Attribute::NonExistent | Attribute::NoSelect)
            });
            let info = tree.info(&name);
            if !subscribed || info.is_none_or(|info| info.no_select) {
                attributes.insert(0, Attribute::NoSelect);
            }
            let line = Response::Lsub {
                attributes,
                mailbox: name,
            };
            self.say(&line, out);
        }
        Ok(Done::text("LSUB completed"))
    }

    async fn tree(&self) -> Result<Tree, Reject> {
        let (store, account) = (self.store(), self.user()?.account);
        let mailboxes = self.visible_mailboxes().await?;
        Ok(Tree::new(mailboxes, store.subscriptions(account).await?))
    }
}

/// RFC 5258 §3: beside other options or patterns an empty pattern matches nothing.
fn patterns(reference: &str, patterns: &[String]) -> Vec<Pattern> {
    patterns
        .iter()
        .filter(|pattern| !pattern.is_empty())
        .map(|pattern| Pattern::new(reference, pattern))
        .collect()
}

fn base_option(selection: Selection) -> &'static str {
    if selection.subscribed {
        "SUBSCRIBED"
    } else {
        "SPECIAL-USE"
    }
}

fn choose(tree: &Tree, selection: Selection, patterns: &[Pattern]) -> Vec<Listed> {
    let matches = |name: &str| patterns.iter().any(|pattern| pattern.matches(name));
    let mut listed: BTreeMap<String, Listed> = BTreeMap::new();
    let names = tree.names();
    for &name in names
        .iter()
        .filter(|name| tree.is_selected(selection, name))
    {
        let shown = matches(name);
        if shown {
            let line = Listed {
                name: name.to_owned(),
                matched: true,
                child_info: false,
            };
            listed.entry(name.to_owned()).or_insert(line).matched = true;
        }
        // RFC 5258 §3.5: told of an ancestor only where no child of it is told already.
        if !selection.recursive_match || shown {
            continue;
        }
        for ancestor in ancestors(name).filter(|ancestor| matches(ancestor)) {
            let matched = tree.is_selected(selection, ancestor);
            let line = Listed {
                name: ancestor.to_owned(),
                matched,
                child_info: true,
            };
            listed.entry(ancestor.to_owned()).or_insert(line).child_info = true;
        }
    }
    if !selection.subscribed && !selection.special_use {
        let asked = |level: &str| {
            let asking = patterns.iter().filter(|pattern| pattern.asks_for_levels());
            asking.into_iter().any(|pattern| pattern.matches(level))
        };
        for level in tree.levels().filter(|level| asked(level)) {
            let line = Listed {
                name: level.to_owned(),
                matched: false,
                child_info: false,
            };
            listed.entry(level.to_owned()).or_insert(line);
        }
    }
    listed.into_values().collect()
}

/// Names for LSUB, and whether they are subscribed themselves: with `%`, a parent stands for subscribed children that
/// the pattern does not reach (RFC 3501 §6.3.9).
fn choose_subscribed(tree: &Tree, pattern: &Pattern) -> BTreeMap<String, bool> {
    let mut names = BTreeMap::new();
    for name in &tree.subscribed {
        if pattern.matches(name) {
            names.insert(name.clone(), true);
            continue;
        }
        for ancestor in ancestors(name).filter(|ancestor| pattern.matches(ancestor)) {
            names
                .entry(ancestor.to_owned())
                .or_insert(tree.subscribed.contains(ancestor));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::{AccountId, MailboxId, ModSeq, Uid, UidValidity};

    fn info(name: &str, special_use: Option<SpecialUse>) -> MailboxInfo {
        MailboxInfo {
            id: MailboxId(1),
            name: name.into(),
            uid_validity: UidValidity(1),
            uid_next: Uid::FIRST,
            highest_modseq: ModSeq(1),
            messages: 0,
            unseen: 0,
            deleted: 0,
            size: 0,
            deleted_size: 0,
            recent_from: Uid::FIRST,
            special_use,
            keywords: Vec::new(),
            no_select: false,
            subscribed: false,
        }
    }

    fn place(name: &str, special_use: Option<SpecialUse>) -> Place {
        Place {
            access: AccountId(1).into(),
            rights: Rights::ALL,
            local: name.into(),
            info: info(name, special_use),
        }
    }

    /// The mailboxes of RFC 5258 §5, with `/` for `.`.
    fn tree() -> Tree {
        let names = [
            "Fruit",
            "Fruit/Apple",
            "Fruit/Banana",
            "INBOX",
            "Tofu",
            "Vegetable",
            "Vegetable/Broccoli",
        ];
        let mut mailboxes: Vec<Place> = names.iter().map(|name| place(name, None)).collect();
        mailboxes.push(place("Sent", Some(SpecialUse::Sent)));
        let subscribed = [
            "Fruit/Banana",
            "Fruit/Peach",
            "INBOX",
            "Vegetable",
            "Vegetable/Broccoli",
        ];
        Tree::new(mailboxes, subscribed.map(str::to_owned).to_vec())
    }

    fn chosen(selection: Selection, pattern: &str) -> Vec<String> {
        let listed = choose(&tree(), selection, &[Pattern::new("", pattern)]);
        let shown =
            |line: Listed| format!("{}{}", line.name, if line.child_info { "+" } else { "" });
        listed.into_iter().map(shown).collect()
    }

    const SUBSCRIBED: Selection = Selection {
        subscribed: true,
        recursive_match: false,
        special_use: false,
    };

    #[test]
    fn subscribed_names_need_no_mailbox() {
        let all = [
            "Fruit/Banana",
            "Fruit/Peach",
            "INBOX",
            "Vegetable",
            "Vegetable/Broccoli",
        ];
        assert_eq!(chosen(SUBSCRIBED, "*"), all);
        assert_eq!(
            tree().attributes("Fruit/Peach", true)[0],
            Attribute::NonExistent
        );
    }

    #[test]
    fn recursive_match_shows_parents_of_what_is_not_shown() {
        let recursive = Selection {
            recursive_match: true,
            ..SUBSCRIBED
        };
        assert_eq!(chosen(recursive, "%"), ["Fruit+", "INBOX", "Vegetable+"]);
        assert_eq!(
            chosen(recursive, "*")
                .iter()
                .filter(|line| line.ends_with('+'))
                .count(),
            0
        );
    }

    #[test]
    fn special_use_selects() {
        let special_use = Selection {
            special_use: true,
            ..Selection::default()
        };
        assert_eq!(chosen(special_use, "*"), ["Sent"]);
        assert!(
            tree()
                .attributes("Sent", false)
                .contains(&Attribute::Use("\\Sent"))
        );
    }

    #[test]
    fn lsub_shows_parents_for_percent() {
        let names = choose_subscribed(&tree(), &Pattern::new("", "%"));
        assert_eq!(names.get("Fruit"), Some(&false));
        assert_eq!(names.get("Vegetable"), Some(&true));
        assert!(!names.contains_key("Tofu"));
    }
}
