//! Time: any few octets, repeated to a large message, cost little. What is not linear takes longer than the fuzzer allows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use store::mime::search::{self, Scope};
use store::mime::{Indexer, Needle};

/// Large enough that a quadratic pass takes many times as long as the run allows for one input.
const MESSAGE_OCTETS: usize = 1024 * 1024;

fuzz_target!(|data: &[u8]| {
    let Some((&length, input)) = data.split_first() else {
        return;
    };
    let (start, unit) = input.split_at(usize::from(length).min(input.len()));
    if unit.is_empty() || input.len() > 512 {
        return;
    }
    let mut message = start.to_vec();
    message.extend(unit.iter().cycle().take(MESSAGE_OCTETS));
    let index = Indexer::index(&message);
    let _ = search::found_in(
        &index,
        &message,
        Scope::Text,
        &Needle::new("never found \u{e4}"),
    );
    let _ = index.encode();
});
