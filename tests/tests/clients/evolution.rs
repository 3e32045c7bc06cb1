//! Evolution's mail engine, libcamel with its provider imapx, in two sessions that `clients/evolution.py` takes it through; what
//! has become of the mailboxes is looked at from here.

use super::{fill, holds, message, messages, run, server};
use std::path::Path;
use tests::chat::Listener;
use tests::imap::Imap;
use tests::server::{Daemon, Server};

const USER: &str = "bob@example.test";
/// It speaks UTF-8 once it is enabled; this test's own session does not.
const FILED: &str = "B&APw-ro/Neu &- alt";

/// Runs a session; gives what the engine and the server said to each other.
fn session(server: &Server, name: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/evolution.py");
    let (script, host) = (script.display().to_string(), server.host().to_string());
    let [imap, imaps] = [Listener::Imap, Listener::Imaps].map(|at| Server::port(at).to_string());
    let arguments = [script.as_str(), &host, &imap, &imaps, name];
    let dialogue = run(server, "/usr/bin/python3", &arguments, b"");
    let dialogue = String::from_utf8_lossy(&dialogue).into_owned();
    let refused: Vec<_> = dialogue
        .lines()
        .filter(|line| line.contains(" BAD ") || line.contains(" NO "))
        .collect();
    assert_eq!(refused, Vec::<&str>::new(), "{}", server.logs());
    dialogue
}

fn found(imap: &mut Imap, mailbox: &str, criteria: &str) -> usize {
    imap.ok(&format!("EXAMINE \"{mailbox}\"")).unwrap();
    let reply = imap.ok(&format!("SEARCH {criteria}")).unwrap();
    reply.numbers().len()
}

/// What the first session has left.
fn is_changed(server: &Server) {
    let mut imap = Imap::login(server, USER).unwrap();
    let expected = [
        ("INBOX", "ALL", 5),
        (
            "INBOX",
            "SUBJECT evo-1 SEEN FLAGGED KEYWORD $Label1 ANSWERED",
            1,
        ),
        ("INBOX", "SUBJECT evo-2 FLAGGED", 1),
        ("INBOX", "SUBJECT evo-appended SEEN BODY appended", 1),
        (
            "INBOX",
            "OR SUBJECT evo-3 OR SUBJECT evo-4 SUBJECT evo-6",
            0,
        ),
        (FILED, "ALL", 3),
        (FILED, "SUBJECT evo-1 SEEN FLAGGED KEYWORD $Label1", 1),
        (FILED, "SUBJECT evo-3 UNSEEN", 1),
    ];
    for (mailbox, criteria, count) in expected {
        let found = found(&mut imap, mailbox, criteria);
        assert_eq!(found, count, "{mailbox}: {criteria}\n{}", server.logs());
    }
    let subscribed = imap.ok("LSUB \"\" *").unwrap().text();
    assert!(subscribed.contains(FILED), "{subscribed}");
    let names = imap.ok("LIST \"\" *").unwrap().text();
    assert!(!names.contains("Gone") && !names.contains("Alt"), "{names}");
}

/// What happens while it is away.
fn changes_elsewhere(server: &Server) {
    let mut imap = Imap::login(server, USER).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    for (subject, flags) in [("evo-2", "\\Deleted"), ("evo-5", "\\Flagged")] {
        let number = imap.ok(&format!("SEARCH SUBJECT {subject}")).unwrap();
        let number = number.numbers()[0];
        imap.ok(&format!("STORE {number} +FLAGS ({flags})"))
            .unwrap();
    }
    imap.ok("EXPUNGE").unwrap();
    imap.append("INBOX", &message("evo-away")).unwrap();
}

#[test]
fn evolution_reads_files_searches_idles_and_comes_back() {
    let server = server();
    fill(&server, USER, "INBOX", "evo", 6);
    let dialogue = session(&server, "first");
    for word in ["ENABLE UTF8=ACCEPT", "NOTIFY SET", "UID MOVE", " IDLE'"] {
        assert!(dialogue.contains(word), "{word}\n{dialogue}");
    }
    is_changed(&server);
    // A message that was filed is the one that was delivered.
    let filed = messages(&server, USER, FILED, 3);
    assert!(filed.contains(&message("evo-3")));
    changes_elsewhere(&server);
    let dialogue = session(&server, "second");
    for word in [
        "STARTTLS'",
        "ENABLE CONDSTORE QRESYNC",
        "SELECT INBOX (QRESYNC (",
        "VANISHED (EARLIER)",
    ] {
        assert!(dialogue.contains(word), "{word}\n{dialogue}");
    }
    let left = messages(&server, USER, "INBOX", 3);
    for (message, subject) in left.iter().zip(["evo-appended", "evo-away", "evo-later"]) {
        assert!(holds(message, &format!("Subject: {subject}\r\n")));
    }
    assert!(!server.whole_log(Daemon::Imapd).contains("command refused"));
    server.mailctl_ok(&["check"], "").unwrap();
}
