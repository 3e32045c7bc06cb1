//! The entries of a mailbox in memory, by UID: cheap to copy, and cheap to change in few places.
//!
//! A roll is a list of chunks. Copies of it share them all; a change copies the chunk that it falls into, if somebody else has
//! that too, and the list. So all sessions on a mailbox, however many and however far behind, hold its messages once, and what
//! a change costs hardly depends on how many messages there are.
//!
//! ```text
//! list:    (first position, first UID) ──► chunk: UIDs, mod-sequences, flags, keywords as columns, at most 23 octets a message
//! ```
//!
//! A position counts from 0. Nothing is known here of the database, nor of what anybody has been told.

mod chunk;

use std::ops::Range;
use std::sync::Arc;

use self::chunk::Chunk;
use crate::{EntryState, Flags, Uid};

/// Entries of a full chunk. More make a change dearer, fewer make the list longer, which is copied as well: at a million
/// messages both are a few microseconds.
const CHUNK_ENTRIES: usize = 2048;
/// First octet of a roll that is saved. A form that changes gets another number; what is saved under an old one is made anew.
const SAVED_VERSION: u8 = 1;

/// The entries of a mailbox at one moment.
#[derive(Debug, Clone, Default)]
pub struct Roll(Arc<List>);

#[derive(Debug, Clone, Default)]
struct List {
    slots: Vec<Slot>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Slot {
    /// The position of its first entry.
    start: u32,
    /// The UID of its first entry.
    first: u32,
    chunk: Arc<Chunk>,
}

impl Roll {
    /// How many entries.
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// The entry at a position.
    pub fn at(&self, position: usize) -> Option<EntryState> {
        let (slot, place) = self.0.locate(position)?;
        self.0.slots[slot].chunk.at(place)
    }

    /// The UID at a position.
    pub fn uid(&self, position: usize) -> Option<u32> {
        let (slot, place) = self.0.locate(position)?;
        self.0.slots[slot].chunk.columns().uids.get(place).copied()
    }

    /// The highest UID.
    pub fn last_uid(&self) -> Option<u32> {
        Some(self.0.slots.last()?.chunk.last())
    }

    /// Where the entry with this UID is.
    pub fn position(&self, uid: u32) -> Option<usize> {
        let position = self.lower_bound(uid);
        (self.uid(position) == Some(uid)).then_some(position)
    }

    /// How many entries have a lower UID.
    pub fn lower_bound(&self, uid: u32) -> usize {
        let after = self.0.slots.partition_point(|slot| slot.first <= uid);
        let Some(slot) = after.checked_sub(1).and_then(|at| self.0.slots.get(at)) else {
            return 0;
        };
        let start = slot.start as usize;
        if uid > slot.chunk.last() {
            return start + slot.chunk.len();
        }
        start
            + slot
                .chunk
                .columns()
                .uids
                .partition_point(|known| *known < uid)
    }

    /// The first entry without `\Seen`. Costs as much as there are chunks, not entries.
    pub fn first_unseen(&self) -> Option<usize> {
        let slot = self.0.slots.iter().find(|slot| slot.chunk.unseen() > 0)?;
        let place = slot
            .chunk
            .columns()
            .flags
            .iter()
            .position(|flags| !flags.contains(Flags::SEEN))?;
        Some(slot.start as usize + place)
    }

    /// All entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = EntryState> + '_ {
        self.range(0..self.len())
    }

    /// The entries at these positions, in order; those beyond the end are left out.
    pub fn range(&self, positions: Range<usize>) -> impl Iterator<Item = EntryState> + '_ {
        self.pieces(positions)
            .flat_map(|(chunk, places)| places.filter_map(|place| chunk.at(place)))
    }

    /// The UIDs at these positions, in order.
    pub fn uids(&self, positions: Range<usize>) -> impl Iterator<Item = u32> + '_ {
        self.pieces(positions)
            .filter_map(|(chunk, places)| chunk.columns().uids.get(places))
            .flatten()
            .copied()
    }

    fn pieces(&self, positions: Range<usize>) -> impl Iterator<Item = (&Chunk, Range<usize>)> {
        let end = positions.end.min(self.len());
        let first = self
            .0
            .locate(positions.start)
            .map_or(self.0.slots.len(), |(slot, _)| slot);
        let slots = self.0.slots[first..].iter();
        slots
            .take_while(move |slot| (slot.start as usize) < end)
            .map(move |slot| {
                let start = slot.start as usize;
                let places = positions.start.saturating_sub(start)
                    ..end.saturating_sub(start).min(slot.chunk.len());
                (slot.chunk.as_ref(), places)
            })
    }

    /// Adds an entry at the end. Ignored unless its UID is above all others.
    pub fn push(&mut self, entry: EntryState) {
        if self
            .last_uid()
            .is_some_and(|last| last >= entry.uid.value())
        {
            return;
        }
        let list = Arc::make_mut(&mut self.0);
        match list.slots.last_mut() {
            Some(slot) if slot.chunk.len() < CHUNK_ENTRIES => {
                Arc::make_mut(&mut slot.chunk).push(entry);
                list.len += 1;
            }
            _ => {
                let mut chunk = Chunk::default();
                chunk.push(entry);
                list.add(chunk);
            }
        }
    }

    /// Replaces the state of the entry at `position`; its UID stays.
    pub fn set(&mut self, position: usize, entry: EntryState) {
        let Some((slot, place)) = self.0.locate(position) else {
            return;
        };
        let slot = &mut Arc::make_mut(&mut self.0).slots[slot];
        Arc::make_mut(&mut slot.chunk).set(place, entry);
    }

    /// Removes the entries at `positions` (ascending).
    pub fn remove(&mut self, positions: &[usize]) {
        if positions.is_empty() {
            return;
        }
        let list = Arc::make_mut(&mut self.0);
        let mut rest = positions;
        for slot in &mut list.slots {
            let end = slot.start as usize + slot.chunk.len();
            let (here, after) = rest.split_at(rest.partition_point(|position| *position < end));
            rest = after;
            if here.is_empty() {
                continue;
            }
            let places: Vec<usize> = here.iter().map(|at| at - slot.start as usize).collect();
            Arc::make_mut(&mut slot.chunk).remove(&places);
        }
        list.close_gaps();
    }

    /// Takes in what has changed: entries that came or whose state is another, and UIDs that went; both ascend.
    pub fn apply(&mut self, changed: &[EntryState], vanished: &[Uid]) {
        for entry in changed {
            match self.position(entry.uid.value()) {
                Some(position) => self.set(position, *entry),
                None => self.push(*entry),
            }
        }
        let gone: Vec<usize> = vanished
            .iter()
            .filter_map(|uid| self.position(uid.value()))
            .collect();
        self.remove(&gone);
    }
}

impl Roll {
    /// The roll as octets, for [`Self::of_saved`]: an octet or two for each entry in most mailboxes.
    pub(crate) fn folded(&self) -> Vec<u8> {
        let chunks: Vec<Box<[u8]>> = self
            .0
            .slots
            .iter()
            .map(|slot| slot.chunk.folded())
            .collect();
        postcard::to_extend(&chunks, vec![SAVED_VERSION]).unwrap_or_default()
    }

    /// What [`Self::folded`] was made of; `None` for octets that it did not make. Costs little: chunks are unfolded when somebody looks
    /// into them.
    pub(crate) fn of_saved(octets: &[u8]) -> Option<Roll> {
        let rest = octets.strip_prefix(&[SAVED_VERSION])?;
        let chunks: Vec<&[u8]> = postcard::from_bytes(rest).ok()?;
        let mut list = List::default();
        let mut last = 0;
        for octets in chunks {
            let chunk = Chunk::of_saved(octets)?;
            if chunk.first() <= last {
                return None;
            }
            last = chunk.last();
            list.add(chunk);
        }
        Some(Roll(Arc::new(list)))
    }
}

impl List {
    /// The chunk that a position falls into, and the place there.
    fn locate(&self, position: usize) -> Option<(usize, usize)> {
        if position >= self.len {
            return None;
        }
        let after = self
            .slots
            .partition_point(|slot| slot.start as usize <= position);
        let at = after.checked_sub(1)?;
        Some((at, position - self.slots[at].start as usize))
    }

    /// Puts a chunk at the end.
    fn add(&mut self, chunk: Chunk) {
        let start = self.len;
        self.len += chunk.len();
        self.slots.push(Slot {
            start: u32::try_from(start).unwrap_or(u32::MAX),
            first: chunk.first(),
            chunk: Arc::new(chunk),
        });
    }

    /// After a removal: drops chunks that are empty, joins small ones to their neighbours, and counts anew.
    fn close_gaps(&mut self) {
        let mut kept: Vec<Slot> = Vec::with_capacity(self.slots.len());
        for slot in self.slots.drain(..).filter(|slot| slot.chunk.len() > 0) {
            match kept.last_mut() {
                Some(last) if last.chunk.len() + slot.chunk.len() <= CHUNK_ENTRIES / 2 => {
                    Arc::make_mut(&mut last.chunk).append(&slot.chunk);
                }
                _ => kept.push(slot),
            }
        }
        let mut start = 0;
        for slot in &mut kept {
            slot.start = u32::try_from(start).unwrap_or(u32::MAX);
            slot.first = slot.chunk.first();
            start += slot.chunk.len();
        }
        self.len = start;
        self.slots = kept;
    }
}

impl FromIterator<EntryState> for Roll {
    /// The entries must ascend by UID.
    fn from_iter<I: IntoIterator<Item = EntryState>>(entries: I) -> Roll {
        let mut roll = Roll::default();
        for entry in entries {
            roll.push(entry);
        }
        roll
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Keywords, ModSeq};

    fn entry(uid: u32, modseq: u64) -> EntryState {
        EntryState {
            uid: Uid::new(uid).unwrap(),
            modseq: ModSeq(modseq),
            flags: Flags::NONE,
            keywords: Keywords::NONE,
        }
    }

    /// UIDs 2, 4, 6, ... in several chunks.
    fn even(count: u32) -> Roll {
        (1..=count).map(|number| entry(number * 2, 1)).collect()
    }

    fn uids(roll: &Roll) -> Vec<u32> {
        roll.uids(0..usize::MAX).collect()
    }

    #[test]
    fn changes_replace_add_and_remove() {
        let mut roll: Roll = [entry(1, 1), entry(3, 1), entry(5, 1)]
            .into_iter()
            .collect();
        let gone = [5, 6].map(|uid| Uid::new(uid).unwrap());
        roll.apply(&[entry(3, 2), entry(7, 3)], &gone);
        let after: Vec<EntryState> = roll.iter().collect();
        assert_eq!(after, [entry(1, 1), entry(3, 2), entry(7, 3)]);
    }

    #[test]
    fn positions_and_uids_lead_to_each_other_across_chunks() {
        let count = CHUNK_ENTRIES as u32 * 3 + 7;
        let roll = even(count);
        for position in 0..count as usize {
            let uid = roll.uid(position).unwrap();
            assert_eq!(roll.position(uid), Some(position));
            assert_eq!(roll.position(uid - 1), None);
            assert_eq!(roll.lower_bound(uid - 1), position);
        }
        assert_eq!(roll.lower_bound(u32::MAX), count as usize);
        assert_eq!(roll.at(count as usize), None);
        let across = CHUNK_ENTRIES - 1..CHUNK_ENTRIES + 1;
        let wanted = across.clone().map(|position| (position as u32 + 1) * 2);
        assert!(roll.uids(across.clone()).eq(wanted));
        assert_eq!(roll.range(across).count(), 2);
        assert_eq!(roll.range(5..5).count(), 0);
    }

    #[test]
    fn a_copy_stays_as_it_was_and_shares_what_did_not_change() {
        let before = even(CHUNK_ENTRIES as u32 * 3);
        let mut after = before.clone();
        after.set(CHUNK_ENTRIES, entry(2, 9));
        assert_eq!(before.at(CHUNK_ENTRIES).unwrap().modseq, ModSeq(1));
        assert_eq!(after.at(CHUNK_ENTRIES).unwrap().modseq, ModSeq(9));
        let shared =
            |slot: usize| Arc::ptr_eq(&before.0.slots[slot].chunk, &after.0.slots[slot].chunk);
        assert!(shared(0) && !shared(1) && shared(2));
    }

    #[test]
    fn removal_moves_what_follows_and_joins_what_is_left() {
        let count = CHUNK_ENTRIES * 4;
        let mut roll = even(count as u32);
        let removed: Vec<usize> = (0..count).filter(|position| position % 100 != 7).collect();
        roll.remove(&removed);
        let left = (0..count).filter(|position| position % 100 == 7);
        let left: Vec<u32> = left.map(|position| (position as u32 + 1) * 2).collect();
        assert_eq!(uids(&roll), left);
        assert_eq!(roll.len(), left.len());
        assert_eq!(roll.0.slots.len(), 1);
        roll.remove(&(0..left.len()).collect::<Vec<_>>());
        assert!(roll.is_empty() && roll.last_uid().is_none());
    }

    #[test]
    fn keywords_are_kept_where_there_are_any() {
        let mut roll = even(3);
        let marked = EntryState {
            keywords: Keywords(5),
            ..entry(4, 2)
        };
        roll.set(1, marked);
        roll.push(entry(100, 3));
        let keywords: Vec<u64> = roll.iter().map(|entry| entry.keywords.0).collect();
        assert_eq!(keywords, [0, 5, 0, 0]);
        roll.remove(&[0]);
        assert_eq!(roll.at(0), Some(marked));
    }

    #[test]
    fn the_first_unseen_message_is_found_after_each_change() {
        let mut roll = even(CHUNK_ENTRIES as u32 + 5);
        let seen = |uid| EntryState {
            flags: Flags::SEEN,
            ..entry(uid, 2)
        };
        for position in 0..CHUNK_ENTRIES + 2 {
            roll.set(position, seen(roll.uid(position).unwrap()));
        }
        assert_eq!(roll.first_unseen(), Some(CHUNK_ENTRIES + 2));
        roll.set(3, entry(8, 3));
        assert_eq!(roll.first_unseen(), Some(3));
        roll.remove(&[3]);
        assert_eq!(roll.first_unseen(), Some(CHUNK_ENTRIES + 1));
    }

    #[test]
    fn an_entry_takes_at_most_24_octets() {
        let columns =
            size_of::<u32>() + size_of::<u64>() + size_of::<Flags>() + size_of::<Keywords>();
        let octets = columns + chunk::FOLDED_OCTETS_KEPT;
        assert!(
            octets * CHUNK_ENTRIES + size_of::<Chunk>() + size_of::<Slot>() <= 24 * CHUNK_ENTRIES
        );
    }

    /// Entries with gaps, in several chunks, some of which fold well and some badly.
    fn motley() -> Roll {
        let state = |number: u32| EntryState {
            flags: Flags((number % 7) as u8),
            keywords: Keywords(u64::from(number / 3000)),
            ..entry(
                number * 3 - number % 2,
                if number < 5000 {
                    7
                } else {
                    u64::from(number * 7919 % 10_000)
                },
            )
        };
        (1..=9000).map(state).collect()
    }

    #[test]
    fn what_is_saved_comes_back() {
        let roll = motley();
        let back = Roll::of_saved(&roll.folded()).unwrap();
        assert_eq!(back.len(), roll.len());
        assert_eq!(back.last_uid(), roll.last_uid());
        assert_eq!(back.first_unseen(), roll.first_unseen());
        assert_eq!(back.lower_bound(u32::MAX), roll.len());
        assert!(back.iter().eq(roll.iter()));
        assert_eq!(back.folded(), roll.folded());
        assert!(
            Roll::of_saved(&Roll::default().folded())
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn what_was_saved_can_be_changed() {
        let mut roll = motley();
        let mut back = Roll::of_saved(&roll.folded()).unwrap();
        for roll in [&mut roll, &mut back] {
            let changed = [
                entry(5, 20_000),
                entry(15_000, 20_001),
                entry(40_000, 20_002),
            ];
            let gone: Vec<Uid> = (100..9000).filter_map(Uid::new).collect();
            roll.apply(&changed, &gone);
        }
        assert!(back.iter().eq(roll.iter()));
        assert_eq!(back.first_unseen(), roll.first_unseen());
        assert!(
            Roll::of_saved(&back.folded())
                .unwrap()
                .iter()
                .eq(roll.iter())
        );
    }

    #[test]
    fn damaged_octets_are_no_roll() {
        let octets = even(3000).folded();
        for end in 0..octets.len() {
            assert!(Roll::of_saved(&octets[..end]).is_none(), "{end}");
        }
        for at in (0..octets.len()).step_by(97) {
            let mut damaged = octets.clone();
            damaged[at] ^= 0x55;
            if let Some(roll) = Roll::of_saved(&damaged) {
                assert_eq!(roll.iter().count(), roll.len(), "{at}");
            }
        }
    }
}
