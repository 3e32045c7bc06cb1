//! What holds for every input: no panic, and writing what was read, then reading it again, gives the same.

use proptest::prelude::*;

use super::{Command, Host, Mailbox, Reply, ReversePath, parse_auth_response, parse_command};

/// Lines that resemble commands, so that the parsers are reached behind the verbs.
fn command_like() -> impl Strategy<Value = String> {
    let verb = prop::sample::select(vec![
        "EHLO ",
        "HELO ",
        "MAIL FROM:",
        "MAIL FROM: ",
        "RCPT TO:",
        "DATA",
        "BDAT ",
        "AUTH ",
        "VRFY ",
        "HELP",
        "STARTTLS",
    ]);
    let word = prop::sample::select(vec![
        "<",
        ">",
        "@",
        ":",
        ",",
        ".",
        "\"",
        "\\",
        " ",
        "[",
        "]",
        "=",
        "+",
        "%",
        "a",
        "b.test",
        "1",
        "LAST",
        "SIZE=",
        "BODY=",
        "8BITMIME",
        "SMTPUTF8",
        "AUTH=",
        "RET=HDRS",
        "ENVID=",
        "HOLDFOR=",
        "HOLDUNTIL=2030-01-01T00:00:00Z",
        "REQUIRETLS",
        "NOTIFY=",
        "SUCCESS",
        "never",
        "ORCPT=",
        "rfc822;",
        "utf-8;",
        "+2B",
        "<>",
        "<a@b.test>",
        "[IPv6:::1]",
        "[127.0.0.1]",
        "ä",
        "postmaster",
        "PLAIN",
        "AGEAYg==",
    ]);
    (verb, prop::collection::vec(word, 0..12))
        .prop_map(|(verb, words)| format!("{verb}{}", words.concat()))
}

fn reads_back(line: &[u8]) {
    if let Ok(command) = parse_command(line) {
        let written = command.to_string();
        assert_eq!(parse_command(written.as_bytes()), Ok(command), "{written}");
    }
}

proptest! {
    #[test]
    fn any_octets_are_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..300)) {
        reads_back(&line);
        let _ = parse_auth_response(&line);
    }

    #[test]
    fn what_resembles_a_command_reads_back(line in command_like()) {
        reads_back(line.as_bytes());
    }

    #[test]
    fn any_local_part_survives_quoting(local in "[ -~äöü]{1,40}") {
        let from = ReversePath::Mailbox(Mailbox { local, host: Host::Domain("b.test".into()) });
        let line = format!("MAIL FROM:{from} SMTPUTF8");
        match parse_command(line.as_bytes()) {
            Ok(Command::Mail { from: read, .. }) => prop_assert_eq!(read, from),
            other => prop_assert!(false, "{line}: {other:?}"),
        }
    }

    #[test]
    fn a_reply_is_always_well_formed(code in 200u16..600, text in any::<String>(), more in any::<String>()) {
        let mut octets = Vec::new();
        Reply::new(code, (1, 2), text).line(more).encode(&mut octets);
        let written = String::from_utf8(octets).unwrap();
        let lines: Vec<&str> = written.strip_suffix("\r\n").unwrap().split("\r\n").collect();
        prop_assert_eq!(lines.len(), 2);
        for line in lines {
            prop_assert!(line.starts_with(&code.to_string()));
            prop_assert!(line.bytes().all(|b| matches!(b, b' '..=b'~')));
        }
    }
}
