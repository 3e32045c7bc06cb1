//! Ten IMAP sessions on one mailbox, in three processes, do random things at once, while mail comes by SMTP and POP3 deletes; each
//! checks all untagged data against what it knows.
//!
//! A session keeps, like a client, the UID behind each sequence number and the flags of each message. No EXPUNGE may come
//! during FETCH, STORE or SEARCH (RFC 3501 §7.4.1), no number may be wrong, none may be told of twice, and no change may
//! be lost: from time to time every session asks for everything and finds exactly what it knew. The sessions speak in
//! different ways: with CONDSTORE, with QRESYNC, with IMAP4rev2, with UIDONLY. Those with QRESYNC leave at times and come
//! back with what they know, which must then be enough. A failure names the seed and shows the last lines.
//!
//! `PENNYBLACK_MODEL=N` runs N seeds instead of two.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tests::chat::{Listener, World};
use tests::imap::Imap;
use tests::server::{PASSWORD, Server};
use tests::smtp::Smtp;

const ALICE: &str = "alice@example.test";
/// Processes of imapd.
const PROCESSES: usize = 3;
/// How often all is compared, and what each session does before.
const ROUNDS: usize = 8;
const STEPS: usize = 12;
const FLAGS: [&str; 5] = ["\\Seen", "\\Flagged", "\\Deleted", "$A", "$B"];

/// Numbers that look random and are the same for the same seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

type Flags = BTreeSet<String>;

/// How a session speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain,
    CondStore,
    QResync,
    Rev2,
    UidOnly,
}

/// The sessions. Each process has several kinds of them, as 10 and [`PROCESSES`] have no common divisor.
const MODES: [Mode; 10] = [
    Mode::Plain,
    Mode::CondStore,
    Mode::QResync,
    Mode::Rev2,
    Mode::UidOnly,
    Mode::QResync,
    Mode::QResync,
    Mode::Rev2,
    Mode::Plain,
    Mode::UidOnly,
];

/// One session, and what it knows.
struct Client<'a> {
    server: &'a Server,
    imap: Imap,
    mode: Mode,
    uids: Vec<Option<u32>>,
    flags: BTreeMap<u32, Flags>,
    /// With UIDONLY: the last message up to which none is unknown.
    all_known_to: u32,
    /// With QRESYNC: up to where all is known.
    modseq: u64,
    /// What the command that runs has told: the highest MODSEQ, and HIGHESTMODSEQ.
    modseq_seen: u64,
    modseq_told: Option<u64>,
    uid_validity: u32,
    said: Vec<String>,
}

impl<'a> Client<'a> {
    fn new(server: &'a Server, mode: Mode) -> Client<'a> {
        let mut client = Client {
            server,
            imap: Imap::login(server, ALICE).unwrap(),
            mode,
            uids: Vec::new(),
            flags: BTreeMap::new(),
            all_known_to: 0,
            modseq: 0,
            modseq_seen: 0,
            modseq_told: None,
            uid_validity: 0,
            said: Vec::new(),
        };
        client.enable();
        client.run(match mode {
            Mode::CondStore => "SELECT INBOX (CONDSTORE)",
            _ => "SELECT INBOX",
        });
        client.run("UID FETCH 1:* (FLAGS)");
        client
    }

    fn enable(&mut self) {
        match self.mode {
            Mode::Plain | Mode::CondStore => {}
            Mode::QResync => drop(self.run("ENABLE QRESYNC")),
            Mode::Rev2 => {
                self.run("ENABLE IMAP4rev2");
                if !self
                    .said
                    .iter()
                    .any(|line| line == "S: * ENABLED IMAP4rev2")
                {
                    self.mode = Mode::Plain;
                }
            }
            Mode::UidOnly => drop(self.run("ENABLE UIDONLY")),
        }
    }

    fn has_condstore(&self) -> bool {
        matches!(self.mode, Mode::CondStore | Mode::QResync)
    }

    /// Leaves, and comes back with what it knows (RFC 7162 §3.2.5).
    fn resynchronise(&mut self, dice: &mut Dice) {
        self.learn_all();
        self.imap = Imap::login(self.server, ALICE).unwrap();
        self.said.push("-- reconnected".to_owned());
        self.enable();
        let known: Vec<u32> = self.uids.drain(..).flatten().collect();
        let samples = match known.len() {
            // A sample in the middle, as it was when the client left.
            2.. if dice.below(2) == 0 => {
                let middle = known.len() / 2;
                format!(" ({} {})", middle + 1, known[middle])
            }
            _ => String::new(),
        };
        let reply = self
            .imap
            .command(&format!(
                "SELECT INBOX (QRESYNC ({} {}{samples}))",
                self.uid_validity,
                self.modseq.max(1)
            ))
            .unwrap();
        self.modseq = 0;
        let mut known: BTreeSet<u32> = known.into_iter().collect();
        let mut exists = 0;
        for line in &reply.untagged {
            let line = String::from_utf8_lossy(line).trim_end().to_owned();
            self.said.push(format!("S: {line}"));
            self.note_modseq(&line);
            if let Some(set) = line.strip_prefix("* VANISHED (EARLIER) ") {
                for uid in numbers(set) {
                    known.remove(&uid);
                    self.flags.remove(&uid);
                }
            } else if let Some(count) = line.strip_suffix(" EXISTS") {
                exists = count[2..].parse().unwrap();
            } else if let Some((_, items)) = line.split_once(" FETCH ") {
                let uid = word_after(items, "UID ").unwrap();
                known.insert(uid);
                self.flags.insert(uid, flags_in(items).unwrap());
            }
        }
        self.write_modseq_down();
        self.check(
            reply.is_ok(),
            &format!("not resynchronised: {}", reply.tagged),
        );
        self.check(
            known.len() == exists,
            "resynchronised with another number of messages",
        );
        self.uids = known.into_iter().map(Some).collect();
    }

    fn note_modseq(&mut self, line: &str) {
        if let Some(modseq) = word_after64(line, "[HIGHESTMODSEQ ") {
            self.modseq_told = Some(modseq);
        } else if let Some(modseq) = word_after64(line, "MODSEQ (") {
            self.modseq_seen = self.modseq_seen.max(modseq);
        }
        if let Some(uid_validity) = word_after(line, "[UIDVALIDITY ") {
            self.uid_validity = uid_validity;
        }
    }

    /// What a client with QRESYNC writes down at the end of a command: what the server says that it knows all up to, or else
    /// the highest mod-sequence that it has seen (RFC 7162 §6).
    fn write_modseq_down(&mut self) {
        let seen = self.modseq.max(std::mem::take(&mut self.modseq_seen));
        self.modseq = self.modseq_told.take().unwrap_or(seen);
    }

    /// Asks for the UIDs of messages of which only the number is known: VANISHED may name them soon.
    fn learn_all(&mut self) {
        while self.uids.contains(&None) {
            let before = self.uids.iter().map_while(|uid| *uid).last();
            let first = match self.mode {
                // Without numbers nobody knows where the gap is.
                Mode::UidOnly => self.all_known_to,
                _ => before.unwrap_or(0),
            };
            self.run_once(&format!("UID FETCH {}:* (FLAGS)", first + 1));
        }
        self.all_known_to = self.uids.last().copied().flatten().unwrap_or(0);
    }

    fn run(&mut self, command: &str) -> (String, BTreeSet<usize>) {
        let answer = self.run_once(command);
        if matches!(self.mode, Mode::QResync | Mode::UidOnly) {
            self.learn_all();
        }
        answer
    }

    /// Runs a command and takes in what is told; gives the numbers of the messages that FETCH told of.
    fn run_once(&mut self, command: &str) -> (String, BTreeSet<usize>) {
        let reply = self.imap.command(command).unwrap();
        self.said.push(format!("C: {command}"));
        let mut told = BTreeSet::new();
        for line in reply.untagged {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.said.push(format!("S: {line}"));
            told.extend(self.take(&line, command));
        }
        self.said.push(format!("S: {}", reply.tagged.trim_end()));
        self.note_modseq(&reply.tagged);
        self.write_modseq_down();
        (reply.tagged, told)
    }

    fn take(&mut self, line: &str, command: &str) -> Option<usize> {
        self.note_modseq(line);
        let forbidden = ["FETCH", "STORE", "SEARCH"]
            .iter()
            .any(|verb| command.starts_with(verb));
        if let Some(set) = line.strip_prefix("* VANISHED ") {
            let by_uid = matches!(self.mode, Mode::QResync | Mode::UidOnly);
            self.check(by_uid, "VANISHED to a client that did not enable it");
            self.check(!forbidden, "VANISHED where there may be none");
            for uid in numbers(set) {
                // One that was told by EXISTS alone goes as well, and it does not matter which of them.
                let named = |wanted| self.uids.iter().position(|known| *known == wanted);
                let position = named(Some(uid)).or_else(|| named(None));
                self.check(position.is_some(), "VANISHED of no message");
                self.uids.remove(position.unwrap_or_default());
                self.flags.remove(&uid);
            }
            return None;
        }
        let (number, rest) = line.strip_prefix("* ")?.split_once(' ')?;
        let number: usize = number.parse().ok()?;
        if rest == "EXISTS" {
            self.check(number >= self.uids.len(), "EXISTS shrinks");
            self.uids.resize(number, None);
        } else if rest == "EXPUNGE" {
            let by_number = !matches!(self.mode, Mode::QResync | Mode::UidOnly);
            self.check(by_number, "EXPUNGE instead of VANISHED");
            self.check(!forbidden, "EXPUNGE where there may be none");
            self.check(
                (1..=self.uids.len()).contains(&number),
                "EXPUNGE of no message",
            );
            if let Some(uid) = self.uids.remove(number - 1) {
                self.flags.remove(&uid);
            }
        } else if rest == "RECENT" {
            self.check(self.mode != Mode::Rev2, "RECENT in IMAP4rev2");
        } else if let Some(items) = rest.strip_prefix("UIDFETCH ") {
            self.check(
                self.mode == Mode::UidOnly,
                "UIDFETCH to a client that did not enable it",
            );
            self.take_uid_fetch(u32::try_from(number).unwrap(), items);
        } else if let Some(items) = rest.strip_prefix("FETCH ") {
            self.check(self.mode != Mode::UidOnly, "FETCH by number with UIDONLY");
            self.check(
                (1..=self.uids.len()).contains(&number),
                "FETCH of no message",
            );
            self.take_fetch(number, items);
            return Some(number);
        }
        None
    }

    fn take_fetch(&mut self, number: usize, items: &str) {
        if let Some(uid) = word_after(items, "UID ") {
            let known = self.uids[number - 1].replace(uid);
            self.check(
                known.is_none_or(|known| known == uid),
                "a number has another UID",
            );
        }
        if let (Some(flags), Some(uid)) = (flags_in(items), self.uids[number - 1]) {
            self.flags.insert(uid, flags);
        }
    }

    fn take_uid_fetch(&mut self, uid: u32, items: &str) {
        if !self.uids.contains(&Some(uid)) {
            let first = self.uids.iter().position(Option::is_none);
            self.check(first.is_some(), "UIDFETCH of no message");
            self.uids[first.unwrap_or_default()] = Some(uid);
            self.uids.sort_by_key(|uid| (uid.is_none(), *uid));
        }
        if let Some(flags) = flags_in(items) {
            self.flags.insert(uid, flags);
        }
    }

    /// What a client works out by itself after a silent STORE that was not told.
    fn store_silently(&mut self, first: usize, last: usize, operation: &str, flag: &str) {
        let (tagged, told) = self.run(&format!(
            "STORE {first}:{last} {operation}FLAGS.SILENT ({flag})"
        ));
        if self.has_condstore()
            || !(tagged.starts_with("OK") || tagged.starts_with("NO [EXPUNGEISSUED]"))
        {
            return;
        }
        for number in (first..=last).filter(|number| !told.contains(number)) {
            let Some(flags) = self.uids[number - 1].and_then(|uid| self.flags.get_mut(&uid)) else {
                continue;
            };
            match operation {
                "+" => drop(flags.insert(flag.to_owned())),
                "-" => drop(flags.remove(flag)),
                _ => *flags = [flag.to_owned()].into(),
            }
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        if self.mode == Mode::QResync && dice.below(12) == 0 {
            return self.resynchronise(dice);
        }
        if self.mode == Mode::UidOnly {
            return self.step_by_uid(dice);
        }
        let first = 1 + dice.below(self.uids.len());
        let last = self.uids.len().min(first + dice.below(4));
        let flag = dice.one_of(&FLAGS);
        let command = match dice.below(20) {
            _ if self.uids.len() < 3 => append(flag),
            0..3 => append(flag),
            3..5 => format!(
                "STORE {first}:{last} {}FLAGS ({flag})",
                dice.one_of(&["+", "-", ""])
            ),
            5..7 => return self.store_silently(first, last, dice.one_of(&["+", "-", ""]), flag),
            7 => format!("UID STORE {first}:* +FLAGS ({flag})"),
            8..10 => dice.one_of(&["EXPUNGE", "UID EXPUNGE 1:100"]).to_owned(),
            10 => format!(
                "{} {first}:{last} {}",
                dice.one_of(&["COPY", "MOVE"]),
                dice.one_of(&["INBOX", "Trash"])
            ),
            11..13 => format!("FETCH {first}:{last} (UID FLAGS RFC822.SIZE)"),
            13 => format!("FETCH {first}:{last} (BODY[TEXT])"),
            14 => "SEARCH UNSEEN".to_owned(),
            15..17 => "UID FETCH 1:* (FLAGS)".to_owned(),
            _ => "NOOP".to_owned(),
        };
        self.run(&command);
    }

    fn step_by_uid(&mut self, dice: &mut Dice) {
        let flag = dice.one_of(&FLAGS);
        let known: Vec<u32> = self.uids.iter().flatten().copied().collect();
        let Some(&uid) = known.get(dice.below(known.len())) else {
            return drop(self.run(&append(flag)));
        };
        let set = format!("{uid}:{}", uid + dice.below(4) as u32);
        let command = match dice.below(16) {
            0..3 => append(flag),
            3..6 => format!(
                "UID STORE {set} {}FLAGS ({flag})",
                dice.one_of(&["+", "-", ""])
            ),
            6 => "EXPUNGE".to_owned(),
            7 => format!("UID EXPUNGE {set}"),
            8 => format!("UID {} {set} Trash", dice.one_of(&["COPY", "MOVE"])),
            9..12 => format!("UID FETCH {set} (FLAGS BODY[TEXT])"),
            12 => "UID SEARCH UNSEEN".to_owned(),
            _ => "NOOP".to_owned(),
        };
        self.run(&command);
    }

    /// Asks for everything: it must be what was known. Gives the UIDs.
    fn verify(&mut self) -> Vec<Option<u32>> {
        self.run("NOOP");
        self.learn_all();
        let (uids, flags) = (self.uids.clone(), std::mem::take(&mut self.flags));
        self.uids.fill(None);
        self.run("UID FETCH 1:* (FLAGS)");
        let same = uids.len() == self.uids.len()
            && uids
                .iter()
                .zip(&self.uids)
                .all(|(known, real)| known.is_none() || known == real);
        let real: Vec<_> = self.uids.iter().flatten().collect();
        self.check(
            same,
            &format!("a number was wrong: not {real:?}, but {uids:?}"),
        );
        let lost = flags
            .iter()
            .find(|(uid, known)| self.flags.get(uid) != Some(known));
        self.check(
            lost.is_none(),
            &format!("a change of flags was lost: {lost:?}"),
        );
        self.uids.clone()
    }

    fn check(&self, holds: bool, fault: &str) {
        let last = &self.said[self.said.len().saturating_sub(40)..];
        assert!(holds, "{fault}\n{}", last.join("\n"));
    }
}

fn append(flag: &str) -> String {
    let message = "Subject: x\r\n\r\ntext\r\n";
    format!("APPEND INBOX ({flag}) {{{}+}}\r\n{message}", message.len())
}

fn word_after(text: &str, name: &str) -> Option<u32> {
    let (_, rest) = text.split_once(name)?;
    rest.split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn word_after64(text: &str, name: &str) -> Option<u64> {
    let (_, rest) = text.split_once(name)?;
    let word = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    word.parse().ok()
}

fn flags_in(items: &str) -> Option<Flags> {
    let (flags, _) = items.split_once("FLAGS (")?.1.split_once(')')?;
    let flags = flags.split_whitespace().filter(|flag| *flag != "\\Recent");
    Some(flags.map(str::to_owned).collect())
}

/// The numbers of a set, without `*`.
fn numbers(set: &str) -> Vec<u32> {
    let ranges = set.split(',').map(|range| {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        first.parse().unwrap()..=last.parse().unwrap()
    });
    ranges.flatten().collect()
}

/// Deletes the first message by POP3.
fn delete_by_pop3(address: SocketAddr) {
    let mut stream = BufReader::new(TcpStream::connect(address).unwrap());
    stream.read_line(&mut String::new()).unwrap();
    let mut ask = |line: &str| {
        stream
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes())
            .unwrap();
        let mut reply = String::new();
        stream.read_line(&mut reply).unwrap();
        reply
    };
    ask(&format!("USER {ALICE}"));
    ask(&format!("PASS {PASSWORD}"));
    ask("DELE 1");
    ask("QUIT");
}

/// Delivers and deletes, a little at a time, whenever the mailbox may change.
fn others_at_work(server: &Server, quiet: &Mutex<()>, done: &AtomicBool) {
    let pop3 = World::address(server, Listener::Pop3).unwrap();
    let mut smtp = Smtp::connect(server).unwrap();
    for turn in 0_u64.. {
        if done.load(Ordering::Relaxed) {
            return;
        }
        let _working = quiet.lock().unwrap_or_else(PoisonError::into_inner);
        let message = format!("Subject: {turn}\r\n\r\ntext\r\n");
        smtp.deliver("carol@other.test", &[ALICE], message.as_bytes())
            .unwrap();
        if turn % 2 == 0 {
            delete_by_pop3(pop3);
        }
        drop(_working);
        // Not a wait for anything: the sessions get their turns.
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

fn sessions_agree(seed: u64) {
    let server = Server::new().unwrap();
    let others = [(); PROCESSES - 1].map(|()| server.beside().unwrap());
    let servers: Vec<&Server> = std::iter::once(&server).chain(&others).collect();
    let (quiet, done) = (Mutex::new(()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| others_at_work(&server, &quiet, &done));
        let outcome = std::panic::catch_unwind(|| converse(&servers, &quiet, seed));
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

fn converse(servers: &[&Server], quiet: &Mutex<()>, seed: u64) {
    let mut clients: Vec<(Client<'_>, Dice)> = MODES
        .iter()
        .zip(servers.iter().cycle())
        .zip(1..)
        .map(|((mode, server), number)| (Client::new(server, *mode), Dice(seed << 8 | number)))
        .collect();
    for _ in 0..ROUNDS {
        std::thread::scope(|scope| {
            for (client, dice) in &mut clients {
                scope.spawn(|| (0..STEPS).for_each(|_| client.step(dice)));
            }
        });
        let _silence = quiet.lock().unwrap_or_else(PoisonError::into_inner);
        let known: Vec<_> = clients
            .iter_mut()
            .map(|(client, _)| client.verify())
            .collect();
        for ((client, _), uids) in clients.iter().zip(&known) {
            let fault = format!("seed {seed}: not {:?}, but {uids:?}", known[0]);
            client.check(*uids == known[0], &fault);
        }
    }
}

#[test]
fn sessions_on_one_mailbox_never_lose_count() {
    let seeds = std::env::var("PENNYBLACK_MODEL").ok();
    let seeds: u64 = seeds.and_then(|seeds| seeds.parse().ok()).unwrap_or(2);
    for seed in 1..=seeds {
        eprintln!("seed {seed}");
        sessions_agree(0x5eed_0000 + seed);
    }
}
