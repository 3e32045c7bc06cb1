//! The mail programs that people use, against the real daemons, mostly over TLS.
//!
//! The programs are Debian's, or packages of PyPI and npm; `tests/run` installs them. A program that is missing is a failure, not a
//! test left out.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod evolution;
mod fetch;
mod interimap;
mod mutt;
mod node;
mod offlineimap;
mod perl;
mod python;
mod send;
mod sync;
mod thunderbird;
mod together;

use std::path::Path;
use std::time::{Duration, Instant};
use tests::chat::Listener;
use tests::imap::Imap;
use tests::server::Server;

/// A message with an attachment, umlauts, lines that begin with dots, and a subject to know it by.
fn message(subject: &str) -> Vec<u8> {
    let text = format!(
        "From: alice@example.test\n\
         To: bob@example.test\n\
         Subject: {subject}\n\
         Date: Thu, 01 Jan 2026 10:00:00 +0000\n\
         Message-ID: <{subject}@client.example.test>\n\
         MIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=\"=-=\"\n\
         \n\
         --=-=\n\
         Content-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: 8bit\n\
         \n\
         Grüße\n\
         .\n\
         ..dots\n\
         --=-=\n\
         Content-Type: application/octet-stream; name=data.bin\n\
         Content-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename=data.bin\n\
         \n\
         AAECAwQFBgcICQ==\n\
         --=-=--\n"
    );
    text.replace('\n', "\r\n").into_bytes()
}

/// A server with all daemons running.
fn server() -> Server {
    let server = Server::new().unwrap();
    server.start_all().unwrap();
    server
}

/// What lies in a mailbox once `count` messages are there. Delivery is part of acceptance, so this is at once; programs
/// that go on in the background get a while.
fn messages(server: &Server, user: &str, mailbox: &str, count: usize) -> Vec<Vec<u8>> {
    let mut imap = Imap::login(server, user).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let messages = imap.messages(mailbox).unwrap();
        if messages.len() >= count || Instant::now() > deadline {
            assert_eq!(
                messages.len(),
                count,
                "{user}'s {mailbox}\n{}",
                server.logs()
            );
            return messages;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a message holds the text.
fn holds(message: &[u8], text: &str) -> bool {
    message
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// Runs a program in the server's scratch directory; a failure shows what it and the daemons said.
fn run(server: &Server, program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    tests::client::run(server.scratch(), program, arguments, input)
        .unwrap_or_else(|error| panic!("{error}\n{}", server.logs()))
}

/// The same, for a program that must fail.
fn run_refused(server: &Server, program: &str, arguments: &[&str]) -> String {
    match tests::client::run(server.scratch(), program, arguments, b"") {
        Ok(printed) => panic!(
            "{program} succeeded: {}\n{}",
            String::from_utf8_lossy(&printed),
            server.logs()
        ),
        Err(error) => error,
    }
}

/// Writes a file into the scratch directory, readable by its owner alone as programs want it; gives its path.
fn file(server: &Server, name: &str, content: &[u8]) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = server.scratch().join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.display().to_string()
}

/// Puts `count` messages into a mailbox, subjects `PREFIX-1` and so on.
fn fill(server: &Server, user: &str, mailbox: &str, prefix: &str, count: usize) {
    let mut imap = Imap::login(server, user).unwrap();
    for number in 1..=count {
        imap.append(mailbox, &message(&format!("{prefix}-{number}")))
            .unwrap();
    }
}

/// A file with the self-signed certificate that the daemons made, and nothing else, for programs that want it.
fn certificate(server: &Server) -> String {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----\n";
    for entry in std::fs::read_dir(server.data().join("tls")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        if let Some((start, end)) = text.find(BEGIN).zip(text.find(END)) {
            return file(
                server,
                "certificate.pem",
                &text.as_bytes()[start..end + END.len()],
            );
        }
    }
    panic!("no certificate in data_dir/tls");
}

/// A configuration of getmail that fetches what is new from a listener into files of their own in `directory`.
///
/// It hands each message to a program, for it refuses to write files as root. The program takes its time to end: getmail
/// sometimes waits for ever for a child that has ended before it began to wait.
fn getmail(server: &Server, listener: Listener, mailbox: &str, directory: &Path) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(directory).unwrap();
    let keep = format!(
        "#!/bin/sh\ncat > \"$(mktemp {}/XXXXXXXX)\"\nsleep 0.3\n",
        directory.display()
    );
    let keep = file(server, "keep", keep.as_bytes());
    std::fs::set_permissions(&keep, std::fs::Permissions::from_mode(0o700)).unwrap();
    let kind = match listener {
        Listener::Imaps => format!("SimpleIMAPSSLRetriever\nmailboxes = (\"{mailbox}\",)"),
        _ => "SimplePOP3SSLRetriever".to_owned(),
    };
    let config = format!(
        "[retriever]\ntype = {kind}\nserver = {}\nport = {}\nusername = bob@example.test\n\
         password = testpass\n[destination]\ntype = MDA_external\npath = {keep}\n\
         allow_root_commands = true\n[options]\nread_all = false\ndelete = false\n",
        server.host(),
        Server::port(listener),
    );
    file(server, "getmailrc", config.as_bytes())
}
