//! A message as large as the limit allows: through SMTP, IMAP and POP3, octet for octet, with little memory, and without
//! making others wait. And messages that are small but have as many parts as the limit allows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tests::chat::{Listener, Protocol, World as _};
use tests::imap::Imap;
use tests::link::Link;
use tests::server::{Daemon, Server};
use tests::smtp::Smtp;

/// Just under the limit of 50 MiB, with room for trace fields.
const OCTETS: usize = 50 * 1024 * 1024 - 10_000;

/// How much a daemon may grow for it: buffers, and the allocator's slack. Far less than the message.
const GROWTH_KIB_MAX: u64 = 24 * 1024;

/// How much imapd may grow while it works on messages of many parts.
const INDEXES_GROWTH_KIB_MAX: u64 = 96 * 1024;

fn message() -> Vec<u8> {
    let mut message = b"Subject: large\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
        Content-Transfer-Encoding: base64\r\n\r\n"
        .to_vec();
    let mut number = 0_u64;
    while message.len() < OCTETS - 100 {
        message.extend(format!("{number:076}\r\n").bytes());
        number += 1;
    }
    message.extend_from_slice(b"--b--\r\n");
    message
}

/// Memory of a daemon at its highest, in KiB.
fn peak(server: &Server, daemon: Daemon) -> u64 {
    let process = server.process(daemon).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn fifty_mebibytes_pass_with_little_memory_and_make_nobody_wait() {
    let server = Server::new().unwrap();
    server.start_all().unwrap();
    let large = message();
    let before = Daemon::ALL.map(|daemon| peak(&server, daemon));

    let over = AtomicBool::new(false);
    let slowest = thread::scope(|scope| {
        let others = scope.spawn(|| small_deliveries(&server, &over));
        let mut smtp = Smtp::connect(&server).unwrap();
        smtp.deliver("x@elsewhere.test", &["alice@example.test"], &large)
            .unwrap();
        let mut imap = Imap::login(&server, "alice@example.test").unwrap();
        imap.append("Archive", &large).unwrap();
        over.store(true, Ordering::Relaxed);
        others.join().unwrap()
    });
    assert!(
        slowest < Duration::from_secs(5),
        "somebody else waited {slowest:?}"
    );

    let mut imap = Imap::login(&server, "alice@example.test").unwrap();
    assert!(imap.messages("INBOX").unwrap()[0].ends_with(&large));
    assert!(imap.messages("Archive").unwrap()[0] == large);
    assert!(retrieved(&server).ends_with(&large));

    for (daemon, before) in Daemon::ALL.into_iter().zip(before) {
        let grown = peak(&server, daemon).saturating_sub(before);
        assert!(
            grown < GROWTH_KIB_MAX,
            "{} grew by {grown} KiB",
            daemon.name()
        );
    }
    server.mailctl_ok(&["check"], "").unwrap();
}

/// Each of the messages has 10,000 parts; the indexes of all of them at once would take a quarter of a GiB.
#[test]
fn messages_of_many_parts_are_fetched_and_searched_with_little_memory() {
    const MESSAGES: u32 = 40;
    let server = Server::new().unwrap();
    server.start_all().unwrap();
    let mut imap = Imap::login(&server, "alice@example.test").unwrap();
    let parts = "--b\r\n\r\n".repeat(10_000);
    let message = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}");
    for _ in 0..MESSAGES {
        imap.append("INBOX", message.as_bytes()).unwrap();
    }
    imap.command("SELECT INBOX").unwrap();
    let before = peak(&server, Daemon::Imapd);

    let fetched = imap.command("FETCH 1:* (UID ENVELOPE)").unwrap();
    assert!(fetched.is_ok());
    assert_eq!(fetched.untagged.len(), MESSAGES as usize);
    let found = imap
        .command("SEARCH HEADER Content-Type boundary NOT TEXT nowhere")
        .unwrap();
    assert_eq!(found.numbers(), (1..=MESSAGES).collect::<Vec<_>>());

    let grown = peak(&server, Daemon::Imapd).saturating_sub(before);
    assert!(grown < INDEXES_GROWTH_KIB_MAX, "imapd grew by {grown} KiB");
}

/// Delivers small messages until it is over; the longest time that one took.
fn small_deliveries(server: &Server, over: &AtomicBool) -> Duration {
    let mut smtp = Smtp::connect(server).unwrap();
    let mut slowest = Duration::ZERO;
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        let message = b"Subject: small\r\n\r\nhello\r\n";
        smtp.deliver("x@elsewhere.test", &["bob@example.test"], message)
            .unwrap();
        slowest = slowest.max(start.elapsed());
        thread::sleep(Duration::from_millis(20));
    }
    slowest
}

/// What POP3 gives for alice's first message. It has no lines that begin with dots.
fn retrieved(server: &Server) -> Vec<u8> {
    let time = Duration::from_secs(60);
    let address = server.address(Listener::Pop3).unwrap();
    let mut link = Link::connect(address, None, Protocol::Pop3).unwrap();
    link.send(b"USER alice@example.test\r\nPASS testpass\r\nRETR 1\r\n")
        .unwrap();
    for _ in 0..4 {
        assert!(link.response(time).unwrap().starts_with(b"+OK"));
    }
    let mut message = Vec::new();
    loop {
        let line = link.response(time).unwrap();
        if line == b"." {
            return message;
        }
        message.extend_from_slice(&line);
        message.extend_from_slice(b"\r\n");
    }
}
