//! Runs a program over the messages of a view, reading as little as possible.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;
use std::vec::IntoIter;

use bytes::Bytes;
use store::mime::EncodedIndex;
use store::mime::search::{Scope, pieces};
use store::{READ_OCTETS_MAX, Uid};
use tokio::task::JoinHandle;

use super::judge::{Known, Octets, judge};
use super::program::{Level, Program};
use super::score::Matches;
use crate::fetch::read::{Reader, Wanted};
use crate::limits::FETCH_BATCH;
use crate::session::reject::Reject;
use crate::view::{Row, View};

/// Groups that are judged on blocking threads while the next one is read.
const GROUPS_AT_ONCE: usize = 2;

/// Below so many messages to read, the full-text index is not asked.
const WORTH_THE_INDEX: usize = 20;

/// All messages that match, ascending.
pub async fn scan(reader: &Reader, program: Arc<Program>, view: &View) -> Result<Matches, Reject> {
    scan_among(reader, program, view, view.rows().iter().enumerate()).await
}

/// Those of `rows` that match; they come with their positions, ascending.
pub async fn scan_among(
    reader: &Reader,
    program: Arc<Program>,
    view: &View,
    rows: impl Iterator<Item = (usize, Row)>,
) -> Result<Matches, Reject> {
    let mut found = Matches::default();
    let mut open = Vec::new();
    let mut judged = 0;
    for (position, row) in rows {
        judged += 1;
        let Some(known) = known(view, position, row) else {
            continue;
        };
        match judge(&program, &known) {
            Some(score) if score.matches() => found.push(position, row.uid, score),
            Some(_) => {}
            None => open.push(position),
        }
    }
    if open.len() >= WORTH_THE_INDEX && !program.groups.is_empty() {
        ask_index(reader, &program, view, &open).await?;
        rule_out(&program, view, &mut open, &mut found);
    }
    program.progress.add(judged - open.len());
    if !open.is_empty() {
        let mut scan = Scan {
            reader,
            program,
            found,
        };
        scan.decide(view, open).await?;
        found = scan.found;
    }
    Ok(found.sorted())
}

/// Judges again what was open, now that the full-text index has spoken.
fn rule_out(program: &Program, view: &View, open: &mut Vec<usize>, found: &mut Matches) {
    open.retain(|&position| {
        let Some(known) = at(view, position) else {
            return false;
        };
        let verdict = judge(program, &known);
        if let Some(score) = verdict.filter(|score| score.matches()) {
            found.push(position, known.row.uid, score);
        }
        verdict.is_none()
    });
}

/// The message at a position, unless it is gone.
fn at(view: &View, position: usize) -> Option<Known> {
    known(view, position, view.rows().at(position)?)
}

fn known(view: &View, position: usize, row: Row) -> Option<Known> {
    if view.is_gone(row.uid) {
        return None;
    }
    Some(Known {
        number: u32::try_from(position + 1).unwrap_or(u32::MAX),
        recent: view.is_recent(row.uid),
        row,
        entry: None,
        index: None,
        octets: None,
    })
}

/// Has the full-text index tell which of the open messages are candidates.
async fn ask_index(
    reader: &Reader,
    program: &Program,
    view: &View,
    open: &[usize],
) -> Result<(), Reject> {
    let rows = view.rows();
    let among = open.iter().filter_map(|&position| rows.uid(position));
    let among = among.filter_map(Uid::new).collect();
    let Reader {
        store,
        account,
        mailbox,
    } = reader;
    let groups = program.groups.clone();
    let candidates = store.candidates(*account, *mailbox, groups, among).await?;
    // A program is for one search: nobody has asked before.
    let _ = program.candidates.set(candidates);
    Ok(())
}

struct Scan<'a> {
    reader: &'a Reader,
    program: Arc<Program>,
    found: Matches,
}

/// A batch after judgement.
#[derive(Default)]
struct Judged {
    matched: Matches,
    open: Vec<Known>,
}

fn judge_all(program: &Program, batch: Vec<Known>) -> Judged {
    let mut judged = Judged::default();
    for known in batch {
        match judge(program, &known) {
            Some(score) if score.matches() => {
                let position = known.number as usize - 1;
                judged.matched.push(position, known.row.uid, score);
            }
            Some(_) => {}
            None => judged.open.push(known),
        }
    }
    judged
}

impl Scan<'_> {
    async fn decide(&mut self, view: &View, open: Vec<usize>) -> Result<(), Reject> {
        for positions in open.chunks(FETCH_BATCH) {
            self.program.progress.add(positions.len());
            let batch = positions.iter().filter_map(|&position| at(view, position));
            let mut batch = self.by_entries(batch.collect()).await?;
            while !batch.is_empty() {
                let mut part = self.by_indexes(&mut batch).await?;
                // Headers are read apart from bodies only where a key asks for a field.
                if self.program.uses(Level::Header) {
                    part = self.by_texts(part, Scope::Header).await?;
                }
                self.by_texts(part, Scope::Text).await?;
            }
        }
        Ok(())
    }

    async fn by_entries(&mut self, mut batch: Vec<Known>) -> Result<Vec<Known>, Reject> {
        if !self.program.uses(Level::Entry) || batch.is_empty() {
            return Ok(batch);
        }
        let Reader {
            store,
            account,
            mailbox,
        } = self.reader;
        let entries = store.entries(*account, *mailbox, &uids(&batch)).await?;
        let mut entries = entries.into_iter().peekable();
        for known in &mut batch {
            known.entry = entries.next_if(|entry| entry.uid.value() == known.row.uid);
        }
        // What is gone matches nothing.
        batch.retain(|known| known.entry.is_some());
        Ok(self.sort_out(batch))
    }

    /// Takes the first messages off, as many as have indexes that may be in memory together, and gives those that are
    /// still open.
    async fn by_indexes(&mut self, batch: &mut Vec<Known>) -> Result<Vec<Known>, Reject> {
        let Reader {
            store,
            account,
            mailbox,
        } = self.reader;
        let indexes = store.indexes(*account, *mailbox, &uids(batch)).await?;
        let mut part: Vec<Known> = batch.drain(..indexes.settled.min(batch.len())).collect();
        let mut indexes = indexes.found.into_iter().peekable();
        for known in &mut part {
            let found = indexes.next_if(|(uid, _)| uid.value() == known.row.uid);
            known.index = found.map(|(_, index)| index);
        }
        part.retain(|known| known.index.is_some());
        Ok(self.sort_out(part))
    }

    /// Keeps what is decided, and gives back what is open.
    fn sort_out(&mut self, batch: Vec<Known>) -> Vec<Known> {
        let judged = judge_all(&self.program, batch);
        self.found.extend(judged.matched);
        judged.open
    }

    /// Reads texts group by group; groups are judged on blocking threads while the next is read.
    async fn by_texts(&mut self, batch: Vec<Known>, scope: Scope) -> Result<Vec<Known>, Reject> {
        let mut open = Vec::new();
        let mut judging: VecDeque<JoinHandle<Judged>> = VecDeque::new();
        let located = batch.into_iter().map(|known| locate(known, scope));
        let mut batch = located
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .peekable();
        while batch.peek().is_some() {
            let group = self.read_group(&mut batch, scope).await?;
            let program = self.program.clone();
            judging.push_back(tokio::task::spawn_blocking(move || {
                judge_all(&program, group)
            }));
            if judging.len() > GROUPS_AT_ONCE {
                self.finish(judging.pop_front(), &mut open).await?;
            }
        }
        while !judging.is_empty() {
            self.finish(judging.pop_front(), &mut open).await?;
        }
        Ok(open)
    }

    async fn finish(
        &mut self,
        judging: Option<JoinHandle<Judged>>,
        open: &mut Vec<Known>,
    ) -> Result<(), Reject> {
        let Some(judging) = judging else {
            return Ok(());
        };
        let judged = judging.await.map_err(interrupted)?;
        self.found.extend(judged.matched);
        open.extend(judged.open);
        Ok(())
    }

    /// Reads octets of as many messages as one answer of the store holds; of a larger one, alone.
    async fn read_group(
        &self,
        batch: &mut Peekable<IntoIter<Located>>,
        scope: Scope,
    ) -> Result<Vec<Known>, Reject> {
        let (mut group, mut wanted, mut octets) = (Vec::new(), Vec::new(), 0);
        while let Some((known, ranges)) =
            batch.next_if(|(_, ranges)| group.is_empty() || octets + sum(ranges) <= READ_OCTETS_MAX)
        {
            octets += sum(&ranges);
            let uid = Uid::new(known.row.uid).unwrap_or(Uid::FIRST);
            group.push((known, ranges.len()));
            wanted.extend(ranges.into_iter().map(|range| (uid, range)));
        }
        let mut read = self.read_whole(wanted).await?.into_iter();
        let fill = |(mut known, count): (Known, usize)| {
            known.octets = Some(Octets {
                scope,
                pieces: read.by_ref().take(count).collect(),
            });
            known
        };
        Ok(group.into_iter().map(fill).collect())
    }

    /// One answer of the store may be shorter than a large piece: the rest of that is asked for again.
    async fn read_whole(&self, wanted: Vec<Wanted>) -> Result<Vec<Option<Bytes>>, Reject> {
        let mut read = self.reader.read_all(&wanted).await?;
        for ((uid, range), octets) in wanted.into_iter().zip(&mut read) {
            let Some(octets) = octets else { continue };
            if (octets.len() as u64) < range.end - range.start {
                let start = range.start + octets.len() as u64;
                *octets = self.read_rest(uid, start..range.end, octets).await?;
            }
        }
        Ok(read)
    }

    async fn read_rest(
        &self,
        uid: Uid,
        mut rest: Range<u64>,
        begun: &[u8],
    ) -> Result<Bytes, Reject> {
        let mut whole = begun.to_vec();
        while rest.start < rest.end {
            match self.reader.read(uid, rest.clone()).await? {
                Some(more) if !more.is_empty() => {
                    rest.start += more.len() as u64;
                    whole.extend_from_slice(&more);
                }
                _ => break,
            }
        }
        Ok(whole.into())
    }
}

fn uids(batch: &[Known]) -> Vec<Uid> {
    batch
        .iter()
        .filter_map(|known| Uid::new(known.row.uid))
        .collect()
}

/// A message, and where its pieces of text lie.
type Located = (Known, Vec<Range<u64>>);

fn locate(known: Known, scope: Scope) -> Result<Located, Reject> {
    let index = known.index.as_ref().map(EncodedIndex::decode).transpose()?;
    let pieces = index.iter().flat_map(|index| pieces(index, scope));
    let ranges = pieces.map(|piece| piece.range()).collect();
    Ok((known, ranges))
}

fn sum(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

/// A blocking task ends early only if it panics or the runtime stops.
fn interrupted(error: tokio::task::JoinError) -> Reject {
    Reject::Store(store::Error::Unavailable(error.to_string()))
}
