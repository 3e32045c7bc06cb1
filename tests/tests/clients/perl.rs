//! Perl's Mail::IMAPClient: the script is `clients/imapclient.pl`; the module's own tests are in `target/clients/perl` where
//! `tests/run` could fetch them.

use super::{file, run, server};
use std::path::Path;
use tests::chat::Listener;
use tests::server::Server;

/// What they expect of other servers: that CREATE makes superior names that cannot be selected, which RFC 3501 §6.3.3 leaves
/// open, and that there is a quota root of this name.
const EXPECTED_OF_OTHERS: [&str; 3] = [
    "folders() excludes /Noselect mailbox",
    "not selectable (non-mailbox w/inferior)",
    "getquota",
];

#[test]
fn mail_imapclient_reads_searches_copies_and_moves() {
    let server = server();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/imapclient.pl");
    let (script, host) = (script.display().to_string(), server.host().to_string());
    let port = Server::port(Listener::Imap).to_string();
    run(&server, "/usr/bin/perl", &[&script, &host, &port], b"");
    own_tests(&server);
    server.mailctl_ok(&["check"], "").unwrap();
}

/// The module's own tests, if they are there.
fn own_tests(server: &Server) {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let suite = workspace.join("target/clients/perl/t");
    if !suite.exists() {
        return;
    }
    let account = format!(
        "server={}\nport={}\nuser=bob@example.test\npassed=testpass\nauthmechanism=LOGIN\n",
        server.host(),
        Server::port(Listener::Imap),
    );
    file(server, "test.txt", account.as_bytes());
    std::os::unix::fs::symlink(suite, server.scratch().join("t")).unwrap();
    for name in [
        "basic",
        "body_string",
        "bodystructure",
        "fetch_hash",
        "messageset",
        "quota",
        "simple",
        "thread",
    ] {
        let command = format!("/usr/bin/perl t/{name}.t || true");
        let printed = run(server, "sh", &["-c", &command], b"");
        let printed = String::from_utf8_lossy(&printed);
        let failed = |line: &&str| {
            line.split_once(" - ")
                .is_none_or(|(_, what)| !EXPECTED_OF_OTHERS.contains(&what))
        };
        let faults: Vec<_> = printed
            .lines()
            .filter(|line| line.starts_with("not ok"))
            .filter(failed)
            .collect();
        assert!(faults.is_empty(), "{name}: {faults:#?}");
        // All that were planned have run.
        let plan = printed
            .lines()
            .find_map(|line| line.strip_prefix("1.."))
            .unwrap();
        let ran = printed
            .lines()
            .filter(|line| line.starts_with("ok ") || line.starts_with("not ok "))
            .count();
        assert_eq!(plan, ran.to_string(), "{name}\n{printed}");
    }
}
