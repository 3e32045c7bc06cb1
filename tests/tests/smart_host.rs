//! Mail by way of a smart host: another server of ours, on its submissions port, with TLS from the first octet and a login.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use tests::chat::Listener;
use tests::imap::Imap;
use tests::server::{Daemon, PASSWORD, Server};
use tests::smtp::Smtp;

const ALICE: &str = "alice@example.test";
const CAROL: &str = "carol@other.test";
const MESSAGE: &[u8] = b"From: alice@example.test\r\nSubject: by way of another\r\n\r\nbody\r\n";

/// A server that sends everything by way of `smart`, as alice with this password.
fn sending_by(smart: &Server, password: &str) -> Server {
    let file = smart.scratch().join("password");
    std::fs::write(&file, password).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let config = format!(
        "[relay]\nsmart_host = {{ host = \"{}\", port = {}, tls = \"encrypted\", implicit_tls = true, user = \"{ALICE}\", password_file = \"{}\" }}\n",
        smart.host(),
        Server::port(Listener::Submissions),
        file.display()
    );
    let server = Server::with(config.parse().unwrap(), &[]).unwrap();
    server.start(Daemon::Smtpd).unwrap();
    server
}

#[test]
fn a_smart_host_takes_our_mail_after_a_login() {
    let smart = Server::with(toml::Table::new(), &[CAROL.to_owned()]).unwrap();
    smart.start_all().unwrap();
    let server = sending_by(&smart, PASSWORD);
    let mut smtp = Smtp::login(&server, ALICE).unwrap();
    smtp.deliver(ALICE, &[CAROL], MESSAGE).unwrap();

    let deadline = Instant::now() + Duration::from_secs(60);
    let text = loop {
        let mut imap = Imap::login(&smart, CAROL).unwrap();
        if imap
            .ok("SELECT INBOX")
            .unwrap()
            .text()
            .contains("* 1 EXISTS")
        {
            break imap.ok("FETCH 1 BODY.PEEK[]").unwrap().text();
        }
        assert!(
            Instant::now() < deadline,
            "{}\n{}",
            server.logs(),
            smart.logs()
        );
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(
        text.contains("Subject: by way of another") && text.contains("with ESMTPSA"),
        "{text}"
    );
    let login = ["logged in", "mechanism=\"SCRAM-SHA-256\"", ALICE];
    smart.logged(Daemon::Smtpd, &login).unwrap();
}

#[test]
fn mail_waits_where_the_smart_host_does_not_like_our_password() {
    let smart = Server::with(toml::Table::new(), &[CAROL.to_owned()]).unwrap();
    smart.start_all().unwrap();
    let server = sending_by(&smart, "not the password");
    let mut smtp = Smtp::login(&server, ALICE).unwrap();
    smtp.deliver(ALICE, &[CAROL], MESSAGE).unwrap();
    server
        .logged(Daemon::Smtpd, &["deferred", CAROL, "535 5.7.8"])
        .unwrap();
    assert!(!server.logs().contains("not the password"));
}
