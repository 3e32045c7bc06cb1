//! The language of SMTP: a command that was read, written and read again is the same, and a reply with anything of a
//! client's in it is well formed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use smtpd::grammar::{Reply, parse_auth_response, parse_command};

fuzz_target!(|line: &[u8]| {
    if let Ok(command) = parse_command(line) {
        let written = command.to_string();
        assert!(!written.contains(['\r', '\n', '\0']), "{written:?}");
        assert_eq!(
            parse_command(written.as_bytes()),
            Ok(command),
            "{written:?}"
        );
    }
    let _ = parse_auth_response(line);

    let mut octets = Vec::new();
    let echo = String::from_utf8_lossy(line).into_owned();
    Reply::new(550, (1, 1), echo.clone())
        .line(echo)
        .encode(&mut octets);
    assert!(!fuzz::has_bare_newline(&octets));
    let lines: Vec<&[u8]> = octets.split_inclusive(|&octet| octet == b'\n').collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with(b"550-5.1.1 ") && lines[1].starts_with(b"550 5.1.1 "));
    assert!(
        lines
            .iter()
            .all(|line| line.len() <= smtpd::limits::REPLY_LINE_OCTETS_MAX)
    );
});
