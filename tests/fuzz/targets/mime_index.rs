//! The index of a message: the same however it arrived, stored and read back without loss, with every range inside the range of
//! what holds it, and good enough to search by.
#![no_main]

use libfuzzer_sys::fuzz_target;
use store::mime::search::{self, Scope};
use store::mime::{Indexer, MessageIndex, Needle, limits};

fuzz_target!(|data: &[u8]| {
    let Some((cuts, message)) = fuzz::cuts(data) else {
        return;
    };
    let index = Indexer::index(message);
    let mut indexer = Indexer::new();
    cuts.of(message).for_each(|piece| indexer.push(piece));
    assert_eq!(indexer.finish(), index);

    let stored = index.encode();
    assert_eq!(MessageIndex::decode(&stored, 0).as_ref(), Ok(&index));
    assert_eq!(
        MessageIndex::decode(&stored, 77),
        Ok(index.clone().prepended(77))
    );

    assert_eq!(index.size, message.len() as u64);
    assert!(index.parts.len() <= limits::PARTS_MAX);
    for part in &index.parts {
        assert!(part.header.start <= part.header.end && part.header.end <= part.body.start);
        assert!(part.body.start <= part.body.end && part.body.end <= index.size);
        assert!(part.lines <= part.body_octets());
        for child in index.children(part) {
            assert!(part.body.start <= child.header.start && child.body.end <= part.body.end);
        }
    }
    assert!(index.preview.chars().count() <= limits::PREVIEW_CHARACTERS_MAX);
    assert!(!index.preview.contains(['\r', '\n', '\0']));
    let needle = Needle::new("x");
    for scope in [Scope::Header, Scope::Body, Scope::Text] {
        search::found_in(&index, message, scope, &needle);
    }
    let _ = (
        index.section(&[1, 1]),
        index.section(&[2, 1, 1]),
        index.section(&[0]),
    );
});
