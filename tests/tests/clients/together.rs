//! Several programs at once on one mailbox: nobody loses a message, nobody sees one twice.

use super::{file, holds, message, messages, run, server};
use std::thread;
use tests::chat::Listener;
use tests::imap::Imap;
use tests::server::Server;
use tests::smtp::Smtp;

const MESSAGES_EACH: usize = 60;

#[test]
fn senders_readers_and_movers_share_one_mailbox() {
    let server = server();
    thread::scope(|scope| {
        let senders = [
            scope.spawn(|| smtp_sends(&server)),
            scope.spawn(|| curl_appends(&server)),
            scope.spawn(|| swaks_sends(&server)),
        ];
        let mover = scope.spawn(|| imap_moves(&server));
        let fetcher = scope.spawn(|| imap_reads(&server));
        for sender in senders {
            sender.join().unwrap();
        }
        mover.join().unwrap();
        fetcher.join().unwrap();
    });
    let mut subjects: Vec<String> = ["INBOX", "Archive"]
        .into_iter()
        .flat_map(|mailbox| subjects(&server, mailbox))
        .collect();
    subjects.sort();
    let mut expected: Vec<String> = ["smtp", "swaks", "curl"]
        .into_iter()
        .flat_map(|who| (1..=count(who)).map(move |number| format!("{who}-{number}")))
        .collect();
    expected.sort();
    assert_eq!(subjects, expected, "{}", server.logs());
    server.mailctl_ok(&["check"], "").unwrap();
}

/// Programs that are started for each message send fewer.
fn count(who: &str) -> usize {
    if who == "smtp" {
        MESSAGES_EACH
    } else {
        MESSAGES_EACH / 6
    }
}

fn smtp_sends(server: &Server) {
    let mut smtp = Smtp::connect(server).unwrap();
    for number in 1..=count("smtp") {
        let text = String::from_utf8(message(&format!("smtp-{number}"))).unwrap();
        let stuffed = text.replace("\r\n.", "\r\n..");
        smtp.deliver(
            "alice@example.test",
            &["bob@example.test"],
            stuffed.as_bytes(),
        )
        .unwrap();
    }
}

fn curl_appends(server: &Server) {
    for number in 1..=count("curl") {
        let path = file(
            server,
            &format!("curl-{number}"),
            &message(&format!("curl-{number}")),
        );
        let url = format!(
            "imaps://{}:{}/INBOX",
            server.host(),
            Server::port(Listener::Imaps)
        );
        run(
            server,
            "curl",
            &[
                "-sS",
                "-k",
                "-u",
                "bob@example.test:testpass",
                &url,
                "-T",
                &path,
            ],
            b"",
        );
    }
}

fn swaks_sends(server: &Server) {
    let (host, port) = (
        server.host().to_string(),
        Server::port(Listener::Submissions).to_string(),
    );
    for number in 1..=count("swaks") {
        let header = format!("Subject: swaks-{number}");
        let arguments = [
            &[
                "--server",
                &host,
                "--port",
                &port,
                "--tls-on-connect",
                "--header",
                &header,
            ][..],
            &[
                "--auth",
                "PLAIN",
                "--auth-user",
                "alice@example.test",
                "--auth-password",
                "testpass",
            ],
            &["--from", "alice@example.test", "--to", "bob@example.test"],
        ];
        run(server, "swaks", &arguments.concat(), b"");
    }
}

/// Moves what is there to Archive, time and again.
fn imap_moves(server: &Server) {
    let mut imap = Imap::login(server, "bob@example.test").unwrap();
    imap.ok("SELECT INBOX").unwrap();
    for _ in 0..30 {
        let there = imap.ok("UID SEARCH ALL").unwrap().numbers();
        for uid in there.iter().take(3) {
            imap.ok(&format!("UID MOVE {uid} Archive")).unwrap();
        }
        thread::sleep(std::time::Duration::from_millis(30));
    }
}

/// Reads what was moved to Archive, again and again, while more comes: curl for the list, our own client for the mail.
/// (getmail hangs at times, and fetchmail takes an untagged RECENT for an error.)
fn imap_reads(server: &Server) {
    let url = format!(
        "imaps://{}:{}/Archive",
        server.host(),
        Server::port(Listener::Imaps)
    );
    let user = "bob@example.test:testpass";
    let mut imap = Imap::login(server, "bob@example.test").unwrap();
    for _ in 0..10 {
        run(
            server,
            "curl",
            &["-sS", "-k", "-u", user, &url, "-X", "UID SEARCH ALL"],
            b"",
        );
        for message in imap.messages("Archive").unwrap() {
            assert!(message.ends_with(b"--=-=--\r\n") || holds(&message, "swaks"));
        }
    }
}

fn subjects(server: &Server, mailbox: &str) -> Vec<String> {
    let mut imap = Imap::login(server, "bob@example.test").unwrap();
    let count = imap.messages(mailbox).unwrap().len();
    messages(server, "bob@example.test", mailbox, count)
        .iter()
        .filter_map(|message| {
            let text = String::from_utf8_lossy(message).into_owned();
            let subject = text
                .lines()
                .find_map(|line| line.strip_prefix("Subject: "))?;
            Some(subject.to_owned())
        })
        .collect()
}
