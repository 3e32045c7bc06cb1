//! Merging: small segments become larger ones, and messages that are gone leave.
//!
//! A search looks at every segment of the account, and a small one costs it as much as a large one. When there are [`MERGED_TOGETHER`] of about the same size they
//! are written anew as one; what a message's grams weigh is so written about four times in its life. Large segments stay as they are.
//!
//! Lists are read and written in ranges of grams, so that memory does not grow with the segments.

use std::time::Instant;

use rusqlite::{Connection, OptionalExtension, params};

use super::block::{Block, BlockWriter};
use super::building::{DOCUMENT_BITS, write_lists};
use super::gram::{GRAMS, Gram};
use super::posting::{self, DOCUMENTS_MAX};
use super::round::{Pace, SegmentWriting};
use super::segment::{self, Segment};
use crate::{AccountId, MessageId, Result, Store};

/// Segments of a size before they are merged.
const MERGED_TOGETHER: usize = 8;
/// Sizes: segments with fewer documents count together. Those with as many as the last, or more, are not merged any more.
const SIZES: [u32; 4] = [4, 32, 256, 2048];
/// Grams that are merged in one step.
const STEP_GRAMS: Gram = 512;

impl Store {
    /// Merges some segments of the account, if there are too many small ones.
    pub(super) async fn merge_some(&self, account: AccountId, pace: Pace) -> Result<bool> {
        let segments = self
            .read(move |connection| segment::ready(connection, account))
            .await?;
        let chosen = choose(segments);
        if chosen.is_empty() {
            return Ok(false);
        }
        self.merge(account, chosen, pace).await?;
        Ok(true)
    }

    /// Writes segments anew of which half of the messages, or more, are gone.
    pub(super) async fn tidy_segments(&self, pace: Pace) -> Result<()> {
        let mut after = 0;
        while let Some((account, found)) = self
            .read(move |connection| next_segment(connection, after))
            .await?
        {
            after = found.id;
            let began = Instant::now();
            let live = self
                .read(move |connection| live_messages(connection, account, found.id))
                .await?;
            let live = live.iter().flatten().count();
            if live * 2 <= found.documents as usize {
                self.merge(account, vec![found], pace).await?;
            }
            pace.rest(began).await;
        }
        Ok(())
    }

    async fn merge(&self, account: AccountId, chosen: Vec<Segment>, pace: Pace) -> Result<()> {
        let ids: Vec<i64> = chosen.iter().map(|segment| segment.id).collect();
        let mut merging = self
            .read(move |connection| Merging::begin(connection, account, &chosen))
            .await?;
        let mut writing = SegmentWriting::begin(self, account).await?;
        for first in (0..GRAMS).step_by(STEP_GRAMS as usize) {
            let began = Instant::now();
            let blocks;
            (merging, blocks) = self
                .read(move |connection| merging.step(connection, first))
                .await?;
            writing.write(self, blocks).await?;
            pace.rest(began).await;
        }
        writing.write(self, merging.writer.finish()).await?;
        let (id, octets) = writing.finish(self).await?;
        let messages = merging.messages;
        self.write(move |tx| {
            if !messages.is_empty() {
                segment::make_ready(tx.connection, id, &messages, octets)?;
            }
            ids.iter()
                .try_for_each(|source| segment::retire(tx.connection, *source))
        })
        .await?;
        self.clear_away().await
    }
}

/// The segments to merge: the small ones of a size of which there are enough, in the order in which they were made.
fn choose(segments: Vec<Segment>) -> Vec<Segment> {
    for size in SIZES {
        // The largest come first: the room is for the smallest.
        let small = segments
            .iter()
            .rev()
            .filter(|segment| segment.documents < size);
        let mut room = DOCUMENTS_MAX;
        let fitting = small.take_while(|segment| {
            let fits = segment.documents <= room;
            room = room.saturating_sub(segment.documents);
            fits
        });
        let mut chosen: Vec<Segment> = fitting.copied().collect();
        if chosen.len() >= MERGED_TOGETHER {
            chosen.sort_by_key(|segment| segment.id);
            return chosen;
        }
    }
    Vec::new()
}

struct Source {
    segment: Segment,
    /// The new number of each document; none for those that are gone.
    numbers: Vec<Option<u16>>,
}

struct Merging {
    sources: Vec<Source>,
    messages: Vec<MessageId>,
    writer: BlockWriter,
}

impl Merging {
    fn begin(connection: &Connection, account: AccountId, chosen: &[Segment]) -> Result<Merging> {
        let mut messages = Vec::new();
        let mut sources = Vec::with_capacity(chosen.len());
        for &segment in chosen {
            let live = live_messages(connection, account, segment.id)?;
            let number = |message: Option<MessageId>| {
                messages.push(message?);
                u16::try_from(messages.len() - 1).ok()
            };
            let numbers = live.into_iter().map(number).collect();
            sources.push(Source { segment, numbers });
        }
        let writer = BlockWriter::new(messages.len() as u32);
        Ok(Merging {
            sources,
            messages,
            writer,
        })
    }

    /// Merges the lists of some grams. Gives the blocks that are full.
    fn step(mut self, connection: &Connection, first: Gram) -> Result<(Merging, Vec<Block>)> {
        let end = first + STEP_GRAMS;
        let mut pairs = Vec::new();
        for source in &self.sources {
            let Segment { id, documents } = source.segment;
            segment::for_each_list(connection, id, first, end, |list| {
                posting::decode(list.octets, list.count, documents, |document| {
                    let number = source.numbers.get(usize::from(document));
                    if let Some(number) = number.copied().flatten() {
                        pairs.push(list.gram << DOCUMENT_BITS | u32::from(number));
                    }
                })
            })?;
        }
        write_lists(&pairs, first, end, &mut self.writer);
        let blocks = self.writer.take();
        Ok((self, blocks))
    }
}

/// The messages of a segment by number; none where it is gone.
fn live_messages(
    connection: &Connection,
    account: AccountId,
    segment: i64,
) -> Result<Vec<Option<MessageId>>> {
    let sql = "SELECT 1 FROM text_document WHERE message = ?1 AND account = ?2";
    let mut select = connection.prepare_cached(sql)?;
    let messages = segment::messages(connection, segment)?;
    let live = messages.into_iter().map(|message| {
        let exists = select.exists(params![message, account])?;
        Ok(exists.then_some(message))
    });
    live.collect()
}

fn next_segment(connection: &Connection, after: i64) -> Result<Option<(AccountId, Segment)>> {
    let sql = "SELECT account, id, documents FROM text_segment WHERE ready AND id > ?1 ORDER BY id LIMIT 1";
    let found = connection.prepare_cached(sql)?.query_row([after], |row| {
        let segment = Segment {
            id: row.get(1)?,
            documents: row.get(2)?,
        };
        Ok((row.get(0)?, segment))
    });
    Ok(found.optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(documents: &[u32]) -> Vec<Segment> {
        let numbered = documents.iter().zip(1..);
        let mut segments: Vec<Segment> = numbered
            .map(|(&documents, id)| Segment { id, documents })
            .collect();
        segments.sort_by_key(|segment| std::cmp::Reverse(segment.documents));
        segments
    }

    #[test]
    fn eight_small_ones_are_merged_and_large_ones_are_left() {
        assert!(choose(segments(&[1; 7])).is_empty());
        assert_eq!(choose(segments(&[1, 1, 1, 1, 5000, 1, 1, 1, 1])).len(), 8);
        assert!(choose(segments(&[4096; 20])).is_empty());
        let merged = choose(segments(&[2000; 40]));
        let sum: u32 = merged.iter().map(|segment| segment.documents).sum();
        assert!(sum <= DOCUMENTS_MAX && merged.len() == 16);
    }
}
