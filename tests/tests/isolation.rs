//! Log in as bob, reach for what is alice's, with every IMAP command that takes a name or a number, and in POP3.
//!
//! Bob's own mailboxes hold fewer messages than alice's, so that numbers and UIDs that exist only for her are refused or
//! find nothing; names that exist only for her do not exist for him. Afterwards alice's mailboxes are as they were.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use tests::imap::Imap;
use tests::server::Server;

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";

/// Ways in which somebody could write the name of another's mailbox.
const NAMES: [&str; 12] = [
    "Private",
    "alice@example.test",
    "alice@example.test/Private",
    "alice/Private",
    "user/alice/Private",
    "user.alice.Private",
    "Other Users/alice@example.test/Private",
    "~alice/Private",
    "#user/alice/Private",
    "../alice@example.test/Private",
    "/../../alice/Private",
    "INBOX/../../alice/Private",
];

fn prepare(server: &Server) {
    let mut alice = Imap::login(server, ALICE).unwrap();
    alice.ok("CREATE Private").unwrap();
    alice.ok("SUBSCRIBE Private").unwrap();
    for number in 0..5 {
        let secret = format!("Subject: secret {number}\r\n\r\nfor alice alone\r\n");
        alice.append("Private", secret.as_bytes()).unwrap();
        alice.append("INBOX", secret.as_bytes()).unwrap();
    }
    let mut bob = Imap::login(server, BOB).unwrap();
    bob.append("INBOX", b"Subject: own\r\n\r\nfor bob\r\n")
        .unwrap();
}

/// All that alice has.
fn state(server: &Server) -> String {
    let mut alice = Imap::login(server, ALICE).unwrap();
    let mut text = alice.ok("LIST \"\" * RETURN (SUBSCRIBED)").unwrap().text();
    for mailbox in ["INBOX", "Private", "Trash"] {
        alice.ok(&format!("EXAMINE {mailbox}")).unwrap();
        text += &alice
            .ok("UID FETCH 1:* (FLAGS MODSEQ RFC822.SIZE)")
            .unwrap()
            .text();
    }
    text
}

#[test]
fn names_of_another_account_do_not_exist() {
    let server = Server::new().unwrap();
    prepare(&server);
    let before = state(&server);
    let mut bob = Imap::login(&server, BOB).unwrap();
    for name in NAMES {
        for command in [
            format!("SELECT \"{name}\""),
            format!("EXAMINE \"{name}\""),
            format!("STATUS \"{name}\" (MESSAGES)"),
            format!("DELETE \"{name}\""),
            format!("RENAME \"{name}\" Mine"),
            format!("APPEND \"{name}\" {{3+}}\r\nA:b"),
            format!("GETACL \"{name}\""),
            format!("SETACL \"{name}\" bob@example.test lr"),
            format!("DELETEACL \"{name}\" bob@example.test"),
            format!("LISTRIGHTS \"{name}\" bob@example.test"),
            format!("MYRIGHTS \"{name}\""),
            format!("GETMETADATA \"{name}\" /shared/comment"),
            format!("SETMETADATA \"{name}\" (/shared/comment \"x\")"),
        ] {
            let reply = bob.command(&command).unwrap();
            assert!(!reply.is_ok(), "{command}: {}", reply.tagged);
            assert!(!reply.text().contains("secret"), "{command}");
        }
        bob.ok("SELECT INBOX").unwrap();
        for command in [format!("COPY 1 \"{name}\""), format!("MOVE 1 \"{name}\"")] {
            let reply = bob.command(&command).unwrap();
            assert!(!reply.is_ok(), "{command}: {}", reply.tagged);
        }
        for command in [
            format!("LIST \"\" \"{name}\""),
            format!("LSUB \"\" \"{name}\""),
            format!("LIST \"{name}\" *"),
            format!("LIST (SUBSCRIBED) \"\" \"{name}\" RETURN (STATUS (MESSAGES))"),
        ] {
            let reply = bob.command(&command).unwrap();
            assert_eq!(reply.text(), "", "{command}");
        }
        // These may succeed, for names need not exist to be subscribed; they must not touch alice's.
        bob.command(&format!("UNSUBSCRIBE \"{name}\"")).unwrap();
    }
    assert!(!bob.ok("LIST \"\" *").unwrap().text().contains("Private"));
    assert_eq!(state(&server), before);
}

#[test]
fn a_name_that_both_have_means_ones_own() {
    let server = Server::new().unwrap();
    prepare(&server);
    let before = state(&server);
    let mut bob = Imap::login(&server, BOB).unwrap();
    bob.ok("CREATE Private").unwrap();
    bob.ok("SUBSCRIBE Private").unwrap();
    bob.append("Private", b"Subject: own\r\n\r\n").unwrap();
    assert_eq!(bob.messages("Private").unwrap().len(), 1);
    bob.ok("SELECT Private").unwrap();
    bob.ok("STORE 1 +FLAGS (\\Deleted)").unwrap();
    bob.ok("CLOSE").unwrap();
    bob.ok("RENAME Private Public").unwrap();
    bob.ok("DELETE Public").unwrap();
    assert_eq!(state(&server), before);
}

#[test]
fn numbers_and_uids_of_another_account_find_nothing() {
    let server = Server::new().unwrap();
    prepare(&server);
    let before = state(&server);
    let mut bob = Imap::login(&server, BOB).unwrap();
    bob.ok("SELECT INBOX").unwrap();
    for uid in 2..60 {
        for command in [
            format!("UID FETCH {uid} (FLAGS BODY[])"),
            format!("UID STORE {uid} +FLAGS (\\Deleted)"),
            format!("UID COPY {uid} Trash"),
            format!("UID MOVE {uid} Trash"),
            format!("UID EXPUNGE {uid}"),
            format!("UID SEARCH UID {uid}"),
            format!("FETCH {uid} BODY[]"),
            format!("STORE {uid} +FLAGS (\\Deleted)"),
            format!("COPY {uid} Trash"),
        ] {
            let text = bob.command(&command).unwrap().text();
            assert!(text.is_empty() || text == "* SEARCH", "{command}: {text}");
        }
    }
    let found = bob.ok("SEARCH TEXT alice").unwrap();
    assert_eq!(found.numbers(), []);
    assert_eq!(bob.messages("Trash").unwrap().len(), 0);
    assert_eq!(state(&server), before);
}

#[test]
fn changes_of_another_account_are_not_told() {
    let server = Server::new().unwrap();
    prepare(&server);
    let mut bob = Imap::login(&server, BOB).unwrap();
    bob.ok("SELECT INBOX").unwrap();
    let mut alice = Imap::login(&server, ALICE).unwrap();
    alice.append("INBOX", b"Subject: secret\r\n\r\n").unwrap();
    alice.ok("SELECT INBOX").unwrap();
    alice.ok("STORE 1:* +FLAGS (\\Deleted)").unwrap();
    alice.ok("EXPUNGE").unwrap();
    assert_eq!(bob.ok("NOOP").unwrap().text(), "");
}
