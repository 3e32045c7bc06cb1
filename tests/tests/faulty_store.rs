//! What is told of a store that is not as it must be: by `mailctl check`, and by the daemons to their clients.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tests::chat::{Listener, World as _};
use tests::client;
use tests::link::Link;
use tests::server::{PASSWORD, Server, program};
use tests::smtp::Smtp;

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";

/// How long a reply may take.
const REPLY_TIME_MAX: Duration = Duration::from_secs(60);

/// Damages the database as no call of the store would.
fn damage(server: &Server, statements: &str) {
    let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
    let database = server.data().join("store.db").display().to_string();
    let arguments = ["-c", script, &database, statements];
    client::run(server.scratch(), "python3", &arguments, b"").unwrap();
}

#[test]
fn each_fault_is_told_to_programs_and_to_people() {
    let server = Server::new().unwrap();
    let clean = server.mailctl_ok(&["check", "--json"], "").unwrap();
    let clean: serde_json::Value = serde_json::from_str(&clean).unwrap();
    assert_eq!(clean, serde_json::json!({ "faults": [] }));

    damage(
        &server,
        "UPDATE mailbox SET messages = messages + 1 WHERE name = 'INBOX';
         UPDATE mailbox SET size = size + 1 WHERE name = 'Trash';",
    );
    let check = |arguments: &[&str]| {
        let mut command = Command::new(program("mailctl"));
        command.arg("--config").arg(server.config_path());
        command.args(arguments).output().unwrap()
    };
    let output = check(&["check", "--json"]);
    assert_eq!(output.status.code(), Some(8));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let faults = told["faults"].as_array().unwrap();
    assert!(faults.len() >= 2, "{told}");
    assert!(faults.iter().all(serde_json::Value::is_string), "{told}");
    assert!(output.stderr.is_empty());

    let output = check(&["check"]);
    assert_eq!(output.status.code(), Some(8));
    let said = String::from_utf8(output.stderr).unwrap();
    for fault in faults {
        assert!(said.contains(fault.as_str().unwrap()), "{said}");
    }
}

/// Says `commands` to a listener; gives the last line that comes.
fn say(server: &Server, listener: Listener, commands: &[&str]) -> String {
    let address = server.address(listener).unwrap();
    let mut link = Link::connect(address, None, listener.protocol()).unwrap();
    let greeting = link.response(REPLY_TIME_MAX).unwrap();
    let mut line = String::from_utf8_lossy(&greeting).into_owned();
    for command in commands {
        link.send(format!("{command}\r\n").as_bytes()).unwrap();
        line = read(&mut link);
    }
    line
}

/// The next line that ends a reply.
fn read(link: &mut Link) -> String {
    loop {
        let line = link.response(REPLY_TIME_MAX).unwrap();
        let line = String::from_utf8_lossy(&line).into_owned();
        if !line.starts_with("* ") && line.get(3..4) != Some("-") {
            return line;
        }
    }
}

/// What is lost for good is told apart from what may pass: the client shall not try for ever, nor give up too soon (RFC 3206 §4, RFC
/// 5530 §3).
#[test]
fn clients_are_told_whether_trying_again_helps() {
    let server = Server::new().unwrap();
    let mut smtp = Smtp::connect(&server).unwrap();
    let message = [b"Subject: x\r\n\r\n", "x\r\n".repeat(1_000_000).as_bytes()].concat();
    smtp.deliver(BOB, &[ALICE], &message).unwrap();
    let login = format!("a LOGIN {ALICE} {PASSWORD}");
    let imap = |command: &str| {
        say(
            &server,
            Listener::Imap,
            &[&login, "b SELECT INBOX", command],
        )
    };
    let (user, pass) = (format!("USER {ALICE}"), format!("PASS {PASSWORD}"));
    let pop3 = |command: &str| say(&server, Listener::Pop3, &[&user, &pass, command]);

    damage(&server, "UPDATE mime SET data = x'ffff';");
    let told = imap("c FETCH 1 ENVELOPE");
    assert!(told.starts_with("c NO [CORRUPTION] "), "{told}");
    damage(&server, "UPDATE message SET body = x''; DELETE FROM chunk;");
    let told = pop3("RETR 1");
    assert!(told.starts_with("-ERR [SYS/PERM] "), "{told}");

    damage(&server, "ALTER TABLE credential RENAME TO missing;");
    let told = say(
        &server,
        Listener::Imap,
        &[&format!("a LOGIN {BOB} {PASSWORD}")],
    );
    assert!(told.starts_with("a NO [UNAVAILABLE] "), "{told}");
    let told = say(&server, Listener::Pop3, &[&format!("USER {BOB}"), &pass]);
    assert!(told.starts_with("-ERR [SYS/TEMP] "), "{told}");
    let plain = STANDARD.encode(format!("\0{BOB}\0{PASSWORD}"));
    let auth = format!("AUTH PLAIN {plain}");
    let told = say(&server, Listener::Submission, &["EHLO x.test", &auth]);
    assert!(told.starts_with("454 4.7.0 "), "{told}");

    damage(&server, "ALTER TABLE address RENAME TO missing_too;");
    smtp.command("MAIL FROM:<>", "250").unwrap();
    let rcpt = format!("RCPT TO:<{ALICE}>");
    smtp.command(&rcpt, "451 4.3.0").unwrap();
}
