//! Blocks: the lists of a segment, as many in one row as fill a page of the database.
//!
//! A block holds the lists of neighbouring grams, ascending. Each is: how far the gram lies above the one before it, how many documents, how many
//! octets, the octets. To find a gram is to read one row and to hop over the lists before it.
//!
//! Failure: a block that was not written here is [`Error::Corrupt`].

use super::gram::Gram;
use super::posting;
use crate::{Error, Result};

/// Octets of a block: with its record header it just stays within a page of `open::PAGE_OCTETS`.
pub(super) const BLOCK_OCTETS: usize = 8100;

/// A finished block, and the gram that it begins with.
pub(super) type Block = (Gram, Vec<u8>);

/// Cuts lists, which come in the order of their grams, into blocks.
#[derive(Default)]
pub(super) struct BlockWriter {
    documents: u32,
    first: Gram,
    last: Gram,
    open: Vec<u8>,
    list: Vec<u8>,
    done: Vec<Block>,
}

impl BlockWriter {
    /// For a segment of so many documents.
    pub(super) fn new(documents: u32) -> BlockWriter {
        BlockWriter {
            documents,
            ..BlockWriter::default()
        }
    }

    /// Adds the list of a gram, which is not empty.
    pub(super) fn push(&mut self, gram: Gram, documents: &[u16]) {
        self.list.clear();
        posting::encode(documents, self.documents, &mut self.list);
        // Three numbers of at most three octets each.
        if self.open.len() + self.list.len() + 9 > BLOCK_OCTETS {
            self.close();
        }
        if self.open.is_empty() {
            (self.first, self.last) = (gram, gram);
        }
        put_number(gram - self.last, &mut self.open);
        put_number(documents.len() as u32, &mut self.open);
        put_number(self.list.len() as u32, &mut self.open);
        self.open.extend_from_slice(&self.list);
        self.last = gram;
    }

    /// The blocks that are finished.
    pub(super) fn take(&mut self) -> Vec<Block> {
        std::mem::take(&mut self.done)
    }

    /// All that are left.
    pub(super) fn finish(mut self) -> Vec<Block> {
        self.close();
        self.done
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.done.push((self.first, std::mem::take(&mut self.open)));
        }
    }
}

/// A list in a block.
pub(super) struct List<'a> {
    pub(super) gram: Gram,
    pub(super) count: usize,
    pub(super) octets: &'a [u8],
}

/// The lists of a block, in order.
pub(super) struct Lists<'a> {
    next: Gram,
    rest: &'a [u8],
}

impl<'a> Lists<'a> {
    /// Reads a block that begins with the gram `first`.
    pub(super) fn new(first: Gram, block: &'a [u8]) -> Lists<'a> {
        Lists {
            next: first,
            rest: block,
        }
    }

    /// The list of `gram`, if it is here.
    pub(super) fn find(self, gram: Gram) -> Result<Option<List<'a>>> {
        for list in self {
            let list = list?;
            if list.gram >= gram {
                return Ok((list.gram == gram).then_some(list));
            }
        }
        Ok(None)
    }

    fn read(&mut self) -> Option<List<'a>> {
        let gram = self.next.checked_add(take_number(&mut self.rest)?)?;
        let count = take_number(&mut self.rest)? as usize;
        let length = take_number(&mut self.rest)? as usize;
        let (octets, rest) = self.rest.split_at_checked(length)?;
        (self.next, self.rest) = (gram, rest);
        Some(List {
            gram,
            count,
            octets,
        })
    }
}

impl<'a> Iterator for Lists<'a> {
    type Item = Result<List<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let list = self.read();
        if list.is_none() {
            self.rest = &[];
        }
        Some(list.ok_or_else(|| Error::Corrupt("a block of the text index is damaged".into())))
    }
}

/// Seven bits an octet, low ones first; the high bit says that more follow.
fn put_number(mut number: u32, octets: &mut Vec<u8>) {
    while number >= 0x80 {
        octets.push(number as u8 | 0x80);
        number >>= 7;
    }
    octets.push(number as u8);
}

fn take_number(octets: &mut &[u8]) -> Option<u32> {
    let mut number = 0;
    for shift in [0, 7, 14, 21] {
        let (&octet, rest) = octets.split_first()?;
        *octets = rest;
        number |= u32::from(octet & 0x7f) << shift;
        if octet < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_found_and_no_other() {
        let mut writer = BlockWriter::new(1000);
        let list: Vec<u16> = (0..1000).step_by(3).collect();
        for gram in (5..60_000).step_by(7) {
            writer.push(gram, &list[..(gram as usize % list.len()) + 1]);
        }
        let blocks = writer.finish();
        assert!(blocks.len() > 2);
        assert!(
            blocks
                .iter()
                .all(|(_, octets)| octets.len() <= BLOCK_OCTETS)
        );
        for gram in 0..60_000u32 {
            let holder = blocks.iter().rev().find(|(first, _)| *first <= gram);
            let found =
                holder.and_then(|(first, octets)| Lists::new(*first, octets).find(gram).unwrap());
            assert_eq!(found.is_some(), gram >= 5 && (gram - 5) % 7 == 0);
            if let Some(found) = found {
                assert_eq!(found.count, gram as usize % list.len() + 1);
            }
        }
    }

    #[test]
    fn a_block_that_ends_early_is_damaged() {
        let mut writer = BlockWriter::new(10);
        writer.push(3, &[1, 5]);
        let (first, octets) = writer.finish().remove(0);
        let cut = &octets[..octets.len() - 1];
        assert!(Lists::new(first, cut).find(3).is_err());
    }
}
