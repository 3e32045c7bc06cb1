//! The commands of POP3.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pop3d::grammar::command::KEYWORDS;
use tests::chat::{Listener, Protocol, World as _};
use tests::link::Link;
use tests::server::{PASSWORD, Server};
use tests::smtp::Smtp;

use crate::table::{Table, ended};

const CAROL: &str = "carol@example.test";

/// How long a reply may take.
const REPLY_TIME_MAX: Duration = Duration::from_secs(60);

#[test]
fn each_command_is_answered_as_its_state_demands() {
    let table = Table::read(include_str!("pop3.table"));
    table.assert_has(KEYWORDS.iter().copied());
    // Without the exception for loopback, so that passwords need TLS.
    let config = "auth.plaintext_on_loopback = false".parse().unwrap();
    let server = Server::with(config, &[CAROL.to_owned()]).unwrap();
    let mut smtp = Smtp::connect(&server).unwrap();
    let message = b"Subject: x\r\n\r\nx\r\n";
    smtp.deliver("bob@example.test", &[CAROL], message).unwrap();
    table.assert_answers(|state, command| answer(&server, state, command));
}

fn answer(server: &Server, state: &str, command: &str) -> String {
    // The states are gone through side by side, and one session at a time may be in a maildrop.
    let user = match state {
        "transaction" => CAROL,
        "after USER" => "bob@example.test",
        _ => "alice@example.test",
    };
    let plain = STANDARD.encode(format!("\0{user}\0{PASSWORD}"));
    let command = command.replace("{user}", user).replace("{plain}", &plain);
    let address = server.address(Listener::Pop3).unwrap();
    let mut link = Link::connect(address, None, Protocol::Pop3).unwrap();
    read(&mut link);
    if !state.contains("clear") {
        ok(&mut link, "STLS");
        link = link.start_tls("mail.example.test").unwrap();
    }
    match state {
        "in clear" | "under TLS" => {}
        "after USER" => ok(&mut link, &format!("USER {user}")),
        "clear, UTF8" => ok(&mut link, "UTF8"),
        "transaction" => {
            ok(&mut link, &format!("USER {user}"));
            ok(&mut link, &format!("PASS {PASSWORD}"));
        }
        // Both in one write: what stands behind QUIT is not looked at.
        "after QUIT" => {
            send(&mut link, &format!("QUIT\r\n{command}"));
            read(&mut link);
            return read(&mut link);
        }
        _ => panic!("no such state: {state}"),
    }
    send(&mut link, &command);
    let reply = read(&mut link);
    leave(link, &command, &reply);
    reply
}

/// Ends a session whatever its state is, and waits until it has ended: the next one wants its maildrop.
fn leave(mut link: Link, command: &str, reply: &str) {
    match command {
        "QUIT" => {}
        // The handshake would come next.
        "STLS" if reply.starts_with("+OK") => link.finish_sending(),
        _ => send(&mut link, "*\r\nRSET\r\nQUIT"),
    }
    while link.response(REPLY_TIME_MAX).is_ok() {}
}

fn ok(link: &mut Link, command: &str) {
    send(link, command);
    let reply = read(link);
    assert!(reply.starts_with("+OK"), "{command}: {reply}");
}

fn send(link: &mut Link, command: &str) {
    link.send(format!("{command}\r\n").as_bytes()).unwrap();
}

/// The first line of a reply.
fn read(link: &mut Link) -> String {
    match link.response(REPLY_TIME_MAX) {
        Ok(line) => String::from_utf8_lossy(&line).into_owned(),
        Err(error) => ended(&error),
    }
}
