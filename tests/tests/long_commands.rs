//! What a client is told of a command that takes very long, and of a result that is very large.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::File;
use std::time::Duration;

use tests::imap::Imap;
use tests::server::Server;

const ALICE: &str = "alice@example.test";
const MESSAGE: &[u8] = b"Subject: x\r\n\r\nx\r\n";

/// A COPY cannot begin while another process writes. The client learns that it is not forgotten (RFC 9585), and in the end gets its
/// answer.
#[test]
fn a_client_is_told_that_its_command_is_still_at_work() {
    let server = Server::new().unwrap();
    let mut imap = Imap::login(&server, ALICE).unwrap();
    imap.append("INBOX", MESSAGE).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    let writing = File::open(server.data().join("locks/write")).unwrap();
    writing.lock().unwrap();
    imap.link.send(b"copy COPY 1 Trash\r\n").unwrap();
    let mut next = || imap.link.response(Duration::from_secs(60)).unwrap();
    let told = String::from_utf8(next()).unwrap();
    assert!(
        told.starts_with("* OK [INPROGRESS (\"copy\" NIL NIL)]"),
        "{told}"
    );
    writing.unlock().unwrap();
    while !next().starts_with(b"copy OK [COPYUID ") {}
}

/// More ranges than a session keeps: the answer is NO, and `$` is empty (RFC 5182 §2.1).
#[test]
fn a_result_that_is_too_large_is_not_saved() {
    let server = Server::new().unwrap();
    let mut imap = Imap::login(&server, ALICE).unwrap();
    imap.append("INBOX", MESSAGE).unwrap();
    imap.append("INBOX", MESSAGE).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    imap.ok("STORE 1 FLAGS (\\Flagged)").unwrap();
    // Every second message is flagged.
    let mut messages = 2;
    while messages <= 2 * imapd::limits::SAVED_RANGES_MAX {
        imap.ok("COPY 1:* INBOX").unwrap();
        messages *= 2;
    }
    let refused = imap.command("SEARCH RETURN (SAVE) FLAGGED").unwrap();
    assert!(
        refused.tagged.starts_with("NO [NOTSAVED]"),
        "{}",
        refused.tagged
    );
    assert_eq!(imap.ok("FETCH $ UID").unwrap().text(), "");
}
