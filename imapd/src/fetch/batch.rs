//! Answers FETCH for a batch of messages: loads what the plan needs, then writes the responses.
//!
//! Small sections of many messages are read together; a large one is read in pieces while it is written (`stream`), so
//! that memory does not depend on the size of a message. Messages that are no more are left out, a section of one that
//! vanishes while its response is written is NIL (RFC 2180 §4.1), and both are counted.

use std::ops::Range;

use bytes::Bytes;
use daemon::session::Output;
use store::mime::EncodedIndex;
use store::{Entry, READ_OCTETS_MAX, ThreadId, Uid};

use super::fields;
use super::plan::Plan;
use super::read::{Reader, Wanted};
use super::section::{Located, apply, locate_item};
use super::stream::{Fields, Stream};
use crate::grammar::date::DateAndTime;
use crate::grammar::fetch::{Item, SectionItem, SectionText};
use crate::grammar::fetch_line::FetchLine;
use crate::grammar::structure;
use crate::limits::BODY_CHUNK_OCTETS;
use crate::session::Enabled;
use crate::session::reject::Reject;
use crate::view::{Row, View};

/// One message to be answered.
#[derive(Debug)]
pub struct Message {
    /// Its sequence number.
    pub number: u32,
    /// Its state.
    pub row: Row,
    uid: Uid,
    entry: Option<Entry>,
    index: Option<EncodedIndex>,
    thread: Option<ThreadId>,
    /// For each item that is octets of the message, in order.
    located: Vec<Located>,
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
            index: None,
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

/// Answers one FETCH, batch after batch.
pub struct Batches<'a> {
    /// From where.
    pub reader: Reader,
    /// What.
    pub plan: &'a Plan,
    /// What the client has enabled: how flags that are told unasked are told.
    pub enabled: Enabled,
    /// The response being written.
    pub line: FetchLine,
    /// How many messages were no more, wholly or for a part of what was asked.
    pub gone: usize,
    /// A part was asked for whose transfer encoding is not known (RFC 3516 §4.3).
    pub unknown_encoding: bool,
}

impl Batches<'_> {
    /// Answers for these messages.
    pub async fn answer(
        &mut self,
        messages: Vec<Message>,
        view: &mut View,
        out: &mut Output,
    ) -> Result<(), Reject> {
        let asked = messages.len();
        let mut answered = 0;
        let mut rest = self.load_entries(messages).await?;
        self.load_threads(&mut rest).await?;
        while !rest.is_empty() {
            let part = self.load_indexes(&mut rest).await?;
            answered += part.len();
            self.write_all(&part, view, out).await?;
        }
        self.gone += asked - answered;
        Ok(())
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
    /// still there.
    async fn load_indexes(&self, messages: &mut Vec<Message>) -> Result<Vec<Message>, Reject> {
        if !self.plan.needs_index {
            return Ok(std::mem::take(messages));
        }
        let Reader {
            store,
            account,
            mailbox,
        } = &self.reader;
        let indexes = store.indexes(*account, *mailbox, &uids(messages)).await?;
        let mut part: Vec<Message> = messages.drain(..indexes.settled).collect();
        let mut indexes = indexes.found.into_iter().peekable();
        for message in &mut part {
            let found = indexes.next_if(|(uid, _)| *uid == message.uid);
            message.index = found.map(|(_, index)| index);
            message.located = self.locate(message.index.as_ref())?;
        }
        part.retain(|message| message.index.is_some());
        Ok(part)
    }

    async fn write_all(
        &mut self,
        mut messages: &[Message],
        view: &mut View,
        out: &mut Output,
    ) -> Result<(), Reject> {
        while !messages.is_empty() {
            let (group, wanted) = next_group(messages);
            let octets = self.reader.read_all(&wanted).await?;
            let mut octets = octets.into_iter();
            for message in messages.iter().take(group) {
                self.write(message, &mut octets, view, out).await?;
            }
            messages = messages.get(group..).unwrap_or_default();
        }
        Ok(())
    }

    fn locate(&self, index: Option<&EncodedIndex>) -> Result<Vec<Located>, Reject> {
        let mut items = self.plan.located().peekable();
        let (Some(index), Some(_)) = (index, items.peek()) else {
            return Ok(Vec::new());
        };
        let index = index.decode()?;
        Ok(items.map(|item| locate_item(&index, item)).collect())
    }

    async fn write(
        &mut self,
        message: &Message,
        octets: &mut impl Iterator<Item = Option<Bytes>>,
        view: &mut View,
        out: &mut Output,
    ) -> Result<(), Reject> {
        if self.enabled.uid_only {
            self.line.begin_uid(message.row.uid);
        } else {
            self.line.begin(message.number);
        }
        let mut located = message.located.iter();
        let (mut flags_told, mut whole) = (false, true);
        for item in &self.plan.items {
            flags_told |= *item == Item::Flags;
            if !item.is_located() {
                self.simple_item(item, message, view)?;
                continue;
            }
            let located = located.next().unwrap_or(&Located::Nowhere);
            let ahead = if read_ahead(located).is_some() {
                octets.next().flatten()
            } else {
                None
            };
            whole &= self.octets(message.uid, item, located, ahead, out).await?;
        }
        if !flags_told && view.must_be_told(message.row.uid) {
            self.unasked_flags(message, view);
            flags_told = true;
        }
        if flags_told {
            view.told(message.row.uid);
        }
        self.line.end();
        out.put_bytes(self.line.octets());
        self.line.clear();
        self.gone += usize::from(!whole);
        Ok(out.drain().await?)
    }

    /// Fetching, or someone else, has changed the flags: the client learns it here (RFC 3501 §6.4.5, \Seen).
    fn unasked_flags(&mut self, message: &Message, view: &View) {
        let row = &message.row;
        if self.enabled.tells_uid() && !self.plan.items.contains(&Item::Uid) {
            self.line.uid(row.uid);
        }
        view.put_flags(row.uid, row.flags, row.keywords, &mut self.line);
        if self.enabled.condstore && !self.plan.items.contains(&Item::ModSeq) {
            self.line.modseq(row.modseq);
        }
    }

    fn simple_item(&mut self, item: &Item, message: &Message, view: &View) -> Result<(), Reject> {
        let utf8 = self.enabled.speaks_utf8();
        let line = &mut self.line;
        let (row, entry, index) = (&message.row, &message.entry, &message.index);
        match item {
            Item::Uid => line.uid(row.uid),
            Item::Flags => view.put_flags(row.uid, row.flags, row.keywords, line),
            Item::ModSeq => line.modseq(row.modseq),
            Item::Size => line.size(entry.as_ref().map_or(0, |entry| entry.size)),
            Item::InternalDate => {
                let date = entry.as_ref().map(|entry| entry.internal_date);
                let (seconds, offset_minutes) =
                    date.map_or((0, 0), |date| (date.seconds, date.offset_minutes));
                line.internal_date(DateAndTime {
                    seconds,
                    offset_minutes,
                });
            }
            Item::SaveDate => {
                let seconds = entry.as_ref().map_or(0, |entry| entry.saved);
                line.save_date(DateAndTime {
                    seconds,
                    offset_minutes: 0,
                });
            }
            Item::EmailId => {
                let id = entry.as_ref().map(|entry| format!("M{}", entry.content()));
                line.object_id("EMAILID", id.as_deref());
            }
            Item::ThreadId => {
                let id = message
                    .thread
                    .map(|thread| format!("T{}", thread.0.printed()));
                line.object_id("THREADID", id.as_deref());
            }
            Item::Envelope | Item::Body | Item::BodyStructure | Item::Preview => {
                let Some(index) = index else { return Ok(()) };
                let index = &index.decode()?;
                match item {
                    Item::Envelope => {
                        structure::envelope(index.envelope(), utf8, line.item("ENVELOPE"))
                    }
                    Item::Preview => line.preview(&index.preview, utf8),
                    Item::Body => structure::body(index, false, utf8, line.item("BODY")),
                    _ => structure::body(index, true, utf8, line.item("BODYSTRUCTURE")),
                }
            }
            Item::Section(_) | Item::Binary(_) | Item::BinarySize(_) => {}
        }
        Ok(())
    }

    /// Writes an item that is octets of the message; false if the message vanished before it could be read.
    async fn octets(
        &mut self,
        uid: Uid,
        item: &Item,
        located: &Located,
        ahead: Option<Bytes>,
        out: &mut Output,
    ) -> Result<bool, Reject> {
        match item {
            Item::Section(item) => self.section(uid, item, located, ahead, out).await,
            Item::Binary(item) => self.binary(uid, item, located, ahead, out).await,
            Item::BinarySize(part) => self.binary_size(uid, part, located, ahead, out).await,
            _ => Ok(true),
        }
    }

    /// Writes one section; false if the message vanished before it could be read.
    async fn section(
        &mut self,
        uid: Uid,
        item: &SectionItem,
        located: &Located,
        ahead: Option<Bytes>,
        out: &mut Output,
    ) -> Result<bool, Reject> {
        match (located, ahead) {
            (Located::Nowhere, _) => self.line.section_nil(item),
            (Located::Octets(range), _) if range.is_empty() => self.line.section_head(item, 0),
            (Located::Fields(range), ahead) if ahead.is_some() || range.is_empty() => {
                self.fields(item, &ahead.unwrap_or_default());
            }
            (Located::Octets(_), Some(octets)) => {
                self.line.section_head(item, octets.len() as u64);
                self.line.section_octets(&octets);
            }
            (large, _) if read_ahead(large).is_none() => {
                return self.stream(uid, item, large, out).await;
            }
            _ => {
                self.line.section_nil(item);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn fields(&mut self, item: &SectionItem, header: &[u8]) {
        let chosen = match fields_of(item) {
            Some(fields) => fields::choose(header, fields.names, fields.wanted),
            None => header.to_vec(),
        };
        let range = apply(0..chosen.len() as u64, item.partial);
        let part = usize::try_from(range.start)
            .ok()
            .zip(usize::try_from(range.end).ok());
        let part = part
            .and_then(|(start, end)| chosen.get(start..end))
            .unwrap_or_default();
        self.line.section_head(item, part.len() as u64);
        self.line.section_octets(part);
    }

    /// Writes a large section piece by piece; false if the message is no more.
    async fn stream(
        &mut self,
        uid: Uid,
        item: &SectionItem,
        located: &Located,
        out: &mut Output,
    ) -> Result<bool, Reject> {
        let Some(mut stream) = self.open(uid, out).await? else {
            self.line.section_nil(item);
            return Ok(false);
        };
        match (located, fields_of(item)) {
            (Located::Fields(header), Some(fields)) => {
                stream.fields(item, &fields, header.clone()).await?;
            }
            (Located::Fields(range) | Located::Octets(range), _) => {
                stream.octets(item, range.clone()).await?;
            }
            (Located::Nowhere | Located::Encoded(_) | Located::UnknownEncoding, _) => {}
        }
        Ok(true)
    }

    /// Opens a message to be served piece by piece; `None` if it is no more.
    pub(super) async fn open<'s>(
        &'s mut self,
        uid: Uid,
        out: &'s mut Output,
    ) -> Result<Option<Stream<'s>>, Reject> {
        let message = self.reader.open(uid).await?;
        Ok(message.map(|message| Stream {
            store: &self.reader.store,
            message,
            line: &mut self.line,
            out,
        }))
    }
}

/// Which fields a section asks for, if it asks for fields.
fn fields_of(item: &SectionItem) -> Option<Fields<'_>> {
    match &item.section.text {
        SectionText::HeaderFields(names) => Some(Fields {
            names,
            wanted: true,
        }),
        SectionText::HeaderFieldsNot(names) => Some(Fields {
            names,
            wanted: false,
        }),
        _ => None,
    }
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
