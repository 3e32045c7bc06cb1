//! Reads what a FETCH needs of a batch of messages, before any of it is written.
//!
//! Small sections of many messages are read together; large ones are left to `stream`. What is told of an index is written here, too.
//! Loading needs neither the view nor the client, so that the next batches are read while the one before them is written.
//!
//! Messages that are no more are left out; an octet string that vanished meanwhile is `None`.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use store::mime::EncodedIndex;
use store::{Entry, READ_OCTETS_MAX, ThreadId, Uid};

use super::describe::Described;
use super::plan::Plan;
use super::read::{Reader, Wanted};
use super::section::{Located, locate_item, locate_outline};
use crate::grammar::structure::Reading;
use crate::limits::BODY_CHUNK_OCTETS;
use crate::session::reject::Reject;
use crate::view::Row;

/// One message to be answered.
#[derive(Debug)]
pub struct Message {
    /// Its sequence number.
    pub number: u32,
    /// Its state.
    pub row: Row,
    pub(super) uid: Uid,
    pub(super) entry: Option<Entry>,
    pub(super) thread: Option<ThreadId>,
    /// For each item that is octets of the message, in order.
    pub(super) located: Vec<Located>,
}

impl Message {
    /// A message of the view.
    pub fn new(position: usize, row: Row) -> Option<Self> {
        let number = u32::try_from(position + 1).ok()?;
        Some(Self {
            number,
            row,
            uid: Uid::new(row.uid)?,
            entry: None,
            thread: None,
            located: Vec::new(),
        })
    }

    /// What has to be read of it before it is written; large sections are read while they are written.
    fn wanted(&self) -> impl Iterator<Item = Wanted> + '_ {
        self.located
            .iter()
            .filter_map(|located| Some((self.uid, read_ahead(located)?)))
    }
}

/// The octets of a section that are read before it is written.
pub(super) fn read_ahead(located: &Located) -> Option<Range<u64>> {
    let (range, octets_max) = match located {
        Located::Fields(range) => (range, READ_OCTETS_MAX),
        Located::Octets(range) => (range, BODY_CHUNK_OCTETS),
        Located::Encoded(part) => (&part.range, BODY_CHUNK_OCTETS),
        Located::Nowhere | Located::UnknownEncoding => return None,
    };
    (!range.is_empty() && range.end - range.start <= octets_max).then(|| range.clone())
}

/// A batch of messages, as far as it may be in memory together.
#[derive(Debug)]
pub struct Loaded {
    pub(super) asked: usize,
    /// The first of them.
    pub(super) part: LoadedPart,
    /// The others, of which there is no index yet.
    pub(super) rest: Vec<Message>,
}

/// Messages whose indexes may be in memory together.
#[derive(Debug)]
pub(super) struct LoadedPart {
    pub(super) messages: Vec<Message>,
    /// What is told of their indexes.
    pub(super) described: Described,
    /// The octets of the first of them.
    pub(super) octets: Octets,
}

impl Loaded {
    /// How many messages were asked for.
    pub fn messages_asked(&self) -> usize {
        self.asked
    }
}

/// The octets that are wanted of the first messages of a list.
#[derive(Debug)]
pub struct Octets {
    /// Of how many messages.
    pub(super) messages: usize,
    /// All that they want, in order.
    pub(super) octets: Vec<Option<Bytes>>,
}

/// Reads for one FETCH.
#[derive(Clone)]
pub struct Loader {
    /// From where.
    pub reader: Reader,
    /// What.
    pub plan: Arc<Plan>,
    /// How the client reads what is told of an index.
    pub reading: Reading,
}

impl Loader {
    /// Reads what is needed of these messages, until it is enough for once.
    pub async fn load(self, messages: Vec<Message>) -> Result<Loaded, Reject> {
        let asked = messages.len();
        let mut rest = self.load_entries(messages).await?;
        self.load_threads(&mut rest).await?;
        let part = self.load_part(&mut rest).await?;
        Ok(Loaded { asked, part, rest })
    }

    /// Takes the first messages off, with their indexes and the first octets.
    pub(super) async fn load_part(&self, rest: &mut Vec<Message>) -> Result<LoadedPart, Reject> {
        let (messages, described) = self.load_indexes(rest).await?;
        let octets = self.load_octets(&messages).await?;
        Ok(LoadedPart {
            messages,
            described,
            octets,
        })
    }

    /// The octets of the first messages, as many as fit into one answer of the store.
    pub(super) async fn load_octets(&self, messages: &[Message]) -> Result<Octets, Reject> {
        let (messages, wanted) = next_group(messages);
        let octets = self.reader.read_all(&wanted).await?;
        Ok(Octets { messages, octets })
    }

    async fn load_entries(&self, mut messages: Vec<Message>) -> Result<Vec<Message>, Reject> {
        if !self.plan.needs_entry {
            return Ok(messages);
        }
        let Reader {
            store,
            account,
            mailbox,
        } = &self.reader;
        let entries = store.entries(*account, *mailbox, &uids(&messages)).await?;
        let mut entries = entries.into_iter().peekable();
        for message in &mut messages {
            message.entry = entries.next_if(|entry| entry.uid == message.uid);
        }
        messages.retain(|message| message.entry.is_some());
        Ok(messages)
    }

    async fn load_threads(&self, messages: &mut [Message]) -> Result<(), Reject> {
        if !self.plan.needs_threads {
            return Ok(());
        }
        let Reader {
            store,
            account,
            mailbox,
        } = &self.reader;
        let threads = store.threads(*account, *mailbox, &uids(messages)).await?;
        let mut threads = threads.into_iter().peekable();
        for message in messages {
            let found = threads.next_if(|(uid, _)| *uid == message.uid);
            message.thread = found.map(|(_, thread)| thread);
        }
        Ok(())
    }

    /// Takes the first messages off, as many as have indexes that may be in memory together, and gives those that are
    /// still there. Indexes are looked at where they lie, on the store's threads.
    async fn load_indexes(
        &self,
        messages: &mut Vec<Message>,
    ) -> Result<(Vec<Message>, Described), Reject> {
        if !self.plan.needs_index || messages.is_empty() {
            return Ok((std::mem::take(messages), Described::default()));
        }
        let Reader {
            store,
            account,
            mailbox,
        } = &self.reader;
        let (plan, reading) = (Arc::clone(&self.plan), self.reading);
        let look = move |seen: &mut Seen, uid, index: &EncodedIndex<&[u8]>| {
            seen.located.push((uid, locate(&plan, index)?));
            describe(&plan, index, reading, &mut seen.described)
        };
        let (seen, settled) = store
            .fold_indexes(*account, *mailbox, &uids(messages), Seen::default(), look)
            .await?;
        let mut part: Vec<Message> = messages.drain(..settled).collect();
        let mut located = seen.located.into_iter().peekable();
        part.retain_mut(|message| {
            let found = located.next_if(|(uid, _)| *uid == message.uid);
            let Some((_, located)) = found else {
                return false;
            };
            message.located = located;
            true
        });
        Ok((part, seen.described))
    }
}

/// What was seen in indexes.
#[derive(Debug, Default)]
struct Seen {
    located: Vec<(Uid, Vec<Located>)>,
    described: Described,
}

/// The index is decoded once, whatever is told of it.
fn describe(
    plan: &Plan,
    index: &EncodedIndex<&[u8]>,
    reading: Reading,
    into: &mut Described,
) -> store::Result<()> {
    if let Some(extent) = plan.described {
        into.add(&plan.items, &index.decode_extent(extent)?, reading);
    }
    Ok(())
}

fn locate(plan: &Plan, index: &EncodedIndex<&[u8]>) -> store::Result<Vec<Located>> {
    if plan.located().next().is_none() {
        return Ok(Vec::new());
    }
    // Most of what is asked for lies in the message itself, and the whole tree need not be looked at.
    let outline = index.outline()?;
    let by_outline = plan.located().map(|item| locate_outline(&outline, item));
    if let Some(located) = by_outline.collect() {
        return Ok(located);
    }
    let index = index.decode()?;
    let items = plan.located();
    Ok(items.map(|item| locate_item(&index, item)).collect())
}

fn uids(messages: &[Message]) -> Vec<Uid> {
    messages.iter().map(|message| message.uid).collect()
}

/// How many messages are read together, so that their octets stay within one answer of the store.
fn next_group(messages: &[Message]) -> (usize, Vec<Wanted>) {
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut octets = 0;
    for (count, message) in messages.iter().enumerate() {
        let more: u64 = message
            .wanted()
            .map(|(_, range)| range.end - range.start)
            .sum();
        if count > 0 && octets + more > READ_OCTETS_MAX {
            return (count, wanted);
        }
        octets += more;
        wanted.extend(message.wanted());
    }
    (messages.len(), wanted)
}
