//! Mailbox names: modified UTF-7 has one spelling for each name, and a pattern matches in bounded time what it should.
#![no_main]

use imapd::grammar::mailbox::{self, Pattern};
use imapd::grammar::utf7;
use libfuzzer_sys::fuzz_target;

/// LIST's matching by its definition (RFC 3501 §6.3.8).
fn matches(pattern: &[char], name: &[char]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((wildcard @ ('*' | '%'), rest)), _) => {
            let enters = |&&c: &&char| *wildcard == '*' || c != '/';
            matches(rest, name)
                || name
                    .first()
                    .filter(enters)
                    .is_some_and(|_| matches(pattern, &name[1..]))
        }
        (Some((wanted, rest)), Some((c, name))) => wanted == c && matches(rest, name),
        _ => false,
    }
}

fuzz_target!(|data: &[u8]| {
    if let Some(name) = utf7::decode(data) {
        let mut wire = Vec::new();
        utf7::encode(&name, &mut wire);
        assert_eq!(wire, data);
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut wire = Vec::new();
    utf7::encode(text, &mut wire);
    assert!(wire.is_ascii() || text.contains(|c: char| c.is_ascii_control()));
    if !text.contains(|c: char| c.is_ascii_control()) {
        assert_eq!(utf7::decode(&wire).as_deref(), Some(text));
    }
    let name = mailbox::canonical(text.to_owned());
    assert_eq!(mailbox::canonical(name.clone()), name);

    if let Some((pattern, name)) = text.split_once('\n') {
        let matched = Pattern::new("", pattern).matches(name);
        if pattern.len() <= 8 && name.len() <= 8 {
            let pattern: Vec<char> = mailbox::canonical(pattern.to_owned()).chars().collect();
            let name: Vec<char> = name.chars().collect();
            assert_eq!(matched, self::matches(&pattern, &name));
        }
    }
});
