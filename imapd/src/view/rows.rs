//! The messages of a mailbox as one client knows them.
//!
//! A message's position is its sequence number less one. The rows are a copy of the store's roll, which shares with it, and
//! with the rows of all other sessions on the mailbox, whatever is the same in both. Nothing is known here of what a client has
//! been told.

use std::ops::Range;

use store::{EntryState, Flags, Keywords, ModSeq, Roll, Uid};

/// One message's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// UID.
    pub uid: u32,
    /// Mod-sequence.
    pub modseq: u64,
    /// System flags.
    pub flags: Flags,
    /// Keywords, by the mailbox's numbering.
    pub keywords: Keywords,
}

impl From<&EntryState> for Row {
    fn from(state: &EntryState) -> Self {
        Self {
            uid: state.uid.value(),
            modseq: state.modseq.0,
            flags: state.flags,
            keywords: state.keywords,
        }
    }
}

impl Row {
    fn state(self) -> Option<EntryState> {
        Some(EntryState {
            uid: Uid::new(self.uid)?,
            modseq: ModSeq(self.modseq),
            flags: self.flags,
            keywords: self.keywords,
        })
    }
}

/// All messages, in order.
#[derive(Debug, Clone, Default)]
pub struct Rows(Roll);

impl From<&Roll> for Rows {
    fn from(roll: &Roll) -> Self {
        Self(roll.clone())
    }
}

impl Rows {
    /// How many messages.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The UID of the message at `position`.
    pub fn uid(&self, position: usize) -> Option<u32> {
        self.0.uid(position)
    }

    /// The highest UID.
    pub fn last_uid(&self) -> Option<u32> {
        self.0.last_uid()
    }

    /// The UIDs at these positions, ascending.
    pub fn uids(&self, positions: Range<usize>) -> impl Iterator<Item = u32> + '_ {
        self.0.uids(positions)
    }

    /// The message at `position`.
    pub fn at(&self, position: usize) -> Option<Row> {
        self.0.at(position).as_ref().map(Row::from)
    }

    /// All messages, in order.
    pub fn iter(&self) -> impl Iterator<Item = Row> + '_ {
        self.0.iter().map(|state| Row::from(&state))
    }

    /// Where the message with this UID is.
    pub fn position(&self, uid: u32) -> Option<usize> {
        self.0.position(uid)
    }

    /// The positions of all UIDs from `first` to `last`.
    pub fn positions(&self, first: u32, last: u32) -> Range<usize> {
        let end = match last.checked_add(1) {
            Some(after) => self.0.lower_bound(after),
            None => self.len(),
        };
        self.0.lower_bound(first)..end
    }

    /// The first message without `\Seen`.
    pub fn first_unseen(&self) -> Option<usize> {
        self.0.first_unseen()
    }

    /// Adds a message at the end. Ignored unless its UID is above all others, which the store promises.
    pub fn push(&mut self, row: Row) {
        if let Some(state) = row.state() {
            self.0.push(state);
        }
    }

    /// Replaces the state of the message at `position`; its UID stays.
    pub fn set(&mut self, position: usize, row: Row) {
        if let Some(state) = row.state() {
            self.0.set(position, state);
        }
    }

    /// Removes the messages at `positions` (ascending).
    pub fn remove(&mut self, positions: &[usize]) {
        self.0.remove(positions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(uids: &[u32]) -> Rows {
        let mut rows = Rows::default();
        for &uid in uids {
            rows.push(Row {
                uid,
                modseq: 1,
                flags: Flags::NONE,
                keywords: Keywords::NONE,
            });
        }
        rows
    }

    #[test]
    fn ranges_of_uids_are_ranges_of_positions() {
        let rows = rows(&[2, 5, 9]);
        assert_eq!(rows.position(5), Some(1));
        assert_eq!(rows.position(6), None);
        assert_eq!(rows.positions(3, u32::MAX), 1..3);
        assert_eq!(rows.positions(6, 8), 2..2);
    }
}
