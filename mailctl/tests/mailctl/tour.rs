//! `mailctl try`: a whole server, which delivers, can be used again, heals, and leaves nothing behind.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::scratch::Scratch;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long anything here may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ports of this test's own, by the test's number: several processes test at the same time. All lie below
/// those that Linux gives to outgoing connections (32768 and up).
fn base_port(test: u16) -> String {
    let process = u16::try_from(std::process::id() % 10).expect("a digit");
    (13_000 + (test - 1) * 10_000 + process * 900).to_string()
}

fn pop3_answers(base_port: &str) -> bool {
    let port = base_port.parse::<u16>().expect("a port") + 110;
    let greeting = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).and_then(|mut stream| {
        let mut octets = [0; 3];
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.read_exact(&mut octets).map(|()| octets)
    });
    greeting.is_ok_and(|octets| octets == *b"+OK")
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} takes too long");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id"))
}

/// The process of a daemon that `parent` has started.
fn daemon_of(parent: &Child, name: &str) -> Option<Pid> {
    let parent = parent.id().to_string();
    let output = Command::new("pgrep")
        .args(["-P", &parent, "-f", &format!("serve {name}")])
        .output()
        .ok()?;
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .ok()
        .map(Pid::from_raw)
}

#[test]
fn a_message_arrives_and_the_directory_can_be_used_again() {
    let scratch = Scratch::empty();
    let (dir, base_port) = (scratch.path("").display().to_string(), base_port(1));
    for messages in 1..=2 {
        let tour = scratch.json(&["try", "--exit", "--dir", &dir, "--base-port", &base_port]);
        assert!(
            tour["steps"].as_array().expect("steps").len() >= 6,
            "{tour}"
        );
        let listed = scratch.json(&["message", "list", "bob@example.test"]);
        assert_eq!(listed.as_array().expect("messages").len(), messages);
        assert_eq!(listed[0]["from"], "alice@example.test");
        assert_eq!(listed[0]["subject"], "A first message, with an ümlaut");
    }
    let message = scratch
        .run(&["message", "show", "bob@example.test", "1"])
        .out;
    assert!(
        message.starts_with("Return-Path: <alice@example.test>\r\n"),
        "{message}"
    );
    assert!(message.contains("all-octets.bin"));
    assert_eq!(scratch.run(&["check"]).code, 0);
    let other = scratch.run(&["try", "--exit", "--dir", &dir, "--base-port", "63000"]);
    assert_eq!(
        other.code, 5,
        "the ports are in the configuration: {}",
        other.err
    );
}

#[test]
fn a_configuration_of_ones_own_is_refused_and_not_ignored() {
    let scratch = Scratch::with_alice();
    let config = scratch.path("pennyblack.toml").display().to_string();
    let dir = scratch.path("tour").display().to_string();
    let run = scratch.run(&["try", "--exit", "--dir", &dir, "--config", &config]);
    assert_eq!(run.code, 2, "{}", run.err);
    assert!(run.err.contains("--dir"), "{}", run.err);
    assert!(!scratch.path("tour").exists());
}

#[test]
fn a_daemon_that_dies_is_started_again_and_none_outlives_mailctl() {
    let scratch = Scratch::empty();
    let base_port = base_port(2);
    let mut mailctl = Command::new(env!("CARGO_BIN_EXE_mailctl"))
        .args(["try", "--base-port", &base_port, "--dir"])
        .arg(scratch.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("mailctl starts");
    let mut lines = BufReader::new(mailctl.stdout.take().expect("a pipe")).lines();
    assert!(
        lines.any(|line| line.is_ok_and(|line| line.contains("Ctrl-C"))),
        "the tour ends with the settings"
    );

    let before = daemon_of(&mailctl, "pop3d").expect("pop3d runs");
    kill(before, Signal::SIGKILL).expect("killed");
    wait_until("the restart", || {
        daemon_of(&mailctl, "pop3d").is_some_and(|after| after != before)
    });
    wait_until("the new process", || pop3_answers(&base_port));

    // Killed outright, mailctl cannot stop anybody; the daemons notice by themselves.
    let daemons: Vec<Pid> = ["smtpd", "imapd", "pop3d"]
        .iter()
        .filter_map(|name| daemon_of(&mailctl, name))
        .collect();
    assert_eq!(daemons.len(), 3);
    kill(pid_of(&mailctl), Signal::SIGKILL).expect("killed");
    mailctl.wait().expect("ended");
    wait_until("the end of the daemons", || {
        daemons.iter().all(|pid| kill(*pid, None).is_err())
    });
}
