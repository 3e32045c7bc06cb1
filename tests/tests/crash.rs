//! kill -9, again and again, while mail is sent, moved and expunged.
//!
//! Workers note what they were promised: a message answered 250 or OK is there afterwards exactly once and whole; a
//! message whose answer never came may be there or not, but not twice and not in part; one whose EXPUNGE was answered OK
//! is gone. Then `mailctl check` finds nothing wrong with the store.
//!
//! `PENNYBLACK_CRASHES` says how often each daemon is killed; without it the test takes some seconds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tests::imap::{Imap, ImapError};
use tests::server::{Daemon, Server};
use tests::smtp::{Smtp, SmtpError};

/// How often each daemon is killed in a normal run.
const CRASHES: usize = 8;

/// How long the workers may take for some messages, while daemons come and go.
const PROGRESS_TIME_MAX: Duration = Duration::from_secs(60);

const USER: &str = "bob@example.test";

/// What a worker knows of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Sent or being removed, and no answer came.
    Unknown,
    /// Promised to be there.
    There,
    /// Promised to be gone.
    Gone,
}

/// What all workers know, by the message's name.
#[derive(Default)]
struct Ledger {
    fates: Mutex<BTreeMap<String, Fate>>,
    count: AtomicUsize,
    promises: AtomicUsize,
    over: AtomicBool,
}

impl Ledger {
    fn new_name(&self, who: &str) -> String {
        format!("{who}-{:06}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    fn note(&self, name: &str, fate: Fate) {
        if fate != Fate::Unknown {
            self.promises.fetch_add(1, Ordering::Relaxed);
        }
        self.fates.lock().unwrap().insert(name.to_owned(), fate);
    }

    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }
}

/// A message whose every octet follows from its name; its size goes from 1 KiB to over 300 KiB.
fn message(name: &str) -> Vec<u8> {
    let seed = name.bytes().fold(7usize, |seed, byte| {
        seed.wrapping_mul(31) + usize::from(byte)
    });
    let lines = match seed % 20 {
        0 => 5_000,
        1..=4 => 500,
        _ => 15,
    };
    let mut text = format!("From: alice@example.test\r\nTo: {USER}\r\nSubject: {name}\r\n\r\n");
    for line in 0..lines {
        text.push_str(&format!(
            "line {line} of {name}, to be there once and whole {seed:020}\r\n"
        ));
    }
    text.into_bytes()
}

#[test]
fn what_was_promised_survives_kill_9() {
    let crashes = std::env::var("PENNYBLACK_CRASHES").map_or(CRASHES, |text| {
        text.parse().expect("PENNYBLACK_CRASHES is a number")
    });
    let server = Server::new().unwrap();
    server.start_all().unwrap();
    let ledger = Ledger::default();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| work(&ledger, || send(&server, &ledger)));
        }
        scope.spawn(|| work(&ledger, || append(&server, &ledger)));
        scope.spawn(|| work(&ledger, || shuffle(&server, &ledger)));
        scope.spawn(|| work(&ledger, || expunge(&server, &ledger)));
        kill_and_restart(&server, &ledger, crashes);
        ledger.over.store(true, Ordering::Relaxed);
    });
    verify(&server, &ledger);
}

/// Does a piece of work until the crashes are over. A lost connection is what the test is about: the work begins anew.
fn work(ledger: &Ledger, piece: impl Fn() -> Option<()>) {
    while ledger.goes_on() {
        if piece().is_none() {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Kills each daemon in turn, each time after some promises and a moment that follows no rhythm of the daemons' own.
fn kill_and_restart(server: &Server, ledger: &Ledger, crashes: usize) {
    for round in 0..crashes {
        for (turn, daemon) in Daemon::ALL.into_iter().enumerate() {
            wait_for_promises(ledger, 2 + (round * 7 + turn * 3) % 12);
            thread::sleep(Duration::from_micros(
                (round as u64 * 3_701 + turn as u64 * 911) % 20_000,
            ));
            server.kill(daemon);
            server.start(daemon).unwrap();
        }
    }
}

fn wait_for_promises(ledger: &Ledger, count: usize) {
    let target = ledger.promises.load(Ordering::Relaxed) + count;
    let deadline = Instant::now() + PROGRESS_TIME_MAX;
    while ledger.promises.load(Ordering::Relaxed) < target {
        assert!(
            Instant::now() < deadline,
            "no work is done between the crashes"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// One session that sends messages by SMTP. None: the connection was lost.
fn send(server: &Server, ledger: &Ledger) -> Option<()> {
    let mut smtp = Smtp::connect(server).ok()?;
    while ledger.goes_on() {
        let name = ledger.new_name("smtp");
        ledger.note(&name, Fate::Unknown);
        match smtp.deliver("alice@example.test", &[USER], &message(&name)) {
            Ok(()) => ledger.note(&name, Fate::There),
            Err(SmtpError::Lost(_)) => return None,
            Err(refused) => panic_unless_stopping(&refused.to_string()),
        }
    }
    Some(())
}

/// One session that appends messages by IMAP.
fn append(server: &Server, ledger: &Ledger) -> Option<()> {
    let mut imap = Imap::login(server, USER).ok()?;
    while ledger.goes_on() {
        let name = ledger.new_name("append");
        ledger.note(&name, Fate::Unknown);
        match imap.append("INBOX", &message(&name)) {
            Ok(()) => ledger.note(&name, Fate::There),
            Err(ImapError::Lost(_)) => return None,
            Err(refused) => panic_unless_stopping(&refused.to_string()),
        }
    }
    Some(())
}

/// One session that moves messages around: whatever the answer, each stays there once.
fn shuffle(server: &Server, ledger: &Ledger) -> Option<()> {
    let mut imap = Imap::login(server, USER).ok()?;
    while ledger.goes_on() {
        for (from, to) in [("INBOX", "Archive"), ("Archive", "Junk"), ("Junk", "INBOX")] {
            imap.ok(&format!("SELECT {from}")).ok()?;
            // In an empty mailbox these are refused.
            imap.command("STORE 1:5 +FLAGS (\\Flagged)").ok()?;
            imap.command(&format!("MOVE 1:20 {to}")).ok()?;
        }
    }
    Some(())
}

/// One session that sends messages of its own, and expunges them.
fn expunge(server: &Server, ledger: &Ledger) -> Option<()> {
    let mut imap = Imap::login(server, USER).ok()?;
    while ledger.goes_on() {
        let names: Vec<String> = (0..3).map(|_| ledger.new_name("expunge")).collect();
        for name in &names {
            ledger.note(name, Fate::Unknown);
            imap.append("Trash", &message(name)).ok()?;
            ledger.note(name, Fate::There);
        }
        imap.ok("SELECT Trash").ok()?;
        for name in &names[..2] {
            let found = imap
                .ok(&format!("UID SEARCH SUBJECT {name}"))
                .ok()?
                .numbers();
            let uid = found.last().copied()?;
            ledger.note(name, Fate::Unknown);
            imap.ok(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"))
                .ok()?;
            imap.ok(&format!("UID EXPUNGE {uid}")).ok()?;
            ledger.note(name, Fate::Gone);
        }
    }
    Some(())
}

/// A daemon that is being killed never refuses; a refusal would hide a loss.
#[allow(clippy::panic, reason = "a test that cannot go on has failed")]
fn panic_unless_stopping(refusal: &str) {
    panic!("refused: {refusal}");
}

fn verify(server: &Server, ledger: &Ledger) {
    let mut imap = Imap::login(server, USER).unwrap();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for mailbox in ["INBOX", "Archive", "Junk", "Trash"] {
        for content in imap.messages(mailbox).unwrap() {
            let name = subject(&content).expect("a message without its subject is torn");
            assert!(content.ends_with(&message(&name)), "{name} is torn");
            *found.entry(name).or_default() += 1;
        }
    }
    let fates = ledger.fates.lock().unwrap();
    let mut wrong = Vec::new();
    for (name, fate) in fates.iter() {
        let times = found.remove(name).unwrap_or_default();
        let right = match fate {
            Fate::There => times == 1,
            Fate::Gone => times == 0,
            Fate::Unknown => times <= 1,
        };
        if !right {
            wrong.push(format!("{name}: {fate:?}, found {times} times"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), server.logs());
    assert!(found.is_empty(), "nobody sent {found:?}");
    let promised = fates
        .values()
        .filter(|fate| **fate != Fate::Unknown)
        .count();
    println!(
        "{} messages, {promised} of them with a promise",
        fates.len()
    );
    assert!(
        promised > 20,
        "too little was done between the crashes: {promised}"
    );
    server.mailctl_ok(&["check"], "").unwrap();
}

fn subject(message: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(message);
    text.lines()
        .find_map(|line| line.strip_prefix("Subject: "))
        .map(str::to_owned)
}
