//! Answers FETCH for a batch of messages: writes the responses from what `load` has read.
//!
//! A large section is read in pieces while it is written (`stream`), so
//! that memory does not depend on the size of a message. Messages that are no more are left out, a section of one that
//! vanishes while its response is written is NIL (RFC 2180 §4.1), and both are counted.

use std::sync::Arc;

use bytes::Bytes;
use daemon::session::Output;
use store::Uid;

use super::load::{Loaded, LoadedPart, Loader, Message, read_ahead};
use super::section::{Located, apply};
use super::stream::{Fields, Stream};
use super::{describe, fields};
use crate::grammar::date::DateAndTime;
use crate::grammar::fetch::{Item, SectionItem, SectionText};
use crate::grammar::fetch_line::FetchLine;
use crate::session::Enabled;
use crate::session::reject::Reject;
use crate::view::View;

/// Answers one FETCH, batch after batch.
pub struct Batches {
    /// From where, and what.
    pub loader: Loader,
    /// What the client has enabled: how flags that are told unasked are told.
    pub enabled: Enabled,
    /// The response being written.
    pub line: FetchLine,
    /// How many messages were no more, wholly or for a part of what was asked.
    pub gone: usize,
    /// A part was asked for whose transfer encoding is not known (RFC 3516 §4.3).
    pub unknown_encoding: bool,
}

impl Batches {
    /// Answers for the messages of a batch.
    pub async fn answer(
        &mut self,
        batch: Loaded,
        view: &mut View,
        out: &mut Output,
    ) -> Result<(), Reject> {
        let Loaded {
            asked,
            mut part,
            mut rest,
        } = batch;
        let mut answered = 0;
        loop {
            answered += part.messages.len();
            self.write_all(part, view, out).await?;
            if rest.is_empty() {
                break;
            }
            part = self.loader.load_part(&mut rest).await?;
        }
        self.gone += asked - answered;
        Ok(())
    }

    /// Writes messages, for the first of which the octets are there.
    async fn write_all(
        &mut self,
        part: LoadedPart,
        view: &mut View,
        out: &mut Output,
    ) -> Result<(), Reject> {
        let (mut messages, mut ready) = (&part.messages[..], part.octets);
        let mut described = part.described.values();
        while !messages.is_empty() {
            let mut octets = ready.octets.into_iter();
            for message in messages.iter().take(ready.messages) {
                self.write(message, &mut described, &mut octets, view, out)
                    .await?;
            }
            messages = messages.get(ready.messages..).unwrap_or_default();
            ready = self.loader.load_octets(messages).await?;
        }
        Ok(())
    }

    async fn write<'d>(
        &mut self,
        message: &Message,
        described: &mut impl Iterator<Item = &'d [u8]>,
        octets: &mut impl Iterator<Item = Option<Bytes>>,
        view: &mut View,
        out: &mut Output,
    ) -> Result<(), Reject> {
        if self.enabled.uid_only {
            self.line.begin_uid(message.row.uid);
        } else {
            self.line.begin(message.number);
        }
        let plan = Arc::clone(&self.loader.plan);
        let mut located = message.located.iter();
        let (mut flags_told, mut whole) = (false, true);
        for item in &plan.items {
            flags_told |= *item == Item::Flags;
            if let Some(name) = describe::name(item) {
                let value = described.next();
                self.line
                    .item(name)
                    .extend_from_slice(value.unwrap_or(b"NIL"));
                continue;
            }
            if !item.is_located() {
                self.simple_item(item, message, view);
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
        // Of a part in an unknown encoding, asked for alone, there is nothing to tell, and no response is without items.
        if self.line.has_items() {
            self.line.end();
            out.put_bytes(self.line.octets());
        }
        self.line.clear();
        self.gone += usize::from(!whole);
        Ok(out.drain().await?)
    }

    /// Fetching, or someone else, has changed the flags: the client learns it here (RFC 3501 §6.4.5, \Seen).
    fn unasked_flags(&mut self, message: &Message, view: &View) {
        let row = &message.row;
        if self.enabled.tells_uid() && !self.loader.plan.items.contains(&Item::Uid) {
            self.line.uid(row.uid);
        }
        view.put_flags(row.uid, row.flags, row.keywords, &mut self.line);
        if self.enabled.condstore && !self.loader.plan.items.contains(&Item::ModSeq) {
            self.line.modseq(row.modseq);
        }
    }

    fn simple_item(&mut self, item: &Item, message: &Message, view: &View) {
        let line = &mut self.line;
        let (row, entry) = (&message.row, &message.entry);
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
            Item::Envelope | Item::Body | Item::BodyStructure | Item::Preview => {}
            Item::Section(_) | Item::Binary(_) | Item::BinarySize(_) => {}
        }
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
        let message = self.loader.reader.open(uid).await?;
        Ok(message.map(|message| Stream {
            store: &self.loader.reader.store,
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
