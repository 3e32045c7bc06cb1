//! PARTIAL: a window on results, counted from the first or from the last (RFC 5267 §4.4, RFC 9394 §3).

use std::ops::Range;

use super::capability::Capability;
use super::cursor::{Cursor, Parsed};
use super::quote;

/// A range of results as the client wrote it, because it is answered so. `500:400` is the same as `400:500`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialRange {
    from_last: bool,
    one: u32,
    other: u32,
}

impl PartialRange {
    /// Reads `1:500`, or `-1:-100` where RFC 9394 is offered.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let from_last = cursor.offers(Capability::Partial) && cursor.eat(b'-');
        let one = cursor.nz_number()?;
        cursor.expect(b':', "a range of results")?;
        if from_last {
            cursor.expect(b'-', "a range of results from the last")?;
        }
        let other = cursor.nz_number()?;
        Ok(Self {
            from_last,
            one,
            other,
        })
    }

    /// Which of `count` results these are, by their places from 0.
    pub fn of(self, count: usize) -> Range<usize> {
        let (low, high) = (self.one.min(self.other), self.one.max(self.other));
        let (start, end) = (low as usize - 1, high as usize);
        if self.from_last {
            count.saturating_sub(end)..count.saturating_sub(start)
        } else {
            start.min(count)..end.min(count)
        }
    }

    /// Writes it as it was read.
    pub fn encode(self, into: &mut Vec<u8>) {
        let sign: &[u8] = if self.from_last { b"-" } else { b"" };
        into.extend_from_slice(sign);
        quote::number(u64::from(self.one), into);
        into.push(b':');
        into.extend_from_slice(sign);
        quote::number(u64::from(self.other), into);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, count: usize) -> Range<usize> {
        let mut cursor = Cursor::new(text.as_bytes());
        let range = PartialRange::parse(&mut cursor).unwrap();
        let mut written = Vec::new();
        range.encode(&mut written);
        assert_eq!(written, text.as_bytes());
        range.of(count)
    }

    #[test]
    fn ranges_count_from_either_end() {
        assert_eq!(of("1:500", 1000), 0..500);
        assert_eq!(of("500:1", 300), 0..300);
        assert_eq!(of("501:600", 550), 500..550);
        assert!(of("24000:24500", 23764).is_empty());
        assert_eq!(of("-1:-100", 23764), 23664..23764);
        assert_eq!(of("-100:-3", 50), 0..48);
        assert!(of("-60:-51", 50).is_empty());
        assert_eq!(of("4294967295:1", 3), 0..3);
    }

    #[test]
    fn other_ranges_are_refused() {
        for wrong in ["0:1", "1", "1:*", "-1:5", "1:-5", "1:0", ""] {
            assert!(
                PartialRange::parse(&mut Cursor::new(wrong.as_bytes())).is_err(),
                "{wrong}"
            );
        }
    }
}
