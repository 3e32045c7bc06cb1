//! Input that is too large, too long, too many, or no text at all, before and after the login: the daemon stays small, the session stays
//! in step or ends, and nothing of it is obeyed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::time::{Duration, Instant};
use tests::chat::{Listener, World as _};
use tests::imap::Imap;
use tests::link::{Link, ReadError};
use tests::server::{Daemon, Server};
use tests::smtp::Smtp;

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";
const REPLY_TIME_MAX: Duration = Duration::from_secs(30);

fn server(config: &str) -> Server {
    let server = Server::with(config.parse().unwrap(), &[]).unwrap();
    server.start_all().unwrap();
    server
}

fn connect(server: &Server, listener: Listener) -> Link {
    let address = server.address(listener).unwrap();
    let mut link = Link::connect(address, None, listener.protocol()).unwrap();
    reply(&mut link);
    link
}

fn reply(link: &mut Link) -> String {
    let line = link.response(REPLY_TIME_MAX).unwrap();
    String::from_utf8_lossy(&line).into_owned()
}

fn ask(link: &mut Link, line: &str) -> String {
    link.send(format!("{line}\r\n").as_bytes()).unwrap();
    reply(link)
}

/// All that comes until the server closes.
fn rest(link: &mut Link) -> String {
    let mut text = String::new();
    loop {
        match link.response(REPLY_TIME_MAX) {
            Ok(line) => text += &format!("{}\n", String::from_utf8_lossy(&line)),
            Err(ReadError::Eof) => return text,
            Err(error) => unreachable!("{error}, after {text}"),
        }
    }
}

/// Resident memory of a daemon, in KiB.
fn resident(server: &Server, daemon: Daemon) -> u64 {
    let process = server.process(daemon).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

/// Files below a directory, by name.
fn files(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        }
        found.push(path.display().to_string());
    }
    found.sort();
    found
}

#[test]
fn lines_may_be_as_long_as_the_limit_and_not_one_octet_longer() {
    let server = server("");
    let filled =
        |start: &str, octets: usize| format!("{start}{}", "x".repeat(octets - start.len()));

    let mut smtp = connect(&server, Listener::Smtp);
    assert!(ask(&mut smtp, &filled("NOOP ", 2048)).starts_with("250"));
    assert!(ask(&mut smtp, &filled("NOOP ", 2049)).starts_with("500"));
    assert!(ask(&mut smtp, "NOOP").starts_with("250"));

    let mut pop3 = connect(&server, Listener::Pop3);
    assert!(ask(&mut pop3, &filled("USER ", 1024)).starts_with("+OK"));
    assert!(ask(&mut pop3, &filled("USER ", 1025)).starts_with("-ERR"));
    assert!(ask(&mut pop3, "USER x").starts_with("+OK"));

    // An IMAP line that is lost may have announced a literal: after it nobody knows where the next command begins.
    let mut imap = connect(&server, Listener::Imap);
    assert!(ask(&mut imap, &filled("a LOGIN x ", 8 * 1024)).starts_with("a NO"));
    assert!(ask(&mut imap, "b NOOP").starts_with("b OK"));
    imap.send(filled("c LOGIN x ", 8 * 1024 + 1).as_bytes())
        .unwrap();
    imap.send(b"{14+}\r\nd CAPABILITY\r\n\r\ne CAPABILITY\r\n")
        .unwrap();
    let said = rest(&mut imap);
    assert!(
        said.contains("* BYE") && !said.contains("* CAPABILITY"),
        "{said}"
    );

    let mut imap = Imap::login(&server, ALICE).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    let set = "1,".repeat(60_000);
    imap.ok(&format!("UID SEARCH UID {set}1")).unwrap();
    imap.link
        .send(
            format!(
                "x UID SEARCH UID {}1\r\ny CAPABILITY\r\n",
                "1,".repeat(70_000)
            )
            .as_bytes(),
        )
        .unwrap();
    let said = rest(&mut imap.link);
    assert!(
        said.contains("* BYE") && !said.contains("* CAPABILITY"),
        "{said}"
    );
}

#[test]
fn literals_after_login_are_bounded_and_never_read_as_commands() {
    let server = server("");
    let mut imap = Imap::login(&server, ALICE).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    let before = resident(&server, Daemon::Imapd);
    let inner = b"x CREATE obeyed\r\n".repeat(1_000_000);
    let head = format!("SEARCH TEXT {{{}+}}\r\n", inner.len());
    let refused = imap
        .command_bytes(&[head.as_bytes(), &inner].concat())
        .unwrap();
    assert!(!refused.is_ok(), "{}", refused.tagged);
    assert_eq!(refused.text(), "");
    imap.ok("NOOP").unwrap();
    // A message beyond the limit, likewise.
    let inner = b"x CREATE obeyed\r\n".repeat(4_000_000);
    let head = format!("APPEND INBOX {{{}+}}\r\n", inner.len());
    let refused = imap
        .command_bytes(&[head.as_bytes(), &inner].concat())
        .unwrap();
    assert!(!refused.is_ok(), "{}", refused.tagged);
    imap.ok("NOOP").unwrap();
    // One that waits is not invited.
    let refused = imap.command("SEARCH TEXT {2000000}").unwrap();
    assert!(!refused.is_ok(), "{}", refused.tagged);
    imap.ok("NOOP").unwrap();
    // Many of them in one command.
    let many = "SEARCH OR TEXT {1+}\r\nx ".to_owned() + &"TEXT {1+}\r\ny ".repeat(3000);
    imap.command(&many).unwrap();
    let list = imap.ok("LIST \"\" *").unwrap().text();
    assert!(!list.contains("obeyed"), "{list}");
    let grown = resident(&server, Daemon::Imapd).saturating_sub(before);
    assert!(grown < 12 * 1024, "imapd grew by {grown} KiB");
    // So large that nobody would read to its end: the session ends, and what follows is not obeyed.
    imap.link
        .send(b"x APPEND INBOX {99999999999+}\r\ny CREATE obeyed\r\n")
        .unwrap();
    let said = rest(&mut imap.link);
    assert!(!said.contains("y OK"), "{said}");
    let mut imap = Imap::login(&server, ALICE).unwrap();
    assert!(!imap.ok("LIST \"\" *").unwrap().text().contains("obeyed"));
}

#[test]
fn literals_that_never_end_cost_little_before_login() {
    let server = server("");
    let mut first = connect(&server, Listener::Imap);
    ask(&mut first, "a NOOP");
    let before = resident(&server, Daemon::Imapd);
    let held: Vec<Link> = (0..200)
        .map(|_| {
            let mut link = connect(&server, Listener::Imap);
            link.send(b"a LOGIN {16000+}\r\n").unwrap();
            link.send(&[b'x'; 15_000]).unwrap();
            link
        })
        .collect();
    assert!(ask(&mut first, "b NOOP").starts_with("b OK"));
    let grown = resident(&server, Daemon::Imapd).saturating_sub(before);
    assert!(
        grown < 200 * 64,
        "imapd grew by {grown} KiB for 200 that have not logged in"
    );
    drop(held);
}

#[test]
fn those_who_idle_cost_little_and_are_told_what_happens() {
    let server = server("");
    let mut first = Imap::login(&server, ALICE).unwrap();
    first.ok("SELECT INBOX").unwrap();
    let before = resident(&server, Daemon::Imapd);
    let mut idle: Vec<Link> = (0..100)
        .map(|_| {
            let mut link = connect(&server, Listener::Imap);
            ask(&mut link, "a LOGIN alice@example.test testpass");
            link.send(b"b SELECT INBOX\r\n").unwrap();
            while !reply(&mut link).starts_with("b OK") {}
            assert!(ask(&mut link, "c IDLE").starts_with('+'));
            link
        })
        .collect();
    let grown = resident(&server, Daemon::Imapd).saturating_sub(before);
    assert!(
        grown < 100 * 100,
        "imapd grew by {grown} KiB for 100 that idle"
    );
    let mut smtp = Smtp::connect(&server).unwrap();
    smtp.deliver("x@elsewhere.test", &[ALICE], b"Subject: x\r\n\r\ny\r\n")
        .unwrap();
    for link in &mut idle {
        let begun = Instant::now();
        while !reply(link).contains(" EXISTS") {
            assert!(begun.elapsed() < REPLY_TIME_MAX);
        }
    }
}

#[test]
fn no_path_is_made_of_a_name() {
    let server = server("");
    let mut imap = Imap::login(&server, ALICE).unwrap();
    imap.ok("NOOP").unwrap();
    let before = files(server.scratch());
    let long = "a".repeat(2000);
    let deep = "a/".repeat(100) + "a";
    for name in [
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        ".",
        "~root",
        "INBOX/../../x",
        "..\\\\..\\\\x",
        "a//b",
        "&",
        "&AAA-",
        "&2D0-",
        "%",
        "*",
        "",
        "store.db",
        &long,
        &deep,
    ] {
        for command in [
            format!("CREATE \"{name}\""),
            format!("SELECT \"{name}\""),
            format!("APPEND \"{name}\" {{3+}}\r\nA:b"),
            "UNSELECT".to_owned(),
            format!("RENAME \"{name}\" \"{name}x\""),
            format!("DELETE \"{name}x\""),
        ] {
            let reply = imap.command(&command);
            assert!(reply.is_ok(), "{command}: {reply:?}\n{}", server.logs());
        }
        // Many refusals in a row would end the session.
        let reply = imap.ok("NOOP");
        assert!(reply.is_ok(), "{name}: {reply:?}\n{}", server.logs());
    }
    for name in [
        &b"a\0b"[..],
        b"a\r\nb",
        b"a\nb",
        b"\xff\xfe",
        b"\x7f",
        b"\xe2\x80\xa8",
    ] {
        let head = format!("CREATE {{{}+}}\r\n", name.len());
        let reply = imap
            .command_bytes(&[head.as_bytes(), name].concat())
            .unwrap();
        assert!(!reply.is_ok(), "{}: {}", name.escape_ascii(), reply.tagged);
    }
    // Each response is of the form that it should have, so that names cannot forge any.
    for line in imap.ok("LIST \"\" *").unwrap().untagged {
        assert!(line.starts_with(b"* LIST ("), "{}", line.escape_ascii());
    }
    assert_eq!(files(server.scratch()), before);

    let mut smtp = Smtp::connect(&server).unwrap();
    smtp.command("MAIL FROM:<x@elsewhere.test>", "250").unwrap();
    for user in [
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        "alice/../bob",
        "|id",
        "\"|id\"",
        "`id`",
        "$(id)",
    ] {
        smtp.command(&format!("RCPT TO:<{user}@example.test>"), "5")
            .unwrap();
    }
    assert_eq!(files(server.scratch()), before);
    server.mailctl_ok(&["check"], "").unwrap();
}

#[test]
fn octets_that_are_no_text_come_back_as_they_were_or_are_refused() {
    let server = server("");
    let odd: Vec<u8> = (1..=255).filter(|octet| !b"\r\n".contains(octet)).collect();
    let long = vec![b'x'; 3_000_000];
    let message = [
        b"Subject: \xff\xfe \x01\r\n\r\n",
        &odd[..],
        b"\r\n",
        &long,
        b"\r\n",
    ]
    .concat();
    let mut smtp = Smtp::connect(&server).unwrap();
    smtp.deliver("x@elsewhere.test", &[ALICE], &message)
        .unwrap();
    let mut imap = Imap::login(&server, ALICE).unwrap();
    // Such a header is taken from a client that says that it knows of them (RFC 6855 §4).
    assert!(imap.append("Sent", &message).is_err());
    let mut enabled = Imap::login(&server, ALICE).unwrap();
    enabled.ok("ENABLE UTF8=ACCEPT").unwrap();
    enabled.append("Sent", &message).unwrap();
    assert!(imap.messages("INBOX").unwrap()[0].ends_with(&message));
    assert_eq!(imap.messages("Sent").unwrap()[0], message);
    imap.ok("SELECT INBOX").unwrap();
    let told = imap
        .ok("FETCH 1 (ENVELOPE BODYSTRUCTURE)")
        .unwrap()
        .untagged;
    assert!(told[0].is_ascii(), "{}", told[0].escape_ascii());
    // No literal of IMAP may hold NUL (RFC 3501 §9): if it is taken it is never sent.
    imap.command_bytes(b"APPEND INBOX {7+}\r\nA: b\0\r\n")
        .unwrap();
    let served = imap.messages("INBOX").unwrap();
    assert!(!served.concat().contains(&0));
    let mut link = connect(&server, Listener::Imap);
    link.send(b"a NOOP\0\r\nb NOOP\r\n").unwrap();
    assert!(reply(&mut link).contains("BAD"));
    assert!(reply(&mut link).starts_with("b OK"));
    let mut link = connect(&server, Listener::Pop3);
    assert!(ask(&mut link, "USER a\0b").starts_with("-ERR"));
    assert!(ask(&mut link, "CAPA\0").starts_with("-ERR"));
    assert!(ask(&mut link, "QUIT").starts_with("+OK"));
}

#[test]
fn pop3_numbers_reach_no_message_of_another_account() {
    let server = server("");
    let mut smtp = Smtp::connect(&server).unwrap();
    for number in 0..5 {
        let secret = format!("Subject: secret {number}\r\n\r\nfor alice alone\r\n");
        smtp.deliver("x@elsewhere.test", &[ALICE], secret.as_bytes())
            .unwrap();
    }
    smtp.deliver(
        "x@elsewhere.test",
        &[BOB],
        b"Subject: own\r\n\r\nfor bob\r\n",
    )
    .unwrap();
    let mut bob = connect(&server, Listener::Pop3);
    ask(&mut bob, &format!("USER {BOB}"));
    assert!(ask(&mut bob, "PASS testpass").starts_with("+OK"));
    for number in [
        "0",
        "2",
        "3",
        "6",
        "4294967295",
        "4294967296",
        "18446744073709551617",
        "-1",
        "1.0",
        "0x1",
        "1 2 3",
    ] {
        for command in ["RETR", "DELE", "LIST", "UIDL", "TOP"] {
            let lines = if command == "TOP" { " 10" } else { "" };
            let answer = ask(&mut bob, &format!("{command} {number}{lines}"));
            assert!(answer.starts_with("-ERR"), "{command} {number}: {answer}");
        }
    }
    assert!(ask(&mut bob, "STAT").starts_with("+OK 1 "));
    assert!(ask(&mut bob, "QUIT").starts_with("+OK"));
    let mut alice = Imap::login(&server, ALICE).unwrap();
    assert_eq!(alice.messages("INBOX").unwrap().len(), 5);
}

#[test]
fn recipients_and_chunks_without_end_cost_little() {
    let server = server("");
    let mut smtp = Smtp::connect(&server).unwrap();
    smtp.command("MAIL FROM:<x@elsewhere.test>", "250").unwrap();
    let before = resident(&server, Daemon::Smtpd);
    let flood = "RCPT TO:<alice@example.test>\r\n".repeat(5_000);
    smtp.link.send(flood.as_bytes()).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    let mut ended = false;
    for _ in 0..5_000 {
        match smtp.reply() {
            Ok(reply) if reply.starts_with("250") => accepted += 1,
            Ok(reply) if reply.starts_with("4") || reply.starts_with("5") => refused += 1,
            Ok(reply) => unreachable!("{reply}"),
            Err(_) => {
                ended = true;
                break;
            }
        }
    }
    assert!(
        accepted <= 1000 && refused > 0,
        "{accepted} accepted, {refused} refused"
    );
    if !ended {
        drop(smtp.command("RSET", ""));
    }
    let mut smtp = Smtp::connect(&server).unwrap();
    smtp.command("MAIL FROM:<x@elsewhere.test>", "250").unwrap();
    smtp.command("RCPT TO:<alice@example.test>", "250").unwrap();
    smtp.link
        .send(&b"BDAT 0\r\nBDAT 1\r\nx".repeat(3_000))
        .unwrap();
    for _ in 0..6_000 {
        match smtp.reply() {
            Ok(reply) => assert!(!reply.starts_with("500"), "{reply}"),
            Err(_) => break,
        }
    }
    let grown = resident(&server, Daemon::Smtpd).saturating_sub(before);
    assert!(grown < 8 * 1024, "smtpd grew by {grown} KiB");
    let mut smtp = Smtp::connect(&server).unwrap();
    smtp.deliver("x@elsewhere.test", &[ALICE], b"Subject: honest\r\n\r\n")
        .unwrap();
}
