//! FETCH (RFC 3501 §6.4.5; RFC 7162 §3.1.4). The work is in [`crate::fetch`].

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use daemon::session::Output;
use store::{FlagChange, FlagOperation, Flags, Rights, Uid};
use tokio::task::JoinHandle;

use crate::fetch::batch::Batches;
use crate::fetch::load::{Loaded, Loader, Message};
use crate::fetch::plan::Plan;
use crate::fetch::read::Reader;
use crate::grammar::fetch::Fetch;
use crate::grammar::fetch_line::FetchLine;
use crate::grammar::partial::PartialRange;
use crate::grammar::structure::Reading;
use crate::grammar::{Malformed, Numbering, SequenceSet};
use crate::limits::{FETCH_BATCH, FETCH_BATCHES_AHEAD, FETCH_ITEMS_USUAL};
use crate::session::dispatch::{Done, Outcome};
use crate::session::reject::Reject;
use crate::session::{Enabled, ImapSession};
use crate::view::{Row, View, tell_vanished};

impl ImapSession {
    pub(crate) async fn fetch(
        &mut self,
        numbering: Numbering,
        set: &SequenceSet,
        fetch: Fetch,
        out: &mut Output,
    ) -> Outcome {
        let vanished = fetch.vanished;
        if vanished && numbering == Numbering::Sequence {
            return Err(Malformed::Expected("UID FETCH for VANISHED").into());
        }
        if vanished && !self.enabled.qresync {
            return Err(Reject::NotEnabled("QRESYNC"));
        }
        // UIDFETCH says the UID at its beginning.
        let with_uid = numbering == Numbering::Uid && !self.enabled.uid_only;
        let plan = Plan::new(fetch, with_uid, self.enabled.condstore);
        if plan.enables_condstore() {
            self.enable_condstore(out);
        }
        let (store, enabled) = (self.store(), self.enabled);
        let view = &mut self.selected()?.view;
        let positions = windowed(view.resolve(numbering, set)?, plan.partial, view);
        let reader = Reader {
            store,
            account: view.account,
            mailbox: view.mailbox,
        };
        if let Some(since) = plan.changed_since.filter(|_| vanished) {
            let expunged = reader.expunged_since(since).await?;
            tell_vanished(true, &view.vanished_before(&expunged, Some(set), 0), out);
        }
        let plan = Arc::new(plan);
        let mut batches = Batches {
            loader: Loader {
                reader,
                plan,
                reading: reading(enabled),
            },
            enabled,
            line: FetchLine::default(),
            gone: 0,
            unknown_encoding: false,
        };
        let positions = positions.into_iter().flatten();
        let fetched = answer_all(&mut batches, positions, view, out).await?;
        let (gone, unknown_encoding) = (batches.gone, batches.unknown_encoding);
        self.fetched += fetched;
        // RFC 3501 §6.4.8: a UID that does not exist is no error; nor is a message that `$` has lost (RFC 5182 §2.1).
        if gone > 0 && numbering == Numbering::Sequence && !set.is_saved() {
            Err(Reject::ExpungeIssued)
        } else if unknown_encoding {
            Err(Reject::UnknownEncoding)
        } else {
            Ok(Done::text("FETCH completed"))
        }
    }
}

impl ImapSession {
    /// Tells of messages that have just come what NOTIFY asks for (RFC 5465 §5.2).
    pub(crate) async fn tell_new(
        &mut self,
        uids: &[u32],
        fetch: Fetch,
        out: &mut Output,
    ) -> Result<(), Reject> {
        let plan = Plan::new(fetch, !self.enabled.uid_only, self.enabled.condstore);
        let (store, enabled) = (self.store(), self.enabled);
        let view = &mut self.selected()?.view;
        let reader = Reader {
            store,
            account: view.account,
            mailbox: view.mailbox,
        };
        let mut batches = Batches {
            loader: Loader {
                reader,
                plan: Arc::new(plan),
                reading: reading(enabled),
            },
            enabled,
            line: FetchLine::default(),
            gone: 0,
            unknown_encoding: false,
        };
        let positions = uids.iter().filter_map(|&uid| view.rows().position(uid));
        let positions: Vec<usize> = positions.collect();
        self.fetched += answer_all(&mut batches, positions.into_iter(), view, out).await?;
        Ok(())
    }
}

fn reading(enabled: Enabled) -> Reading {
    Reading {
        utf8: enabled.speaks_utf8(),
        rev2: enabled.rev2,
    }
}

/// The messages of the window that PARTIAL puts on the set, before CHANGEDSINCE is looked at (RFC 9394 §3.3, §3.4). What is known to be gone
/// is not counted.
fn windowed(
    positions: Vec<Range<usize>>,
    partial: Option<PartialRange>,
    view: &View,
) -> Vec<Range<usize>> {
    let Some(partial) = partial else {
        return positions;
    };
    let there = |position: &usize| {
        let uid = view.rows().uid(*position);
        uid.is_some_and(|uid| !view.is_gone(uid))
    };
    let all: Vec<usize> = positions.into_iter().flatten().filter(there).collect();
    let window = all.get(partial.of(all.len())).unwrap_or_default();
    window
        .iter()
        .map(|&position| position..position + 1)
        .collect()
}

/// Answers for the messages at these positions, batch after batch; gives how many they were. Batches are read while those before them
/// are written, unless reading them makes them seen: what the client may never get must not be.
async fn answer_all(
    batches: &mut Batches,
    mut positions: impl Iterator<Item = usize>,
    view: &mut View,
    out: &mut Output,
) -> Result<u64, Reject> {
    let loader = batches.loader.clone();
    let reads_ahead = !loader.plan.sets_seen;
    let mut fetched = 0;
    let mut ahead = VecDeque::new();
    loop {
        let batch = match ahead.pop_front() {
            Some(reading) => arrived(reading).await?,
            None => match next_batch(&loader, &mut positions, view).await? {
                Some(messages) => loader.clone().load(messages).await?,
                None => return Ok(fetched),
            },
        };
        while reads_ahead
            && ahead.len() < FETCH_BATCHES_AHEAD
            && let Some(messages) = next_batch(&loader, &mut positions, view).await?
        {
            ahead.push_back(tokio::spawn(loader.clone().load(messages)));
        }
        // What was spawned last waits on this thread, and no other can take it, until this task gives way.
        tokio::task::yield_now().await;
        fetched += batch.messages_asked() as u64;
        batches.answer(batch, view, out).await?;
    }
}

async fn arrived(reading: JoinHandle<Result<Loaded, Reject>>) -> Result<Loaded, Reject> {
    let ended_early =
        |error| store::Error::Unavailable(format!("reading ahead ended early: {error}"));
    reading.await.map_err(ended_early)?
}

/// The messages of the next batch; none if all positions have been taken.
async fn next_batch(
    loader: &Loader,
    positions: &mut impl Iterator<Item = usize>,
    view: &mut View,
) -> Result<Option<Vec<Message>>, Reject> {
    // Of many items asked for of each message there is much to remember.
    let most = FETCH_BATCH * FETCH_ITEMS_USUAL / loader.plan.items.len().max(FETCH_ITEMS_USUAL);
    let batch: Vec<usize> = positions.take(most.max(1)).collect();
    if batch.is_empty() {
        return Ok(None);
    }
    prepare(loader, view, batch).await.map(Some)
}

/// Leaves out what has not changed since, and sets \Seen on the rest where the plan does: in this order, because setting
/// it is a change.
async fn prepare(
    loader: &Loader,
    view: &mut View,
    mut positions: Vec<usize>,
) -> Result<Vec<Message>, Reject> {
    let plan = &loader.plan;
    if let Some(since) = plan.changed_since {
        let changed = |row: Row| row.modseq > since;
        positions.retain(|&position| view.rows().at(position).is_some_and(changed));
    }
    // RFC 4314 §4: without the right to it, \Seen is not set.
    if plan.sets_seen && !view.read_only && view.rights.contains(Rights::SEEN) {
        mark_seen(&loader.reader, view, &positions).await?;
    }
    let rows = positions
        .into_iter()
        .filter_map(|position| Message::new(position, view.rows().at(position)?));
    Ok(rows.collect())
}

/// Sets \Seen where it is not; the responses that follow tell it (RFC 3501 §6.4.5).
async fn mark_seen(reader: &Reader, view: &mut View, positions: &[usize]) -> Result<(), Reject> {
    let rows = positions
        .iter()
        .filter_map(|&position| view.rows().at(position));
    let unseen: Vec<Uid> = rows
        .filter(|row| !row.flags.contains(Flags::SEEN))
        .filter_map(|row| Uid::new(row.uid))
        .collect();
    if unseen.is_empty() {
        return Ok(());
    }
    let change = FlagChange {
        operation: FlagOperation::Add,
        flags: Flags::SEEN,
        keywords: Vec::new(),
    };
    let stored = reader
        .store
        .store_flags(view.access, reader.mailbox, &unseen, &change, None)
        .await?;
    view.apply_own(&stored);
    Ok(())
}
