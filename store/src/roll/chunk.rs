//! A chunk of a roll: some entries as columns, or folded as they were saved, until somebody looks at them.
//!
//! Folded, the UIDs, mod-sequences and keywords of a chunk are runs of what is equal or follows one another, which in most chunks are few;
//! flags are an octet each. What a mailbox of a million messages needs to be selected is then a megabyte that is read and hardly
//! looked at.
//!
//! Failure: [`Chunk::of_saved`] gives `None` for octets that [`Chunk::folded`] did not make.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::{EntryState, Flags, Keywords, ModSeq, Uid};

/// Octets of a folded chunk that stay in memory beside its columns, for each entry. What takes more is unfolded at once.
pub(super) const FOLDED_OCTETS_KEPT: usize = 2;

/// Some entries; never none.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunk {
    len: usize,
    first: u32,
    last: u32,
    unseen: usize,
    columns: OnceLock<Columns>,
    /// As it was saved; empty once something has changed.
    folded: Box<[u8]>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    pub(super) uids: Vec<u32>,
    modseqs: Vec<u64>,
    pub(super) flags: Vec<Flags>,
    /// Empty while no entry here has any, as in most chunks.
    keywords: Vec<Keywords>,
    unseen: usize,
}

impl Chunk {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The lowest UID.
    pub(super) fn first(&self) -> u32 {
        self.first
    }

    /// The highest UID.
    pub(super) fn last(&self) -> u32 {
        self.last
    }

    /// How many have no `\Seen`.
    pub(super) fn unseen(&self) -> usize {
        self.unseen
    }

    pub(super) fn columns(&self) -> &Columns {
        self.columns.get_or_init(|| {
            Folded::read(&self.folded).map_or_else(Columns::default, |folded| folded.columns())
        })
    }

    pub(super) fn at(&self, place: usize) -> Option<EntryState> {
        self.columns().at(place)
    }

    pub(super) fn push(&mut self, entry: EntryState) {
        self.change(|columns| columns.push(entry));
    }

    pub(super) fn set(&mut self, place: usize, entry: EntryState) {
        self.change(|columns| columns.set(place, entry));
    }

    /// Removes the entries at these places (ascending).
    pub(super) fn remove(&mut self, places: &[usize]) {
        self.change(|columns| columns.remove(places));
    }

    pub(super) fn append(&mut self, other: &Chunk) {
        self.change(|columns| columns.append(other.columns()));
    }

    fn change(&mut self, change: impl FnOnce(&mut Columns)) {
        self.columns();
        self.folded = Box::default();
        if let Some(columns) = self.columns.get_mut() {
            change(columns);
            self.len = columns.uids.len();
            self.first = columns.uids.first().copied().unwrap_or(0);
            self.last = columns.uids.last().copied().unwrap_or(0);
            self.unseen = columns.unseen;
        }
    }

    /// The chunk as octets, for [`Self::of_saved`].
    pub(super) fn folded(&self) -> Box<[u8]> {
        if self.folded.is_empty() {
            self.columns().fold()
        } else {
            self.folded.clone()
        }
    }

    /// A chunk as it was saved.
    pub(super) fn of_saved(octets: &[u8]) -> Option<Chunk> {
        let folded = Folded::read(octets)?;
        let (first, last) = folded.bounds()?;
        let mut chunk = Chunk {
            len: folded.flags.len(),
            first,
            last,
            unseen: folded
                .flags
                .iter()
                .map(|bits| is_unseen(Flags(*bits)))
                .sum(),
            ..Chunk::default()
        };
        if octets.len() <= FOLDED_OCTETS_KEPT * chunk.len {
            chunk.folded = octets.into();
        } else {
            chunk.columns = OnceLock::from(folded.columns());
        }
        Some(chunk)
    }
}

impl Columns {
    fn at(&self, place: usize) -> Option<EntryState> {
        Some(EntryState {
            uid: Uid::new(*self.uids.get(place)?)?,
            modseq: ModSeq(*self.modseqs.get(place)?),
            flags: *self.flags.get(place)?,
            keywords: self.keywords.get(place).copied().unwrap_or(Keywords::NONE),
        })
    }

    fn push(&mut self, entry: EntryState) {
        self.make_room_for(entry.keywords);
        self.uids.push(entry.uid.value());
        self.modseqs.push(entry.modseq.0);
        self.flags.push(entry.flags);
        if !self.keywords.is_empty() || !entry.keywords.is_empty() {
            self.keywords.push(entry.keywords);
        }
        self.unseen += is_unseen(entry.flags);
    }

    fn set(&mut self, place: usize, entry: EntryState) {
        self.make_room_for(entry.keywords);
        self.unseen += is_unseen(entry.flags);
        self.unseen -= is_unseen(self.flags[place]);
        self.modseqs[place] = entry.modseq.0;
        self.flags[place] = entry.flags;
        if let Some(keywords) = self.keywords.get_mut(place) {
            *keywords = entry.keywords;
        }
    }

    fn make_room_for(&mut self, keywords: Keywords) {
        if self.keywords.is_empty() && !keywords.is_empty() {
            self.keywords = vec![Keywords::NONE; self.uids.len()];
        }
    }

    fn remove(&mut self, places: &[usize]) {
        retain(&mut self.uids, places);
        retain(&mut self.modseqs, places);
        retain(&mut self.flags, places);
        retain(&mut self.keywords, places);
        self.unseen = self.flags.iter().copied().map(is_unseen).sum();
    }

    fn append(&mut self, other: &Columns) {
        if !self.keywords.is_empty() || !other.keywords.is_empty() {
            self.keywords.resize(self.uids.len(), Keywords::NONE);
            self.keywords.extend_from_slice(&other.keywords);
            self.keywords
                .resize(self.uids.len() + other.uids.len(), Keywords::NONE);
        }
        self.uids.extend_from_slice(&other.uids);
        self.modseqs.extend_from_slice(&other.modseqs);
        self.flags.extend_from_slice(&other.flags);
        self.unseen += other.unseen;
    }

    fn fold(&self) -> Box<[u8]> {
        let mut folded = Folded::default();
        let (mut next, mut before) = (0, 0);
        for &uid in &self.uids {
            match folded.uids.last_mut() {
                Some((_, count)) if uid == next => *count += 1,
                _ => folded.uids.push((uid - next, 1)),
            }
            next = uid.saturating_add(1);
        }
        for &modseq in &self.modseqs {
            match folded.modseqs.last_mut() {
                Some((_, count)) if modseq == before => *count += 1,
                _ => folded.modseqs.push((modseq.wrapping_sub(before) as i64, 1)),
            }
            before = modseq;
        }
        for &keywords in &self.keywords {
            match folded.keywords.last_mut() {
                Some((bits, count)) if *bits == keywords.0 => *count += 1,
                _ => folded.keywords.push((keywords.0, 1)),
            }
        }
        let flags: Vec<u8> = self.flags.iter().map(|flags| flags.0).collect();
        folded.flags = &flags;
        // Writing to a vector cannot fail; should it ever, the octets are refused when they are read.
        postcard::to_allocvec(&folded).unwrap_or_default().into()
    }
}

/// The stored form of a chunk.
#[derive(Default, Serialize, Deserialize)]
struct Folded<'a> {
    /// How many UIDs are left out, and how many follow.
    uids: Vec<(u32, u32)>,
    /// By how much a mod-sequence differs from the one before, and how many have it.
    modseqs: Vec<(i64, u32)>,
    /// Of each entry.
    flags: &'a [u8],
    /// Bits, and how many have them; nothing where nobody has any.
    keywords: Vec<(u64, u32)>,
}

impl<'a> Folded<'a> {
    /// Reads it, if it says something of each entry, and no UID twice.
    fn read(octets: &'a [u8]) -> Option<Folded<'a>> {
        let folded: Folded<'a> = postcard::from_bytes(octets).ok()?;
        let entries = folded.flags.len() as u64;
        let uids: u64 = folded.uids.iter().map(|(_, count)| u64::from(*count)).sum();
        let modseqs: u64 = folded
            .modseqs
            .iter()
            .map(|(_, count)| u64::from(*count))
            .sum();
        let keywords: u64 = folded
            .keywords
            .iter()
            .map(|(_, count)| u64::from(*count))
            .sum();
        let fits = uids == entries
            && modseqs == entries
            && (folded.keywords.is_empty() || keywords == entries);
        (fits && folded.bounds().is_some()).then_some(folded)
    }

    /// The first and the last UID.
    fn bounds(&self) -> Option<(u32, u32)> {
        let mut end: u64 = 0;
        for (gap, count) in &self.uids {
            end += u64::from(*gap) + u64::from(*count);
        }
        let first = self.uids.first()?.0;
        let end = u32::try_from(end).ok()?;
        (first > 0 && !self.flags.is_empty()).then_some((first, end - 1))
    }

    fn columns(&self) -> Columns {
        let mut columns = Columns::default();
        let (mut next, mut modseq) = (0u32, 0u64);
        for &(gap, count) in &self.uids {
            let first = next.saturating_add(gap);
            next = first.saturating_add(count);
            columns.uids.extend(first..next);
        }
        for &(more, count) in &self.modseqs {
            modseq = modseq.wrapping_add(more as u64);
            columns
                .modseqs
                .extend(std::iter::repeat_n(modseq, count as usize));
        }
        for &(bits, count) in &self.keywords {
            columns
                .keywords
                .extend(std::iter::repeat_n(Keywords(bits), count as usize));
        }
        columns.flags = self.flags.iter().copied().map(Flags).collect();
        columns.unseen = columns.flags.iter().copied().map(is_unseen).sum();
        columns
    }
}

fn is_unseen(flags: Flags) -> usize {
    usize::from(!flags.contains(Flags::SEEN))
}

fn retain<T>(column: &mut Vec<T>, removed: &[usize]) {
    let mut removed = removed.iter().peekable();
    let mut place = 0;
    column.retain(|_| {
        let keep = removed.next_if(|gone| **gone == place).is_none();
        place += 1;
        keep
    });
}
