//! ENVELOPE, BODY and BODYSTRUCTURE of any message: always what a strict client can read, in ASCII where it must be, and of bounded depth.
#![no_main]

use imapd::grammar::structure::{self, Reading};
use imapd::grammar::{encoded_word, strict};
use libfuzzer_sys::fuzz_target;
use store::mime::Indexer;

fuzz_target!(|message: &[u8]| {
    let index = Indexer::index(message);
    for utf8 in [false, true] {
        let mut told = Vec::new();
        structure::envelope(index.envelope(), utf8, &mut told);
        assert!(strict::is_envelope(&told), "{}", told.escape_ascii());
        assert!(if utf8 { std::str::from_utf8(&told).is_ok() } else { told.is_ascii() });
        // Whoever has enabled IMAP4rev2 reads UTF-8.
        for (extended, rev2) in [(false, false), (true, false), (true, utf8)] {
            let mut told = Vec::new();
            structure::body(&index, extended, Reading { utf8, rev2 }, &mut told);
            assert!(strict::is_body(&told, extended, rev2), "{}", told.escape_ascii());
            assert!(if utf8 { std::str::from_utf8(&told).is_ok() } else { told.is_ascii() });
        }
    }
    assert!(encoded_word::ascii(message).is_ascii());
});
