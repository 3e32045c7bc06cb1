//! interimap: two-way synchronisation by QRESYNC with Debian's Dovecot, which serves a store of its own through a pipe.

use super::{file, fill, message, run, server};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tests::chat::Listener;
use tests::imap::Imap;
use tests::server::Server;
use tests::smtp::Smtp;

const USER: &str = "bob@example.test";

/// How long it may take until a change is known on the other side.
const NOTICE_TIME_MAX: Duration = Duration::from_secs(120);

/// What is in a mailbox: flags by Message-ID.
type Messages = BTreeMap<String, Vec<String>>;

/// The user `nobody` of Debian.
const NOBODY: u32 = 65534;

const LOOK: &str = "UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])";

/// The peer: Dovecot's program that serves one user.
struct Dovecot {
    directory: TempDir,
    config: String,
}

impl Dovecot {
    /// It serves nobody as root: then the mail belongs to the user `nobody`.
    fn new(server: &Server) -> Dovecot {
        let directory = tempfile::tempdir().unwrap();
        let owner = std::fs::metadata(directory.path()).unwrap();
        let (uid, gid) = match owner.uid() {
            0 => (NOBODY, NOBODY),
            uid => (uid, owner.gid()),
        };
        std::os::unix::fs::chown(directory.path(), Some(uid), Some(gid)).unwrap();
        let path = directory.path().display();
        let text = format!(
            "base_dir = {path}/run\nlog_path = {path}/log\nssl = no\nmail_location = maildir:{path}/mail:LAYOUT=fs\n\
             namespace {{\n  inbox = yes\n  separator = /\n}}\nmail_uid = {uid}\nmail_gid = {gid}\nfirst_valid_uid = 1\n",
        );
        let config = file(server, "dovecot.conf", text.as_bytes());
        Dovecot { directory, config }
    }

    /// What is run to talk to it.
    fn command(&self) -> String {
        let (home, config) = (self.directory.path().display(), &self.config);
        format!("env USER={USER} HOME={home} doveadm -c {config} exec imap")
    }

    /// Runs commands on it, each of which must succeed; gives all that it said.
    fn say(&self, server: &Server, commands: &[&str]) -> String {
        let lines = commands.iter().enumerate();
        let mut input: String = lines
            .map(|(number, command)| format!("a{number} {command}\r\n"))
            .collect();
        input.push_str("z LOGOUT\r\n");
        let said = run(server, "sh", &["-c", &self.command()], input.as_bytes());
        let said = String::from_utf8_lossy(&said).into_owned();
        for number in 0..commands.len() {
            assert!(said.contains(&format!("a{number} OK")), "{said}");
        }
        said
    }
}

/// Started by root, Dovecot's program refuses to write to a socket, which is what interimap gives it: hence the pipe.
fn config(server: &Server, dovecot: &Dovecot) -> String {
    let text = format!(
        "database = {scratch}/interimap.db\nlogfile = {scratch}/interimap.log\n\n\
         [local]\ntype = tunnel\ncommand = {command} | cat\n\n\
         [remote]\ntype = imaps\nhost = {host}\nport = {port}\nusername = {USER}\npassword = testpass\n\
         SSL_verify = NO\ncompress = YES\n",
        scratch = server.scratch().display(),
        command = dovecot.command(),
        host = server.host(),
        port = Server::port(Listener::Imaps),
    );
    file(server, "interimap", text.as_bytes())
}

fn messages_in(fetched: &str) -> Messages {
    let mut flags = Vec::new();
    let mut messages = Messages::new();
    for line in fetched.lines() {
        if let Some((_, rest)) = line.split_once("FLAGS (") {
            let listed = rest.split(')').next().unwrap().split_whitespace();
            flags = listed
                .filter(|flag| *flag != "\\Recent")
                .map(str::to_owned)
                .collect();
            flags.sort();
        } else if let Some(id) = line.strip_prefix("Message-ID: ") {
            messages.insert(id.to_owned(), std::mem::take(&mut flags));
        }
    }
    messages
}

/// What is in a mailbox, here and there.
fn sides(server: &Server, dovecot: &Dovecot, mailbox: &str) -> (Messages, Messages) {
    let mut imap = Imap::login(server, USER).unwrap();
    imap.ok(&format!("EXAMINE {mailbox}")).unwrap();
    let ours = messages_in(&imap.ok(LOOK).unwrap().text());
    let theirs = dovecot.say(server, &[&format!("EXAMINE {mailbox}"), LOOK]);
    (ours, messages_in(&theirs))
}

/// What is in a mailbox, which must be the same on both sides.
fn both(server: &Server, dovecot: &Dovecot, mailbox: &str) -> Messages {
    let (ours, theirs) = sides(server, dovecot, mailbox);
    assert_eq!(ours, theirs, "{mailbox}");
    ours
}

/// UIDs, flags and mod-sequences of the whole mailbox.
fn state(server: &Server) -> String {
    let mut imap = Imap::login(server, USER).unwrap();
    imap.ok("EXAMINE INBOX").unwrap();
    imap.ok("UID FETCH 1:* (FLAGS MODSEQ)").unwrap().text()
}

#[test]
fn interimap_synchronises_with_dovecot_both_ways() {
    let server = server();
    fill(&server, USER, "INBOX", "inter", 60);
    let dovecot = Dovecot::new(&server);
    let config = config(&server, &dovecot);
    let sync = || run(&server, "interimap", &["--config", &config, "--debug"], b"");
    let mut imap = Imap::login(&server, USER).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    imap.ok("STORE 1:10 +FLAGS (\\Seen $Label1)").unwrap();
    sync();
    let first = both(&server, &dovecot, "INBOX");
    assert_eq!(first.len(), 60);
    assert_eq!(
        first["<inter-3@client.example.test>"],
        ["$Label1", "\\Seen"]
    );

    // Flags, deletions and new messages on both sides, some on the same message.
    imap.ok("STORE 11:20 +FLAGS (\\Flagged)").unwrap();
    imap.ok("STORE 5 FLAGS (\\Answered)").unwrap();
    imap.ok("STORE 41:45 +FLAGS (\\Deleted)").unwrap();
    imap.ok("EXPUNGE").unwrap();
    imap.ok("UID MOVE 60 Archive").unwrap();
    imap.append("INBOX", &message("ours")).unwrap();
    let theirs = String::from_utf8(message("theirs")).unwrap();
    let theirs = format!("{{{}+}}\r\n{theirs}", theirs.len());
    dovecot.say(
        &server,
        &[
            "SELECT INBOX",
            "STORE 21:30 +FLAGS (\\Draft $Peer)",
            "STORE 1 -FLAGS (\\Seen)",
            "STORE 44:48 +FLAGS (\\Deleted)",
            "CREATE Peer/Box",
            &format!("APPEND Peer/Box (\\Flagged) {theirs}"),
            &format!("APPEND INBOX {theirs}"),
        ],
    );
    // In a session of its own: Dovecot would not know yet what the pipelined STORE has marked.
    dovecot.say(&server, &["SELECT INBOX", "EXPUNGE"]);
    sync();
    let second = both(&server, &dovecot, "INBOX");
    assert_eq!(second.len(), 60 - 8 - 1 + 2);
    assert_eq!(second["<inter-1@client.example.test>"], ["$Label1"]);
    assert_eq!(second["<inter-5@client.example.test>"], ["\\Answered"]);
    assert_eq!(
        second["<inter-21@client.example.test>"],
        ["$Peer", "\\Draft"]
    );
    assert_eq!(both(&server, &dovecot, "Archive").len(), 1);
    assert_eq!(both(&server, &dovecot, "Peer/Box").len(), 1);

    // Nothing is left to do, and nothing is changed.
    let before = state(&server);
    sync();
    run(
        &server,
        "interimap",
        &["--config", &config, "--repair"],
        b"",
    );
    assert_eq!(state(&server), before);
    no_fault(&server, &["(QRESYNC (", "COMPRESS DEFLATE"]);
    server.mailctl_ok(&["check"], "").unwrap();
}

/// NOTIFY (RFC 5465): nothing is asked for, and everything is told. (Dovecot, without its daemon, does not tell what others change.)
#[test]
fn interimap_is_notified_of_what_others_change() {
    let server = server();
    fill(&server, USER, "INBOX", "inter", 3);
    let dovecot = Dovecot::new(&server);
    let config = config(&server, &dovecot);
    run(&server, "interimap", &["--config", &config], b"");
    both(&server, &dovecot, "INBOX");
    let mut watching = Watching::start(&server, &config);
    let mut smtp = Smtp::connect(&server).unwrap();
    smtp.deliver("alice@example.test", &[USER], &message("delivered"))
        .unwrap();
    watching.until(&server, &dovecot, |messages| messages.len() == 4);
    let mut imap = Imap::login(&server, USER).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    imap.ok("STORE 2 +FLAGS (\\Deleted)").unwrap();
    imap.ok("STORE 1 +FLAGS (\\Flagged)").unwrap();
    imap.ok("EXPUNGE").unwrap();
    watching.until(&server, &dovecot, |messages| {
        messages.len() == 3 && has(messages, 1, "\\Flagged")
    });
    drop(watching);
    no_fault(&server, &["NOTIFY SET"]);
    server.mailctl_ok(&["check"], "").unwrap();
}

/// Whether a message has this flag alone.
fn has(messages: &Messages, number: u8, flag: &str) -> bool {
    let flags = messages.get(&format!("<inter-{number}@client.example.test>"));
    flags.is_some_and(|flags| flags == &[flag])
}

/// interimap that goes on, and is ended with this.
struct Watching(Child);

impl Watching {
    fn start(server: &Server, config: &str) -> Watching {
        let child = Command::new("interimap")
            .args(["--config", config, "--debug", "--notify", "--watch"])
            .env("HOME", server.scratch())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Watching(child.unwrap())
    }

    /// Waits until INBOX is the same on both sides, and as it should be.
    fn until(&mut self, server: &Server, dovecot: &Dovecot, wanted: impl Fn(&Messages) -> bool) {
        let deadline = Instant::now() + NOTICE_TIME_MAX;
        loop {
            let (ours, theirs) = sides(server, dovecot, "INBOX");
            if ours == theirs && wanted(&ours) {
                return;
            }
            let ended = self.0.try_wait().unwrap();
            assert!(ended.is_none(), "interimap has ended\n{}", log(server));
            assert!(
                Instant::now() < deadline,
                "{ours:?}\n{theirs:?}\n{}",
                log(server)
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn log(server: &Server) -> String {
    std::fs::read_to_string(server.scratch().join("interimap.log")).unwrap()
}

/// interimap's log holds these, and no complaint.
fn no_fault(server: &Server, words: &[&str]) {
    let log = log(server);
    for word in words {
        assert!(log.contains(word), "{word}\n{log}");
    }
    for fault in ["WARNING", "ERROR", "PANIC", "S: * BAD", "S: * NO"] {
        assert!(!log.contains(fault), "{fault}\n{log}");
    }
}
