//! The messages of a mailbox, as columns: 21 octets a message.
//!
//! A message's position is its sequence number less one. UIDs ascend, so that a UID is found by bisection.
//! Nothing is known here of what a client has been told.

use std::ops::Range;

use store::{EntryState, Flags, Keywords};

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

/// The columns.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    uids: Vec<u32>,
    modseqs: Vec<u64>,
    flags: Vec<Flags>,
    keywords: Vec<Keywords>,
}

impl Rows {
    /// No messages yet, with room for so many.
    pub fn with_capacity(count: usize) -> Self {
        Self {
            uids: Vec::with_capacity(count),
            modseqs: Vec::with_capacity(count),
            flags: Vec::with_capacity(count),
            keywords: Vec::with_capacity(count),
        }
    }

    /// How many messages.
    pub fn len(&self) -> usize {
        self.uids.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }

    /// The UIDs, ascending.
    pub fn uids(&self) -> &[u32] {
        &self.uids
    }

    /// The message at `position`.
    pub fn at(&self, position: usize) -> Option<Row> {
        Some(Row {
            uid: *self.uids.get(position)?,
            modseq: *self.modseqs.get(position)?,
            flags: *self.flags.get(position)?,
            keywords: *self.keywords.get(position)?,
        })
    }

    /// All messages, in order.
    pub fn iter(&self) -> impl Iterator<Item = Row> + '_ {
        (0..self.len()).filter_map(|position| self.at(position))
    }

    /// Where the message with this UID is.
    pub fn position(&self, uid: u32) -> Option<usize> {
        self.uids.binary_search(&uid).ok()
    }

    /// The positions of all UIDs from `first` to `last`.
    pub fn positions(&self, first: u32, last: u32) -> Range<usize> {
        self.uids.partition_point(|&uid| uid < first)..self.uids.partition_point(|&uid| uid <= last)
    }

    /// Adds a message at the end. Ignored unless its UID is above all others, which the store promises.
    pub fn push(&mut self, row: Row) {
        if self.uids.last().is_some_and(|&last| last >= row.uid) {
            return;
        }
        self.uids.push(row.uid);
        self.modseqs.push(row.modseq);
        self.flags.push(row.flags);
        self.keywords.push(row.keywords);
    }

    /// Replaces the state of the message at `position`; its UID stays.
    pub fn set(&mut self, position: usize, row: Row) {
        if position < self.len() {
            self.modseqs[position] = row.modseq;
            self.flags[position] = row.flags;
            self.keywords[position] = row.keywords;
        }
    }

    /// Removes the messages at `positions` (ascending), in one pass.
    pub fn remove(&mut self, positions: &[usize]) {
        retain(&mut self.uids, positions);
        retain(&mut self.modseqs, positions);
        retain(&mut self.flags, positions);
        retain(&mut self.keywords, positions);
    }
}

fn retain<T>(column: &mut Vec<T>, removed: &[usize]) {
    let mut removed = removed.iter().peekable();
    let mut position = 0;
    column.retain(|_| {
        let keep = removed.peek() != Some(&&position);
        if !keep {
            removed.next();
        }
        position += 1;
        keep
    });
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
    fn uids_are_found_by_bisection() {
        let rows = rows(&[2, 5, 9]);
        assert_eq!(rows.position(5), Some(1));
        assert_eq!(rows.position(6), None);
        assert_eq!(rows.positions(3, u32::MAX), 1..3);
        assert_eq!(rows.positions(6, 8), 2..2);
    }

    #[test]
    fn removal_moves_what_follows() {
        let mut rows = rows(&[1, 2, 3, 4, 5]);
        rows.remove(&[0, 3]);
        assert_eq!(rows.uids(), [2, 3, 5]);
        assert_eq!(rows.at(2).unwrap().uid, 5);
    }

    #[test]
    fn a_row_takes_at_most_24_octets() {
        let octets =
            size_of::<u32>() + size_of::<u64>() + size_of::<Flags>() + size_of::<Keywords>();
        assert!(octets <= 24);
    }
}
