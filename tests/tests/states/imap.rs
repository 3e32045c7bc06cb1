//! The commands of IMAP.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use imapd::grammar::verb::Verb;
use tests::chat::{Listener, Protocol, World as _};
use tests::link::Link;
use tests::server::{PASSWORD, Server};

use crate::table::{Table, ended};

const ALICE: &str = "alice@example.test";

/// How long a response may take.
const RESPONSE_TIME_MAX: Duration = Duration::from_secs(60);

#[test]
fn each_command_is_answered_as_its_state_demands() {
    let table = Table::read(include_str!("imap.table"));
    table.assert_has(Verb::ALL.iter().map(|verb| verb.name()));
    // Without the exception for loopback, so that passwords need TLS.
    let config = "auth.plaintext_on_loopback = false".parse().unwrap();
    let server = Server::with(config, &[]).unwrap();
    // An administrator, to whom SETQUOTA is offered.
    server
        .mailctl_ok(&["account", "admin", ALICE, "on"], "")
        .unwrap();
    // Without a limit there is no quota root.
    let limit = ["account", "quota", ALICE, "--octets", "1G"];
    server.mailctl_ok(&limit, "").unwrap();
    table.assert_answers(|state, command| answer(&server, state, command));
}

fn answer(server: &Server, state: &str, command: &str) -> String {
    let mut session = Session::connect(server);
    if state != "in clear" {
        session.ok("STARTTLS");
        session.link = session.link.start_tls("mail.example.test").unwrap();
    }
    match state {
        "in clear" | "under TLS" => {}
        "authenticated" => session.log_in(),
        "selected" => {
            session.log_in();
            session.open("SELECT");
        }
        "read-only" => {
            session.log_in();
            session.open("EXAMINE");
        }
        "UIDONLY" => {
            session.log_in();
            session.ok("ENABLE UIDONLY");
            session.open("SELECT");
        }
        // Both in one write: what stands behind LOGOUT is not looked at.
        "after LOGOUT" => return session.answer_after("x LOGOUT\r\n", command),
        _ => panic!("no such state: {state}"),
    }
    session.answer_after("", command)
}

/// A session with mailboxes of its own: `{here}`, which holds a message, `{there}`, and `{new}`, which does not exist.
struct Session {
    link: Link,
    number: u32,
}

impl Session {
    fn connect(server: &Server) -> Session {
        static SESSIONS: AtomicU32 = AtomicU32::new(0);
        let address = server.address(Listener::Imap).unwrap();
        let mut link = Link::connect(address, None, Protocol::Imap).unwrap();
        link.response(RESPONSE_TIME_MAX).unwrap();
        let number = SESSIONS.fetch_add(1, Ordering::Relaxed);
        Session { link, number }
    }

    fn log_in(&mut self) {
        self.ok(&format!("LOGIN {ALICE} {PASSWORD}"));
        self.ok("CREATE {there}");
        self.ok("SUBSCRIBE {there}");
        self.ok("CREATE {here}");
        self.ok("APPEND {here} {14+}\r\nSubject: x\r\n\r\n");
    }

    /// Opens the mailbox, with a search for CANCELUPDATE to end.
    fn open(&mut self, command: &str) {
        self.ok(&format!("{command} {{here}}"));
        self.ok("UID SEARCH RETURN (UPDATE) ALL");
    }

    fn ok(&mut self, command: &str) {
        let answer = self.answer_after("", command);
        assert!(answer.starts_with("OK"), "{command}: {answer}");
    }

    /// The tagged response, without its tag, or the continuation request, that a command is answered with; `before` is sent with it.
    fn answer_after(&mut self, before: &str, command: &str) -> String {
        let mut command = format!("{before}t {command}\r\n");
        for name in ["here", "there", "new"] {
            command = command.replace(&format!("{{{name}}}"), &format!("{name}-{}", self.number));
        }
        self.link.send(command.as_bytes()).unwrap();
        loop {
            let response = match self.link.response(RESPONSE_TIME_MAX) {
                Ok(response) => String::from_utf8_lossy(&response).into_owned(),
                Err(error) => return ended(&error),
            };
            match response.strip_prefix("t ") {
                Some(tagged) => return tagged.to_owned(),
                None if response.starts_with('+') => return response,
                None => {}
            }
        }
    }
}
