//! A message that one session fetches and another expunges meanwhile: it is served to its end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use tests::chat::{Listener, Protocol, World};
use tests::imap::Imap;
use tests::link::Link;
use tests::server::{PASSWORD, Server};

const ALICE: &str = "alice@example.test";
const TIME_MAX: Duration = Duration::from_secs(60);
/// More than what the buffers of both sides hold together.
const OCTETS: usize = 32 * 1024 * 1024;

/// A message of which header and body are both too large to be read at once.
fn large() -> Vec<u8> {
    let mut message = b"Subject: large\r\n".to_vec();
    for number in 0..60_000 {
        message.extend(format!("X-{}: {number:030}\r\n", number % 2).bytes());
    }
    message.extend(b"X-Last: yes\r\n\r\n");
    while message.len() < OCTETS {
        message.extend_from_slice(&[b'x'; 70]);
        message.extend_from_slice(b"\r\n");
    }
    message
}

fn response(link: &mut Link) -> Vec<u8> {
    link.response(TIME_MAX).unwrap()
}

#[test]
fn a_message_expunged_while_it_is_sent_is_sent_to_its_end() {
    let server = Server::new().unwrap();
    let message = large();
    let mut reader = Imap::login(&server, ALICE).unwrap();
    reader.append("INBOX", &message).unwrap();
    reader.ok("SELECT INBOX").unwrap();
    let mut other = Imap::login(&server, ALICE).unwrap();
    other.ok("SELECT INBOX").unwrap();

    // The reader takes nothing until the message is gone: the sockets' buffers do not hold it.
    reader.link.send(b"f FETCH 1 BODY.PEEK[]\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(500));
    other.ok("STORE 1 +FLAGS (\\Deleted)").unwrap();
    assert_eq!(other.ok("EXPUNGE").unwrap().text(), "* 1 EXPUNGE");

    let fetched = response(&mut reader.link);
    let head = format!("* 1 FETCH (BODY[] {{{}}}\r\n", message.len());
    assert!(fetched.starts_with(head.as_bytes()));
    assert!(fetched[head.len()..].starts_with(&message));
    assert!(response(&mut reader.link).starts_with(b"f OK"));
    // What has not been begun is no more.
    let gone = reader.command("FETCH 1 BODY.PEEK[]").unwrap();
    assert!(gone.tagged.starts_with("NO [EXPUNGEISSUED]"), "{gone:?}");
    assert_eq!(reader.ok("NOOP").unwrap().text(), "* 1 EXPUNGE");
    server.mailctl_ok(&["check"], "").unwrap();
}

#[test]
fn pop3_sends_it_to_its_end_too() {
    let server = Server::new().unwrap();
    let message = large();
    let mut other = Imap::login(&server, ALICE).unwrap();
    other.append("INBOX", &message).unwrap();
    other.ok("SELECT INBOX").unwrap();
    let address = World::address(&server, Listener::Pop3).unwrap();
    let mut reader = Link::connect(address, None, Protocol::Pop3).unwrap();
    assert!(response(&mut reader).starts_with(b"+OK"));
    for command in [format!("USER {ALICE}"), format!("PASS {PASSWORD}")] {
        reader.send(format!("{command}\r\n").as_bytes()).unwrap();
        assert!(response(&mut reader).starts_with(b"+OK"));
    }

    // The reader takes nothing until the message is gone: the sockets' buffers do not hold it.
    reader.send(b"RETR 1\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(500));
    other.ok("STORE 1 +FLAGS (\\Deleted)").unwrap();
    assert_eq!(other.ok("EXPUNGE").unwrap().text(), "* 1 EXPUNGE");

    let status = format!("+OK {} octets\r\n", message.len());
    let all = [status.as_bytes(), &message, b".\r\n"].concat();
    assert!(reader.octets(all.len(), TIME_MAX).unwrap() == all);
    // What has not been begun is no more.
    reader.send(b"RETR 1\r\n").unwrap();
    assert!(response(&mut reader).starts_with(b"-ERR"));
}

#[test]
fn fields_are_found_wherever_they_stand_in_a_header_of_two_mebibytes() {
    let server = Server::new().unwrap();
    let mut imap = Imap::login(&server, ALICE).unwrap();
    imap.append("INBOX", &large()).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    let section = |imap: &mut Imap, item: &str| {
        let text = imap
            .ok(&format!("FETCH 1 (BODY.PEEK[{item})"))
            .unwrap()
            .text();
        text.split_once("}\r\n")
            .unwrap()
            .1
            .trim_end_matches(')')
            .to_owned()
    };
    let chosen = section(&mut imap, "HEADER.FIELDS (X-Last Subject)]");
    assert_eq!(chosen, "Subject: large\r\nX-Last: yes\r\n\r\n");
    let chosen = section(&mut imap, "HEADER.FIELDS.NOT (X-1 X-0)]");
    assert_eq!(chosen, "Subject: large\r\nX-Last: yes\r\n\r\n");
    let chosen = section(&mut imap, "HEADER.FIELDS (X-Last Subject)]<10.14>");
    assert_eq!(chosen, "arge\r\nX-Last: ");
    let half = section(&mut imap, "HEADER.FIELDS (X-1)]");
    assert_eq!(
        half.lines()
            .filter(|line| line.starts_with("X-1: "))
            .count(),
        30_000
    );
    assert!(
        half.ends_with("000000059999\r\n\r\n"),
        "{}",
        &half[half.len() - 60..]
    );
    let both = section(
        &mut imap,
        "HEADER.FIELDS (X-1)] UID BODY.PEEK[HEADER.FIELDS (X-Last)]",
    );
    assert!(both.contains(" UID 1 BODY[HEADER.FIELDS (X-Last)] {15}\r\nX-Last: yes\r\n\r\n"));
}
