//! What the daemons tell: logs, metrics, and systemd.

use super::{ask, greeted, server};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command};
use std::time::Duration;
use tests::chat::Listener;
use tests::server::{Daemon, PASSWORD, Server};

const ALICE: &str = "alice@example.test";
const GUESS: &str = "not-quite-the-password";

/// Logs in by every way to say a password, well and badly, and leaves.
fn say_passwords(server: &Server) {
    for password in [GUESS, PASSWORD] {
        let plain = STANDARD.encode(format!("\0{ALICE}\0{password}"));
        let (user, word) = (STANDARD.encode(ALICE), STANDARD.encode(password));
        let mut imap = greeted(server, Listener::Imaps);
        ask(&mut imap, &format!("a LOGIN {ALICE} {password}"));
        ask(&mut imap, "b LOGOUT");
        let mut imap = greeted(server, Listener::Imap);
        ask(&mut imap, &format!("a AUTHENTICATE PLAIN {plain}"));
        ask(&mut imap, "b LOGOUT");
        let mut pop3 = greeted(server, Listener::Pop3s);
        ask(&mut pop3, &format!("USER {ALICE}"));
        ask(&mut pop3, &format!("PASS {password}"));
        ask(&mut pop3, "QUIT");
        let mut smtp = greeted(server, Listener::Submissions);
        ask(&mut smtp, "EHLO client.example.test");
        ask(&mut smtp, &format!("AUTH LOGIN {user}"));
        ask(&mut smtp, &word);
        // In the wrong place, where it is a command that nobody knows.
        ask(&mut smtp, &format!("PASS {password}"));
        ask(&mut smtp, "QUIT");
    }
}

#[test]
fn secrets_are_in_no_log_not_even_the_most_talkative() {
    let server = server("log = { level = \"trace\" }");
    server.start_all().unwrap();
    say_passwords(&server);
    for daemon in Daemon::ALL {
        server.logged(daemon, &["session ended", ALICE]).unwrap();
        let log = server.whole_log(daemon);
        for password in [GUESS, PASSWORD] {
            // Three ways in which base64 may hold it, by what stands before it.
            let encoded = [
                STANDARD.encode(password),
                STANDARD.encode(format!("\0{ALICE}\0{password}")),
            ];
            for secret in encoded.iter().map(String::as_str).chain([password]) {
                let leak = log.lines().find(|line| line.contains(secret));
                assert_eq!(leak, None, "{}", daemon.name());
            }
        }
    }
}

#[test]
fn text_logs_have_the_session_on_each_line_and_one_line_that_sums_up() {
    let server = Server::new().unwrap();
    let mut imap = greeted(&server, Listener::Imap);
    ask(&mut imap, &format!("a LOGIN {ALICE} {PASSWORD}"));
    ask(&mut imap, "b LOGOUT");
    let line = server.logged(Daemon::Imapd, &["session ended"]).unwrap();
    for word in [
        "INFO session{id=",
        "listener=\"imap\"",
        "peer=127.0.0.1:",
        "user=\"alice@example.test\"",
        "octets_in=",
        "counts=\"commands=2\"",
        "end=\"closed\"",
    ] {
        assert!(line.contains(word), "{word}: {line}");
    }
    let id = line.split("id=").nth(1).unwrap().split(' ').next().unwrap();
    server.logged(Daemon::Imapd, &["logged in", id]).unwrap();
}

#[test]
fn json_logs_are_one_object_a_line_and_one_of_them_sums_up() {
    let server = server("log = { format = \"json\" }");
    server.start_all().unwrap();
    say_passwords(&server);
    for daemon in Daemon::ALL {
        server.stop(daemon).unwrap();
        let mut ends: BTreeMap<String, usize> = BTreeMap::new();
        for line in server.whole_log(daemon).lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(event["timestamp"].is_string() && event["level"].is_string());
            if let Some(id) = event["span"]["id"].as_str() {
                let ended = event["message"] == "session ended";
                *ends.entry(id.to_owned()).or_default() += usize::from(ended);
            }
        }
        assert!(ends.len() >= 2, "{}", server.log(daemon));
        assert!(ends.values().all(|count| *count == 1), "{ends:?}");
    }
}

fn metrics(server: &Server, port: u16) -> String {
    let mut socket = TcpStream::connect((server.host(), port)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    socket
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut page = String::new();
    socket.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn metrics_are_to_be_had_and_count() {
    let config = ["smtpd", "imapd", "pop3d"];
    let server = Server::new().unwrap();
    let own = config
        .iter()
        .zip([11_025, 11_143, 11_110])
        .map(|(daemon, port)| format!("{daemon} = {{ metrics = \"{}:{port}\" }}", server.host()));
    let own = own.collect::<Vec<_>>().join("\n");
    server.configure(own.parse().unwrap()).unwrap();
    server.start_all().unwrap();
    say_passwords(&server);
    for (port, program, listener, connections) in [
        (11_025, "smtpd", "submissions", 2),
        (11_143, "imapd", "imaps", 2),
        (11_110, "pop3d", "pop3s", 2),
    ] {
        let page = metrics(&server, port);
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        let value = |name: &str, labels: &[&str]| {
            page.lines()
                .find(|line| {
                    line.starts_with(name) && labels.iter().all(|label| line.contains(label))
                })
                .and_then(|line| line.rsplit(' ').next())
                .map(str::to_owned)
        };
        let (program, listener) = (
            format!("program=\"{program}\""),
            format!("listener=\"{listener}\""),
        );
        assert_eq!(
            value("connections_total", &[&program, &listener]),
            Some(connections.to_string()),
            "{page}"
        );
        for outcome in ["success", "credentials"] {
            let label = format!("outcome=\"{outcome}\"");
            assert!(
                value("authentications_total", &[&program, &label]).is_some(),
                "{page}"
            );
        }
    }
}

/// Ends the process when the test does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Running {
    fn signal(&self, name: &str) {
        let process = self.0.id().to_string();
        let status = Command::new("kill").args(["-s", name, &process]).status();
        assert!(status.unwrap().success());
    }
}

#[test]
fn systemd_is_told_of_readiness_reload_and_stop() {
    let server = Server::new().unwrap();
    let path = server.scratch().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let hear = || {
        let mut text = [0; 1024];
        let octets = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..octets]).into_owned()
    };
    let mut command = server.command(Daemon::Imapd);
    let mut daemon = Running(command.env("NOTIFY_SOCKET", &path).spawn().unwrap());
    assert_eq!(hear().trim(), "READY=1");
    daemon.signal("HUP");
    let reloading = hear();
    assert!(
        reloading.contains("RELOADING=1") && reloading.contains("MONOTONIC_USEC="),
        "{reloading}"
    );
    assert_eq!(hear().trim(), "READY=1");
    daemon.signal("TERM");
    assert_eq!(hear().trim(), "STOPPING=1");
    assert!(daemon.0.wait().unwrap().success());
}
