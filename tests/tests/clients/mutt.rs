//! mutt, without a hand on the keyboard: keys are pushed into it, and a terminal is made by `script`.

use super::{certificate, file, fill, holds, messages, run, server};
use tests::chat::Listener;
use tests::server::Server;

/// Left to itself, Debian's mutt picks SCRAM-SHA-256-PLUS for sending, fails for want of tls-exporter in its own code,
/// and does not try another: so the mechanism is named.
fn config(server: &Server) -> String {
    let text = format!(
        "set ssl_starttls=yes ssl_force_tls=yes ssl_verify_host=no ssl_verify_dates=no\n\
         set certificate_file={certificates}\n\
         set imap_user=bob@example.test imap_pass=testpass\n\
         set smtp_url=smtps://alice%40example.test@{host}:{submissions}/ smtp_pass=testpass\n\
         set smtp_authenticators=scram-sha-256\n\
         set from=alice@example.test use_envelope_from=yes realname=Alice\n\
         set folder=imaps://{host}:{imaps}/ spoolfile=imaps://{host}:{imaps}/INBOX\n\
         set record=imaps://{host}:{imaps}/Sent copy=yes\n\
         set confirmappend=no confirmcreate=no delete=yes quit=yes wait_key=no mark_old=no beep=no\n\
         set header_cache= message_cachedir=\n",
        certificates = certificate(server),
        host = server.host(),
        submissions = Server::port(Listener::Submissions),
        imaps = Server::port(Listener::Imaps),
    );
    file(server, "muttrc", text.as_bytes())
}

fn keys(server: &Server, keys: &str) {
    let command = format!("mutt -n -F {} -e 'push \"{keys}\"'", config(server));
    run(server, "script", &["-qec", &command, "/dev/null"], b"");
}

#[test]
fn mutt_sends_with_an_attachment_and_keeps_a_copy() {
    let server = server();
    let attached = file(&server, "attached.txt", b"attached text\n");
    let config = config(&server);
    let arguments = [
        "-n",
        "-F",
        &config,
        "-s",
        "from mutt",
        "-a",
        &attached,
        "--",
        "bob@example.test",
    ];
    run(&server, "mutt", &arguments, b"How are you?\n");
    let received = messages(&server, "bob@example.test", "INBOX", 1);
    assert!(holds(&received[0], "Subject: from mutt\r\n") && holds(&received[0], "attached text"));
    let copies = messages(&server, "bob@example.test", "Sent", 1);
    assert!(holds(&copies[0], "How are you?"));
}

#[test]
fn mutt_reads_copies_and_deletes() {
    let server = server();
    fill(&server, "bob@example.test", "INBOX", "mutt", 20);
    let copy = server.scratch().join("copy");
    let steps = format!(
        "<tag-pattern>~s mutt-1$<enter><tag-prefix><copy-message>{}<enter>\
         <untag-pattern>~A<enter><delete-pattern>~s mutt-2$<enter>\
         <tag-pattern>~s mutt-3$<enter><tag-prefix><set-flag>!<untag-pattern>~A<enter>\
         <sync-mailbox><quit>",
        copy.display()
    );
    keys(&server, &steps);
    let copied = std::fs::read(&copy).unwrap();
    assert!(holds(&copied, "Subject: mutt-1\n") && holds(&copied, "Grüße"));
    messages(&server, "bob@example.test", "INBOX", 19);
    let mut imap = tests::imap::Imap::login(&server, "bob@example.test").unwrap();
    imap.ok("SELECT INBOX").unwrap();
    let second = imap.ok("SEARCH SUBJECT mutt-2 NOT SUBJECT mutt-20");
    assert!(second.unwrap().numbers().is_empty());
    let flagged = imap.ok("SEARCH FLAGGED").unwrap().numbers();
    let third = imap.ok("SEARCH SUBJECT mutt-3").unwrap().numbers();
    assert_eq!(flagged, third);
}
