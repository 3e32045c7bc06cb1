//! offlineimap: two-way synchronisation of a mailbox with flags and deletions, and a second look that changes nothing. Debian's
//! version knows neither CONDSTORE nor QRESYNC.

use super::{certificate, file, fill, messages, run, server};
use std::path::Path;
use tests::chat::Listener;
use tests::imap::Imap;
use tests::server::Server;

const USER: &str = "bob@example.test";

/// How it connects.
#[derive(Debug, Clone, Copy)]
enum Way {
    Plain,
    /// TLS and COMPRESS, one connection for each folder, and names in UTF-8.
    Compressed,
}

fn connection(server: &Server, way: Way) -> String {
    let (port, more) = match way {
        Way::Plain => (Listener::Imap, "ssl = no\nstarttls = no".to_owned()),
        Way::Compressed => {
            let certificate = certificate(server);
            let arguments = [
                "x509",
                "-noout",
                "-fingerprint",
                "-sha256",
                "-in",
                &certificate,
            ];
            let printed = run(server, "openssl", &arguments, b"");
            let printed = String::from_utf8_lossy(&printed).trim().replace(':', "");
            let fingerprint = printed.split('=').next_back().unwrap().to_lowercase();
            let more = format!(
                "ssl = yes\ncert_fingerprint = {fingerprint}\nusecompression = yes\nsinglethreadperfolder = yes"
            );
            (Listener::Imaps, more)
        }
    };
    format!("remoteport = {}\n{more}\n", Server::port(port))
}

fn config(server: &Server, maildir: &Path, way: Way) -> String {
    let text = format!(
        "[general]\naccounts = a\nmetadata = {metadata}\n\n\
         [Account a]\nlocalrepository = near\nremoterepository = far\nutf8foldernames = yes\n\n\
         [Repository near]\ntype = Maildir\nlocalfolders = {maildir}\nutime_from_header = no\n\n\
         [Repository far]\ntype = IMAP\nremotehost = {host}\nremoteuser = {USER}\nremotepass = testpass\n\
         auth_mechanisms = PLAIN\n{connection}folderfilter = lambda name: name in ['INBOX', 'Archive', 'Büro']\n",
        metadata = server.scratch().join("offlineimap").display(),
        maildir = maildir.display(),
        host = server.host(),
        connection = connection(server, way),
    );
    file(server, "offlineimaprc", text.as_bytes())
}

fn names(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for part in ["cur", "new"] {
        for entry in std::fs::read_dir(directory.join(part)).unwrap() {
            names.push(format!(
                "{part}/{}",
                entry.unwrap().file_name().to_string_lossy()
            ));
        }
    }
    names.sort();
    names
}

/// Uids, flags and mod-sequences of the whole mailbox.
fn state(server: &Server) -> String {
    let mut imap = Imap::login(server, USER).unwrap();
    imap.ok("EXAMINE INBOX").unwrap();
    imap.ok("UID FETCH 1:* (FLAGS MODSEQ)").unwrap().text()
}

#[test]
fn offlineimap_synchronises_both_ways_and_then_changes_nothing() {
    synchronises_both_ways(Way::Plain);
}

#[test]
fn offlineimap_synchronises_over_a_compressed_connection() {
    synchronises_both_ways(Way::Compressed);
}

fn synchronises_both_ways(way: Way) {
    let server = server();
    fill(&server, USER, "INBOX", "off", 40);
    let maildir = server.scratch().join("maildir");
    std::fs::create_dir(&maildir).unwrap();
    let config = config(&server, &maildir, way);
    let sync = || {
        let arguments = ["-c", &config, "-o", "-u", "basic"];
        run(&server, "offlineimap", &arguments, b"")
    };
    let mut imap = Imap::login(&server, USER).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    imap.ok("STORE 1:10 +FLAGS (\\Seen)").unwrap();
    imap.ok("CREATE B&APw-ro").unwrap();
    fill(&server, USER, "B&APw-ro", "off", 2);
    sync();
    assert_eq!(names(&maildir.join("Büro")).len(), 2);
    let inbox = maildir.join("INBOX");
    let there = names(&inbox);
    assert_eq!(there.len(), 40);
    assert_eq!(there.iter().filter(|name| name.ends_with('S')).count(), 10);

    // A new message here, one gone here, one gone there.
    let message =
        b"From: a@example.test\nSubject: from here\nMessage-ID: <here@example.test>\n\ntext\n";
    std::fs::write(inbox.join("cur/new-one:2,F"), message).unwrap();
    std::fs::remove_file(inbox.join(&there[0])).unwrap();
    imap.ok("STORE 40 +FLAGS.SILENT (\\Deleted)").unwrap();
    imap.ok("EXPUNGE").unwrap();
    sync();
    assert_eq!(names(&inbox).len(), 39);
    messages(&server, USER, "INBOX", 39);
    imap.ok("NOOP").unwrap();
    assert_eq!(imap.ok("SEARCH FLAGGED").unwrap().numbers().len(), 1);

    let before = (names(&inbox), state(&server));
    sync();
    assert_eq!((names(&inbox), state(&server)), before);
    server.mailctl_ok(&["check"], "").unwrap();
}
