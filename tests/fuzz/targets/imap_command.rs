//! IMAP commands, with their literals in them, are read without panic.

#![no_main]

use imapd::grammar::command::Request;
use imapd::grammar::{Command, Cursor, SequenceSet, encoded_word, fragment, utf7};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = fragment::announced(data);
    if let Ok(Request { verb: Ok(verb), mut arguments, .. }) = Request::parse(data) {
        let _ = Command::parse(verb, &mut arguments);
    }
    if let Ok(set) = SequenceSet::parse(&mut Cursor::new(data)) {
        for last in [0, 1, 1000, u32::MAX] {
            for (from, to) in set.resolve(last).iter() {
                assert!(from <= to);
            }
        }
    }
});
