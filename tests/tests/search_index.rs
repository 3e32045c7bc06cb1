//! `mailctl index`, beside imapd, which keeps the index by itself.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use tests::imap::Imap;
use tests::server::{Daemon, Server};
use tests::smtp::Smtp;

const MESSAGES: u64 = 30;

fn status(server: &Server, arguments: &[&str]) -> Value {
    let mut all = vec!["index", "--json"];
    all.extend(arguments);
    serde_json::from_str(&server.mailctl_ok(&all, "").unwrap()).unwrap()
}

#[test]
fn what_waits_is_indexed_thrown_away_and_made_anew() {
    let server = Server::new().unwrap();
    let config = "[imapd]\nsearch_index = false".parse().unwrap();
    server.configure(config).unwrap();
    server.start_all().unwrap();
    let mut smtp = Smtp::connect(&server).unwrap();
    for number in 0..MESSAGES {
        let message = format!("Subject: note\r\n\r\nAbout matter {number}.\r\n");
        smtp.deliver(
            "x@elsewhere.test",
            &["alice@example.test"],
            message.as_bytes(),
        )
        .unwrap();
    }
    let waiting = status(&server, &["--status"]);
    assert_eq!(waiting["waiting"], MESSAGES);
    assert_eq!(waiting["octets"], 0);
    let indexed = status(&server, &[]);
    assert_eq!(indexed["indexed"], MESSAGES);
    assert_eq!(indexed["waiting"], 0);
    assert!(indexed["octets"].as_u64().unwrap() > 0);
    assert_eq!(status(&server, &["--rebuild"]), indexed);
    assert_eq!(status(&server, &["--drop"]), waiting);
    server.mailctl_ok(&["check"], "").unwrap();
}

#[test]
fn imapd_indexes_by_itself() {
    let server = Server::new().unwrap();
    let mut smtp = {
        server.start(Daemon::Smtpd).unwrap();
        Smtp::connect(&server).unwrap()
    };
    for number in 0..MESSAGES {
        let message = format!("Subject: note\r\n\r\nAbout matter {number}.\r\n");
        smtp.deliver(
            "x@elsewhere.test",
            &["alice@example.test"],
            message.as_bytes(),
        )
        .unwrap();
    }
    server.start(Daemon::Imapd).unwrap();
    // However long it takes: the test's own deadline is the harness's.
    while status(&server, &["--status"])["waiting"] != 0 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let mut imap = Imap::login(&server, "alice@example.test").unwrap();
    imap.ok("SELECT INBOX").unwrap();
    let found = imap.ok("SEARCH BODY \"matter 17.\"").unwrap().numbers();
    assert_eq!(found, [18]);
    server.mailctl_ok(&["check"], "").unwrap();
}
