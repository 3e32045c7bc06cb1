//! ESEARCH: one search in many mailboxes (RFC 7377). Each mailbox with matching messages gets an answer of its own, always with UIDs.
//!
//! Mailboxes that do not exist, cannot be selected or may not be seen are passed over without a word. What may not be used: SAVE with any
//! source but the selected mailbox, and UPDATE without one; both are BAD. Not here: what a mailbox's messages are judged by
//! ([`crate::search`]).

use std::collections::BTreeSet;
use std::sync::Arc;

use daemon::session::Output;
use store::{MailboxId, MailboxInfo, Rights, SnapshotMode, Timestamp};

use crate::fetch::read::Reader;
use crate::grammar::Numbering;
use crate::grammar::esearch::Found;
use crate::grammar::mailbox::SEPARATOR;
use crate::grammar::response::Response;
use crate::grammar::search::{MultiSearch, ReturnOptions, Search};
use crate::grammar::source::Source;
use crate::limits::MULTISEARCH_MAILBOXES_MAX;
use crate::search::{Matches, Program, Results, scan, with_threads};
use crate::session::ImapSession;
use crate::session::contexts::Order;
use crate::session::dispatch::{Done, Outcome};
use crate::session::place::{Place, is_reserved};
use crate::session::reject::Reject;
use crate::session::rights::Deed;
use crate::view::View;

impl ImapSession {
    pub(crate) async fn multi_search(
        &mut self,
        tag: &str,
        command: MultiSearch,
        out: &mut Output,
    ) -> Outcome {
        let MultiSearch { sources, search } = command;
        // "Presence of a source option in the absence of a result option implies ALL" (RFC 7377 §2.1); without either it cannot be SEARCH.
        let returns = search.returns.unwrap_or(ReturnOptions::ALL);
        self.refuse_unusable(&sources, returns)?;
        self.refuse_used_tag(tag, Some(returns))?;
        let outcome = self
            .search_sources(tag, &sources, &search, returns, out)
            .await;
        self.forget_saved_unless(outcome.is_ok(), Some(returns));
        outcome
    }

    fn refuse_unusable(
        &mut self,
        sources: &[Source],
        returns: ReturnOptions,
    ) -> Result<(), Reject> {
        let is_selected = |source: &Source| *source == Source::Selected;
        let has_mailbox = self.state.selected().is_some();
        if !has_mailbox && (returns.update || sources.iter().any(is_selected)) {
            return Err(Reject::WrongState("Select a mailbox first"));
        }
        if returns.save && !sources.iter().all(is_selected) {
            return Err(Reject::WrongState("SAVE is for the selected mailbox alone"));
        }
        Ok(())
    }

    async fn search_sources(
        &mut self,
        tag: &str,
        sources: &[Source],
        search: &Search,
        returns: ReturnOptions,
        out: &mut Output,
    ) -> Outcome {
        let options = (returns, self.learn_modseq(&search.key, out));
        let selected = self.state.selected().map(|selected| selected.view.mailbox);
        let mut searched = self.searched(sources, selected).await?;
        if selected.is_some() && sources.contains(&Source::Selected) {
            // Whether or not it can be found by its name (RFC 4314 §4: it was opened with the right to read alone).
            if searched.iter().all(|place| Some(place.info.id) != selected) {
                searched.extend(self.selected_place().await?);
            }
        }
        let updates = Some(selected).filter(|_| returns.update).flatten();
        for place in &searched {
            if Some(place.info.id) == selected {
                let mailbox = (place.info.name.clone(), place.info.uid_validity.0);
                self.search_own(tag, mailbox, search, options, out).await?;
            } else if returns.tell() {
                self.search_other(tag, place, search, options, out).await?;
            }
            out.drain().await?;
        }
        if updates.is_some_and(|id| searched.iter().all(|place| place.info.id != id)) {
            // RFC 7377 §2.2: UPDATE is about the selected mailbox, whichever are searched.
            let silent = ReturnOptions {
                update: true,
                ..ReturnOptions::default()
            };
            if let Some(place) = self.selected_place().await? {
                let mailbox = (place.info.name, place.info.uid_validity.0);
                self.search_own(tag, mailbox, search, (silent, false), out)
                    .await?;
            }
        }
        Ok(Done::text("ESEARCH completed"))
    }

    /// The selected mailbox, by the name that the user knows.
    async fn selected_place(&mut self) -> Result<Option<Place>, Reject> {
        let (store, name) = (self.store(), self.selected_name().await?);
        let (Some(name), Some(selected)) = (name, self.state.selected()) else {
            return Ok(None);
        };
        let (access, rights) = (selected.view.access, selected.view.rights);
        let info = store
            .mailbox_by_id(access.owner(), selected.view.mailbox)
            .await?;
        Ok(Some(Place {
            access,
            rights,
            local: info.name.clone(),
            info: MailboxInfo { name, ..info },
        }))
    }

    /// The mailboxes that the sources mean, each once, as far as the user may read them (RFC 7377 §2.2: others are passed
    /// over, as if they were not there).
    async fn searched(
        &self,
        sources: &[Source],
        selected: Option<MailboxId>,
    ) -> Result<Vec<Place>, Reject> {
        let account = self.user()?.account;
        let (store, mut all) = (self.store(), self.visible_mailboxes().await?);
        all.retain(|place| !place.info.no_select && place.rights.contains(Rights::READ));
        let subscribed: BTreeSet<String> = match sources.contains(&Source::Subscribed) {
            true => store.subscriptions(account).await?.into_iter().collect(),
            false => BTreeSet::new(),
        };
        let is_meant = |place: &Place| {
            sources.iter().any(|source| match source {
                Source::Selected => Some(place.info.id) == selected,
                Source::Subscribed => subscribed.contains(&place.info.name),
                // RFC 7377 §2.2, RFC 5465 §6: what is in the personal namespace.
                Source::Personal | Source::Inboxes if !place.access.is_own() => false,
                other => is_named(other, &place.info.name),
            })
        };
        all.retain(is_meant);
        self.add_unlisted(sources, &mut all).await?;
        if all.len() > MULTISEARCH_MAILBOXES_MAX {
            return Err(Reject::Store(store::Error::Limit("mailboxes")));
        }
        Ok(all)
    }

    /// What is named itself may be read without the right to look it up, as by SELECT (RFC 4314 §4).
    async fn add_unlisted(
        &self,
        sources: &[Source],
        places: &mut Vec<Place>,
    ) -> Result<(), Reject> {
        let mut names: Vec<&String> = Vec::new();
        for source in sources {
            if let Source::Mailboxes(named) = source {
                names.extend(named.iter().filter(|name| is_reserved(name)));
            }
        }
        for name in names {
            match self.place(name, Deed::Read).await {
                Ok(place) if places.iter().all(|known| known.info.id != place.info.id) => {
                    places.push(place);
                }
                Ok(_) | Err(Reject::NoPermission | Reject::Store(store::Error::NotFound(_))) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// In the selected mailbox the session's own view is searched.
    async fn search_own(
        &mut self,
        tag: &str,
        mailbox: (String, u32),
        search: &Search,
        options: (ReturnOptions, bool),
        out: &mut Output,
    ) -> Result<(), Reject> {
        let (returns, _) = options;
        let Matches { positions, scores } = self.find(tag, &search.key, out).await?;
        let results = Results {
            view: &self.selected()?.view,
            numbering: Numbering::Uid,
            positions,
            scores,
        };
        let found = found(tag, &mailbox, &results, options);
        let saved = returns.save.then(|| results.saved(returns));
        let order = returns.update.then(|| {
            (
                Order::Mailbox(results.uids().collect()),
                search.fetch.clone(),
            )
        });
        if let Some(found) = found {
            self.say(&Response::Esearch(found), out);
        }
        self.save(saved)?;
        self.keep_up(tag, Numbering::Uid, &search.key, order, Some(mailbox), out)
    }

    /// In another mailbox, a view of this moment is.
    async fn search_other(
        &mut self,
        tag: &str,
        place: &Place,
        search: &Search,
        options: (ReturnOptions, bool),
        out: &mut Output,
    ) -> Result<(), Reject> {
        let (store, access, info) = (self.store(), place.access, &place.info);
        let snapshot = store.snapshot(access, info.id, SnapshotMode::ReadOnly);
        let snapshot = match snapshot.await {
            // Somebody has just removed it, or taken the right to read it away.
            Err(store::Error::NotFound(_) | store::Error::Denied) => return Ok(()),
            other => other?,
        };
        let view = View::new(access, &snapshot, true);
        let reader = Reader {
            store,
            account: access.owner(),
            mailbox: info.id,
        };
        let key = with_threads(&search.key, &reader).await?;
        let program = Program::new(&key, &view, Timestamp::now().seconds);
        let progress = program.progress.clone();
        let work = scan(&reader, Arc::new(program), &view);
        let goal = u64::from(view.exists());
        let Matches { positions, scores } = self
            .reporter(tag)
            .watch(work, &progress, goal, out)
            .await??;
        let results = Results {
            view: &view,
            numbering: Numbering::Uid,
            positions,
            scores,
        };
        let mailbox = (info.name.clone(), info.uid_validity.0);
        if let Some(found) = found(tag, &mailbox, &results, options) {
            self.say(&Response::Esearch(found), out);
        }
        Ok(())
    }
}

/// What is told of a mailbox: nothing, if nothing was found in it (RFC 7377 §2.1).
fn found(
    tag: &str,
    mailbox: &(String, u32),
    results: &Results<'_>,
    (returns, by_modseq): (ReturnOptions, bool),
) -> Option<Found> {
    if !returns.tell() || results.positions.is_empty() {
        return None;
    }
    Some(Found {
        mailbox: Some(mailbox.clone()),
        ..results.found(tag, returns, by_modseq)
    })
}

/// Whether a source by names, or by whose mailboxes they are, means the mailbox.
fn is_named(source: &Source, name: &str) -> bool {
    let below = |top: &String| {
        let rest = name.strip_prefix(top.as_str())?;
        rest.strip_prefix(SEPARATOR)
    };
    match source {
        // As for NOTIFY (RFC 5465 §6.3): where mail may be delivered is a matter of each moment.
        Source::Personal | Source::Inboxes => true,
        Source::Mailboxes(names) => names.iter().any(|known| known == name),
        Source::Subtree(tops) => tops.iter().any(|top| top == name || below(top).is_some()),
        Source::SubtreeOne(tops) => tops
            .iter()
            .any(|top| top == name || below(top).is_some_and(|rest| !rest.contains(SEPARATOR))),
        Source::Selected | Source::Subscribed => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtrees_end_where_names_only_begin_alike() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let tree = Source::Subtree(names(&["a", "x/y"]));
        let one = Source::SubtreeOne(names(&["a"]));
        for (name, in_tree, in_one) in [
            ("a", true, true),
            ("a/b", true, true),
            ("a/b/c", true, false),
            ("ab", false, false),
            ("x", false, false),
            ("x/y", true, false),
            ("x/y/z", true, false),
        ] {
            assert_eq!(is_named(&tree, name), in_tree, "{name}");
            assert_eq!(is_named(&one, name), in_one, "{name}");
        }
    }
}
