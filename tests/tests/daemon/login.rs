//! Logins: SCRAM by a client made from the RFCs alone, passwords in the clear, guessing slowed down, and logins that end.

use super::{TIME, ask, connect, greeted, hear, server};
use std::path::Path;
use std::time::Instant;
use tests::chat::Listener;
use tests::client;
use tests::link::{Link, ReadError};
use tests::server::{Daemon, PASSWORD, Server};

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";

fn scram(server: &Server, user: &str, password: &str, mechanism: &str, binding: &str) -> String {
    server.start(Daemon::Imapd).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/scram.py");
    let (script, host) = (script.display().to_string(), server.host().to_string());
    let port = Server::port(Listener::Imaps).to_string();
    let arguments = [&script, &host, &port, user, password, mechanism, binding];
    let said = client::run(server.scratch(), "python3", &arguments, b"").unwrap();
    String::from_utf8(said).unwrap().trim().to_owned()
}

#[test]
fn scram_works_with_and_without_channel_binding() {
    let server = Server::new().unwrap();
    for (mechanism, binding, password, outcome) in [
        ("SCRAM-SHA-256", "none", PASSWORD, "accepted"),
        (
            "SCRAM-SHA-256-PLUS",
            "tls-server-end-point",
            PASSWORD,
            "accepted",
        ),
        ("SCRAM-SHA-256", "none", "wrong", "refused"),
        (
            "SCRAM-SHA-256-PLUS",
            "tls-server-end-point",
            "wrong",
            "refused",
        ),
        // Somebody in the middle: another certificate, or a list of mechanisms without -PLUS.
        ("SCRAM-SHA-256-PLUS", "wrong", PASSWORD, "refused"),
        ("SCRAM-SHA-256", "unoffered", PASSWORD, "refused"),
        ("SCRAM-SHA-256-PLUS", "none", PASSWORD, "refused"),
        ("SCRAM-SHA-256", "tls-server-end-point", PASSWORD, "refused"),
    ] {
        assert_eq!(
            scram(&server, ALICE, password, mechanism, binding),
            outcome,
            "{mechanism} {binding} {password}\n{}",
            server.log(Daemon::Imapd)
        );
    }
    assert_eq!(
        scram(
            &server,
            "nobody@example.test",
            PASSWORD,
            "SCRAM-SHA-256",
            "none"
        ),
        "refused"
    );
}

/// GNU SASL's client binds a TLS 1.3 connection by its exporter (RFC 9266), which no client in Python can.
#[test]
fn gsasl_logs_in_with_the_exporter_of_tls_1_3() {
    let server = Server::new().unwrap();
    server.start(Daemon::Imapd).unwrap();
    let port = Server::port(Listener::Imap).to_string();
    let host = server.host().to_string();
    let login = |password: &str| {
        let client = ["--imap", "--starttls", "--x509-ca-file=", "--verbose"];
        let who = ["--mechanism=SCRAM-SHA-256-PLUS", "-a", ALICE, "-z", ALICE];
        let place = ["-p", password, &host, &port];
        let arguments = [&client[..], &who, &place].concat();
        client::run(server.scratch(), "gsasl", &arguments, b"")
    };
    let said = String::from_utf8(login(PASSWORD).unwrap()).unwrap();
    // p=tls-exporter,
    assert!(said.contains("\ncD10bHMtZXhwb3J0ZXIs"), "{said}");
    assert!(said.contains("OK [CAPABILITY"), "{said}");
    let failed = login("wrong").unwrap_err();
    assert!(failed.contains("NO [AUTHENTICATIONFAILED]"), "{failed}");
}

#[test]
fn a_login_is_one_line_of_the_log() {
    let server = server("");
    let mut link = greeted(&server, Listener::Submission);
    link.send(
        b"EHLO client.test\r\nAUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdAB0ZXN0cGFzcw==\r\nQUIT\r\n",
    )
    .unwrap();
    while let Ok(line) = link.response(TIME) {
        if line.starts_with(b"221") {
            break;
        }
    }
    server.logged(Daemon::Smtpd, &["logged in"]).unwrap();
    let log = server.whole_log(Daemon::Smtpd);
    assert_eq!(log.matches("logged in").count(), 1, "{log}");
}

#[test]
fn scram_works_with_app_passwords_and_can_be_switched_off() {
    let server = Server::new().unwrap();
    server
        .mailctl_ok(
            &["app-password", "add", ALICE, "phone", "--password-stdin"],
            "another secret",
        )
        .unwrap();
    for password in [PASSWORD, "another secret"] {
        assert_eq!(
            scram(&server, ALICE, password, "SCRAM-SHA-256", "none"),
            "accepted"
        );
    }
    server
        .configure("auth = { scram = false }".parse().unwrap())
        .unwrap();
    server.signal(Daemon::Imapd, "HUP").unwrap();
    server.logged(Daemon::Imapd, &["read again"]).unwrap();
    let mut link = greeted(&server, Listener::Imaps);
    link.send(b"a CAPABILITY\r\n").unwrap();
    let capabilities = hear(&mut link);
    assert!(
        capabilities.contains("AUTH=PLAIN") && !capabilities.contains("SCRAM"),
        "{capabilities}"
    );
    assert_eq!(
        scram(&server, ALICE, PASSWORD, "SCRAM-SHA-256", "none"),
        "refused"
    );
}

#[test]
fn passwords_in_the_clear_are_for_loopback_alone_and_only_where_allowed() {
    // From 127.0.0.1 by a PROXY header from elsewhere; from 127.0.0.9 as oneself.
    let config =
        "proxy = { trusted = [\"127.0.0.1\"] }\nauth = { plaintext_on_loopback = ALLOWED }";
    let login = format!("a LOGIN {ALICE} {PASSWORD}");
    for (allowed, outcome) in [("true", "a OK"), ("false", "a NO [PRIVACYREQUIRED]")] {
        let server = server(&config.replace("ALLOWED", allowed));
        let own = Some("127.0.0.9".parse().unwrap());
        let mut link = connect(&server, Listener::Imap, own);
        hear(&mut link);
        let reply = ask(&mut link, &login);
        assert!(reply.starts_with(outcome), "{allowed}: {reply}");
        let mut link = connect(&server, Listener::Imap, None);
        link.send(b"PROXY TCP4 192.0.2.1 198.51.100.1 4321 143\r\n")
            .unwrap();
        assert!(hear(&mut link).contains("LOGINDISABLED"));
        let reply = ask(&mut link, &login);
        assert!(reply.starts_with("a NO [PRIVACYREQUIRED]"), "{reply}");
    }
}

#[test]
fn an_address_that_guesses_is_slowed_down_and_no_other() {
    let server = server("proxy = { trusted = [\"127.0.0.1\"] }");
    let guess = |client: &str, password: &str| {
        let mut link = connect(&server, Listener::Imaps, None);
        let header = format!("PROXY TCP4 {client} 198.51.100.1 4321 993\r\n");
        link.send(header.as_bytes()).unwrap();
        let mut link = link.start_tls("mail.example.test").unwrap();
        hear(&mut link);
        let began = Instant::now();
        let reply = ask(&mut link, &format!("a LOGIN {ALICE} {password}"));
        (reply, began.elapsed().as_secs_f32())
    };
    for _ in 0..6 {
        assert!(guess("192.0.2.1", "guess").0.starts_with("a NO"));
    }
    let (reply, seconds) = guess("192.0.2.1", "guess");
    assert!(
        reply.starts_with("a NO") && seconds >= 1.0,
        "{seconds} {reply}"
    );
    // The right password is slow too, or its speed would tell.
    let (reply, seconds) = guess("192.0.2.1", PASSWORD);
    assert!(
        reply.starts_with("a OK") && seconds >= 1.0,
        "{seconds} {reply}"
    );
    let (reply, seconds) = guess("192.0.2.2", PASSWORD);
    assert!(
        reply.starts_with("a OK") && seconds < 1.0,
        "{seconds} {reply}"
    );
}

/// Sessions of all protocols that are logged in, each with how it will be ended.
fn sessions(server: &Server, user: &str, password: &str) -> Vec<(Link, &'static str)> {
    let ok = |link: &mut Link, command: &str, word: &str| {
        let reply = ask(link, command);
        assert!(reply.starts_with(word), "{reply}\n{}", server.logs());
    };
    let login = format!("a LOGIN {user} {password}");
    let mut imap = greeted(server, Listener::Imaps);
    ok(&mut imap, &login, "a OK");
    let mut idle = greeted(server, Listener::Imap);
    ok(&mut idle, &login, "a OK");
    ok(&mut idle, "b SELECT INBOX", "b OK");
    ok(&mut idle, "c IDLE", "+");
    let mut pop3 = greeted(server, Listener::Pop3s);
    ok(&mut pop3, &format!("USER {user}"), "+OK");
    ok(&mut pop3, &format!("PASS {password}"), "+OK");
    let mut smtp = greeted(server, Listener::Submissions);
    ok(&mut smtp, "EHLO client.example.test", "250 ");
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let plain = STANDARD.encode(format!("\0{user}\0{password}"));
    ok(&mut smtp, &format!("AUTH PLAIN {plain}"), "235 ");
    let ends = ["* BYE [EXPIRED]", "* BYE", "-ERR [AUTH]", "421 4.7.0"];
    [imap, idle, pop3, smtp].into_iter().zip(ends).collect()
}

fn all_end(server: &Server, sessions: Vec<(Link, &'static str)>) {
    for (mut link, word) in sessions {
        let said = link.response(TIME);
        let said = said.map(|said| String::from_utf8_lossy(&said).into_owned());
        assert!(
            said.as_ref().is_ok_and(|said| said.starts_with(word)),
            "{word}: {said:?}\n{}",
            server.logs()
        );
    }
    for daemon in Daemon::ALL {
        let ended = &["session ended", "end=\"revoked\""];
        server.logged(daemon, ended).unwrap();
    }
}

#[test]
fn sessions_end_when_their_password_is_changed() {
    let server = Server::new().unwrap();
    let of_alice = sessions(&server, ALICE, PASSWORD);
    let change = ["account", "password", ALICE, "--password-stdin"];
    server.mailctl_ok(&change, "new secret").unwrap();
    all_end(&server, of_alice);
}

#[test]
fn sessions_end_when_their_account_is_disabled_or_removed() {
    let server = Server::new().unwrap();
    let of_alice = sessions(&server, ALICE, PASSWORD);
    let of_bob = sessions(&server, BOB, PASSWORD);
    server
        .mailctl_ok(&["account", "disable", ALICE], "")
        .unwrap();
    all_end(&server, of_alice);
    server
        .mailctl_ok(&["account", "remove", BOB, "--yes"], "")
        .unwrap();
    // The loss of its mailbox may be noticed first: which words a session ends with is not certain.
    for (mut link, _) in of_bob {
        let deadline = Instant::now() + TIME;
        while !matches!(link.response(TIME), Err(ReadError::Eof)) {
            assert!(Instant::now() < deadline, "{}", server.logs());
        }
    }
}

#[test]
fn an_app_password_that_is_taken_back_ends_its_own_sessions_alone() {
    let server = Server::new().unwrap();
    let mut own = greeted(&server, Listener::Imaps);
    assert!(ask(&mut own, &format!("a LOGIN {ALICE} {PASSWORD}")).starts_with("a OK"));
    let add = ["app-password", "add", ALICE, "phone", "--password-stdin"];
    server.mailctl_ok(&add, "another-secret").unwrap();
    let of_phone = sessions(&server, ALICE, "another-secret");
    server
        .mailctl_ok(&["app-password", "remove", ALICE, "phone"], "")
        .unwrap();
    all_end(&server, of_phone);
    assert!(ask(&mut own, "b NOOP").starts_with("b OK"));
}
