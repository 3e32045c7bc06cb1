//! mbsync: two-way synchronisation of a mailbox with flags.

use super::{certificate, file, fill, messages, run, server};
use std::path::Path;
use tests::chat::Listener;
use tests::imap::Imap;
use tests::server::Server;

const USER: &str = "bob@example.test";
const MESSAGES: usize = 500;

fn config(server: &Server, maildir: &Path) -> String {
    let text = format!(
        "IMAPAccount a\nHost {host}\nPort {port}\nUser {USER}\nPass testpass\nSSLType IMAPS\n\
         CertificateFile {certificate}\n\n\
         IMAPStore far\nAccount a\n\n\
         MaildirStore near\nPath {maildir}/\nInbox {maildir}/INBOX\nSubFolders Verbatim\n\n\
         Channel c\nFar :far:\nNear :near:\nPatterns * \nSync All\nCreate Both\nExpunge Both\nSyncState *\n",
        host = server.host(),
        port = Server::port(Listener::Imaps),
        certificate = certificate(server),
        maildir = maildir.display(),
    );
    file(server, "mbsyncrc", text.as_bytes())
}

/// Names of all message files, with the flags that are part of them.
fn names(maildir: &Path, mailbox: &str) -> Vec<String> {
    let mut names = Vec::new();
    for part in ["cur", "new"] {
        for entry in std::fs::read_dir(maildir.join(mailbox).join(part)).unwrap() {
            names.push(entry.unwrap().file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    names
}

/// Uids, flags and mod-sequences of the whole mailbox.
fn state(server: &Server, mailbox: &str) -> String {
    let mut imap = Imap::login(server, USER).unwrap();
    imap.ok(&format!("EXAMINE {mailbox}")).unwrap();
    imap.ok("UID FETCH 1:* (FLAGS MODSEQ)").unwrap().text()
}

fn rename(maildir: &Path, name: &str, flags: &str) {
    let directory = maildir.join("INBOX");
    let from = ["cur", "new"].map(|part| directory.join(part).join(name));
    let from = from.iter().find(|path| path.exists()).unwrap();
    let base = name.split(":2,").next().unwrap();
    std::fs::rename(
        from,
        directory.join("cur").join(format!("{base}:2,{flags}")),
    )
    .unwrap();
}

#[test]
fn mbsync_synchronises_500_messages_both_ways_and_then_changes_nothing() {
    let server = server();
    fill(&server, USER, "INBOX", "sync", MESSAGES);
    let maildir = server.scratch().join("maildir");
    std::fs::create_dir(&maildir).unwrap();
    let config = config(&server, &maildir);
    let sync = || run(&server, "mbsync", &["-c", &config, "-a"], b"");

    let mut imap = Imap::login(&server, USER).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    imap.ok("STORE 1:100 +FLAGS (\\Seen)").unwrap();
    imap.ok("STORE 50:60 +FLAGS (\\Flagged \\Answered)")
        .unwrap();
    sync();
    let there = names(&maildir, "INBOX");
    assert_eq!(there.len(), MESSAGES);
    assert_eq!(there.iter().filter(|name| name.ends_with('S')).count(), 100);
    assert_eq!(
        there.iter().filter(|name| name.contains(":2,FRS")).count(),
        11
    );

    // The second run changes nothing, on either side.
    let before = state(&server, "INBOX");
    sync();
    assert_eq!(names(&maildir, "INBOX"), there);
    assert_eq!(state(&server, "INBOX"), before);

    // Changes on both sides meet.
    for name in there.iter().filter(|name| name.ends_with(":2,")).take(20) {
        rename(&maildir, name, "FS");
    }
    for name in there.iter().filter(|name| name.ends_with(":2,S")).take(10) {
        rename(&maildir, name, "ST");
    }
    imap.ok("STORE 490:500 +FLAGS (\\Deleted)").unwrap();
    imap.ok("EXPUNGE").unwrap();
    let copy = super::message("from-near");
    std::fs::write(maildir.join("INBOX/new/1.near.host"), copy).unwrap();
    sync();
    assert_eq!(names(&maildir, "INBOX").len(), MESSAGES - 10 - 11 + 1);
    messages(&server, USER, "INBOX", MESSAGES - 10 - 11 + 1);
    let flagged = imap.ok("SEARCH FLAGGED SEEN UNANSWERED").unwrap().numbers();
    assert_eq!(flagged.len(), 20);

    let there = names(&maildir, "INBOX");
    let before = state(&server, "INBOX");
    sync();
    assert_eq!(names(&maildir, "INBOX"), there);
    assert_eq!(state(&server, "INBOX"), before);
    server.mailctl_ok(&["check"], "").unwrap();
}
