//! The life of the daemons: stopping in two stages, reloading, certificates that change, and doing without each other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};
use tests::chat::{Listener, Protocol, World as _};
use tests::imap::Imap;
use tests::link::Link;
use tests::server::{Daemon, Server};
use tests::smtp::Smtp;

const TIME: Duration = Duration::from_secs(30);
const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";

fn server(config: &str) -> Server {
    let server = Server::with(config.parse().unwrap(), &[]).unwrap();
    server.start_all().unwrap();
    server
}

fn connect(server: &Server, listener: Listener) -> Link {
    let address = server.address(listener).unwrap();
    let mut link = Link::connect(address, None, listener.protocol()).unwrap();
    if listener.is_tls() {
        link = link.start_tls("mail.example.test").unwrap();
    }
    link.response(TIME).unwrap();
    link
}

fn says(link: &mut Link, word: &str) {
    let said = String::from_utf8_lossy(&link.response(TIME).unwrap()).into_owned();
    assert!(said.starts_with(word), "{word}: {said}");
}

#[test]
fn sigterm_says_goodbye_to_all_and_ends_with_success() {
    let server = server("");
    let mut smtp = connect(&server, Listener::Smtp);
    let mut pop3 = connect(&server, Listener::Pop3);
    let mut imap = Imap::login(&server, "alice@example.test").unwrap();
    imap.ok("SELECT INBOX").unwrap();
    imap.link.send(b"i IDLE\r\n").unwrap();
    says(&mut imap.link, "+");
    for daemon in Daemon::ALL {
        let status = server.stop(daemon).unwrap();
        assert!(
            status.success(),
            "{}: {status}\n{}",
            daemon.name(),
            server.logs()
        );
    }
    says(&mut smtp, "421");
    says(&mut pop3, "-ERR");
    says(&mut imap.link, "* BYE");
}

#[test]
fn sigterm_lets_a_message_that_is_on_its_way_be_finished() {
    let server = server("");
    let mut smtp = Smtp::connect(&server).unwrap();
    smtp.command("MAIL FROM:<x@elsewhere.test>", "250").unwrap();
    smtp.command("RCPT TO:<alice@example.test>", "250").unwrap();
    smtp.command("DATA", "354").unwrap();
    smtp.link.send(b"Subject: half\r\n\r\nfirst\r\n").unwrap();
    server.signal(Daemon::Smtpd, "TERM").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    smtp.link.send(b"second\r\n.\r\n").unwrap();
    let reply = smtp.reply().unwrap();
    assert!(reply.starts_with("250"), "{reply}\n{}", server.logs());
    let mut imap = Imap::login(&server, "alice@example.test").unwrap();
    assert_eq!(imap.messages("INBOX").unwrap().len(), 1);
}

#[test]
fn daemons_do_without_each_other() {
    let server = server("");
    server.kill(Daemon::Imapd);
    let mut smtp = Smtp::connect(&server).unwrap();
    smtp.deliver("x@elsewhere.test", &["alice@example.test"], MESSAGE)
        .unwrap();
    server.kill(Daemon::Smtpd);
    let mut pop3 = connect(&server, Listener::Pop3);
    pop3.send(b"USER alice@example.test\r\nPASS testpass\r\nSTAT\r\n")
        .unwrap();
    for word in ["+OK", "+OK", "+OK 1 "] {
        says(&mut pop3, word);
    }
    server.kill(Daemon::Pop3d);
    let mut imap = Imap::login(&server, "alice@example.test").unwrap();
    assert_eq!(imap.messages("INBOX").unwrap().len(), 1);
    server.mailctl_ok(&["check"], "").unwrap();
}

#[test]
fn a_dead_session_keeps_no_lock_on_the_maildrop() {
    let server = server("");
    let login = |server: &Server| {
        let mut pop3 = connect(server, Listener::Pop3);
        pop3.send(b"USER alice@example.test\r\nPASS testpass\r\n")
            .unwrap();
        says(&mut pop3, "+OK");
        (
            String::from_utf8_lossy(&pop3.response(TIME).unwrap()).into_owned(),
            pop3,
        )
    };
    let (said, held) = login(&server);
    assert!(said.starts_with("+OK"), "{said}");
    let (said, _) = login(&server);
    assert!(said.starts_with("-ERR [IN-USE]"), "{said}");
    server.kill(Daemon::Pop3d);
    let (said, _) = login(&server);
    assert!(said.starts_with("+OK"), "{said}");
    drop(held);
}

/// The SIZE that EHLO announces.
fn size(server: &Server) -> String {
    let mut smtp = Smtp::connect(server).unwrap();
    let reply = smtp.command("EHLO x", "250").unwrap();
    let line = reply.lines().find(|line| line.contains("SIZE ")).unwrap();
    line.rsplit(' ').next().unwrap().to_owned()
}

/// Waits until `reached` says so: a signal is not answered.
fn wait(server: &Server, what: &str, reached: impl Fn() -> bool) {
    let deadline = Instant::now() + TIME;
    while !reached() {
        assert!(Instant::now() < deadline, "{what}\n{}", server.logs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn sighup_takes_up_a_good_configuration_and_keeps_the_old_one_over_a_bad_one() {
    let server = server("limits = { message_octets = 1000000 }");
    assert_eq!(size(&server), "1000000");
    let mut open = connect(&server, Listener::Smtp);

    let good = std::fs::read_to_string(server.config_path()).unwrap();
    std::fs::write(server.config_path(), "hostname = 7\nnonsense = true\n").unwrap();
    server.signal(Daemon::Smtpd, "HUP").unwrap();
    wait(&server, "the fault is logged", || {
        server.log(Daemon::Smtpd).contains("nonsense")
    });
    assert_eq!(size(&server), "1000000");

    std::fs::write(server.config_path(), good.replace("1000000", "2000000")).unwrap();
    server.signal(Daemon::Smtpd, "HUP").unwrap();
    wait(&server, "the new limit is in force", || {
        size(&server) == "2000000"
    });
    open.send(b"NOOP\r\n").unwrap();
    says(&mut open, "250");
}

/// Writes a new self-signed certificate with its key.
fn write_certificate(server: &Server) -> Vec<u8> {
    let names = vec!["mail.example.test".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(server.scratch().join("chain.pem"), made.cert.pem()).unwrap();
    std::fs::write(
        server.scratch().join("key.pem"),
        made.signing_key.serialize_pem(),
    )
    .unwrap();
    made.cert.der().to_vec()
}

#[test]
fn certificates_that_were_renewed_are_used_without_a_restart() {
    let server = Server::new().unwrap();
    let first = write_certificate(&server);
    let path = |name: &str| server.scratch().join(name).display().to_string();
    let config = format!(
        "tls = {{ certificates = [ {{ chain = \"{}\", key = \"{}\" }} ] }}",
        path("chain.pem"),
        path("key.pem")
    );
    server.configure(config.parse().unwrap()).unwrap();
    server.start_all().unwrap();
    let shown = |listener| connect(&server, listener).certificate();
    let listeners = [Listener::Submissions, Listener::Imaps, Listener::Pop3s];
    for listener in listeners {
        assert_eq!(shown(listener), Some(first.clone()), "{listener:?}");
    }
    let second = write_certificate(&server);
    for daemon in Daemon::ALL {
        server.signal(daemon, "HUP").unwrap();
    }
    for listener in listeners {
        wait(&server, "the new certificate is shown", || {
            shown(listener).as_ref() == Some(&second)
        });
    }
}

#[test]
fn a_configuration_with_faults_stops_the_start_and_names_them_all() {
    let server = Server::new().unwrap();
    let config = "[smtpd]\nlisten = [\"nowhere\"]\nrecipients_max = -1\n[imapd]\nlisten = 7\n";
    std::fs::write(server.config_path(), config).unwrap();
    let error = server.start(Daemon::Smtpd).unwrap_err().to_string();
    for place in [
        "pennyblack.toml:2:",
        "pennyblack.toml:3:",
        "pennyblack.toml:5:",
    ] {
        assert!(error.contains(place), "{place}: {error}");
    }
}

#[test]
fn a_store_that_is_missing_is_not_made_by_the_way() {
    let server = Server::new().unwrap();
    std::fs::remove_dir_all(server.data()).unwrap();
    std::fs::create_dir(server.data()).unwrap();
    let error = server.start(Daemon::Imapd).unwrap_err().to_string();
    assert!(error.contains("store"), "{error}");
    assert!(!server.data().join("store.db").exists());
}

#[test]
fn a_connection_that_was_never_used_is_closed_in_time() {
    let server = server("imapd = { login_seconds = 1 }");
    let address = server.address(Listener::Imap).unwrap();
    let mut link = Link::connect(address, None, Protocol::Imap).unwrap();
    says(&mut link, "* OK");
    says(&mut link, "* BYE");
}
