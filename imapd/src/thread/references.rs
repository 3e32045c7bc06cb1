//! The algorithm REFERENCES (RFC 5256 §3), step by step.
//!
//! Messages, and those that are only named by others (dummies, in the RFC's word), are nodes in one list; links are places in it.

use std::collections::{HashMap, VecDeque};

use super::{Threaded, UNKNOWN_MAX};
use crate::grammar::thread::Threads;

/// The messages name too many that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyUnknown;

/// No node.
const NONE: u32 = u32::MAX;

/// Threads `messages`, which come in the order of the mailbox.
pub fn by_references(messages: &[Threaded]) -> Result<Threads, TooManyUnknown> {
    let mut links = Links::new(messages);
    links.link_all(messages)?;
    let mut forest = links.prune(messages);
    forest.sort_roots();
    forest.gather_subjects();
    forest.sort_all();
    Ok(forest.into_threads())
}

/// Step (1): the links between nodes. The first nodes are the messages, in their order; dummies follow.
struct Links {
    messages: usize,
    parent: Vec<u32>,
    first_child: Vec<u32>,
    next_sibling: Vec<u32>,
    previous_sibling: Vec<u32>,
    by_id: HashMap<u64, u32>,
}

impl Links {
    /// Two messages of one Message-ID: the first has it.
    fn new(messages: &[Threaded]) -> Self {
        let mut by_id = HashMap::with_capacity(messages.len());
        for (message, node) in messages.iter().zip(0..) {
            if let Some(id) = message.id {
                by_id.entry(id).or_insert(node);
            }
        }
        let none = || vec![NONE; messages.len()];
        Self {
            messages: messages.len(),
            parent: none(),
            first_child: none(),
            next_sibling: none(),
            previous_sibling: none(),
            by_id,
        }
    }

    fn link_all(&mut self, messages: &[Threaded]) -> Result<(), TooManyUnknown> {
        for (message, node) in messages.iter().zip(0..) {
            let mut before = NONE;
            // (A): the references among each other; a parent that is known stays.
            for &id in &message.references {
                let reference = self.named(id)?;
                if before != NONE && self.parent_of(reference) == NONE {
                    self.link(before, reference);
                }
                before = reference;
            }
            // (B): the last of them is the parent, whoever was before.
            if self.parent_of(node) != before {
                self.unlink(node);
                if before != NONE {
                    self.link(before, node);
                }
            }
        }
        Ok(())
    }

    /// The node of a Message-ID; a dummy, if no message has it.
    fn named(&mut self, id: u64) -> Result<u32, TooManyUnknown> {
        if let Some(&node) = self.by_id.get(&id) {
            return Ok(node);
        }
        if self.parent.len() - self.messages >= UNKNOWN_MAX {
            return Err(TooManyUnknown);
        }
        let node = u32::try_from(self.parent.len()).map_err(|_| TooManyUnknown)?;
        self.by_id.insert(id, node);
        for column in [
            &mut self.parent,
            &mut self.first_child,
            &mut self.next_sibling,
            &mut self.previous_sibling,
        ] {
            column.push(NONE);
        }
        Ok(node)
    }

    fn parent_of(&self, node: u32) -> u32 {
        at(&self.parent, node)
    }

    /// Makes `child`, which has no parent, a child of `parent`, unless that made a loop.
    fn link(&mut self, parent: u32, child: u32) {
        if self.is_below(parent, child) {
            return;
        }
        let next = at(&self.first_child, parent);
        set(&mut self.parent, child, parent);
        set(&mut self.next_sibling, child, next);
        set(&mut self.previous_sibling, child, NONE);
        set(&mut self.previous_sibling, next, child);
        set(&mut self.first_child, parent, child);
    }

    fn unlink(&mut self, child: u32) {
        let parent = self.parent_of(child);
        if parent == NONE {
            return;
        }
        let (next, previous) = (
            at(&self.next_sibling, child),
            at(&self.previous_sibling, child),
        );
        if previous == NONE {
            set(&mut self.first_child, parent, next);
        }
        set(&mut self.next_sibling, previous, next);
        set(&mut self.previous_sibling, next, previous);
        set(&mut self.parent, child, NONE);
    }

    /// Whether `node` is `top` or below it. Looks up from the one and down from the other in turns, so that what takes less time decides:
    /// with long threads, looking up alone would take the square of their length.
    fn is_below(&self, node: u32, top: u32) -> bool {
        let mut above = node;
        let mut below = vec![at(&self.first_child, top)];
        loop {
            if above == top {
                return true;
            }
            above = self.parent_of(above);
            let Some(next) = below.pop() else {
                return false;
            };
            if above == NONE {
                return false;
            }
            if next == node {
                return true;
            }
            if next != NONE {
                below.push(at(&self.next_sibling, next));
                below.push(at(&self.first_child, next));
            }
        }
    }

    /// Steps (2) and (3): the threads without the dummies, except those that hold several children together at the top.
    fn prune<'m>(&self, messages: &'m [Threaded]) -> Forest<'m> {
        let mut forest = Forest {
            messages,
            roots: Vec::new(),
            children: vec![Vec::new(); messages.len()],
        };
        let mut waiting = VecDeque::new();
        for root in (0..).take(self.parent.len()) {
            if self.parent_of(root) != NONE {
                continue;
            }
            if self.is_message(root) {
                waiting.push_back(root);
                forest.roots.push(Some(Root::Message(root)));
                continue;
            }
            let children = self.messages_below(root);
            waiting.extend(&children);
            match children.as_slice() {
                [] => {}
                [only] => forest.roots.push(Some(Root::Message(*only))),
                _ => forest.roots.push(Some(Root::Dummy(children))),
            }
        }
        while let Some(node) = waiting.pop_front() {
            let children = self.messages_below(node);
            waiting.extend(&children);
            if let Some(place) = forest.children.get_mut(node as usize) {
                *place = children;
            }
        }
        forest
    }

    fn is_message(&self, node: u32) -> bool {
        (node as usize) < self.messages
    }

    /// The messages below `node` with nothing but dummies between.
    fn messages_below(&self, node: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut below = vec![at(&self.first_child, node)];
        while let Some(node) = below.pop() {
            if node == NONE {
                continue;
            }
            below.push(at(&self.next_sibling, node));
            if self.is_message(node) {
                found.push(node);
            } else {
                below.push(at(&self.first_child, node));
            }
        }
        found
    }
}

fn at(column: &[u32], node: u32) -> u32 {
    column.get(node as usize).copied().unwrap_or(NONE)
}

fn set(column: &mut [u32], node: u32, value: u32) {
    if let Some(place) = column.get_mut(node as usize) {
        *place = value;
    }
}

/// A thread's first message, or a dummy with the messages that it holds together.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Root {
    Message(u32),
    Dummy(Vec<u32>),
}

impl Root {
    /// The message that stands for the thread: of a dummy, its first child.
    fn first(&self) -> u32 {
        match self {
            Self::Message(message) => *message,
            Self::Dummy(children) => children.first().copied().unwrap_or(NONE),
        }
    }

    fn is_dummy(&self) -> bool {
        matches!(self, Self::Dummy(_))
    }
}

/// Threads without dummies but at the top. Links are places in `messages`.
struct Forest<'m> {
    messages: &'m [Threaded],
    /// `None` where a thread was merged into another.
    roots: Vec<Option<Root>>,
    children: Vec<Vec<u32>>,
}

impl<'m> Forest<'m> {
    fn message(&self, node: u32) -> Option<&'m Threaded> {
        self.messages.get(node as usize)
    }

    /// What siblings are sorted by: the sent date, then the order of the mailbox (RFC 5256 §2.2).
    fn date(&self, node: u32) -> (i64, u32) {
        (self.message(node).map_or(0, |message| message.sent), node)
    }

    /// Step (4), and the last part of step (6).
    fn sort_roots(&mut self) {
        let mut roots = std::mem::take(&mut self.roots);
        for root in &mut roots {
            if let Some(Root::Dummy(children)) = root {
                children.sort_unstable_by_key(|&child| self.date(child));
            }
        }
        roots.sort_by_key(|root| root.as_ref().map(|root| self.date(root.first())));
        self.roots = roots;
    }

    /// Step (5): threads of one subject become one.
    fn gather_subjects(&mut self) {
        let table = self.subject_table();
        for place in 0..self.roots.len() {
            let Some(subject) = self.subject(place) else {
                continue;
            };
            match table.get(&subject) {
                Some(&kept) if kept != place => self.merge(place, kept),
                _ => {}
            }
        }
    }

    /// (B): for each subject the thread that others join, by its place.
    fn subject_table(&self) -> HashMap<u64, usize> {
        let mut table = HashMap::new();
        for (place, root) in self.roots.iter().enumerate() {
            let (Some(root), Some(subject)) = (root, self.subject(place)) else {
                continue;
            };
            let kept = *table.entry(subject).or_insert(place);
            let Some(Some(known)) = self.roots.get(kept) else {
                continue;
            };
            let better = root.is_dummy() || (self.is_reply(known) && !self.is_reply(root));
            if !known.is_dummy() && better {
                table.insert(subject, place);
            }
        }
        table
    }

    /// The thread's subject, unless it is empty.
    fn subject(&self, place: usize) -> Option<u64> {
        let first = self.roots.get(place)?.as_ref()?.first();
        self.message(first)?.subject
    }

    fn is_reply(&self, root: &Root) -> bool {
        self.message(root.first())
            .is_some_and(|message| message.is_reply)
    }

    /// (C): the thread at `place` joins the one at `kept`, which others of its subject find there later.
    fn merge(&mut self, place: usize, kept: usize) {
        let taken = |roots: &mut Vec<Option<Root>>, place: usize| roots.get_mut(place)?.take();
        let (Some(joining), Some(mut known)) =
            (taken(&mut self.roots, place), taken(&mut self.roots, kept))
        else {
            return;
        };
        let joins_reply = self.is_reply(&joining) && !self.is_reply(&known);
        match (&mut known, joining) {
            (Root::Dummy(children), Root::Dummy(more)) => children.extend(more),
            (Root::Dummy(children), Root::Message(message)) => children.push(message),
            (Root::Message(parent), Root::Message(message)) if joins_reply => {
                if let Some(children) = self.children.get_mut(*parent as usize) {
                    children.push(message);
                }
            }
            (Root::Message(message), Root::Message(other)) => {
                known = Root::Dummy(vec![*message, other]);
            }
            // The table prefers dummies, so that none comes to a message.
            (Root::Message(message), Root::Dummy(mut children)) => {
                children.push(*message);
                known = Root::Dummy(children);
            }
        }
        if let Some(root) = self.roots.get_mut(kept) {
            *root = Some(known);
        }
    }

    /// Step (6)
    fn sort_all(&mut self) {
        let mut children = std::mem::take(&mut self.children);
        for siblings in &mut children {
            siblings.sort_unstable_by_key(|&child| self.date(child));
        }
        self.children = children;
        self.roots.retain(Option::is_some);
        self.sort_roots();
    }

    fn into_threads(self) -> Threads {
        let mut threads = Threads::default();
        let mut places = vec![NONE; self.messages.len()];
        // Children before their parents: the order in which nodes are met from the top, backwards.
        for node in self.downwards().into_iter().rev() {
            let children = self.children.get(node as usize).into_iter().flatten();
            let children = children.map(|&child| at(&places, child)).collect();
            let number = self.message(node).map(|message| message.number);
            let place = threads.add(number, children);
            set(&mut places, node, place);
        }
        for root in self.roots.into_iter().flatten() {
            let place = match root {
                Root::Message(message) => at(&places, message),
                Root::Dummy(children) => {
                    let children = children.iter().map(|&child| at(&places, child)).collect();
                    threads.add(None, children)
                }
            };
            threads.roots.push(place);
        }
        threads
    }

    fn downwards(&self) -> Vec<u32> {
        let mut met = Vec::with_capacity(self.messages.len());
        for root in self.roots.iter().flatten() {
            match root {
                Root::Message(message) => met.push(*message),
                Root::Dummy(children) => met.extend(children),
            }
        }
        let mut looked_at = 0;
        while let Some(&node) = met.get(looked_at) {
            met.extend(self.children.get(node as usize).into_iter().flatten());
            looked_at += 1;
        }
        met
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Messages by number from 1: Message-ID, references, subject ("re:" makes a reply), sent date.
    fn messages(described: &[(u64, &[u64], &str, i64)]) -> Vec<Threaded> {
        let described = described.iter().zip(1..);
        described
            .map(|(&(id, references, subject, sent), number)| Threaded {
                number,
                sent,
                subject: hashed(subject.trim_start_matches("re:")),
                is_reply: subject.starts_with("re:"),
                id: Some(id).filter(|&id| id != 0),
                references: references.into(),
            })
            .collect()
    }

    /// A number for a subject of up to eight octets.
    fn hashed(subject: &str) -> Option<u64> {
        let number = subject
            .bytes()
            .fold(0, |number, octet| number << 8 | u64::from(octet));
        Some(number).filter(|_| !subject.is_empty())
    }

    fn threads(described: &[(u64, &[u64], &str, i64)]) -> String {
        by_references(&messages(described)).unwrap().to_string()
    }

    #[test]
    fn replies_are_below_what_they_answer() {
        let found = threads(&[
            (1, &[], "a", 1),
            (2, &[1], "re:a", 2),
            (3, &[1, 2], "re:a", 4),
            (4, &[1], "re:a", 3),
            (5, &[], "b", 0),
        ]);
        assert_eq!(found, "(5)(1 (2 3)(4))");
    }

    #[test]
    fn what_is_missing_holds_its_children_together() {
        // Two answers to what is not there, and one answer to what is not there either.
        assert_eq!(
            threads(&[(1, &[9], "re:a", 1), (2, &[9], "re:a", 2)]),
            "((1)(2))"
        );
        assert_eq!(threads(&[(1, &[9], "re:a", 1)]), "(1)");
        // What is missing in the middle is left out.
        let found = threads(&[
            (1, &[], "a", 1),
            (2, &[1, 9], "re:a", 2),
            (3, &[1, 9], "re:a", 3),
        ]);
        assert_eq!(found, "(1 (2)(3))");
    }

    #[test]
    fn the_first_of_two_with_one_id_has_it() {
        let found = threads(&[(1, &[], "a", 1), (1, &[], "b", 2), (2, &[1], "re:a", 3)]);
        assert_eq!(found, "(1 3)(2)");
    }

    #[test]
    fn own_references_are_better_than_those_of_others() {
        // 2 is said to be below 1 by 3, but says itself that it is below 4.
        let found = threads(&[
            (1, &[], "a", 1),
            (3, &[1, 2], "c", 2),
            (2, &[4], "d", 3),
            (4, &[], "e", 4),
        ]);
        assert_eq!(found, "(1)(4 3 2)");
        // Without references it has no parent.
        let found = threads(&[(1, &[], "a", 1), (3, &[1, 2], "c", 2), (2, &[], "d", 3)]);
        assert_eq!(found, "(1)(3 2)");
    }

    #[test]
    fn loops_are_not_made() {
        assert_eq!(threads(&[(1, &[2], "a", 1), (2, &[1], "b", 2)]), "(2 1)");
        assert_eq!(threads(&[(1, &[1], "a", 1)]), "(1)");
        assert_eq!(threads(&[(1, &[2, 3, 2], "a", 1)]), "(1)");
    }

    #[test]
    fn threads_of_one_subject_are_gathered() {
        // A reply without references comes below what it may answer.
        assert_eq!(threads(&[(1, &[], "a", 1), (2, &[], "re:a", 2)]), "(1 2)");
        assert_eq!(threads(&[(1, &[], "re:a", 1), (2, &[], "a", 2)]), "(2 1)");
        // Two that begin a thread are siblings.
        assert_eq!(threads(&[(1, &[], "a", 1), (2, &[], "a", 2)]), "((1)(2))");
        let found = threads(&[(1, &[], "a", 1), (2, &[], "a", 2), (3, &[], "re:a", 0)]);
        assert_eq!(found, "((1 3)(2))");
        // A dummy takes the others in, and another dummy's children.
        let found = threads(&[
            (1, &[8], "a", 1),
            (2, &[8], "re:a", 2),
            (3, &[], "a", 3),
            (4, &[9], "re:a", 4),
            (5, &[9], "re:a", 5),
        ]);
        assert_eq!(found, "((1)(2)(3)(4)(5))");
        // Empty subjects are not gathered.
        assert_eq!(threads(&[(1, &[], "", 1), (2, &[], "", 2)]), "(1)(2)");
    }

    #[test]
    fn long_threads_take_neither_stack_nor_a_square_of_time() {
        let count = 200_000;
        let chain = |order: &mut dyn Iterator<Item = u64>| {
            let messages: Vec<Threaded> = order
                .zip(1..)
                .map(|(id, number)| Threaded {
                    number,
                    id: Some(id),
                    references: [id - 1].into(),
                    ..Threaded::default()
                })
                .collect();
            by_references(&messages).unwrap().to_string()
        };
        assert!(chain(&mut (1..count)).starts_with("(1 2 3 4 "));
        assert!(chain(&mut (1..count).rev()).ends_with(" 4 3 2 1)"));
        // Many short threads are hung to the end of a long one.
        let half = count / 2;
        chain(&mut (1..half).chain((half..count).rev()));
    }

    #[test]
    fn unknown_messages_are_bounded() {
        let messages: Vec<Threaded> = (0..6_000u32)
            .map(|number| Threaded {
                number,
                references: (0..200).map(|id| u64::from(number) * 200 + id).collect(),
                ..Threaded::default()
            })
            .collect();
        assert_eq!(by_references(&messages), Err(TooManyUnknown));
    }

    proptest! {
        #[test]
        fn each_message_is_in_one_place(
            described in proptest::collection::vec(
                (0u64..12, proptest::collection::vec(1u64..16, 0..6), 0u8..4, any::<bool>(), 0i64..5),
                0..24,
            )
        ) {
            let messages: Vec<Threaded> = described
                .iter()
                .zip(1..)
                .map(|((id, references, subject, is_reply, sent), number)| Threaded {
                    number,
                    sent: *sent,
                    subject: Some(u64::from(*subject)).filter(|&subject| subject > 0),
                    is_reply: *is_reply,
                    id: Some(*id).filter(|&id| id != 0),
                    references: references.as_slice().into(),
                })
                .collect();
            let text = by_references(&messages).unwrap().to_string();
            let mut numbers: Vec<u32> = text
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            numbers.sort_unstable();
            let all: Vec<u32> = (1..=messages.len() as u32).collect();
            prop_assert_eq!(numbers, all);
            prop_assert_eq!(text.matches('(').count(), text.matches(')').count());
        }
    }
}
