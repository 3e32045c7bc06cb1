//! Filters that are in use everywhere: Debian's rspamd through its milter proxy, and opendkim, which stands on libmilter itself.
//!
//! Neither has a DNS to ask, nor needs one here: rspamd has one rule of ours and its test pattern, opendkim says that there is no
//! signature.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tests::imap::Imap;
use tests::server::Server;
use tests::smtp::Smtp;

const ALICE: &str = "alice@example.test";
const CLEAN: &[u8] = b"From: x@elsewhere.test\r\nSubject: lunch\r\n\r\nAt noon?\r\n";
const SPAM: &[u8] = b"From: x@elsewhere.test\r\nSubject: Buy now\r\n\r\nCheap!\r\n";
/// The pattern that spam filters agree to take for spam (GTUBE).
const GTUBE: &[u8] = b"From: x@elsewhere.test\r\nSubject: test\r\n\r\n\
    XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n";

const RSPAMD_PORT: u16 = 11_332;
const OPENDKIM_PORT: u16 = 11_444;
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// A running program, killed at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both clean up after themselves when they are told to end.
        let process = self.0.id().to_string();
        drop(Command::new("kill").args(["-s", "TERM", &process]).status());
        drop(self.0.wait());
    }
}

/// Runs a program until it listens on the server's address.
fn run(server: &Server, port: u16, command: &mut Command) -> Running {
    let name = format!("{:?}", command.get_program());
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("{name}: {error}; apt-get install it"));
    let deadline = Instant::now() + START_TIME_MAX;
    while TcpStream::connect((server.host(), port)).is_err() {
        let ended = child.try_wait().unwrap();
        assert_eq!(ended, None, "{name} ended");
        assert!(Instant::now() < deadline, "{name} does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    Running(child)
}

fn rspamd(server: &Server) -> Running {
    let directory = server.scratch().join("rspamd");
    std::fs::create_dir(&directory).unwrap();
    let config = format!(
        r#"
        options {{
            pidfile = "{directory}/rspamd.pid";
            filters = "regexp";
            disable_hyperscan = true;
            hs_cache_dir = "{directory}";
            dns {{ nameserver = "127.0.0.1:9"; timeout = 0.01s; retransmits = 1; }}
            tempdir = "{directory}";
            url_tld = "{directory}/top_level_domains";
        }}
        logging {{ type = "console"; level = "error"; }}
        worker "rspamd_proxy" {{
            bind_socket = "{host}:{RSPAMD_PORT}";
            milter = yes;
            count = 1;
            upstream "local" {{ default = yes; self_scan = yes; }}
        }}
        worker "hs_helper" {{ count = 0; cache_dir = "{directory}"; }}
        metric {{ name = "default"; actions {{ reject = 15; "add header" = 6; }} }}
        regexp {{ "BUY_NOW" = {{ re = 'Subject=/buy now/i{{header}}'; score = 8.0; }} }}
        "#,
        directory = directory.display(),
        host = server.host(),
    );
    // Debian's own list of domains takes rspamd longer to read than all of the test.
    std::fs::write(directory.join("top_level_domains"), "test\n").unwrap();
    let path = directory.join("rspamd.conf");
    std::fs::write(&path, config).unwrap();
    let variable = |name: &str| format!("--var={name}={}", directory.display());
    let mut command = Command::new("rspamd");
    command
        .args(["--no-fork", "--insecure", "--config"])
        .arg(path)
        .args(["DBDIR", "RUNDIR", "LOGDIR"].map(variable))
        .stderr(Stdio::null());
    run(server, RSPAMD_PORT, &mut command)
}

fn opendkim(server: &Server) -> Running {
    let host = server.host();
    let pid = server.scratch().join("opendkim.pid").display().to_string();
    let config = format!(
        "Mode v\nSocket inet:{OPENDKIM_PORT}@{host}\nSyslog no\nAlwaysAddARHeader yes\nPidFile {pid}\n\
         AuthservID filter.example.test\n"
    );
    let path = server.scratch().join("opendkim.conf");
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new("opendkim");
    run(server, OPENDKIM_PORT, command.arg("-f").arg("-x").arg(path))
}

/// A server that asks opendkim and then rspamd; the address of a server is known only once it is there.
fn server() -> (Server, Running, Running) {
    let server = Server::new().unwrap();
    let host = server.host();
    let config = format!(
        "[[milter]]\naddress = \"inet:{host}:{OPENDKIM_PORT}\"\n\
         [[milter]]\naddress = \"inet:{host}:{RSPAMD_PORT}\"\njunk_header = \"X-Spam: Yes\"\n"
    );
    server.configure(config.parse().unwrap()).unwrap();
    let (opendkim, rspamd) = (opendkim(&server), rspamd(&server));
    server.start_all().unwrap();
    (server, opendkim, rspamd)
}

fn only_message(server: &Server, mailbox: &str) -> String {
    let mut imap = Imap::login(server, ALICE).unwrap();
    let selected = imap.ok(&format!("SELECT {mailbox}")).unwrap();
    assert!(selected.text().contains("* 1 EXISTS"), "{mailbox}");
    imap.ok("FETCH 1 BODY.PEEK[]").unwrap().text()
}

#[test]
fn rspamd_and_opendkim_refuse_mark_and_leave_alone() {
    let (server, _opendkim, _rspamd) = server();
    let mut smtp = Smtp::connect(&server).unwrap();
    let sender = "x@elsewhere.test";

    let refused = smtp.deliver(sender, &[ALICE], GTUBE).unwrap_err();
    assert!(refused.to_string().contains("554 5.7.1"), "{refused}");

    smtp.deliver(sender, &[ALICE], SPAM).unwrap();
    let spam = only_message(&server, "Junk");
    assert!(spam.contains("X-Spam: Yes\r\n"), "{spam}");
    assert!(spam.ends_with("\r\n\r\nCheap!\r\n)"), "{spam}");

    smtp.deliver(sender, &[ALICE], CLEAN).unwrap();
    let clean = only_message(&server, "INBOX");
    let text = String::from_utf8_lossy(CLEAN);
    assert!(clean.contains(text.as_ref()), "{clean}");
    assert!(!clean.contains("X-Spam"), "{clean}");
    // libmilter's filter had its say, too, on top.
    assert!(
        clean.contains("Authentication-Results: filter.example.test;"),
        "{clean}"
    );

    // A message that says of itself that it is spam, or is not, changes nothing.
    let forged = [b"X-Spam: Yes\r\n", CLEAN].concat();
    smtp.deliver(sender, &[ALICE], &forged).unwrap();
    let mut imap = Imap::login(&server, ALICE).unwrap();
    assert!(
        imap.ok("SELECT INBOX")
            .unwrap()
            .text()
            .contains("* 2 EXISTS")
    );
}
