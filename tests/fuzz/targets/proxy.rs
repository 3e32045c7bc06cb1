//! The PROXY header: every beginning of a header wants more, the whole is the same whatever follows it, and what is wrong
//! stays wrong.
#![no_main]

use daemon::limits::PROXY_V2_OCTETS_MAX;
use daemon::proxy::{Parsed, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut earlier = Parsed::More;
    for length in 0..=input.len() {
        let parsed = parse(&input[..length]);
        match (earlier, parsed) {
            (Parsed::More, Parsed::More) => assert!(length <= PROXY_V2_OCTETS_MAX),
            (Parsed::More, Parsed::Header(_, octets)) => assert_eq!(octets, length),
            (Parsed::More, Parsed::Invalid) => {}
            (decided, parsed) => assert_eq!(decided, parsed),
        }
        earlier = parsed;
    }
});
