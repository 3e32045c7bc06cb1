//! Python's smtplib, imaplib and poplib: the script is `clients/libraries.py`.

use super::{run, server};
use std::path::Path;
use tests::chat::Listener;
use tests::server::Server;

#[test]
fn python_libraries_send_read_and_delete() {
    let server = server();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/libraries.py");
    let ports = [
        Listener::Smtp,
        Listener::Submission,
        Listener::Submissions,
        Listener::Imap,
        Listener::Imaps,
        Listener::Pop3,
        Listener::Pop3s,
    ];
    let mut arguments = vec![script.display().to_string(), server.host().to_string()];
    arguments
        .extend(ports.map(|listener| format!("{}={}", listener.name(), Server::port(listener))));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run(&server, "python3", &arguments, b"");
    server.mailctl_ok(&["check"], "").unwrap();
}
