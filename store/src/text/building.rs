//! A segment while it is made, in memory: documents with their grams, until there are enough of them.

use std::collections::HashSet;

use super::block::{Block, BlockWriter};
use super::document::DocumentId;
use super::gram::{GRAMS, Gram, GramSet};
use crate::MessageId;

/// Documents of a segment that is made at once.
const DOCUMENTS: usize = 4096;
/// Grams of all documents together; each takes four octets, and two more in the end.
const PAIRS_MAX: usize = 6 << 20;
/// Bits of a document's number in a pair.
pub(super) const DOCUMENT_BITS: u32 = 15;

/// The documents so far.
#[derive(Default)]
pub(super) struct Building {
    pub(super) documents: Vec<DocumentId>,
    known: HashSet<DocumentId>,
    /// A gram, and the number of a document that has it in the low bits.
    pairs: Vec<u32>,
    /// Work space, empty between two documents.
    pub(super) grams: GramSet,
}

impl Building {
    /// Whether it has the document.
    pub(super) fn has(&self, document: &DocumentId) -> bool {
        self.known.contains(document)
    }

    /// Adds a document with the grams in the work space, which is empty afterwards.
    pub(super) fn add(&mut self, document: DocumentId) {
        let number = self.documents.len() as u32;
        let pairs = self.grams.grams().iter();
        self.pairs
            .extend(pairs.map(|gram| gram << DOCUMENT_BITS | number));
        self.grams.clear();
        self.documents.push(document);
        self.known.insert(document);
    }

    /// Whether it is large enough to be written.
    pub(super) fn is_full(&self) -> bool {
        // One more document has at most all grams.
        self.documents.len() >= DOCUMENTS || self.pairs.len() >= PAIRS_MAX
    }

    /// The messages of the documents.
    pub(super) fn messages(&self) -> Vec<MessageId> {
        self.documents
            .iter()
            .map(|document| document.message)
            .collect()
    }

    /// The blocks of the segment.
    pub(super) fn blocks(&self) -> Vec<Block> {
        let mut writer = BlockWriter::new(self.documents.len() as u32);
        write_lists(&self.pairs, 0, GRAMS, &mut writer);
        writer.finish()
    }
}

/// Writes the lists of pairs whose grams lie from `first` up to, and without, `end`. For each gram the numbers come in ascending order.
pub(super) fn write_lists(pairs: &[u32], first: Gram, end: Gram, writer: &mut BlockWriter) {
    let place = |pair: u32| ((pair >> DOCUMENT_BITS) - first) as usize;
    // Where the list of each gram begins, then, as it is filled, where its next number goes.
    let mut starts = vec![0u32; (end - first) as usize + 1];
    for &pair in pairs {
        starts[place(pair) + 1] += 1;
    }
    for gram in 1..starts.len() {
        starts[gram] += starts[gram - 1];
    }
    let mut numbers = vec![0u16; pairs.len()];
    for &pair in pairs {
        let next = &mut starts[place(pair)];
        numbers[*next as usize] = (pair & ((1 << DOCUMENT_BITS) - 1)) as u16;
        *next += 1;
    }
    let mut from = 0;
    for gram in first..end {
        let to = starts[(gram - first) as usize] as usize;
        if to > from {
            writer.push(gram, &numbers[from..to]);
        }
        from = to;
    }
}
