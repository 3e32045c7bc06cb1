//! What all daemons have in common, shown on the real ones: sockets, TLS, logins, logs, and who they are on the machine.
//!
//! Stopping, reloading and faulty configuration are in `lifecycle.rs`; hostile logins in `hostile_login.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod login;
mod network;
mod notices;
mod privileges;
mod tls;

use std::net::IpAddr;
use std::time::{Duration, Instant};
use tests::chat::{Listener, World as _};
use tests::link::Link;
use tests::server::Server;

const TIME: Duration = Duration::from_secs(30);

fn server(config: &str) -> Server {
    Server::with(config.parse().unwrap(), &[]).unwrap()
}

/// A connection before its greeting.
fn connect(server: &Server, listener: Listener, from: Option<IpAddr>) -> Link {
    Link::connect(server.address(listener).unwrap(), from, listener.protocol()).unwrap()
}

/// A connection after its greeting, with TLS where that comes first.
fn greeted(server: &Server, listener: Listener) -> Link {
    let mut link = connect(server, listener, None);
    if listener.is_tls() {
        link = link.start_tls("mail.example.test").unwrap();
    }
    hear(&mut link);
    link
}

/// The next line or response.
fn hear(link: &mut Link) -> String {
    match link.response(TIME) {
        Ok(response) => String::from_utf8_lossy(&response).into_owned(),
        Err(error) => panic!("{error}"),
    }
}

/// Sends a command, and reads to the end of its reply: of SMTP the last line, of IMAP the tagged one, of POP3 one line.
fn ask(link: &mut Link, command: &str) -> String {
    link.send(format!("{command}\r\n").as_bytes()).unwrap();
    loop {
        let line = hear(link);
        if !line.starts_with("* ") && line.as_bytes().get(3) != Some(&b'-') {
            return line;
        }
    }
}

/// Waits until `reached` says so.
fn wait(server: &Server, what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIME;
    while !reached() {
        assert!(Instant::now() < deadline, "{what}\n{}", server.logs());
        std::thread::sleep(Duration::from_millis(20));
    }
}
