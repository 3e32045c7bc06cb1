//! SORT and THREAD (RFC 5256, RFC 5267 §3, RFC 5957, RFC 6203 §6). The work is in [`crate::sort`] and [`crate::thread`].

use std::sync::Arc;

use daemon::session::Output;
use store::{Ranking, Uid};

use crate::fetch::read::Reader;
use crate::grammar::Numbering;
use crate::grammar::response::Response;
use crate::grammar::sort::{Criterion, Sort, by_relevancy};
use crate::grammar::thread::{Algorithm, Thread, Threads};
use crate::search::{Matches, Results, Scores};
use crate::session::ImapSession;
use crate::session::contexts::Order;
use crate::session::dispatch::{Done, Outcome};
use crate::session::progress::Progress;
use crate::session::reject::Reject;
use crate::sort::elsewhere;
use crate::sort::key::{needs_index, sort_key};
use crate::sort::ranks::{Ranker, WORTH_MESSAGES};
use crate::sort::survey::survey;
use crate::thread::facts::Eye;
use crate::thread::{Threaded, by_references, by_subject};

/// Sort keys with UIDs, in order.
type Keyed = Vec<(Box<[u8]>, u32)>;

impl ImapSession {
    pub(crate) async fn sort(
        &mut self,
        tag: &str,
        numbering: Numbering,
        sort: Sort,
        out: &mut Output,
    ) -> Outcome {
        self.refuse_used_tag(tag, sort.returns)?;
        let returns = sort.returns;
        let outcome = self.sort_selected(tag, numbering, sort, out).await;
        self.forget_saved_unless(outcome.is_ok(), returns);
        outcome
    }

    async fn sort_selected(
        &mut self,
        tag: &str,
        numbering: Numbering,
        sort: Sort,
        out: &mut Output,
    ) -> Outcome {
        let by_modseq = self.learn_modseq(&sort.key, out);
        let Matches { positions, scores } = self.find(tag, &sort.key, out).await?;
        let updates = sort.returns.is_some_and(|returns| returns.update);
        let by_keys = updates || by_relevancy(&sort.criteria) || positions.len() < WORTH_MESSAGES;
        let (positions, keyed) = if by_keys {
            let by = (&*sort.criteria, &scores);
            self.sorted_by_keys(tag, positions, by, out).await?
        } else {
            let ranked = self.sorted_by_ranks(tag, positions, &sort.criteria, out);
            (ranked.await?, Vec::new())
        };
        let view = &self.selected()?.view;
        let results = Results {
            view,
            numbering,
            positions,
            scores,
        };
        let Some(returns) = sort.returns else {
            let modseq = results.highest_modseq().filter(|_| by_modseq);
            out.put(&Response::Sort(results.numbers(), modseq));
            return Ok(Done::text("SORT completed"));
        };
        let found = results.found(tag, returns, by_modseq);
        if returns.tell() {
            out.put(&Response::Esearch(found));
        }
        let saved = returns.save.then(|| results.saved(returns));
        self.save(saved)?;
        let criteria = sort.criteria;
        let order = Order::Sorted { criteria, keyed };
        let order = returns.update.then_some((order, sort.fetch));
        self.keep_up(tag, numbering, &sort.key, order, None, out)?;
        Ok(Done::text("SORT completed"))
    }

    /// These positions in the order of the criteria, by what the store remembers of it.
    async fn sorted_by_ranks(
        &mut self,
        tag: &str,
        positions: Vec<usize>,
        criteria: &[Criterion],
        out: &mut Output,
    ) -> Result<Vec<usize>, Reject> {
        let (reader, uids) = self.messages(&positions)?;
        let (reporter, progress) = (self.reporter(tag), Progress::default());
        let (goal, messages) = (uids.len() as u64, self.selected()?.view.rows().len());
        let ranker = Ranker {
            reader: &reader,
            messages,
            progress: &progress,
        };
        let work = ranker.sorted(&uids, criteria);
        let places = reporter.watch(work, &progress, goal, out).await??;
        let places = places.into_iter();
        Ok(places
            .filter_map(|place| positions.get(place).copied())
            .collect())
    }

    /// The same, by keys that are made anew; with the UIDs of the messages and their keys.
    async fn sorted_by_keys(
        &mut self,
        tag: &str,
        positions: Vec<usize>,
        (criteria, scores): (&[Criterion], &Scores),
        out: &mut Output,
    ) -> Result<(Vec<usize>, Keyed), Reject> {
        let (reader, uids) = self.messages(&positions)?;
        let (reporter, progress) = (self.reporter(tag), Progress::default());
        let by = (criteria.to_vec(), scores.clone());
        let look = move |message: &store::Surveyed<'_>| sort_key(&by.0, message, &by.1);
        let work = survey(&reader, &uids, needs_index(criteria), &progress, look);
        let goal = uids.len() as u64;
        let keyed = reporter.watch(work, &progress, goal, out).await??;
        let mut keyed: Keyed = keyed
            .into_iter()
            .map(|(uid, key)| (key, uid.value()))
            .collect();
        let keyed = elsewhere(move || {
            keyed.sort_unstable();
            keyed
        })
        .await?;
        let rows = self.selected()?.view.rows();
        let sorted = keyed.iter().filter_map(|(_, uid)| rows.position(*uid));
        Ok((sorted.collect(), keyed))
    }

    pub(crate) async fn thread(
        &mut self,
        tag: &str,
        numbering: Numbering,
        thread: Thread,
        out: &mut Output,
    ) -> Outcome {
        self.learn_modseq(&thread.key, out);
        let positions = self.find(tag, &thread.key, out).await?.positions;
        let messages = self
            .threaded(tag, numbering, positions, thread.algorithm, out)
            .await?;
        let threads = elsewhere(move || threads_of(thread.algorithm, &messages)).await??;
        out.put(&Response::Thread(threads));
        Ok(Done::text("THREAD completed"))
    }

    async fn threaded(
        &mut self,
        tag: &str,
        numbering: Numbering,
        positions: Vec<usize>,
        algorithm: Algorithm,
        out: &mut Output,
    ) -> Result<Vec<Threaded>, Reject> {
        let (reader, uids) = self.messages(&positions)?;
        let (reporter, progress) = (self.reporter(tag), Progress::default());
        let eye = Eye::new(algorithm);
        let look = move |message: &store::Surveyed<'_>| eye.look(message).to_octets();
        let (goal, messages) = (uids.len() as u64, self.selected()?.view.rows().len());
        let ranker = Ranker {
            reader: &reader,
            messages,
            progress: &progress,
        };
        let work = async {
            if uids.len() < WORTH_MESSAGES {
                let seen = survey(&reader, &uids, true, &progress, look).await?;
                return Ok(Arc::new(Ranking::default().with(&seen)));
            }
            ranker.ranking(eye.name(), &uids, true, look).await
        };
        let seen = reporter.watch(work, &progress, goal, out).await??;
        let view = &self.selected()?.view;
        let numbered = seen.keys_of(&uids).filter_map(|(uid, facts)| {
            let number = match numbering {
                Numbering::Uid => uid.value(),
                Numbering::Sequence => {
                    u32::try_from(view.rows().position(uid.value())? + 1).ok()?
                }
            };
            Some(Threaded {
                number,
                ..Threaded::from_octets(facts)
            })
        });
        Ok(numbered.collect())
    }

    /// Where the messages at these positions are read, and their UIDs.
    fn messages(&mut self, positions: &[usize]) -> Result<(Reader, Vec<Uid>), Reject> {
        let store = self.store();
        let view = &self.selected()?.view;
        let reader = Reader {
            store,
            account: view.account,
            mailbox: view.mailbox,
        };
        let uids = positions.iter();
        let uids = uids.filter_map(|&position| view.rows().uid(position));
        let uids = uids.filter_map(Uid::new).collect();
        Ok((reader, uids))
    }

    /// CANCELUPDATE (RFC 5267 §4.3.5)
    pub(crate) fn cancel_update(&mut self, tags: &[String]) -> Outcome {
        let Some(selected) = self.state.selected() else {
            return Err(Reject::WrongState("Select a mailbox first"));
        };
        if tags.iter().all(|tag| selected.contexts.knows(tag)) {
            selected.contexts.cancel(tags);
            Ok(Done::text("No further updates"))
        } else {
            Err(Reject::WrongState(
                "No search with this tag is kept up to date",
            ))
        }
    }
}

fn threads_of(algorithm: Algorithm, messages: &[Threaded]) -> Result<Threads, Reject> {
    match algorithm {
        Algorithm::OrderedSubject => Ok(by_subject(messages)),
        Algorithm::References => by_references(messages)
            .map_err(|_| Reject::Store(store::Error::Limit("messages that are not there"))),
    }
}
