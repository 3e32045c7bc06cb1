//! SMTP commands are read without panic, and reading what was written from what was read gives the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use smtpd::grammar::{parse_auth_response, parse_command};

fuzz_target!(|line: &[u8]| {
    if let Ok(command) = parse_command(line) {
        let written = command.to_string();
        assert_eq!(parse_command(written.as_bytes()), Ok(command), "{written}");
    }
    let _ = parse_auth_response(line);
});
