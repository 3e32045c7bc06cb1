//! mutt, without a hand on the keyboard: keys are pushed into it, and a terminal is made by `script`.

use super::{certificate, file, fill, holds, messages, run, server};
use std::path::Path;
use tests::chat::Listener;
use tests::imap::Imap;
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
    keys_with(server, "", keys);
}

/// The same with more arguments.
fn keys_with(server: &Server, arguments: &str, keys: &str) {
    let config = config(server);
    let command = format!("mutt -n -F {config} {arguments} -e 'push \"{keys}\"'");
    run(server, "script", &["-qec", &command, "/dev/null"], b"");
}

/// The subjects of what `mutt` has copied into a file, in their order.
fn subjects(file: &Path) -> Vec<String> {
    let copied = std::fs::read_to_string(file).unwrap_or_default();
    let subjects = copied
        .lines()
        .filter_map(|line| line.strip_prefix("Subject: "));
    subjects.map(str::to_owned).collect()
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
    let mut imap = Imap::login(&server, "bob@example.test").unwrap();
    imap.ok("SELECT INBOX").unwrap();
    let second = imap.ok("SEARCH SUBJECT mutt-2 NOT SUBJECT mutt-20");
    assert!(second.unwrap().numbers().is_empty());
    let flagged = imap.ok("SEARCH FLAGGED").unwrap().numbers();
    let third = imap.ok("SEARCH SUBJECT mutt-3").unwrap().numbers();
    assert_eq!(flagged, third);
}

/// With a cache and QRESYNC, mutt asks what has changed since it was there.
#[test]
fn mutt_comes_back_with_its_cache() {
    let server = server();
    fill(&server, "bob@example.test", "INBOX", "mutt", 20);
    let scratch = server.scratch();
    let arguments = format!(
        "-d 3 -e 'set header_cache={cache} imap_condstore=yes imap_qresync=yes'",
        cache = scratch.join("cache").display()
    );
    let look = |name: &str| {
        let (all, flagged) = (
            scratch.join(format!("{name}-all")),
            scratch.join(format!("{name}-flagged")),
        );
        let copy = |pattern: &str, to: &Path| {
            format!(
                "<tag-pattern>{pattern}<enter><tag-prefix><copy-message>{}<enter><untag-pattern>~A<enter>",
                to.display()
            )
        };
        let steps = copy("~A", &all) + &copy("~F", &flagged);
        keys_with(&server, &arguments, &format!("{steps}<quit>"));
        (subjects(&all), subjects(&flagged))
    };
    let mut imap = Imap::login(&server, "bob@example.test").unwrap();
    imap.ok("SELECT INBOX").unwrap();
    imap.ok("STORE 1:5 +FLAGS (\\Flagged)").unwrap();
    let names = |numbers: &[u32]| -> Vec<String> {
        numbers
            .iter()
            .map(|number| format!("mutt-{number}"))
            .collect()
    };
    let (all, flagged) = look("first");
    assert_eq!(all, names(&(1..=20).collect::<Vec<_>>()));
    assert_eq!(flagged, names(&[1, 2, 3, 4, 5]));

    imap.ok("STORE 2,10 +FLAGS (\\Deleted)").unwrap();
    imap.ok("STORE 3 -FLAGS (\\Flagged)").unwrap();
    imap.ok("STORE 11 +FLAGS (\\Flagged)").unwrap();
    imap.ok("EXPUNGE").unwrap();
    fill(&server, "bob@example.test", "INBOX", "later", 1);
    let (all, flagged) = look("second");
    let mut expected = names(&[
        1, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
    ]);
    expected.push("later-1".to_owned());
    assert_eq!(all, expected);
    assert_eq!(flagged, names(&[1, 4, 5, 11]));
    let log = std::fs::read_to_string(scratch.join(".muttdebug0")).unwrap();
    assert!(log.contains(" VANISHED)"), "{log}");
    assert_eq!(look("third"), (all, flagged));
    server.mailctl_ok(&["check"], "").unwrap();
}
