//! The index of a message does not depend on how it arrived, decodes to itself, and points into the message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use store::mime::{Indexer, MessageIndex};

fuzz_target!(|data: &[u8]| {
    let [piece, message @ ..] = data else { return };
    let whole = Indexer::index(message);
    let mut indexer = Indexer::new();
    for chunk in message.chunks(usize::from(*piece).max(1)) {
        indexer.push(chunk);
    }
    assert_eq!(indexer.finish(), whole);
    assert_eq!(MessageIndex::decode(&whole.encode(), 0).ok().as_ref(), Some(&whole));
    assert_eq!(whole.size, message.len() as u64);
    for part in &whole.parts {
        assert!(part.header.start <= part.header.end && part.header.end <= part.body.start);
        assert!(part.body.start <= part.body.end && part.body.end <= whole.size);
    }
});
