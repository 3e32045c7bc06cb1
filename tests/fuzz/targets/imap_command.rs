//! The language of IMAP: whole commands with their literals, and the gathering of them from lines and octets.
#![no_main]

use imapd::grammar::command::Request;
use imapd::grammar::dialect::Dialect;
use imapd::grammar::{Command, Cursor, SequenceSet, fragment};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(request) = Request::parse(input, Dialect::default()) {
        assert!(
            !request.tag.is_empty() && request.tag.bytes().all(|octet| octet.is_ascii_graphic())
        );
        let mut arguments = request.arguments;
        if let Ok(verb) = request.verb {
            let _ = Command::parse(verb, &mut arguments);
        }
    }
    if let Ok(set) = SequenceSet::parse(&mut Cursor::new(input)) {
        for last in [0, 1, 1000, u32::MAX] {
            let ranges = set.resolve(last);
            let mut before = None;
            for (from, to) in ranges.iter() {
                assert!(from <= to && before.is_none_or(|before| before < from));
                assert!(ranges.contains(from) && ranges.contains(to));
                before = Some(to);
            }
        }
    }
    // An announcement is seen whatever stands before it, or octets of the literal would be taken for commands.
    if let Some(literal) = fragment::announced(input) {
        assert_eq!(fragment::announced(&[b"x ", input].concat()), Some(literal));
    }
});
