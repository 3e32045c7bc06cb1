//! Filters that speak the milter protocol: what they are told, what they may do, and that none of them, however broken, harms the
//! SMTP session.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use tests::filter::{Act, Filter, Packet, agreement, packed};
use tests::imap::Imap;
use tests::server::{Daemon, Server};
use tests::smtp::Smtp;

const MESSAGE: &[u8] =
    b"Subject: hello\r\nX-Spam: Yes\r\nTo: alice\r\n list\r\n\r\nbody\r\n..dot\r\n";
const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";
const SENDER: &str = "x@elsewhere.test";

/// A server with these entries of the configuration.
fn server(milters: &[String]) -> Server {
    let server = Server::with(milters.concat().parse().unwrap(), &[]).unwrap();
    server.start_all().unwrap();
    server
}

/// What a new message to alice was answered.
fn sent(server: &Server, message: &[u8]) -> String {
    let mut smtp = Smtp::connect(server).unwrap();
    match smtp.deliver(SENDER, &[ALICE], message) {
        Ok(()) => "250".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// The only message in a mailbox of alice's.
fn only_message(server: &Server, mailbox: &str) -> String {
    let mut imap = Imap::login(server, ALICE).unwrap();
    let selected = imap.ok(&format!("SELECT {mailbox}")).unwrap();
    assert!(selected.text().contains("* 1 EXISTS"), "{mailbox}");
    imap.ok("FETCH 1 BODY.PEEK[]").unwrap().text()
}

fn count(server: &Server, mailbox: &str) -> String {
    let mut imap = Imap::login(server, ALICE).unwrap();
    let status = imap.ok(&format!("STATUS {mailbox} (MESSAGES)")).unwrap();
    status.text()
}

fn at_the_end(answers: &'static [&'static [u8]]) -> Filter {
    Filter::proper(move |packet| match packet.letter {
        'E' => answers.iter().map(|answer| answer.to_vec()).collect(),
        _ => Vec::new(),
    })
    .unwrap()
}

fn data_of(told: &[Packet], letter: char) -> Vec<String> {
    told.iter()
        .filter(|packet| packet.letter == letter)
        .map(Packet::text)
        .collect()
}

#[test]
fn a_filter_is_told_of_the_client_once_and_of_each_message_whole() {
    let filter = Filter::proper(|_| Vec::new()).unwrap();
    let server = server(&[filter.config("")]);
    let mut smtp = Smtp::connect(&server).unwrap();
    smtp.command("NOOP", "250").unwrap();
    assert_eq!(filter.told(), [], "nothing before the first MAIL");
    smtp.deliver(SENDER, &[ALICE, BOB], MESSAGE).unwrap();
    smtp.command(&format!("MAIL FROM:<{SENDER}> SIZE=9"), "250")
        .unwrap();
    smtp.command("RCPT TO:<nobody@example.test>", "550")
        .unwrap();
    smtp.command("RSET", "250").unwrap();
    smtp.deliver("", &[ALICE], b"Subject: two\r\n\r\n").unwrap();
    assert_eq!(filter.letters(0), "OCHMRRTLLLNBEMAMRTLNE");

    let told = filter.told();
    assert!(data_of(&told, 'C')[0].starts_with("localhost 4"));
    assert_eq!(data_of(&told, 'H'), ["client.example.test"]);
    assert_eq!(data_of(&told, 'M')[1], format!("<{SENDER}> SIZE=9"));
    assert_eq!(data_of(&told, 'M')[2], "<>");
    assert_eq!(
        data_of(&told, 'R')[..2],
        [ALICE, BOB].map(|to| format!("<{to}>"))
    );
    assert_eq!(
        data_of(&told, 'L')[..3],
        ["Subject hello", "X-Spam Yes", "To alice\n list"]
    );
    assert_eq!(data_of(&told, 'B'), ["body\r\n.dot"]);
    let macros = data_of(&told, 'D').join("\n");
    for known in [
        "Cj mail.example.test",
        "{client_addr} 127.",
        "{daemon_name} smtp",
        "M{mail_addr} x@elsewhere.test",
        "R{rcpt_addr} bob@example.test",
        "\nEi ",
    ] {
        assert!(macros.contains(known), "{known} in {macros}");
    }
}

#[test]
fn steps_that_a_filter_does_not_want_are_left_out() {
    let filter = Filter::start(|packet| match packet.letter {
        // No connect, no hello, no header; no answers to RCPT and to the body.
        'O' => Act::Send(agreement(0x1, 0x1 | 0x2 | 0x20 | 0x8000 | 0x8_0000)),
        'D' | 'R' | 'B' => Act::Silence,
        _ => Act::Send(packed(b"c")),
    })
    .unwrap();
    let server = server(&[filter.config("")]);
    assert_eq!(sent(&server, MESSAGE), "250");
    assert_eq!(filter.letters(0), "OMRTNBE");
}

#[test]
fn fields_are_added_inserted_changed_and_removed() {
    let filter = at_the_end(&[
        b"hX-Last\0a\nb\0",
        b"i\0\0\0\0X-First\0top\0",
        b"m\0\0\0\x01Subject\0changed\0",
        b"m\0\0\0\x01To\0\0",
        b"p",
        b"c",
    ]);
    let server = server(&[filter.config("")]);
    assert_eq!(sent(&server, MESSAGE), "250");
    let message = only_message(&server, "INBOX");
    let expected = "\r\nX-First: top\r\nSubject: changed\r\nX-Spam: Yes\r\nX-Last: a\r\n\tb\r\n\r\nbody\r\n.dot\r\n";
    assert!(message.contains(expected), "{message}");
    let mut imap = Imap::login(&server, ALICE).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    let envelope = imap.ok("FETCH 1 ENVELOPE").unwrap().text();
    assert!(envelope.contains("\"changed\""), "{envelope}");
    let found = imap
        .ok("SEARCH SUBJECT changed HEADER X-First top")
        .unwrap();
    assert_eq!(found.numbers(), [1]);
}

#[test]
fn the_second_filter_sees_what_the_first_has_changed() {
    let first = at_the_end(&[b"hX-Seen\0first\0", b"a"]);
    let second = at_the_end(&[b"hX-Seen\0second\0", b"a"]);
    let server = server(&[first.config(""), second.config("")]);
    assert_eq!(sent(&server, MESSAGE), "250");
    assert_eq!(data_of(&first.told(), 'L').len(), 3);
    assert_eq!(data_of(&second.told(), 'L')[3], "X-Seen first");
    let message = only_message(&server, "INBOX");
    assert!(
        message.contains("X-Seen: first\r\nX-Seen: second\r\n\r\n"),
        "{message}"
    );
}

#[test]
fn a_filter_refuses_in_its_own_words_at_each_step() {
    let table: [(char, &[u8], &str); 7] = [
        ('C', b"r", "550 5.7.1 Refused"),
        ('H', b"y554 5.7.9 bad hello\0", "554 5.7.9 bad hello"),
        ('M', b"t", "451 4.7.1"),
        (
            'R',
            b"y550 no\r\n250 2.0.0 yes\0",
            "550 5.7.0 250 2.0.0 yes",
        ),
        ('L', b"r", "550 5.7.1 Refused"),
        ('B', b"y451 4.7.0 later\0", "451 4.7.0 later"),
        ('E', b"y550 5.7.1 spam\0", "550 5.7.1 spam"),
    ];
    for (letter, answer, expected) in table {
        let filter = Filter::proper(move |packet| match packet.letter == letter {
            true => vec![answer.to_vec()],
            false => Vec::new(),
        })
        .unwrap();
        let server = server(&[filter.config("")]);
        let reply = sent(&server, MESSAGE);
        assert!(reply.contains(expected), "{letter}: {reply}");
        assert!(count(&server, "INBOX").contains("MESSAGES 0"));
    }
}

#[test]
fn one_recipient_is_refused_and_the_others_get_the_message() {
    let filter = Filter::proper(|packet| match packet.text().contains("bob@") {
        true if packet.letter == 'R' => vec![b"r".to_vec()],
        _ => Vec::new(),
    })
    .unwrap();
    let server = server(&[filter.config("")]);
    let mut smtp = Smtp::connect(&server).unwrap();
    smtp.command(&format!("MAIL FROM:<{SENDER}>"), "250")
        .unwrap();
    smtp.command(&format!("RCPT TO:<{BOB}>"), "550").unwrap();
    smtp.command(&format!("RCPT TO:<{ALICE}>"), "250").unwrap();
    smtp.command("DATA", "354").unwrap();
    smtp.link.send(b"Subject: x\r\n\r\nx\r\n.\r\n").unwrap();
    assert!(smtp.reply().unwrap().starts_with("250"));
    only_message(&server, "INBOX");
}

#[test]
fn a_discarded_message_is_accepted_and_nowhere() {
    for letter in ['M', 'R', 'B', 'E'] {
        let filter = Filter::proper(move |packet| match packet.letter == letter {
            true => vec![b"d".to_vec()],
            false => Vec::new(),
        })
        .unwrap();
        let server = server(&[filter.config("")]);
        assert_eq!(sent(&server, MESSAGE), "250");
        for mailbox in ["INBOX", "Junk"] {
            assert!(count(&server, mailbox).contains("MESSAGES 0"), "{letter}");
        }
    }
}

#[test]
fn what_is_quarantined_or_marked_lands_in_junk() {
    let quarantine = at_the_end(&[b"qsuspicious\0", b"c"]);
    let marked = at_the_end(&[b"hX-Spam\0yes\0", b"c"]);
    let mark = "junk_header = \"X-Spam: Yes\"";
    for milter in [quarantine.config(""), marked.config(mark)] {
        let server = server(&[milter]);
        assert_eq!(sent(&server, MESSAGE), "250");
        only_message(&server, "Junk");
    }
}

#[test]
fn a_mark_that_came_with_the_message_is_nobodys_word() {
    let filter = at_the_end(&[b"c"]);
    let server = server(&[filter.config("junk_header = \"X-Spam: Yes\"")]);
    assert_eq!(sent(&server, MESSAGE), "250");
    assert_eq!(
        data_of(&filter.told(), 'L'),
        ["Subject hello", "To alice\n list"]
    );
    assert!(!only_message(&server, "INBOX").contains("X-Spam"));
}

#[test]
fn a_quarantined_message_for_elsewhere_waits_for_the_administrator() {
    let filter = at_the_end(&[b"qsuspicious\0", b"c"]);
    let server = server(&[filter.config("")]);
    server
        .mailctl_ok(
            &["alias", "add", "out@example.test", "z@elsewhere.test"],
            "",
        )
        .unwrap();
    let mut smtp = Smtp::connect(&server).unwrap();
    smtp.deliver(SENDER, &["out@example.test"], MESSAGE)
        .unwrap();
    let queue = server.mailctl_ok(&["queue", "list"], "").unwrap();
    let id = queue.lines().last().and_then(|line| line.split(' ').next());
    let shown = server
        .mailctl_ok(&["queue", "show", id.unwrap()], "")
        .unwrap();
    assert!(
        shown.contains("z@elsewhere.test") && shown.contains("held"),
        "{shown}"
    );
}

#[test]
fn a_message_that_is_too_large_for_a_filter_passes_it() {
    let filter = at_the_end(&[b"r"]);
    let server = server(&[filter.config("message_octets = 1000")]);
    let message = [b"Subject: x\r\n\r\n", "text\r\n".repeat(200).as_bytes()].concat();
    assert_eq!(sent(&server, &message), "250");
    assert!(sent(&server, MESSAGE).contains("550"));
}

#[test]
fn a_large_body_comes_whole_and_in_order() {
    let filter = Filter::proper(|_| Vec::new()).unwrap();
    let server = server(&[filter.config("")]);
    let lines: String = (0..100_000)
        .map(|line| format!("line {line}\r\n"))
        .collect();
    let message = format!("Subject: x\r\n\r\n{lines}");
    assert_eq!(sent(&server, message.as_bytes()), "250");
    let told = filter.told();
    let parts = told.iter().filter(|packet| packet.letter == 'B');
    let body: Vec<u8> = parts.flat_map(|packet| packet.data.clone()).collect();
    assert!(body == lines.as_bytes(), "{} octets", body.len());
}

#[test]
fn a_filter_that_wants_no_more_of_the_body_still_rules_at_the_end() {
    let filter = Filter::proper(|packet| match packet.letter {
        'B' => vec![b"s".to_vec()],
        'E' => vec![b"hX-Checked\0yes\0".to_vec(), b"c".to_vec()],
        _ => Vec::new(),
    })
    .unwrap();
    let server = server(&[filter.config("")]);
    let message = [b"Subject: x\r\n\r\n", "text\r\n".repeat(50_000).as_bytes()].concat();
    assert_eq!(sent(&server, &message), "250");
    assert_eq!(data_of(&filter.told(), 'B').len(), 1);
    assert!(only_message(&server, "INBOX").contains("X-Checked: yes"));
}

#[test]
fn filters_are_asked_on_the_ports_that_they_are_for() {
    let filter = at_the_end(&[b"r"]);
    let server = server(&[filter.config("ports = [\"submission\"]")]);
    assert_eq!(sent(&server, MESSAGE), "250");
    assert_eq!(filter.told(), []);
}

/// What a broken filter does, by name.
fn broken_filters() -> Vec<(&'static str, Filter)> {
    let at = |letter: char, octets: Vec<u8>| {
        Filter::start(move |packet| match packet.letter {
            own if own == letter => Act::Send(octets.clone()),
            'O' => Act::Send(agreement(0x1ff, 0)),
            'D' | 'A' => Act::Silence,
            _ => Act::Send(packed(b"c")),
        })
        .unwrap()
    };
    let flood: Vec<u8> = (0..2000).flat_map(|_| packed(b"hX\0y\0")).collect();
    let progress: Vec<u8> = (0..20_000).flat_map(|_| packed(b"p")).collect();
    let large: Vec<u8> = (0..40)
        .flat_map(|_| packed(&[b"hX\0", &vec![b'y'; 60_000][..], b"\0"].concat()))
        .collect();
    let close = Filter::start(|packet| match packet.letter {
        'O' => Act::Send(agreement(0x1ff, 0)),
        'D' => Act::Silence,
        'B' => Act::Close,
        _ => Act::Send(packed(b"c")),
    });
    let silent = Filter::start(|packet| match packet.letter {
        'O' => Act::Send(agreement(0x1ff, 0)),
        _ => Act::Silence,
    });
    vec![
        ("hangs up at once", Filter::start(|_| Act::Close).unwrap()),
        ("hangs up in the body", close.unwrap()),
        ("says nothing", silent.unwrap()),
        (
            "speaks another protocol",
            at('O', b"220 hello\r\n".to_vec()),
        ),
        ("wants what was not offered", at('O', agreement(0, 0x800))),
        (
            "has another version",
            at('O', packed(b"O\0\0\0\x63\0\0\0\0\0\0\0\0")),
        ),
        ("sends an endless packet", at('M', vec![0xff; 100])),
        ("sends an empty packet", at('M', packed(b""))),
        ("sends an unknown answer", at('R', packed(b"Z"))),
        ("changes too early", at('T', packed(b"hX\0y\0"))),
        ("replaces the body", at('E', packed(b"bother"))),
        ("adds a field without a name", at('E', packed(b"h\0y\0"))),
        ("adds fields without end", at('E', flood)),
        ("adds too much", at('E', large)),
        ("works without end", at('E', progress)),
        ("says yes with a code", at('E', packed(b"y250 2.0.0 ok\0"))),
    ]
}

/// A server whose mail does `policy` while this filter fails, and what a message is answered there. The session must go on.
fn sent_with_broken(filter: &Filter, policy: &str) -> (Server, String) {
    let server = server(&[filter.config(&format!(
        "on_failure = \"{policy}\"\nreply_seconds = 1\nmessage_seconds = 3"
    ))]);
    let mut smtp = Smtp::connect(&server).unwrap();
    let reply = match smtp.deliver(SENDER, &[ALICE], MESSAGE) {
        Ok(()) => "250".to_owned(),
        Err(error) => error.to_string(),
    };
    smtp.command("RSET", "250").unwrap();
    smtp.command("QUIT", "221").unwrap();
    server.logged(Daemon::Smtpd, &["a filter failed"]).unwrap();
    (server, reply)
}

#[test]
fn a_broken_filter_never_breaks_the_session() {
    for (name, filter) in broken_filters() {
        let (server, reply) = sent_with_broken(&filter, "accept");
        assert_eq!(reply, "250", "{name}");
        let message = only_message(&server, "INBOX");
        assert!(
            message.contains("Subject: hello\r\nX-Spam: Yes\r\n"),
            "{name}"
        );
    }
}

#[test]
fn mail_does_what_the_operator_wants_while_a_filter_fails() {
    for (name, filter) in broken_filters().into_iter().take(2) {
        for (policy, expected) in [("tempfail", "451 4.3.0"), ("reject", "554 5.3.0")] {
            let (server, reply) = sent_with_broken(&filter, policy);
            assert!(reply.contains(expected), "{name}, {policy}: {reply}");
            assert!(
                count(&server, "INBOX").contains("MESSAGES 0"),
                "{name}, {policy}"
            );
        }
    }
}

#[test]
fn a_filter_that_is_not_there_is_asked_for_anew_with_each_message() {
    let gone = Filter::start(|_| Act::Close).unwrap().config("");
    let server = server(&[gone]);
    let mut smtp = Smtp::connect(&server).unwrap();
    for _ in 0..3 {
        smtp.command(&format!("MAIL FROM:<{SENDER}>"), "451")
            .unwrap();
    }
    smtp.command("QUIT", "221").unwrap();
}
