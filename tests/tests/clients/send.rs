//! Programs that send: swaks, curl, msmtp.

use super::{file, holds, message, messages, run, run_refused, server};
use tests::chat::Listener;
use tests::server::Server;

fn swaks(server: &Server, listener: Listener, more: &[&str]) -> Vec<String> {
    let (host, port) = (
        server.host().to_string(),
        Server::port(listener).to_string(),
    );
    let mut arguments: Vec<String> = ["--server", &host, "--port", &port]
        .into_iter()
        .chain(["--from", "alice@example.test", "--to", "bob@example.test"])
        .chain(["--ehlo", "client.example.test", "--timeout", "30"])
        .map(str::to_owned)
        .collect();
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    arguments
}

const LOGIN: [&str; 4] = [
    "--auth-user",
    "alice@example.test",
    "--auth-password",
    "testpass",
];

#[test]
fn swaks_sends_by_every_port_and_mechanism() {
    let server = server();
    let ways: [(Listener, &str, &[&str]); 6] = [
        (Listener::Smtp, "plain", &[]),
        (Listener::Smtp, "starttls", &["--tls"]),
        (Listener::Submission, "login", &["--tls", "--auth", "LOGIN"]),
        (
            Listener::Submission,
            "sasl-plain",
            &["--tls", "--auth", "PLAIN"],
        ),
        (
            Listener::Submissions,
            "implicit",
            &["--tls-on-connect", "--auth", "PLAIN"],
        ),
        (
            Listener::Submission,
            "pipelined",
            &["--tls", "--auth", "PLAIN", "--pipeline"],
        ),
    ];
    for (listener, subject, more) in ways {
        let header = format!("Subject: {subject}");
        let mut more = more.to_vec();
        if listener != Listener::Smtp {
            more.extend(LOGIN);
        }
        more.extend(["--header", &header, "--attach", "@/etc/hostname"]);
        let arguments = swaks(&server, listener, &more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(&server, "swaks", &arguments, b"");
    }
    let received = messages(&server, "bob@example.test", "INBOX", ways.len());
    for (message, (_, subject, _)) in received.iter().zip(ways) {
        assert!(
            holds(message, &format!("Subject: {subject}\r\n")),
            "{subject}"
        );
        assert!(
            message.starts_with(b"Return-Path: <alice@example.test>\r\n"),
            "{subject}"
        );
    }
}

#[test]
fn swaks_is_refused_where_it_must_be() {
    let server = server();
    let refused = |listener, more: &[&str], code: &str| {
        let arguments = swaks(&server, listener, more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let printed = run_refused(&server, "swaks", &arguments);
        assert!(printed.contains(code), "{code} is not in\n{printed}");
    };
    refused(
        Listener::Smtp,
        &["--to", "nobody@example.test"],
        "550 5.1.1",
    );
    refused(Listener::Smtp, &["--to", "relay@elsewhere.test"], "5.7.1");
    refused(Listener::Submissions, &["--tls-on-connect"], "530 5.7.0");
    let wrong = [
        "--tls-on-connect",
        "--auth",
        "PLAIN",
        "--auth-user",
        "alice@example.test",
    ];
    refused(
        Listener::Submissions,
        &[&wrong[..], &["--auth-password", "wrong"]].concat(),
        "535 5.7.8",
    );
    let foreign = [
        "--tls-on-connect",
        "--auth",
        "PLAIN",
        "--from",
        "bob@example.test",
    ];
    refused(
        Listener::Submissions,
        &[&foreign[..], &LOGIN[..]].concat(),
        "550 5.7.1",
    );
    assert!(messages(&server, "bob@example.test", "INBOX", 0).is_empty());
}

#[test]
fn curl_sends_by_starttls_and_by_implicit_tls() {
    let server = server();
    let path = file(&server, "message", &message("curl"));
    let ways = [
        ("smtp", Listener::Submission, "AUTH=PLAIN"),
        ("smtp", Listener::Submission, "AUTH=LOGIN"),
        ("smtps", Listener::Submissions, "AUTH=PLAIN"),
    ];
    for (scheme, listener, mechanism) in ways {
        let url = format!("{scheme}://{}:{}", server.host(), Server::port(listener));
        let arguments = [
            &["-sS", "-k", "--ssl-reqd", "--login-options", mechanism],
            &["-u", "alice@example.test:testpass", &url][..],
            &[
                "--mail-from",
                "alice@example.test",
                "--mail-rcpt",
                "bob@example.test",
            ],
            &["-T", &path],
        ];
        run(&server, "curl", &arguments.concat(), b"");
    }
    for received in messages(&server, "bob@example.test", "INBOX", ways.len()) {
        assert!(
            received.ends_with(&message("curl")),
            "{}",
            String::from_utf8_lossy(&received)
        );
    }
}

#[test]
fn msmtp_sends_with_every_mechanism_it_shares_with_us() {
    let server = server();
    let mechanisms = ["plain", "login", "scram-sha-256"];
    for mechanism in mechanisms {
        let config = format!(
            "defaults\ntls on\ntls_certcheck off\ntls_starttls on\n\
             account default\nhost {}\nport {}\nfrom alice@example.test\n\
             auth {mechanism}\nuser alice@example.test\npassword testpass\n",
            server.host(),
            Server::port(Listener::Submission),
        );
        let config = file(&server, "msmtprc", config.as_bytes());
        let text = String::from_utf8(message(mechanism))
            .unwrap()
            .replace("\r\n", "\n");
        run(
            &server,
            "msmtp",
            &["-C", &config, "bob@example.test"],
            text.as_bytes(),
        );
    }
    let received = messages(&server, "bob@example.test", "INBOX", mechanisms.len());
    for (received, mechanism) in received.iter().zip(mechanisms) {
        assert!(received.ends_with(&message(mechanism)), "{mechanism}");
    }
}
