//! Perl's Mail::IMAPClient: the script is `clients/imapclient.pl`.

use super::{run, server};
use std::path::Path;
use tests::chat::Listener;
use tests::server::Server;

#[test]
fn mail_imapclient_reads_searches_copies_and_moves() {
    let server = server();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/imapclient.pl");
    let (script, host) = (script.display().to_string(), server.host().to_string());
    let port = Server::port(Listener::Imap).to_string();
    run(&server, "/usr/bin/perl", &[&script, &host, &port], b"");
    server.mailctl_ok(&["check"], "").unwrap();
}
