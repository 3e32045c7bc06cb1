//! The list of documents that have a gram, in few octets.
//!
//! A segment numbers its documents from 0; a list ascends. What nearly all documents have is written as a bit for each document, what few have as the
//! gaps between them in Rice's code, whose parameter follows from the two counts. The shorter of both is taken: a list that is exactly
//! as long as the bits would be, is the bits. A list of all documents takes nothing.
//!
//! Failure: octets that were not written here are [`Error::Corrupt`], never a panic.

use crate::{Error, Result};

/// Documents of one segment: their numbers take 15 bits.
pub(crate) const DOCUMENTS_MAX: u32 = 1 << 15;

/// Appends the list. It ascends, and its numbers are below `documents`.
pub(crate) fn encode(list: &[u16], documents: u32, octets: &mut Vec<u8>) {
    if list.len() == documents as usize {
        return;
    }
    let start = octets.len();
    let bits = bits_octets(documents);
    encode_gaps(list, parameter(list.len(), documents), octets);
    if octets.len() - start >= bits {
        octets.truncate(start);
        octets.resize(start + bits, 0);
        for &document in list {
            octets[start + usize::from(document) / 8] |= 1 << (document % 8);
        }
    }
}

/// Calls `each` with the numbers of a list of `count` of the segment's `documents`.
pub(crate) fn decode(
    octets: &[u8],
    count: usize,
    documents: u32,
    mut each: impl FnMut(u16),
) -> Result<()> {
    if count == documents as usize && octets.is_empty() {
        (0..documents).for_each(|document| each(document as u16));
        return Ok(());
    }
    if octets.len() == bits_octets(documents) {
        decode_bits(octets, documents, each);
        return Ok(());
    }
    decode_gaps(octets, count, documents, each)
}

fn bits_octets(documents: u32) -> usize {
    documents.div_ceil(8) as usize
}

/// Rice's parameter: the logarithm of about seven tenths of the mean gap.
fn parameter(count: usize, documents: u32) -> u32 {
    let gap = u64::from(documents) * 7 / (10 * count.max(1) as u64);
    gap.max(1).ilog2()
}

fn encode_gaps(list: &[u16], parameter: u32, octets: &mut Vec<u8>) {
    let (mut pending, mut filled) = (0u64, 0u32);
    let mut next = 0u32;
    let mut put = |bits: u64, count: u32, octets: &mut Vec<u8>| {
        pending |= bits << filled;
        filled += count;
        while filled >= 8 {
            octets.push(pending as u8);
            pending >>= 8;
            filled -= 8;
        }
        (pending, filled)
    };
    let mut rest = (0, 0);
    for &document in list {
        let gap = u32::from(document) - next;
        next = u32::from(document) + 1;
        let mut ones = gap >> parameter;
        while ones >= 16 {
            put(0xffff, 16, octets);
            ones -= 16;
        }
        // Ones, a zero, then the low bits.
        put((1 << ones) - 1, ones + 1, octets);
        let low = gap & ((1 << parameter) - 1);
        rest = put(u64::from(low), parameter, octets);
    }
    if rest.1 > 0 {
        octets.push(rest.0 as u8);
    }
}

fn decode_bits(octets: &[u8], documents: u32, mut each: impl FnMut(u16)) {
    for (place, &octet) in octets.iter().enumerate() {
        let mut left = octet;
        while left != 0 {
            let document = place as u32 * 8 + left.trailing_zeros();
            if document < documents {
                each(document as u16);
            }
            left &= left - 1;
        }
    }
}

fn decode_gaps(
    octets: &[u8],
    count: usize,
    documents: u32,
    mut each: impl FnMut(u16),
) -> Result<()> {
    let damaged = || Error::Corrupt("a list of the text index is damaged".into());
    let parameter = parameter(count, documents);
    let mut bits = Bits {
        octets,
        window: 0,
        filled: 0,
    };
    let mut next = 0u32;
    for _ in 0..count {
        let high = bits.ones(documents >> parameter).ok_or_else(damaged)?;
        let low = bits.take(parameter).ok_or_else(damaged)?;
        let document = next + (high << parameter | low);
        if document >= documents {
            return Err(damaged());
        }
        each(document as u16);
        next = document + 1;
    }
    Ok(())
}

struct Bits<'a> {
    octets: &'a [u8],
    window: u64,
    filled: u32,
}

impl Bits<'_> {
    fn fill(&mut self) {
        while self.filled <= 56 {
            let Some((&octet, rest)) = self.octets.split_first() else {
                return;
            };
            self.window |= u64::from(octet) << self.filled;
            self.filled += 8;
            self.octets = rest;
        }
    }

    /// Counts ones up to the next zero, which it takes; at most `most`.
    fn ones(&mut self, most: u32) -> Option<u32> {
        let mut total = 0;
        loop {
            self.fill();
            let ones = self.window.trailing_ones().min(self.filled);
            total += ones;
            if total > most {
                return None;
            }
            if ones < self.filled {
                self.window >>= ones;
                self.window >>= 1;
                self.filled -= ones + 1;
                return Some(total);
            }
            if ones == 0 {
                return None;
            }
            (self.window, self.filled) = (0, 0);
        }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        self.fill();
        if self.filled < count {
            return None;
        }
        let taken = self.window & ((1 << count) - 1);
        self.window >>= count;
        self.filled -= count;
        Some(taken as u32)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(list: &[u16], documents: u32) -> usize {
        let mut octets = Vec::new();
        encode(list, documents, &mut octets);
        let mut read = Vec::new();
        decode(&octets, list.len(), documents, |document| {
            read.push(document)
        })
        .unwrap();
        assert_eq!(read, list);
        octets.len()
    }

    #[test]
    fn lists_come_back() {
        round_trip(&[0], 1);
        round_trip(&[0], 2);
        round_trip(&[7], 8);
        round_trip(&[32767], DOCUMENTS_MAX);
        let every: Vec<u16> = (0..4096).collect();
        assert_eq!(round_trip(&every, 4096), 0);
        let most: Vec<u16> = (0..4096).filter(|n| n % 7 != 0).collect();
        assert_eq!(round_trip(&most, 4096), 512);
        // All in one place: the gaps are short but for one.
        let crowd: Vec<u16> = (4000..4096).collect();
        round_trip(&crowd, 4096);
        let few: Vec<u16> = (0..4096).step_by(64).collect();
        assert!(round_trip(&few, 4096) < 64);
    }

    proptest! {
        #[test]
        fn any_list_comes_back(
            documents in 1u32..=DOCUMENTS_MAX,
            numbers in prop::collection::btree_set(any::<u16>(), 1..400),
        ) {
            let list: Vec<u16> = numbers.into_iter().filter(|n| u32::from(*n) < documents).collect();
            if !list.is_empty() {
                round_trip(&list, documents);
            }
        }

        #[test]
        fn damaged_octets_are_refused_or_give_numbers_in_range(
            octets in prop::collection::vec(any::<u8>(), 0..200),
            count in 0usize..5000,
            documents in 1u32..=DOCUMENTS_MAX,
        ) {
            let mut largest = 0;
            let _ = decode(&octets, count, documents, |document| largest = largest.max(u32::from(document)));
            prop_assert!(largest < documents);
        }
    }
}
