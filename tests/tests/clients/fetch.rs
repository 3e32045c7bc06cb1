//! Programs that fetch: curl, getmail6, fetchmail.

use super::{file, fill, getmail, holds, message, messages, run, run_refused, server};
use tests::chat::Listener;
use tests::server::Server;

const USER: [&str; 4] = ["-sS", "-k", "-u", "bob@example.test:testpass"];

fn url(server: &Server, listener: Listener, path: &str) -> String {
    format!(
        "{}://{}:{}/{path}",
        listener.name(),
        server.host(),
        Server::port(listener)
    )
}

fn curl(server: &Server, url: &str, more: &[&str]) -> Vec<u8> {
    run(server, "curl", &[&USER[..], &[url], more].concat(), b"")
}

#[test]
fn curl_reads_by_imap() {
    let server = server();
    fill(&server, "bob@example.test", "INBOX", "curl", 2);
    for (listener, more) in [
        (Listener::Imaps, &[][..]),
        (
            Listener::Imap,
            &["--ssl-reqd", "--login-options", "AUTH=PLAIN"],
        ),
    ] {
        let whole = curl(&server, &url(&server, listener, "INBOX;MAILINDEX=2"), more);
        assert_eq!(whole, message("curl-2"), "{listener:?}");
        let part = curl(
            &server,
            &url(&server, listener, "INBOX;UID=1;SECTION=TEXT"),
            more,
        );
        assert!(holds(&part, "Grüße"), "{listener:?}");
        let found = curl(
            &server,
            &url(&server, listener, "INBOX?SUBJECT%20curl-2"),
            more,
        );
        assert_eq!(found, b"* SEARCH 2\r\n", "{listener:?}");
        let listed = curl(&server, &url(&server, listener, ""), more);
        assert!(
            holds(&listed, "\\Drafts"),
            "{}",
            String::from_utf8_lossy(&listed)
        );
    }
}

#[test]
fn curl_appends_by_imap_and_changes_flags() {
    let server = server();
    let path = file(&server, "message", &message("appended"));
    curl(
        &server,
        &url(&server, Listener::Imaps, "Sent"),
        &["-T", &path],
    );
    let store = ["-X", "STORE 1 +Flags \\Deleted"];
    curl(&server, &url(&server, Listener::Imaps, "Sent"), &store);
    assert_eq!(
        messages(&server, "bob@example.test", "Sent", 1),
        [message("appended")]
    );
    curl(
        &server,
        &url(&server, Listener::Imaps, "Sent"),
        &["-X", "EXPUNGE"],
    );
    messages(&server, "bob@example.test", "Sent", 0);
}

#[test]
fn curl_reads_and_deletes_by_pop3() {
    let server = server();
    fill(&server, "bob@example.test", "INBOX", "curl", 3);
    for (listener, more) in [
        (Listener::Pop3s, &[][..]),
        (Listener::Pop3s, &["--login-options", "AUTH=PLAIN"]),
        (Listener::Pop3, &["--ssl-reqd"]),
        (
            Listener::Pop3,
            &["--ssl-reqd", "--login-options", "AUTH=LOGIN"],
        ),
    ] {
        let list = curl(&server, &url(&server, listener, ""), more);
        assert_eq!(
            String::from_utf8_lossy(&list).lines().count(),
            3,
            "{listener:?} {more:?}"
        );
        let whole = curl(&server, &url(&server, listener, "2"), more);
        assert_eq!(whole, message("curl-2"), "{listener:?} {more:?}");
    }
    curl(
        &server,
        &url(&server, Listener::Pop3s, "1"),
        &["-X", "DELE", "-I"],
    );
    messages(&server, "bob@example.test", "INBOX", 2);
}

#[test]
fn a_wrong_password_is_refused() {
    let server = server();
    for listener in [Listener::Imaps, Listener::Pop3s] {
        let url = url(&server, listener, "");
        let printed = run_refused(
            &server,
            "curl",
            &["-sS", "-k", "-u", "bob@example.test:wrong", &url],
        );
        assert!(printed.contains("(67)"), "{printed}");
    }
}

#[test]
fn getmail_fetches_each_message_once() {
    for listener in [Listener::Imaps, Listener::Pop3s] {
        let server = server();
        fill(&server, "bob@example.test", "INBOX", "get", 5);
        let kept = server.scratch().join("kept");
        let config = getmail(&server, listener, "INBOX", &kept);
        let directory = server.scratch().display().to_string();
        for round in 1..=2 {
            run(
                &server,
                "getmail",
                &["--getmaildir", &directory, "--rcfile", &config],
                b"",
            );
            let files = std::fs::read_dir(&kept).unwrap();
            let fetched: Vec<Vec<u8>> = files
                .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
                .collect();
            assert_eq!(fetched.len(), 5, "{listener:?}, round {round}");
            assert!(
                fetched.iter().all(|message| holds(message, "Grüße")),
                "{listener:?}"
            );
        }
        messages(&server, "bob@example.test", "INBOX", 5);
    }
}

#[test]
fn fetchmail_fetches_and_deletes() {
    for (protocol, listener) in [("imap", Listener::Imaps), ("pop3", Listener::Pop3s)] {
        let server = server();
        fill(&server, "bob@example.test", "INBOX", "fetch", 5);
        let mbox = server.scratch().join("mbox");
        let config = format!(
            "poll {} port {} protocol {protocol} username \"bob@example.test\" password \"testpass\"\n\
             ssl no sslcertck fetchall no keep mda \"cat >> {}\"\n",
            server.host(),
            Server::port(listener),
            mbox.display(),
        );
        let config = file(&server, "fetchmailrc", config.as_bytes());
        run(
            &server,
            "fetchmail",
            &["-f", &config, "--nodetach", "--nosyslog"],
            b"",
        );
        let fetched = std::fs::read_to_string(&mbox).unwrap();
        for number in 1..=5 {
            assert!(
                fetched.contains(&format!("Subject: fetch-{number}\n")),
                "{protocol}"
            );
        }
        messages(&server, "bob@example.test", "INBOX", 0);
    }
}
