//! Python: smtplib, imaplib and poplib (`clients/libraries.py`), zlib for COMPRESS (`clients/compress.py`), and IMAPClient and
//! imap-tools from PyPI (`clients/packages.py`), which `tests/run` puts into `target/clients/python`.

use super::{run, server};
use std::path::Path;
use tests::chat::Listener;
use tests::server::Server;

/// Runs a script against imaps.
fn by_imap(python: &str, script: &str) {
    let server = server();
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients")
        .join(script);
    let (script, host) = (script.display().to_string(), server.host().to_string());
    let port = Server::port(Listener::Imaps).to_string();
    run(&server, python, &[&script, &host, &port], b"");
    server.mailctl_ok(&["check"], "").unwrap();
}

#[test]
fn pythons_zlib_understands_compress() {
    by_imap("python3", "compress.py");
}

#[test]
fn imapclient_and_imap_tools_read_mark_move_and_delete() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = workspace.join("target/clients/python/bin/python3");
    by_imap(&python.display().to_string(), "packages.py");
}

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
