//! Searches whose results are kept up to date: CONTEXT=SEARCH and CONTEXT=SORT (RFC 5267 §4.3).
//!
//! The view notes which messages have changed; when the dispatcher tells news, those alone are judged again:
//!
//! ```text
//! REMOVEFROM of what was expunged ─► the view tells EXPUNGE, EXISTS, FETCH ─► REMOVEFROM, ADDTO of what changed or came
//! ```
//!
//! Numbers are right that way: a message that goes still has its number, and one that comes has one already. Results of a search are
//! changed without positions (RFC 5267 §4.3.3: zero); those of a sort at the position of each.
//!
//! What a search says of the time (OLDER, YOUNGER) is said of the moment in which it was given.

use std::collections::BTreeSet;
use std::sync::Arc;

use daemon::session::Output;
use store::{Store, Timestamp, Uid};

use super::reject::Reject;
use super::state::Selected;
use crate::fetch::read::Reader;
use crate::grammar::Numbering;
use crate::grammar::esearch::{Found, Listing, Update};
use crate::grammar::fetch::Fetch;
use crate::grammar::response::Response;
use crate::grammar::search::Key;
use crate::grammar::sort::{Criterion, by_relevancy};
use crate::limits::{CONTEXTS_MAX, SORTED_CONTEXT_MESSAGES_MAX};
use crate::search::{Program, Scores, scan_among, with_threads};
use crate::session::progress::Progress;
use crate::sort::key::{needs_index, sort_key};
use crate::sort::survey::survey;
use crate::view::View;

/// The results as the client knows them.
#[derive(Debug)]
pub enum Order {
    /// In the order of the mailbox.
    Mailbox(BTreeSet<u32>),
    /// By sort keys, each with its UID.
    Sorted {
        /// What the keys are made of.
        criteria: Vec<Criterion>,
        /// The results in their order.
        keyed: Vec<(Box<[u8]>, u32)>,
    },
}

/// A search whose results are kept up to date.
#[derive(Debug)]
pub struct Context {
    tag: String,
    numbering: Numbering,
    /// The mailbox's name and UIDVALIDITY, which all answers to ESEARCH bear (RFC 7377 §2.1).
    mailbox: Option<(String, u32)>,
    key: Key,
    /// What is told of messages that are new in the mailbox and in the results (RFC 5465 §7).
    pub(crate) fetch: Option<Fetch>,
    began: i64,
    order: Order,
}

impl Context {
    /// A search that was answered just now. `key` names no messages by their numbers.
    pub fn new(
        tag: &str,
        numbering: Numbering,
        key: Key,
        order: Order,
        mailbox: Option<(String, u32)>,
    ) -> Self {
        Self {
            tag: tag.to_owned(),
            numbering,
            mailbox,
            key,
            fetch: None,
            began: Timestamp::now().seconds,
            order,
        }
    }

    fn told(&self, updates: Vec<Update>) -> Option<Response> {
        if updates.is_empty() {
            return None;
        }
        let found = Found {
            tag: self.tag.clone(),
            mailbox: self.mailbox.clone(),
            uid: self.numbering == Numbering::Uid,
            updates,
            ..Found::default()
        };
        Some(Response::Esearch(found))
    }

    fn listing(&self, uids: impl IntoIterator<Item = u32>, view: &View) -> Listing {
        let numbers = uids.into_iter().filter_map(|uid| match self.numbering {
            Numbering::Uid => Some(uid),
            Numbering::Sequence => u32::try_from(view.rows().position(uid)? + 1).ok(),
        });
        numbers.collect()
    }

    /// Takes these messages out of the results, as far as they are in them.
    fn remove(&mut self, uids: &BTreeSet<u32>, view: &View) -> Option<Update> {
        let changes = match &mut self.order {
            Order::Mailbox(results) => {
                let removed: Vec<u32> = uids
                    .iter()
                    .copied()
                    .filter(|uid| results.remove(uid))
                    .collect();
                vec![(0, self.listing(removed, view))]
            }
            Order::Sorted { keyed, .. } => {
                let removed = take_out(keyed, uids);
                let listed = removed.into_iter();
                listed
                    .map(|(position, uids)| (position, self.listing(uids, view)))
                    .collect()
            }
        };
        told(changes).map(Update::RemoveFrom)
    }

    /// Puts these messages, with their sort keys, into the results.
    fn add(&mut self, added: Vec<(Box<[u8]>, u32)>, view: &View) -> Option<Update> {
        let changes = match &mut self.order {
            Order::Mailbox(results) => {
                let added: BTreeSet<u32> = added.into_iter().map(|(_, uid)| uid).collect();
                results.extend(&added);
                vec![(0, self.listing(added, view))]
            }
            Order::Sorted { keyed, .. } => {
                let inserted = put_in(keyed, added).into_iter();
                inserted
                    .map(|(position, uids)| (position, self.listing(uids, view)))
                    .collect()
            }
        };
        told(changes).map(Update::AddTo)
    }

    fn holds(&self, uid: u32) -> bool {
        match &self.order {
            Order::Mailbox(results) => results.contains(&uid),
            Order::Sorted { keyed, .. } => keyed.iter().any(|(_, known)| *known == uid),
        }
    }

    /// Whether the message is in its place already.
    fn holds_as(&self, keyed: &(Box<[u8]>, u32)) -> bool {
        match &self.order {
            Order::Mailbox(results) => results.contains(&keyed.1),
            Order::Sorted { keyed: known, .. } => known.binary_search(keyed).is_ok(),
        }
    }

    fn is_by_relevancy(&self) -> bool {
        matches!(&self.order, Order::Sorted { criteria, .. } if by_relevancy(criteria))
    }

    /// How many messages are kept with their sort keys.
    fn sorted_messages(&self) -> usize {
        match &self.order {
            Order::Mailbox(_) => 0,
            Order::Sorted { keyed, .. } => keyed.len(),
        }
    }

    /// Judges again the messages that may have changed.
    async fn review(
        &mut self,
        reader: &Reader,
        touched: &BTreeSet<u32>,
        view: &View,
    ) -> Result<Vec<Update>, Reject> {
        let key = with_threads(&self.key, reader).await?;
        let program = Arc::new(Program::new(&key, view, self.began));
        let positions = touched.iter().filter_map(|&uid| view.rows().position(uid));
        let rows = positions.filter_map(|position| Some((position, view.rows().at(position)?)));
        let matching = scan_among(reader, program, view, rows).await?;
        let scores = matching.scores;
        let matching = matching.positions.into_iter();
        let matching: BTreeSet<u32> = matching
            .filter_map(|position| view.rows().uid(position))
            .collect();
        let mut gone: BTreeSet<u32> = touched.difference(&matching).copied().collect();
        // Of what a sort looks at, only the score may change.
        let moves = self.is_by_relevancy();
        let come = matching.into_iter();
        let come = come.filter(|&uid| moves || !self.holds(uid)).collect();
        let mut come = self.keys_of(reader, come, scores).await?;
        come.retain(|keyed| !self.holds_as(keyed));
        gone.extend(come.iter().map(|(_, uid)| *uid));
        let removed = self.remove(&gone, view);
        let added = self.add(come, view);
        Ok(removed.into_iter().chain(added).collect())
    }

    async fn keys_of(
        &self,
        reader: &Reader,
        uids: Vec<u32>,
        scores: Scores,
    ) -> Result<Vec<(Box<[u8]>, u32)>, Reject> {
        let Order::Sorted { criteria, .. } = &self.order else {
            return Ok(uids.into_iter().map(|uid| (Box::default(), uid)).collect());
        };
        let uids: Vec<Uid> = uids.into_iter().filter_map(Uid::new).collect();
        let by = criteria.clone();
        let look = move |message: &store::Surveyed<'_>| sort_key(&by, message, &scores);
        let seen = survey(
            reader,
            &uids,
            needs_index(criteria),
            &Progress::default(),
            look,
        )
        .await?;
        Ok(seen
            .into_iter()
            .map(|(uid, key)| (key, uid.value()))
            .collect())
    }
}

/// Nothing is told of no messages.
fn told(changes: Vec<(u32, Listing)>) -> Option<Vec<(u32, Listing)>> {
    let changes: Vec<_> = changes
        .into_iter()
        .filter(|(_, listing)| !listing.is_empty())
        .collect();
    Some(changes).filter(|changes| !changes.is_empty())
}

/// Takes these UIDs out of `keyed`; runs of them, each with the position that its first had when those before it were gone.
fn take_out(keyed: &mut Vec<(Box<[u8]>, u32)>, uids: &BTreeSet<u32>) -> Vec<(u32, Vec<u32>)> {
    let mut runs: Vec<(u32, Vec<u32>)> = Vec::new();
    let mut kept = 0;
    keyed.retain(|(_, uid)| {
        if !uids.contains(uid) {
            kept += 1;
            return true;
        }
        match runs.last_mut() {
            Some((position, run)) if *position == kept + 1 => run.push(*uid),
            _ => runs.push((kept + 1, vec![*uid])),
        }
        false
    });
    runs
}

/// Puts these into `keyed`; runs of them, each with the position of its first when those before it are there.
fn put_in(keyed: &mut Vec<(Box<[u8]>, u32)>, added: Vec<(Box<[u8]>, u32)>) -> Vec<(u32, Vec<u32>)> {
    let added_uids: BTreeSet<u32> = added.iter().map(|(_, uid)| *uid).collect();
    if added.is_empty() {
        return Vec::new();
    }
    keyed.extend(added);
    // A merge of two sorted runs: the stable sort finds them.
    keyed.sort();
    let mut runs: Vec<(u32, Vec<u32>)> = Vec::new();
    for ((_, uid), position) in keyed.iter().zip(1u32..) {
        if !added_uids.contains(uid) {
            continue;
        }
        match runs.last_mut() {
            Some((first, run)) if *first as usize + run.len() == position as usize => {
                run.push(*uid)
            }
            _ => runs.push((position, vec![*uid])),
        }
    }
    runs
}

/// The searches of one selected mailbox that are kept up to date.
#[derive(Debug, Default)]
pub struct Contexts(Vec<Context>);

impl Contexts {
    /// Whether the search with this tag is kept up to date.
    pub fn knows(&self, tag: &str) -> bool {
        self.0.iter().any(|context| context.tag == tag)
    }

    /// Keeps one more, unless there are too many.
    pub fn keep(&mut self, context: Context, view: &mut View) -> bool {
        let sorted: usize = self.0.iter().map(Context::sorted_messages).sum();
        let too_many = self.0.len() >= CONTEXTS_MAX
            || sorted + context.sorted_messages() > SORTED_CONTEXT_MESSAGES_MAX;
        if !too_many {
            self.0.push(context);
            view.watch(true);
        }
        !too_many
    }

    /// Ends updates.
    pub fn cancel(&mut self, tags: &[String]) {
        self.0.retain(|context| !tags.contains(&context.tag));
    }
}

/// What follows from changed results.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    /// ADDTO and REMOVEFROM.
    pub responses: Vec<Response>,
    /// New messages of which more is to be told, and what.
    pub asked: Vec<(u32, Fetch)>,
}

impl Selected {
    /// Before the view tells: what was expunged goes, while it still has its number (RFC 5267 §4.3.4).
    pub(crate) fn update_before(&mut self, out: &mut Output) {
        if self.contexts.0.is_empty() || self.view.gone().is_empty() {
            return;
        }
        for context in &mut self.contexts.0 {
            let removed = context.remove(self.view.gone(), &self.view);
            if let Some(response) = context.told(removed.into_iter().collect()) {
                out.put(&response);
            }
        }
    }

    /// After the view has told: what has changed is judged again. Messages among `arrivals`
    /// of which more is asked are named besides.
    pub(crate) async fn update_after(
        &mut self,
        store: Store,
        arrivals: &[u32],
    ) -> Result<Updates, Reject> {
        if self.contexts.0.is_empty() {
            self.view.watch(false);
            return Ok(Updates::default());
        }
        let touched = self.view.take_touched();
        if touched.is_empty() {
            return Ok(Updates::default());
        }
        let reader = Reader {
            store,
            account: self.view.account,
            mailbox: self.view.mailbox,
        };
        let mut after = Updates::default();
        for context in &mut self.contexts.0 {
            let updates = context.review(&reader, &touched, &self.view).await?;
            after.responses.extend(context.told(updates));
            let added = arrivals.iter().filter(|&&uid| context.holds(uid));
            if let Some(fetch) = &context.fetch {
                after.asked.extend(added.map(|&uid| (uid, fetch.clone())));
            }
        }
        Ok(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keyed(keys: &[(u8, u32)]) -> Vec<(Box<[u8]>, u32)> {
        keys.iter().map(|&(key, uid)| ([key].into(), uid)).collect()
    }

    proptest! {
        /// A client that does what it is told, in order, has the results.
        #[test]
        fn positions_lead_to_the_same_results(
            before in proptest::collection::btree_set(1u32..40, 0..20),
            removed in proptest::collection::btree_set(1u32..40, 0..10),
            added in proptest::collection::btree_set(40u32..80, 0..10),
        ) {
            let key_of = |uid: u32| (uid.wrapping_mul(37) % 11) as u8;
            let list = |uids: &BTreeSet<u32>| {
                let pairs: Vec<(u8, u32)> = uids.iter().map(|&uid| (key_of(uid), uid)).collect();
                keyed(&pairs)
            };
            let mut results = list(&before);
            results.sort();
            let mut client: Vec<u32> = results.iter().map(|(_, uid)| *uid).collect();
            for (position, uids) in take_out(&mut results, &removed) {
                for uid in uids {
                    prop_assert_eq!(client.remove(position as usize - 1), uid);
                }
            }
            for (position, uids) in put_in(&mut results, list(&added)) {
                for (offset, uid) in uids.into_iter().enumerate() {
                    client.insert(position as usize - 1 + offset, uid);
                }
            }
            let server: Vec<u32> = results.iter().map(|(_, uid)| *uid).collect();
            prop_assert_eq!(client, server);
        }
    }
}
