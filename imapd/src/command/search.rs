//! SEARCH (RFC 3501 §6.4.4, RFC 9051 §6.4.4; RFC 4731, RFC 5182, RFC 5267, RFC 6203, RFC 9394; RFC 5032; RFC 7162 §3.1.5). The work is in
//! [`crate::search`].

use std::sync::Arc;

use daemon::session::Output;
use store::Timestamp;

use crate::fetch::read::Reader;
use crate::grammar::Numbering;
use crate::grammar::code::Code;
use crate::grammar::fetch::Fetch;
use crate::grammar::response::{Condition, Response};
use crate::grammar::search::{Key, ReturnOptions, Search};
use crate::grammar::sequence::Ranges;
use crate::limits::SAVED_RANGES_MAX;
use crate::search::{Matches, Program, Results, scan, with_threads};
use crate::session::ImapSession;
use crate::session::contexts::{Context, Order};
use crate::session::dispatch::{Done, Outcome};
use crate::session::reject::Reject;
use crate::view::View;

impl ImapSession {
    pub(crate) async fn search(
        &mut self,
        tag: &str,
        numbering: Numbering,
        search: Search,
        out: &mut Output,
    ) -> Outcome {
        let returns = self.returns(search.returns);
        self.refuse_used_tag(tag, returns)?;
        let found = self.search_selected(tag, numbering, search, returns, out);
        let outcome = found.await;
        self.forget_saved_unless(outcome.is_ok(), returns);
        outcome
    }

    async fn search_selected(
        &mut self,
        tag: &str,
        numbering: Numbering,
        search: Search,
        returns: Option<ReturnOptions>,
        out: &mut Output,
    ) -> Outcome {
        let Search { key, fetch, .. } = search;
        let key = &key;
        let by_modseq = self.learn_modseq(key, out);
        let Matches { positions, scores } = self.find(tag, key, out).await?;
        let view = &self.selected()?.view;
        let results = Results {
            view,
            numbering,
            positions,
            scores,
        };
        let Some(returns) = returns else {
            let modseq = results.highest_modseq().filter(|_| by_modseq);
            out.put(&Response::Search(results.numbers(), modseq));
            return Ok(Done::text("SEARCH completed"));
        };
        if returns.tell() {
            let found = results.found(tag, returns, by_modseq);
            out.put(&Response::Esearch(found));
        }
        let saved = returns.save.then(|| results.saved(returns));
        let order = returns
            .update
            .then(|| (Order::Mailbox(results.uids().collect()), fetch));
        self.save(saved)?;
        self.keep_up(tag, numbering, key, order, None, out)?;
        Ok(Done::text("SEARCH completed"))
    }

    /// A client that has enabled IMAP4rev2 gets ESEARCH in any case (RFC 9051 §6.4.4).
    fn returns(&self, returns: Option<ReturnOptions>) -> Option<ReturnOptions> {
        returns.or(self.enabled.rev2.then_some(ReturnOptions::ALL))
    }

    /// Whether a key asks for mod-sequences, so that they are told, and CONDSTORE is enabled (RFC 7162 §3.1).
    pub(super) fn learn_modseq(&mut self, key: &Key, out: &mut Output) -> bool {
        let by_modseq = key.any(&|key| matches!(key, Key::ModSeq(_)));
        if by_modseq {
            self.enable_condstore(out);
        }
        by_modseq
    }

    /// The messages in the selected mailbox that match, ascending.
    pub(super) async fn find(
        &mut self,
        tag: &str,
        key: &Key,
        out: &mut Output,
    ) -> Result<Matches, Reject> {
        let (store, reporter) = (self.store(), self.reporter(tag));
        let view = &self.selected()?.view;
        let reader = Reader {
            store,
            account: view.account,
            mailbox: view.mailbox,
        };
        let key = with_threads(key, &reader).await?;
        let program = Arc::new(Program::new(&key, view, Timestamp::now().seconds));
        let progress = program.progress.clone();
        let work = scan(&reader, program, view);
        let goal = u64::from(view.exists());
        reporter.watch(work, &progress, goal, out).await?
    }

    /// RFC 5267 §4.3: UPDATE with a tag that is in use for updates is answered by BAD.
    pub(super) fn refuse_used_tag(
        &mut self,
        tag: &str,
        returns: Option<ReturnOptions>,
    ) -> Result<(), Reject> {
        let updates = returns.is_some_and(|returns| returns.update);
        if updates && self.selected()?.contexts.knows(tag) {
            return Err(Reject::WrongState("Tag is in use for updates"));
        }
        Ok(())
    }

    /// RFC 5182 §2.1: a search that was to save its result and is answered by NO leaves nothing saved.
    pub(crate) fn forget_saved_unless(&mut self, done: bool, returns: Option<ReturnOptions>) {
        if !done && returns.is_some_and(|returns| returns.save) {
            self.forget_saved();
        }
    }

    /// Nothing is saved any more.
    pub(crate) fn forget_saved(&mut self) {
        if let Some(selected) = self.state.selected() {
            selected.view.save(Ranges::default());
        }
    }

    /// From now on `$` stands for these UIDs.
    pub(super) fn save(&mut self, saved: Option<Ranges>) -> Result<(), Reject> {
        let Some(saved) = saved else {
            return Ok(());
        };
        if saved.iter().count() > SAVED_RANGES_MAX {
            return Err(Reject::NotSaved);
        }
        self.selected()?.view.save(saved);
        Ok(())
    }

    /// From now on changes of these results are told, or the client is told that they are not (RFC 5267 §4.3.1).
    pub(super) fn keep_up(
        &mut self,
        tag: &str,
        numbering: Numbering,
        key: &Key,
        order: Option<(Order, Option<Fetch>)>,
        mailbox: Option<(String, u32)>,
        out: &mut Output,
    ) -> Result<(), Reject> {
        let Some((order, fetch)) = order else {
            return Ok(());
        };
        let selected = self.selected()?;
        let key = settled(key, &selected.view);
        let mut context = Context::new(tag, numbering, key, order, mailbox);
        context.fetch = fetch;
        if !selected.contexts.keep(context, &mut selected.view) {
            out.put(&Response::Untagged(
                Condition::No,
                Some(Code::NoUpdate(tag.to_owned())),
                "Changes will not be told".to_owned(),
            ));
        }
        Ok(())
    }
}

/// The key with the UIDs of the messages that it names by numbers: "evaluated at the time the command is received" (RFC 5267 §4.3).
fn settled(key: &Key, view: &View) -> Key {
    match key {
        Key::Sequence(set) => Key::Known(view.known(Numbering::Sequence, set)),
        Key::Uid(set) if set.is_saved() => Key::Known(view.known(Numbering::Uid, set)),
        Key::And(keys) => Key::And(keys.iter().map(|key| settled(key, view)).collect()),
        Key::Or(both) => Key::Or(Box::new((settled(&both.0, view), settled(&both.1, view)))),
        Key::Not(key) => Key::Not(Box::new(settled(key, view))),
        Key::Fuzzy(key) => Key::Fuzzy(Box::new(settled(key, view))),
        other => other.clone(),
    }
}
