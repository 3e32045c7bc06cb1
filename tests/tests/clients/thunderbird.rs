//! Thunderbird, without a screen, driven through its Marionette port: the steps are `clients/thunderbird.js`.

use super::{fill, holds, message, messages, server};
use serde_json::{Value, json};
use std::io::{BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tests::chat::Listener;
use tests::imap::{Imap, Reply};
use tests::server::Server;
use tests::smtp::Smtp;

const PROGRAM: &str = "/usr/lib/thunderbird/thunderbird";
const STEPS: &str = include_str!("../../clients/thunderbird.js");
const USER: &str = "bob@example.test";

/// How long it may take to start, and a step to end; the steps themselves give up earlier, and say why.
const START_TIME_MAX: Duration = Duration::from_secs(120);
const STEP_TIME_MAX: Duration = Duration::from_secs(200);

/// No questions, and no traffic to the outside: whatever it asks the web for goes to a port where nobody is.
const PREFERENCES: [(&str, &str); 9] = [
    ("marionette.port", "0"),
    ("network.proxy.type", "1"),
    ("network.proxy.http", "\"127.0.0.1\""),
    ("network.proxy.http_port", "9"),
    ("network.proxy.ssl", "\"127.0.0.1\""),
    ("network.proxy.ssl_port", "9"),
    ("mail.shell.checkDefaultClient", "false"),
    ("mail.provider.suppress_dialog_on_startup", "true"),
    ("datareporting.policy.dataSubmissionEnabled", "false"),
];

struct Thunderbird {
    child: Child,
    stream: BufReader<TcpStream>,
    directory: PathBuf,
    commands: u64,
}

impl Thunderbird {
    fn start(directory: &Path, more_preferences: &str) -> Thunderbird {
        let profile = directory.join("profile");
        std::fs::create_dir_all(&profile).unwrap();
        let preferences =
            PREFERENCES.map(|(name, value)| format!("user_pref(\"{name}\", {value});\n"));
        std::fs::write(
            profile.join("user.js"),
            preferences.concat() + more_preferences,
        )
        .unwrap();
        let port = profile.join("MarionetteActivePort");
        drop(std::fs::remove_file(&port));
        let child = Command::new(PROGRAM)
            .args([
                "--headless",
                "--no-remote",
                "--marionette",
                "--remote-allow-system-access",
                "--profile",
            ])
            .arg(&profile)
            .env("HOME", directory)
            .env("MOZ_LOG", "sync,IMAP:5")
            .env("MOZ_LOG_FILE", directory.join("imap"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut thunderbird = Thunderbird {
            stream: connect(&port),
            child,
            directory: directory.to_owned(),
            commands: 0,
        };
        thunderbird.read();
        let milliseconds = u64::try_from(STEP_TIME_MAX.as_millis()).unwrap();
        let session = json!({"acceptInsecureCerts": true, "timeouts": {"script": milliseconds}});
        thunderbird.command("WebDriver:NewSession", session);
        thunderbird.command("Marionette:SetContext", json!({"value": "chrome"}));
        thunderbird
    }

    /// Ends it. The server has said nothing that it did not understand, nor the other way round.
    fn stop(mut self) -> PathBuf {
        self.command("Marionette:Quit", json!({"flags": ["eAttemptQuit"]}));
        self.child.wait().unwrap();
        let dialogue = self.dialogue();
        let faults = dialogue
            .lines()
            .filter(|line| line.contains("Syntax Error") || line.contains(" BAD "));
        assert_eq!(faults.collect::<Vec<_>>(), Vec::<&str>::new());
        self.directory.clone()
    }

    /// A packet of Marionette: its length, a colon, JSON.
    fn read(&mut self) -> Value {
        let mut length = Vec::new();
        let mut octet = [0];
        loop {
            self.stream.read_exact(&mut octet).unwrap();
            match octet {
                [b':'] => break,
                [digit] => length.push(digit),
            }
        }
        let length: usize = String::from_utf8(length).unwrap().parse().unwrap();
        let mut packet = vec![0; length];
        self.stream.read_exact(&mut packet).unwrap();
        serde_json::from_slice(&packet).unwrap()
    }

    fn command(&mut self, name: &str, parameters: Value) -> Value {
        self.commands += 1;
        let packet = json!([0, self.commands, name, parameters]).to_string();
        write!(self.stream.get_mut(), "{}:{packet}", packet.len()).unwrap();
        let answer = self.read();
        assert!(
            answer[2].is_null(),
            "{name}: {:#}\n{}",
            answer[2],
            self.dialogue_end()
        );
        answer[3]["value"].clone()
    }

    /// Runs a step; gives what it gives.
    fn step(&mut self, name: &str, arguments: Value) -> Value {
        let script = format!("{STEPS}\nreturn steps[arguments[0]](...arguments[1]);");
        self.command(
            "WebDriver:ExecuteScript",
            json!({"script": script, "args": [name, arguments]}),
        )
    }

    /// Waits until the connection that has the mailbox selected idles: new mail that is told with the answer to another
    /// command is not looked at before the next check.
    fn wait_for_idle(&self, mailbox: &str) {
        let sent = format!(":S-{mailbox}:SendData: ");
        let deadline = Instant::now() + STEP_TIME_MAX;
        loop {
            let dialogue = self.dialogue();
            let last = dialogue.lines().rfind(|line| line.contains(&sent));
            if last.is_some_and(|line| line.trim_end().ends_with(" IDLE")) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{mailbox}\n{}",
                self.dialogue_end()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn dialogue(&self) -> String {
        let names = std::fs::read_dir(&self.directory)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let logs = names.filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "moz_log")
        });
        logs.map(|log| String::from_utf8_lossy(&std::fs::read(log).unwrap()).into_owned())
            .collect()
    }

    fn dialogue_end(&self) -> String {
        let dialogue = self.dialogue();
        let lines: Vec<&str> = dialogue.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Thunderbird {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Connects to the port that the file names, once it is there.
fn connect(file: &Path) -> BufReader<TcpStream> {
    let deadline = Instant::now() + START_TIME_MAX;
    loop {
        let port = std::fs::read_to_string(file)
            .ok()
            .and_then(|text| text.trim().parse().ok());
        let stream = port.map(|port: u16| TcpStream::connect((Ipv4Addr::LOCALHOST, port)));
        if let Some(Ok(stream)) = stream {
            stream.set_read_timeout(Some(STEP_TIME_MAX)).unwrap();
            return BufReader::new(stream);
        }
        assert!(
            Instant::now() < deadline,
            "Thunderbird does not open its port"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the server finds what Thunderbird has done, or is about to do.
fn eventually(server: &Server, command: &str, holds: impl Fn(&Reply) -> bool) {
    let mut imap = Imap::login(server, USER).unwrap();
    let deadline = Instant::now() + STEP_TIME_MAX;
    loop {
        let reply = imap.ok(command).unwrap();
        if holds(&reply) {
            return;
        }
        assert!(Instant::now() < deadline, "{command}: {}", reply.text());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The same for what is in a mailbox.
fn eventually_counts(server: &Server, mailbox: &str, count: u32) {
    let expected = format!("* STATUS {mailbox} (MESSAGES {count})");
    let command = format!("STATUS {mailbox} (MESSAGES)");
    eventually(server, &command, |reply| {
        reply.text().trim_end() == expected
    });
}

/// Waits until Thunderbird has sent what it has to say of the message, and then idles.
fn settles(server: &Server, bird: &Thunderbird, criteria: &str) {
    let mut imap = Imap::login(server, USER).unwrap();
    imap.ok("EXAMINE INBOX").unwrap();
    let deadline = Instant::now() + STEP_TIME_MAX;
    while imap
        .ok(&format!("SEARCH {criteria}"))
        .unwrap()
        .numbers()
        .len()
        != 1
    {
        assert!(Instant::now() < deadline, "{criteria}");
        std::thread::sleep(Duration::from_millis(100));
    }
    bird.wait_for_idle("INBOX");
}

fn subjects(step: &Value) -> Vec<&str> {
    let subjects = step.as_array().unwrap().iter();
    subjects.map(|subject| subject.as_str().unwrap()).collect()
}

fn sets_up_and_reads(server: &Server, bird: &mut Thunderbird) {
    fill(server, USER, "INBOX", "bird", 6);
    let [imaps, submissions] = [Listener::Imaps, Listener::Submissions].map(Server::port);
    bird.step("account", json!([server.host(), USER, imaps, submissions]));
    bird.step("list", json!(["INBOX", 6]));
    let read = bird.step("read", json!(["INBOX", "bird-1"]));
    assert!(
        read["text"].as_str().unwrap().contains("Grüße\n.\n..dots"),
        "{read}"
    );
    assert_eq!(read["attachments"], json!(["data.bin"]));
    bird.step("mark", json!(["INBOX", "bird-2"]));
    // What happens elsewhere is told while it idles.
    settles(server, bird, "FLAGGED KEYWORD $label1 SEEN");
    let mut smtp = Smtp::connect(server).unwrap();
    smtp.deliver("alice@example.test", &[USER], &message("comes"))
        .unwrap();
    bird.step("told", json!(["INBOX", "comes"]));
    bird.step("read", json!(["INBOX", "comes"]));
    settles(server, bird, "SUBJECT comes SEEN");
    let mut imap = Imap::login(server, USER).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    imap.ok("STORE 3 +FLAGS (\\Flagged)").unwrap();
    bird.step("marked", json!(["INBOX", "bird-3"]));
}

fn sends_and_saves(server: &Server, bird: &mut Thunderbird) {
    bird.step(
        "send",
        json!([
            "alice@example.test",
            "Grüße vom Vogel",
            "How are you?\n.\nGrüße\n"
        ]),
    );
    let received = messages(server, "alice@example.test", "INBOX", 1);
    assert!(holds(&received[0], "How are you?"));
    bird.step("list", json!(["Sent", 1]));
    bird.step("reply", json!(["INBOX", "bird-4"]));
    messages(server, "alice@example.test", "INBOX", 2);
    assert_eq!(
        subjects(&bird.step("list", json!(["Sent", 2]))),
        ["Grüße vom Vogel", "bird-4"]
    );
    bird.step("draft", json!(["drafted"]));
    eventually_counts(server, "Drafts", 1);
}

fn files_and_searches(bird: &mut Thunderbird) {
    bird.step("makeFolder", json!(["", "Büro"]));
    bird.step("makeFolder", json!(["Büro", "Alt"]));
    bird.step("move", json!(["INBOX", "bird-1", "Büro/Alt"]));
    bird.step("copy", json!(["INBOX", "bird-2", "Büro/Alt"]));
    bird.step("renameFolder", json!(["Büro/Alt", "Neu & alt"]));
    assert_eq!(
        subjects(&bird.step("list", json!(["Büro/Neu & alt", 2]))),
        ["bird-1", "bird-2"]
    );
    bird.step("archive", json!(["INBOX", "bird-4", "Archive/2026"]));
    let searches = [
        ("INBOX", "Body", "grüsse", 5),
        ("INBOX", "Subject", "bird-3", 1),
        ("INBOX", "Subject", "Größe", 0),
        ("Sent", "Subject", "Grüße vom", 1),
        ("Büro/Neu & alt", "Body", "..dots", 2),
    ];
    for (mailbox, criterion, text, count) in searches {
        let found = bird.step("search", json!([mailbox, criterion, text]));
        assert_eq!(subjects(&found).len(), count, "{text}: {found}");
    }
}

fn deletes(server: &Server, bird: &mut Thunderbird) {
    bird.step("delete", json!(["INBOX", "bird-3"]));
    bird.step("emptyTrash", json!([]));
    eventually_counts(server, "Trash", 0);
    bird.step("moveFolder", json!(["Büro/Neu & alt", "Trash"]));
    eventually(server, "LIST \"\" Trash/%", |reply| {
        reply.text().contains("Trash/Neu &- alt")
    });
}

/// What has changed while it was away. With CONDSTORE it asks what that is, once it has been there with it.
fn comes_back(server: &Server, bird: Thunderbird, preferences: &str, name: &str) -> Thunderbird {
    let directory = bird.stop();
    let mut imap = Imap::login(server, USER).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    imap.append("INBOX", &message(name)).unwrap();
    imap.ok("STORE 1 +FLAGS (\\Deleted)").unwrap();
    imap.ok("STORE 2 FLAGS (\\Flagged)").unwrap();
    imap.ok("EXPUNGE").unwrap();
    let reply = imap
        .ok("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        .unwrap()
        .text();
    let mut there: Vec<_> = reply
        .lines()
        .filter_map(|line| line.strip_prefix("Subject: "))
        .collect();
    there.sort_unstable();
    let mut bird = Thunderbird::start(&directory, preferences);
    bird.step("marked", json!(["INBOX", there[0]]));
    let seen = bird.step("list", json!(["INBOX", there.len()]));
    assert_eq!(subjects(&seen), there);
    bird
}

#[test]
fn thunderbird_reads_sends_moves_searches_and_deletes() {
    let server = server();
    let directory = server.scratch().join("thunderbird");
    let mut bird = Thunderbird::start(&directory, "");
    sets_up_and_reads(&server, &mut bird);
    sends_and_saves(&server, &mut bird);
    files_and_searches(&mut bird);
    deletes(&server, &mut bird);
    let condstore = "user_pref(\"mail.server.default.use_condstore\", true);\n";
    let bird = comes_back(&server, bird, "", "first");
    let bird = comes_back(&server, bird, condstore, "second");
    let bird = comes_back(&server, bird, condstore, "third");
    assert!(bird.dialogue().contains("CHANGEDSINCE"));
    bird.stop();
    server.mailctl_ok(&["check"], "").unwrap();
}
