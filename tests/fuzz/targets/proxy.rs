//! A PROXY header is read without panic, and what was read does not change when more octets follow.

#![no_main]

use daemon::proxy::{Parsed, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let whole = parse(data);
    if let Parsed::Header(_, octets) = whole {
        assert!(octets <= data.len());
        assert_eq!(parse(&data[..octets]), whole);
        for end in 0..octets.min(64) {
            assert_eq!(parse(&data[..end]), Parsed::More);
        }
    }
});
