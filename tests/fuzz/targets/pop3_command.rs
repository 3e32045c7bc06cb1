//! The language of POP3: no line makes it panic, and what a command holds of a client's words is text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pop3d::grammar::command::{Command, parse_auth_line, parse_command};

fuzz_target!(|line: &[u8]| {
    match parse_command(line) {
        Ok(Command::User(name)) => assert!(!name.contains(char::is_control)),
        Ok(Command::Auth { mechanism, .. }) => assert!(!mechanism.contains(char::is_control)),
        Ok(command) => assert_eq!(
            parse_command(&line.to_ascii_uppercase()).is_ok(),
            true,
            "{command:?}"
        ),
        Err(_) => {}
    }
    let _ = parse_auth_line(line);
});
