//! Clients that mean harm, or are merely broken: slow ones, floods, huge and deep input.
//!
//! What can be told line by line is a dialogue (`smtp/`, `imap/`, `pop3/`); here is what needs many connections, time or
//! bulk. Each test ends by showing that an honest client is still served.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};
use tests::chat::{Listener, Protocol, World as _};
use tests::imap::Imap;
use tests::link::Link;
use tests::server::{Daemon, Server};
use tests::smtp::Smtp;

const PLAIN: [Listener; 3] = [Listener::Smtp, Listener::Imap, Listener::Pop3];

fn server(config: &str) -> Server {
    let server = Server::with(config.parse().unwrap(), &[]).unwrap();
    server.start_all().unwrap();
    server
}

fn connect(server: &Server, listener: Listener) -> TcpStream {
    let socket = TcpStream::connect(server.address(listener).unwrap()).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    socket
        .set_write_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    socket
}

/// Reads until a line has come, or the end.
fn line(socket: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\n") {
        match socket.read(&mut byte) {
            Ok(1) => text.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Reads until the server closes; gives what it said. A reset is an end too.
fn until_closed(socket: &mut TcpStream, server: &Server) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 65536];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => text.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => unreachable!("not closed: {error}\n{}", server.logs()),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn is_refusal(said: &str) -> bool {
    ["421", "* BYE", "-ERR"]
        .iter()
        .any(|word| said.starts_with(word))
}

fn honest_clients_are_served(server: &Server) {
    let mut smtp = Smtp::connect(server).unwrap();
    let message = b"Subject: honest\r\n\r\nhello\r\n";
    smtp.deliver("x@elsewhere.test", &["alice@example.test"], message)
        .unwrap();
    let mut imap = Imap::login(server, "alice@example.test").unwrap();
    assert!(!imap.messages("INBOX").unwrap().is_empty());
    server.mailctl_ok(&["check"], "").unwrap();
}

/// Resident memory of a daemon, in KiB.
fn resident(server: &Server, daemon: Daemon) -> u64 {
    let process = server.process(daemon).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_client_that_sends_a_byte_at_a_time_is_not_waited_for() {
    let server = server(
        "smtpd = { idle_seconds = 2 }\nimapd = { login_seconds = 2 }\npop3d = { login_seconds = 2 }",
    );
    for listener in PLAIN {
        let mut socket = connect(&server, listener);
        line(&mut socket);
        let start = Instant::now();
        // Bytes keep coming, but never a line.
        while start.elapsed() < Duration::from_secs(5) {
            if socket.write_all(b"x").is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        let said = until_closed(&mut socket, &server);
        assert!(said.is_empty() || is_refusal(&said), "{listener:?}: {said}");
    }
    honest_clients_are_served(&server);
}

#[test]
fn a_client_that_never_shakes_hands_is_not_waited_for() {
    let server = server("limits = { handshake_seconds = 1 }");
    for listener in [Listener::Submissions, Listener::Imaps, Listener::Pop3s] {
        let mut socket = connect(&server, listener);
        assert_eq!(until_closed(&mut socket, &server), "", "{listener:?}");
    }
    honest_clients_are_served(&server);
}

#[test]
fn a_client_that_does_not_read_is_let_go_and_costs_little_memory() {
    let server = server("limits = { write_seconds = 2 }");
    let mut alice = Imap::login(&server, "alice@example.test").unwrap();
    let big = [
        b"Subject: big\r\n\r\n".to_vec(),
        b"0123456789 and so on\r\n".repeat(400_000),
    ]
    .concat();
    alice.append("INBOX", &big).unwrap();
    let before = resident(&server, Daemon::Imapd);

    let mut socket = connect(&server, Listener::Imap);
    line(&mut socket);
    socket
        .write_all(b"a LOGIN alice@example.test testpass\r\nb SELECT INBOX\r\n")
        .unwrap();
    for number in 0..20 {
        socket
            .write_all(format!("c{number} FETCH 1 BODY.PEEK[]\r\n").as_bytes())
            .unwrap();
    }
    std::thread::sleep(Duration::from_secs(4));
    let grown = resident(&server, Daemon::Imapd).saturating_sub(before);
    assert!(
        grown < 16 * 1024,
        "imapd grew by {grown} KiB for a client that does not read"
    );
    // What lies in the sockets' buffers can still be read; then the connection is at its end.
    let said = until_closed(&mut socket, &server);
    assert!(
        !said.contains("\r\nc19 OK"),
        "the server sent all to a client that did not read"
    );
    honest_clients_are_served(&server);
}

#[test]
fn a_flood_of_connections_is_refused_beyond_the_limit_and_forgotten_after() {
    let server = server("limits = { connections = 30 }");
    for listener in PLAIN {
        let mut held: Vec<TcpStream> = (0..30).map(|_| connect(&server, listener)).collect();
        for socket in &mut held {
            let greeting = line(socket);
            assert!(
                !is_refusal(&greeting) && !greeting.is_empty(),
                "{listener:?}: {greeting}"
            );
        }
        let mut one_more = connect(&server, listener);
        let said = until_closed(&mut one_more, &server);
        assert!(said.is_empty() || is_refusal(&said), "{listener:?}: {said}");
        drop(held);
    }
    std::thread::sleep(Duration::from_millis(300));
    honest_clients_are_served(&server);
}

#[test]
fn one_address_cannot_take_all_connections() {
    let server = Server::with(
        "limits = { connections_per_address = 3 }\nproxy = { trusted = [\"127.0.0.0/8\"] }"
            .parse()
            .unwrap(),
        &[],
    )
    .unwrap();
    server.start_all().unwrap();
    let from = |listener, address: &str| {
        let mut socket = connect(&server, listener);
        let header = format!("PROXY TCP4 {address} 192.0.2.1 40000 25\r\n");
        socket.write_all(header.as_bytes()).unwrap();
        socket
    };
    for listener in PLAIN {
        let mut held: Vec<TcpStream> = (0..3).map(|_| from(listener, "203.0.113.7")).collect();
        for socket in &mut held {
            let greeting = line(socket);
            assert!(
                !is_refusal(&greeting) && !greeting.is_empty(),
                "{listener:?}: {greeting}"
            );
        }
        let said = until_closed(&mut from(listener, "203.0.113.7"), &server);
        assert!(said.is_empty() || is_refusal(&said), "{listener:?}: {said}");
        let greeting = line(&mut from(listener, "203.0.113.8"));
        assert!(
            !is_refusal(&greeting) && !greeting.is_empty(),
            "{listener:?}: {greeting}"
        );
    }
}

#[test]
fn connections_that_say_nothing_sensible_do_no_harm() {
    let server = server("");
    let mut noise = Vec::new();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..200_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.push(state as u8);
    }
    for listener in Listener::ALL {
        for chunk in noise.chunks(20_000) {
            let mut socket = connect(&server, listener);
            // The server may close before all is sent.
            drop(socket.write_all(chunk));
            drop(socket.shutdown(Shutdown::Write));
            until_closed(&mut socket, &server);
        }
    }
    honest_clients_are_served(&server);
}

#[test]
fn endless_lines_cost_no_memory() {
    let server = server("");
    for (listener, daemon) in [
        (Listener::Smtp, Daemon::Smtpd),
        (Listener::Imap, Daemon::Imapd),
        (Listener::Pop3, Daemon::Pop3d),
    ] {
        let before = resident(&server, daemon);
        let mut socket = connect(&server, listener);
        line(&mut socket);
        let block = vec![b'x'; 1 << 20];
        for _ in 0..64 {
            if socket.write_all(&block).is_err() {
                break;
            }
        }
        let grown = resident(&server, daemon).saturating_sub(before);
        assert!(
            grown < 8 * 1024,
            "{} grew by {grown} KiB for one line",
            daemon.name()
        );
    }
    honest_clients_are_served(&server);
}

#[test]
fn literals_before_login_are_bounded_and_never_read_as_commands() {
    let server = server("");
    let before = resident(&server, Daemon::Imapd);
    // One that waits to be invited is not invited.
    let mut socket = connect(&server, Listener::Imap);
    line(&mut socket);
    socket.write_all(b"a LOGIN {100000000}\r\n").unwrap();
    let said = line(&mut socket);
    assert!(
        said.starts_with("a BAD") || said.starts_with("a NO") || said.starts_with("* BYE"),
        "{said}"
    );
    // One that does not wait is swallowed, or the connection ends; what is in it is not obeyed.
    let mut socket = connect(&server, Listener::Imap);
    line(&mut socket);
    let inner = b"x CAPABILITY\r\n".repeat(80_000);
    let head = format!("b LOGIN {{{}+}}\r\n", inner.len());
    socket.write_all(head.as_bytes()).unwrap();
    drop(socket.write_all(&inner));
    drop(socket.write_all(b" pw\r\nc LOGOUT\r\n"));
    let said = until_closed(&mut socket, &server);
    assert!(
        !said.contains("x OK") && !said.contains("* CAPABILITY"),
        "{said}"
    );
    let grown = resident(&server, Daemon::Imapd).saturating_sub(before);
    assert!(grown < 8 * 1024, "imapd grew by {grown} KiB before login");
    honest_clients_are_served(&server);
}

#[test]
fn floods_of_parentheses_and_numbers_are_refused_and_the_session_goes_on() {
    let server = server("");
    let mut imap = Imap::login(&server, "alice@example.test").unwrap();
    imap.append("INBOX", b"Subject: x\r\n\r\ny\r\n").unwrap();
    imap.ok("SELECT INBOX").unwrap();
    let nested = |count: usize| format!("SEARCH {}ALL{}", "(".repeat(count), ")".repeat(count));
    let reply = imap.command(&nested(5_000)).unwrap();
    assert!(
        reply.tagged.starts_with("BAD") || reply.tagged.starts_with("NO"),
        "{}",
        reply.tagged
    );
    let not = format!("SEARCH {}ALL", "NOT ".repeat(1_500));
    imap.command(&not).unwrap();
    let or = format!("SEARCH {}ALL", "OR ALL ".repeat(1_000));
    imap.command(&or).unwrap();
    let huge = (1..1_000)
        .map(|n| format!("{n}:4294967295"))
        .collect::<Vec<_>>()
        .join(",");
    imap.command(&format!("UID SEARCH UID {huge}")).unwrap();
    imap.command("FETCH 1:4294967295 FLAGS").unwrap();
    imap.command("UID STORE 1:4294967295 +FLAGS.SILENT (\\Seen)")
        .unwrap();
    imap.ok("UID FETCH 1:4294967295 FLAGS").unwrap();
    imap.ok("NOOP").unwrap();
    honest_clients_are_served(&server);
}

/// Delivers a message and sees that it can be fetched whole, and that its structure is told in some way.
fn is_stored_and_served(message: &[u8]) {
    let server = server("");
    let mut smtp = Smtp::connect(&server).unwrap();
    smtp.deliver("x@elsewhere.test", &["alice@example.test"], message)
        .unwrap();
    let mut imap = Imap::login(&server, "alice@example.test").unwrap();
    let received = imap.messages("INBOX").unwrap();
    assert!(received[0].ends_with(message));
    imap.ok("SELECT INBOX").unwrap();
    for item in [
        "BODYSTRUCTURE",
        "ENVELOPE",
        "BODY[1]",
        "BODY[HEADER.FIELDS (SUBJECT)]",
        "BODY[1.1.1.MIME]",
    ] {
        imap.ok(&format!("FETCH 1 {item}")).unwrap();
    }
    imap.ok("SEARCH TEXT needle").unwrap();
    imap.ok("SEARCH SUBJECT needle").unwrap();
    honest_clients_are_served(&server);
}

#[test]
fn deeply_nested_multiparts_are_stored_and_served_whole() {
    let mut message = String::from("Subject: deep\r\nMIME-Version: 1.0\r\n");
    for depth in 0..3_000 {
        message.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{depth}\r\n\r\n--b{depth}\r\n"
        ));
    }
    message.push_str("\r\nneedle\r\n");
    is_stored_and_served(message.as_bytes());
}

#[test]
fn deeply_nested_messages_are_stored_and_served_whole() {
    let mut message = String::from("Subject: deep\r\nMIME-Version: 1.0\r\n");
    for _ in 0..3_000 {
        message.push_str("Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n");
    }
    message.push_str("\r\nneedle\r\n");
    is_stored_and_served(message.as_bytes());
}

#[test]
fn a_message_of_very_many_parts_is_stored_and_served_whole() {
    let head =
        "Subject: many\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
    let message = format!("{head}{}--b--\r\n", "--b\r\n\r\nneedle\r\n".repeat(30_000));
    is_stored_and_served(message.as_bytes());
}

#[test]
fn floods_of_parameters_addresses_and_header_fields_are_stored_and_served_whole() {
    let parameters: String = (0..5_000)
        .map(|n| format!(";\r\n name*{n}*=utf-8''x%20y"))
        .collect();
    let addresses: String = (0..20_000)
        .map(|n| format!("a{n}@example.test,\r\n "))
        .collect();
    let fields = "X-Filler: x\r\n".repeat(20_000);
    let message = format!(
        "Subject: floods\r\nMIME-Version: 1.0\r\nContent-Type: text/plain{parameters}\r\n\
         To: {addresses}z@example.test\r\n{fields}\r\nneedle\r\n"
    );
    is_stored_and_served(message.as_bytes());
}

/// A TLS session that seems to come from `address`; its greeting is read.
fn imaps_from(server: &Server, address: &str) -> Link {
    let to = server.address(Listener::Imaps).unwrap();
    let mut link = Link::connect(to, None, Protocol::Imap).unwrap();
    let header = format!("PROXY TCP4 {address} 192.0.2.1 40000 993\r\n");
    link.send(header.as_bytes()).unwrap();
    let mut link = link.start_tls("mail.example.test").unwrap();
    link.response(Duration::from_secs(20)).unwrap();
    link
}

/// Tries to log in; how long it took, and whether it worked.
fn log_in(link: &mut Link, user: &str, password: &str) -> (Duration, String) {
    let start = Instant::now();
    link.send(format!("a LOGIN \"{user}\" {password}\r\n").as_bytes())
        .unwrap();
    let reply = link.response(Duration::from_secs(60)).unwrap();
    (
        start.elapsed(),
        String::from_utf8_lossy(&reply).into_owned(),
    )
}

#[test]
fn guesses_slow_down_their_own_address_and_lock_out_nobody_else() {
    let server = server("proxy = { trusted = [\"127.0.0.0/8\"] }");
    // After five failures that cost nothing, the seventh attempt waits one second and the eighth two.
    for _ in 0..7 {
        let (_, reply) = log_in(
            &mut imaps_from(&server, "203.0.113.7"),
            "alice@example.test",
            "no",
        );
        assert!(reply.starts_with("a NO"), "{reply}");
    }
    let (own, reply) = log_in(
        &mut imaps_from(&server, "203.0.113.7"),
        "alice@example.test",
        "testpass",
    );
    assert!(reply.starts_with("a OK"), "{reply}");
    assert!(
        own >= Duration::from_millis(1_900),
        "the guesser waited only {own:?}"
    );
    let (other, reply) = log_in(
        &mut imaps_from(&server, "203.0.113.8"),
        "alice@example.test",
        "testpass",
    );
    assert!(reply.starts_with("a OK"), "{reply}");
    assert!(other < own, "somebody else waited {other:?}");
}

#[test]
fn users_that_do_not_exist_are_refused_in_the_same_words_and_time() {
    let server = server("");
    let attempt = |user: &str| {
        let mut best = Duration::MAX;
        let mut words = String::new();
        for _ in 0..5 {
            let mut imap = Imap::connect(&server).unwrap();
            let (time, reply) = log_in(&mut imap.link, user, "wrong");
            best = best.min(time);
            words = reply;
        }
        (best, words)
    };
    let (known, words) = attempt("alice@example.test");
    for user in [
        "nobody@example.test",
        "alice@elsewhere.test",
        "alice'--",
        "../alice",
        "\u{e4}@example.test",
    ] {
        let (unknown, other) = attempt(user);
        assert_eq!(other, words, "{user}");
        // A look-up without a hash is a hundred times as fast.
        assert!(unknown * 4 > known, "{user}: {unknown:?}, alice: {known:?}");
    }
}

#[test]
fn names_become_neither_paths_nor_queries() {
    let server = server("");
    let files = || {
        let mut names = files_below(server.scratch());
        names.retain(|name| !name.ends_with(".log"));
        names
    };
    let mut imap = Imap::login(&server, "alice@example.test").unwrap();
    imap.append("INBOX", b"Subject: x\r\n\r\ny\r\n").unwrap();
    let before = files();
    let names = [
        "../../../tmp/pennyblack-was-here",
        "/tmp/pennyblack-was-here",
        "a/../../b",
        "x'); DROP TABLE message; --",
        "x\\\" OR \\\"1\\\"=\\\"1",
        "%s%s%n",
        "a\u{7f}b",
    ];
    for name in names {
        imap.command(&format!("CREATE \"{name}\"")).unwrap();
        imap.command(&format!("APPEND \"{name}\" {{3+}}\r\nA:b"))
            .unwrap();
        imap.command(&format!("SUBSCRIBE \"{name}\"")).unwrap();
        imap.command(&format!("STATUS \"{name}\" (MESSAGES)"))
            .unwrap();
        imap.command(&format!("RENAME \"{name}\" \"{name}2\""))
            .unwrap();
        imap.command(&format!("DELETE \"{name}2\"")).unwrap();
        imap.ok("SELECT INBOX").unwrap();
        imap.command(&format!("SEARCH SUBJECT \"{name}\"")).unwrap();
        imap.command(&format!("STORE 1 +FLAGS ({name})")).unwrap();
    }
    assert_eq!(files(), before);
    assert!(!std::path::Path::new("/tmp/pennyblack-was-here").exists());
    let mut smtp = Smtp::connect(&server).unwrap();
    for name in [
        "../../x",
        "alice'--",
        "x' OR '1'='1",
        "\"; DROP TABLE account\"",
    ] {
        let refused = smtp.command(&format!("RCPT TO:<{name}@example.test>"), "5");
        assert!(refused.is_ok(), "{name}: {refused:?}");
    }
    honest_clients_are_served(&server);
}

/// All files below a directory, with their paths.
fn files_below(directory: &std::path::Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        names.push(entry.path().display().to_string());
        if entry.file_type().unwrap().is_dir() {
            names.extend(files_below(&entry.path()));
        }
    }
    names.sort();
    names
}
