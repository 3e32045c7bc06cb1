//! Several IMAP sessions on one mailbox do random things; each checks all untagged data against what it knows.
//!
//! A session keeps, like a client, the UID behind each sequence number and the flags of each message. No EXPUNGE may come
//! during FETCH, STORE or SEARCH (RFC 3501 §7.4.1), no number may be wrong, and no change may be lost: from time to time
//! every session asks for everything and finds exactly what it knew. A failure names the seed and shows the last lines.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};

use tests::imap::Imap;
use tests::server::Server;

const ALICE: &str = "alice@example.test";
const SESSIONS: usize = 4;
const STEPS: usize = 600;
const STEPS_BETWEEN_CHECKS: usize = 60;
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

/// One session, and what it knows.
struct Client {
    imap: Imap,
    condstore: bool,
    uids: Vec<Option<u32>>,
    flags: BTreeMap<u32, Flags>,
    said: Vec<String>,
}

impl Client {
    fn new(server: &Server, condstore: bool) -> Client {
        let imap = Imap::login(server, ALICE).unwrap();
        let mut client = Client {
            imap,
            condstore,
            uids: Vec::new(),
            flags: BTreeMap::new(),
            said: Vec::new(),
        };
        client.run(if condstore {
            "SELECT INBOX (CONDSTORE)"
        } else {
            "SELECT INBOX"
        });
        client.run("UID FETCH 1:* (FLAGS)");
        client
    }

    /// Runs a command and takes in what is told; gives the numbers of the messages that FETCH told of.
    fn run(&mut self, command: &str) -> (String, BTreeSet<usize>) {
        let reply = self.imap.command(command).unwrap();
        self.said.push(format!("C: {command}"));
        let mut told = BTreeSet::new();
        for line in reply.untagged {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.said.push(format!("S: {line}"));
            told.extend(self.take(&line, command));
        }
        self.said.push(format!("S: {}", reply.tagged.trim_end()));
        (reply.tagged, told)
    }

    fn take(&mut self, line: &str, command: &str) -> Option<usize> {
        let (number, rest) = line.strip_prefix("* ")?.split_once(' ')?;
        let number: usize = number.parse().ok()?;
        if rest == "EXISTS" {
            self.check(number >= self.uids.len(), "EXISTS shrinks");
            self.uids.resize(number, None);
        } else if rest == "EXPUNGE" {
            let forbidden = ["FETCH", "STORE", "SEARCH"]
                .iter()
                .any(|verb| command.starts_with(verb));
            self.check(!forbidden, "EXPUNGE where there may be none");
            self.check(
                (1..=self.uids.len()).contains(&number),
                "EXPUNGE of no message",
            );
            if let Some(uid) = self.uids.remove(number - 1) {
                self.flags.remove(&uid);
            }
        } else if let Some(items) = rest.strip_prefix("FETCH ") {
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
        let flags = items
            .split_once("FLAGS (")
            .and_then(|(_, rest)| rest.split_once(')'));
        if let (Some((flags, _)), Some(uid)) = (flags, self.uids[number - 1]) {
            let flags = flags.split_whitespace().filter(|flag| *flag != "\\Recent");
            self.flags.insert(uid, flags.map(str::to_owned).collect());
        }
    }

    /// What a client works out by itself after a silent STORE that was not told.
    fn store_silently(&mut self, first: usize, last: usize, operation: &str, flag: &str) {
        let (tagged, told) = self.run(&format!(
            "STORE {first}:{last} {operation}FLAGS.SILENT ({flag})"
        ));
        if self.condstore || !(tagged.starts_with("OK") || tagged.starts_with("NO [EXPUNGEISSUED]"))
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

    /// Asks for everything: it must be what was known. Gives the UIDs.
    fn verify(&mut self) -> Vec<Option<u32>> {
        self.run("NOOP");
        let (uids, flags) = (self.uids.clone(), std::mem::take(&mut self.flags));
        self.uids.fill(None);
        self.run("UID FETCH 1:* (FLAGS)");
        let same = uids.len() == self.uids.len()
            && uids
                .iter()
                .zip(&self.uids)
                .all(|(known, real)| known.is_none() || known == real);
        self.check(same, "a number was wrong");
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

fn sessions_agree(seed: u64) {
    let server = Server::new().unwrap();
    let mut clients: Vec<Client> = (0..SESSIONS)
        .map(|n| Client::new(&server, n % 2 == 1))
        .collect();
    let mut dice = Dice(seed);
    for step in 1..=STEPS {
        let chosen = dice.below(clients.len());
        clients[chosen].step(&mut dice);
        if step % STEPS_BETWEEN_CHECKS == 0 {
            let known: Vec<_> = clients.iter_mut().map(Client::verify).collect();
            assert!(
                known.iter().all(|uids| *uids == known[0]),
                "seed {seed}: sessions differ"
            );
        }
    }
}

#[test]
fn four_sessions_on_one_mailbox_never_lose_count() {
    sessions_agree(0x5eed_0001);
}

#[test]
fn four_other_sessions_never_lose_count() {
    sessions_agree(0x5eed_0002);
}
