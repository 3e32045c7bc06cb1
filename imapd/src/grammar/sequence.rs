//! Sequence sets: `1:4,7,9:*` (RFC 3501 §9), for message numbers and UIDs alike.
//!
//! A set stays a list of ranges, so that `1:4294967295` costs no more than `1`. Resolving needs only the value of `*`.
//! What a number means, and whether it exists, is decided by the view of the mailbox.

use super::capability::Capability;
use super::cursor::{Cursor, Malformed, Parsed};

/// Most ranges in one set. The longest line holds fewer; the limit bounds work, not memory.
const RANGES_MAX: usize = 65_536;

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A number above zero.
    Number(u32),
    /// `*`: the largest number in use.
    Last,
}

impl Bound {
    fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if cursor.eat(b'*') {
            Ok(Self::Last)
        } else {
            cursor.nz_number().map(Self::Number)
        }
    }

    fn resolve(self, last: u32) -> u32 {
        match self {
            Self::Number(number) => number,
            Self::Last => last,
        }
    }
}

/// A sequence set as the client wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceSet {
    /// Empty: `$`, the result that was saved (RFC 5182).
    ranges: Vec<(Bound, Bound)>,
}

impl SequenceSet {
    /// Reads a set of at least one range, or `$`, which stands alone (RFC 5182 §3).
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut ranges = Vec::new();
        if cursor.offers(Capability::SearchRes) && cursor.eat(b'$') {
            return Ok(Self { ranges });
        }
        loop {
            let start = Bound::parse(cursor).map_err(|_| Malformed::Expected("a sequence set"))?;
            let end = if cursor.eat(b':') {
                Bound::parse(cursor)?
            } else {
                start
            };
            if ranges.len() == RANGES_MAX {
                return Err(Malformed::TooMany("ranges in a sequence set"));
            }
            ranges.push((start, end));
            if !cursor.eat(b',') {
                return Ok(Self { ranges });
            }
        }
    }

    /// Whether the set is `$`: the messages that a search has saved, whatever numbers mean.
    pub fn is_saved(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether the set names `*`.
    pub fn names_last(&self) -> bool {
        self.ranges
            .iter()
            .any(|&(start, end)| start == Bound::Last || end == Bound::Last)
    }

    /// The ranges in ascending order and merged, with `last` in the place of `*`.
    ///
    /// No numbers for `$`: what was saved is known by the view. `4:2` is `2:4`, and `7:*` with a `last` of 5 is `5:7`, therefore holds 5 (RFC 3501 §9, seq-range).
    pub fn resolve(&self, last: u32) -> Ranges {
        let mut ranges: Vec<(u32, u32)> = self
            .ranges
            .iter()
            .map(|&(start, end)| (start.resolve(last), end.resolve(last)))
            .map(|(start, end)| (start.min(end), start.max(end)))
            .collect();
        ranges.sort_unstable();
        let mut merged = Ranges::default();
        for (start, end) in ranges {
            merged.push_range(start, end);
        }
        merged
    }
}

/// Numbers in ascending order, kept as ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges {
    ranges: Vec<(u32, u32)>,
}

impl Ranges {
    /// Adds a number that is larger than all before.
    pub fn push(&mut self, number: u32) {
        self.push_range(number, number);
    }

    /// Adds a range whose start is not below that of the range before.
    fn push_range(&mut self, start: u32, end: u32) {
        match self.ranges.last_mut() {
            Some(last) if start <= last.1.saturating_add(1) => last.1 = last.1.max(end),
            _ => self.ranges.push((start, end)),
        }
    }

    /// The ranges, ascending and apart.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.ranges.iter().copied()
    }

    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The largest number.
    pub fn max(&self) -> Option<u32> {
        self.ranges.last().map(|range| range.1)
    }

    /// The smallest number.
    pub fn min(&self) -> Option<u32> {
        self.ranges.first().map(|range| range.0)
    }

    /// Whether `number` is among them.
    pub fn contains(&self, number: u32) -> bool {
        let after = self.ranges.partition_point(|range| range.0 <= number);
        after > 0
            && self
                .ranges
                .get(after - 1)
                .is_some_and(|range| number <= range.1)
    }

    /// The same numbers in pieces of at most `count` ranges each, at least one.
    pub fn pieces(&self, count: usize) -> impl Iterator<Item = Self> + '_ {
        self.ranges.chunks(count.max(1)).map(|ranges| Self {
            ranges: ranges.to_vec(),
        })
    }

    /// Writes `1:3,5`.
    pub fn encode(&self, into: &mut Vec<u8>) {
        for (position, (start, end)) in self.iter().enumerate() {
            if position > 0 {
                into.push(b',');
            }
            into.extend_from_slice(start.to_string().as_bytes());
            if end > start {
                into.push(b':');
                into.extend_from_slice(end.to_string().as_bytes());
            }
        }
    }
}

impl FromIterator<u32> for Ranges {
    /// Collects numbers that come in ascending order.
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut ranges = Self::default();
        for number in numbers {
            ranges.push(number);
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, last: u32) -> String {
        let set = SequenceSet::parse(&mut Cursor::new(text.as_bytes())).unwrap();
        let mut out = Vec::new();
        set.resolve(last).encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ranges_are_ordered_and_merged() {
        assert_eq!(resolved("2,4:7,9,12:*", 15), "2,4:7,9,12:15");
        assert_eq!(resolved("4:2", 9), "2:4");
        assert_eq!(resolved("*:7", 5), "5:7");
        assert_eq!(resolved("1:4294967295,3", 5), "1:4294967295");
        assert_eq!(resolved("5,4,3,1", 5), "1,3:5");
    }

    #[test]
    fn a_saved_result_stands_alone() {
        let parse = |text: &str| SequenceSet::parse(&mut Cursor::new(text.as_bytes()));
        assert!(parse("$").unwrap().is_saved());
        assert!(!parse("1").unwrap().is_saved());
        assert!(parse("1,$").is_err());
    }

    #[test]
    fn membership_looks_at_ranges_only() {
        let set = SequenceSet::parse(&mut Cursor::new(b"2:4,9"))
            .unwrap()
            .resolve(10);
        let inside: Vec<u32> = (0..12).filter(|&number| set.contains(number)).collect();
        assert_eq!(inside, [2, 3, 4, 9]);
    }

    #[test]
    fn zero_and_nothing_are_refused() {
        for text in ["0", "", ",", "1,", "1:", "a", "1:0"] {
            assert!(
                SequenceSet::parse(&mut Cursor::new(text.as_bytes())).is_err(),
                "{text}"
            );
        }
    }
}
