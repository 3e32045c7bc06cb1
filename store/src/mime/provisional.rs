//! Sees a message as one text part; to be replaced by the indexer.

use super::{Encoding, Envelope, Kind, MessageIndex, Part};

/// Counts octets and finds the end of the header.
pub struct Indexer {
    octets: Vec<u8>,
}

impl Default for Indexer {
    fn default() -> Self {
        Indexer::new()
    }
}

impl Indexer {
    /// An empty one.
    pub fn new() -> Indexer {
        Indexer { octets: Vec::new() }
    }

    /// More octets.
    pub fn push(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// The index.
    pub fn finish(self) -> MessageIndex {
        let size = self.octets.len() as u64;
        let end = memchr::memmem::find(&self.octets, b"\r\n\r\n").map_or(0, |at| at as u64 + 4);
        let part = Part {
            place: 0,
            end: 1,
            header: 0..end,
            body: end..size,
            lines: memchr::memchr_iter(b'\n', &self.octets[end as usize..]).count() as u64,
            kind: Kind::Leaf,
            media_type: "text".into(),
            subtype: "plain".into(),
            parameters: Vec::new(),
            encoding: Encoding::SevenBit,
            id: None,
            description: None,
            md5: None,
            disposition: None,
            language: Vec::new(),
            location: None,
            envelope: Some(Box::new(Envelope::default())),
        };
        MessageIndex {
            size,
            parts: vec![part],
            sent: None,
            references: Vec::new(),
            has_attachment: false,
            preview: String::new(),
        }
    }
}
