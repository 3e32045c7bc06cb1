//! The stored form of an index, damaged or made up: refused, or safe to use.
#![no_main]

use libfuzzer_sys::fuzz_target;
use store::mime::search::{self, Scope};
use store::mime::{MessageIndex, Needle};

fuzz_target!(|data: &[u8]| {
    for prefix in [0, 7, u64::MAX] {
        let Ok(index) = MessageIndex::decode(data, prefix) else {
            continue;
        };
        for part in &index.parts {
            let _ = (
                index.message_in(part),
                index.children(part).count(),
                part.body_octets(),
            );
        }
        let _ = (
            index.section(&[1, 1, 2]),
            index.envelope().reply_to_or_from(),
        );
        let _ = search::found_in(&index, data, Scope::Text, &Needle::new("x"));
        if prefix == 0 {
            assert_eq!(MessageIndex::decode(&index.encode(), 0), Ok(index));
        }
    }
});
