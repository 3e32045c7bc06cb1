//! The commands of SMTP, between servers and of users.

use smtpd::grammar::Verb;
use tests::chat::{Listener, Protocol, World as _};
use tests::link::Link;
use tests::server::Server;
use tests::smtp::{Smtp, SmtpError};

use crate::table::{CLOSED, Table};

const HELLO: &str = "EHLO client.example.test";

#[test]
fn each_command_between_servers_is_answered_as_its_state_demands() {
    check(include_str!("smtp.table"), Listener::Smtp);
}

#[test]
fn each_command_of_submission_is_answered_as_its_state_demands() {
    check(include_str!("submission.table"), Listener::Submission);
}

fn check(table: &'static str, listener: Listener) {
    let table = Table::read(table);
    table.assert_has(Verb::NAMES.iter().map(|(name, _)| *name));
    // Without the exception for loopback, so that passwords need TLS.
    let config = "auth.plaintext_on_loopback = false".parse().unwrap();
    let server = Server::with(config, &[]).unwrap();
    table.assert_answers(|state, command| answer(&server, listener, state, command));
}

fn answer(server: &Server, listener: Listener, state: &str, command: &str) -> String {
    let address = server.address(listener).unwrap();
    let link = Link::connect(address, None, Protocol::Smtp).unwrap();
    let mut smtp = Smtp { link };
    smtp.reply().unwrap();
    // Both in one write: what stands behind QUIT is not looked at.
    if state == "after QUIT" {
        smtp.link
            .send(format!("QUIT\r\n{command}\r\n").as_bytes())
            .unwrap();
        smtp.reply().unwrap();
        return read(&mut smtp);
    }
    for step in way(listener, state) {
        smtp.command(step, "2").unwrap();
        if *step == "STARTTLS" {
            smtp.link = smtp.link.start_tls("mail.example.test").unwrap();
        }
    }
    let end = if command.contains('\n') { "" } else { "\r\n" };
    smtp.link
        .send(format!("{command}{end}").as_bytes())
        .unwrap();
    read(&mut smtp)
}

/// What is said before a command comes in its state.
fn way(listener: Listener, state: &str) -> &'static [&'static str] {
    const AUTH: &str = "AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdAB0ZXN0cGFzcw==";
    const MAIL: &str = "MAIL FROM:<alice@example.test>";
    const RCPT: &str = "RCPT TO:<bob@example.test>";
    const BDAT: &str = "BDAT 12\r\nSubject: x";
    const WAY: &[&str] = &[HELLO, "STARTTLS", HELLO, AUTH, MAIL, RCPT, BDAT];
    const FOREIGN: &[&str] = &[HELLO, MAIL, RCPT, BDAT];
    match (listener, state) {
        (_, "connected") => &[],
        (_, "EHLO") => &[HELLO],
        (_, "HELO") => &["HELO client.example.test"],
        (_, "STARTTLS") => &WAY[..2],
        (_, "STARTTLS, EHLO") => &WAY[..3],
        (Listener::Submission, "AUTH") => &WAY[..4],
        (Listener::Submission, "MAIL") => &WAY[..5],
        (Listener::Submission, "RCPT") => &WAY[..6],
        (Listener::Submission, "BDAT") => WAY,
        (_, "MAIL") => &FOREIGN[..2],
        (_, "RCPT") => &FOREIGN[..3],
        (_, "BDAT") => FOREIGN,
        _ => panic!("no such state: {state}"),
    }
}

/// The next reply as if it had one line, or why there is none.
fn read(smtp: &mut Smtp) -> String {
    match smtp.reply() {
        Ok(reply) => reply.replacen('-', " ", usize::from(reply.get(3..4) == Some("-"))),
        Err(SmtpError::Lost(_)) => CLOSED.to_owned(),
        Err(error) => error.to_string(),
    }
}
