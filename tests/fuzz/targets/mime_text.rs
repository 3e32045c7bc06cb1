//! Text for searching: every decoder takes every input, and a needle is found in text that holds it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use store::mime::{Encoding, Indexer, Needle, decode};

fuzz_target!(|data: &[u8]| {
    let Some((&[length, choice], input)) = data.split_first_chunk::<2>() else {
        return;
    };
    let (first, second) = input.split_at(usize::from(length).min(input.len()));
    let name = String::from_utf8_lossy(first);
    let text = decode::charset(&name, second);
    let encoding = match choice % 4 {
        0 => Encoding::Base64,
        1 => Encoding::QuotedPrintable,
        2 => Encoding::Other(name.clone().into_owned().into()),
        _ => Encoding::Binary,
    };
    let decoded = decode::transfer(&encoding, second);
    // Line ends may become whole.
    assert!(decoded.len() <= 2 * second.len());
    let _ = decode::encoded_words(&text);
    let _ = decode::header_section(input);
    let index = Indexer::index(input);
    for part in &index.parts {
        let _ = (decode::file_name(part), decode::body_text(part, second));
    }

    assert!(Needle::new("").found_in(&text));
    if !name.is_empty() {
        let needle = Needle::new(&name);
        assert!(needle.found_in(&format!("{text} {name} {text}")));
        let _ = needle.found_in_octets(second);
    }
});
