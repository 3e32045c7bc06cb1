//! LIST (RFC 3501 §6.3.8; RFC 5258; RFC 5819; RFC 6154) and LSUB (RFC 3501 §6.3.9).
//!
//! Children, subscription where asked, and special use are told in every LIST: clients that never ask for them rely on
//! them all the same.

use std::collections::{BTreeMap, BTreeSet};

use daemon::session::Output;
use store::{MailboxInfo, SpecialUse};

use crate::grammar::capability::Capability;
use crate::grammar::list::{List, Selection};
use crate::grammar::mailbox::{Pattern, SEPARATOR};
use crate::grammar::response::{Attribute, Response};
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::session::reject::Reject;

/// What LIST chooses from: the account's mailboxes, and the names that are subscribed without one.
struct Tree {
    mailboxes: BTreeMap<String, MailboxInfo>,
    subscribed: BTreeSet<String>,
    parents: BTreeSet<String>,
}

impl Tree {
    fn new(mailboxes: Vec<MailboxInfo>, subscribed: Vec<String>) -> Self {
        let parents = mailboxes
            .iter()
            .flat_map(|info| ancestors(&info.name))
            .map(str::to_owned)
            .collect();
        Self {
            mailboxes: mailboxes
                .into_iter()
                .map(|info| (info.name.clone(), info))
                .collect(),
            subscribed: subscribed.into_iter().collect(),
            parents,
        }
    }

    /// Whether the name itself is wanted, patterns apart.
    fn is_selected(&self, selection: Selection, name: &str) -> bool {
        let info = self.mailboxes.get(name);
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

    fn attributes(&self, name: &str, tell_subscribed: bool) -> Vec<Attribute> {
        let mut attributes = Vec::new();
        match self.mailboxes.get(name) {
            None => attributes.push(Attribute::NonExistent),
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
        let special_use = self.mailboxes.get(name).and_then(|info| info.special_use);
        attributes
            .extend(special_use.map(|special_use| Attribute::Use(attribute_name(special_use))));
        attributes
    }
}

fn attribute_name(special_use: SpecialUse) -> &'static str {
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
        let extended =
            list.selection.is_some() || list.returns.is_some() || list.patterns.len() > 1;
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
            let info = tree
                .mailboxes
                .get(&listed.name)
                .filter(|info| listed.matched && !info.no_select);
            if let (Some(items), Some(info)) = (&returns.status, info) {
                self.say(&self.status_response(info, items).await?, out);
            }
            out.drain().await?;
        }
        Ok(Done::text("LIST completed"))
    }

    /// What IMAP4rev2 tells of the name at SELECT (RFC 9051 §6.3.2), with the name as the client wrote it where that is
    /// not the one spelling (§6.3.9.7).
    pub(crate) async fn tell_name(
        &self,
        info: &MailboxInfo,
        written: &str,
        out: &mut Output,
    ) -> Result<(), Reject> {
        let account = self.user()?.account;
        let mut attributes = vec![
            match self.store().has_children(account, &info.name).await? {
                true => Attribute::HasChildren,
                false => Attribute::HasNoChildren,
            },
        ];
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
            let info = tree.mailboxes.get(&name);
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
        let mailboxes = store.mailboxes(account).await?;
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
    use store::{MailboxId, ModSeq, Uid, UidValidity};

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
            recent_from: Uid::FIRST,
            special_use,
            keywords: Vec::new(),
            no_select: false,
            subscribed: false,
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
        let mut mailboxes: Vec<MailboxInfo> = names.iter().map(|name| info(name, None)).collect();
        mailboxes.push(info("Sent", Some(SpecialUse::Sent)));
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
