//! Mail to hosts that do not keep to the protocol, by mistake or on purpose. Each has a domain of its own; one message goes to them all,
//! and each recipient gets what is right for him while the others are not kept waiting.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};

use tests::imap::Imap;
use tests::internet::{Authority, Host};
use tests::server::Server;
use tests::smtp::Smtp;

const ALICE: &str = "alice@example.test";
const MESSAGE: &[u8] = b"From: alice@example.test\r\nSubject: to many\r\n\r\nbody\r\n";
const SECONDS_MAX: u64 = 90;

/// Up to the capabilities of a host without any.
const GREETED: &str = "S: 220 mx.test\nC: EHLO mail.example.test\nS: 250 mx.test\n";

/// A host that misbehaves.
struct Case {
    domain: &'static str,
    /// The setting `tls` of its route.
    tls: &'static str,
    script: String,
    /// What the queue shows of it.
    reply: &'static str,
}

fn case(domain: &'static str, tls: &'static str, script: &str, reply: &'static str) -> Case {
    Case {
        domain,
        tls,
        script: script.replace("GREETED\n", GREETED),
        reply,
    }
}

/// Whatever these do, mail for them waits.
fn deferring() -> Vec<Case> {
    let starttls = "S: 220 mx.test\nC: EHLO\nS: 250-mx.test\nS: 250 STARTTLS\nC: STARTTLS\n";
    vec![
        case(
            "busy.test",
            "never",
            "S: 421 4.3.2 too busy",
            "421 4.3.2 too busy",
        ),
        case(
            "floods.test",
            "never",
            "FLOOD: 220-and again",
            "a reply without end",
        ),
        case(
            "nonsense.test",
            "never",
            "GREETED\nC: MAIL\nS: hello\nREST",
            "a line without a reply code",
        ),
        case(
            "mixed.test",
            "never",
            "GREETED\nC: MAIL\nS: 250-yes\nS: 550 no\nREST",
            "a reply with different codes",
        ),
        case(
            "leaves.test",
            "never",
            "GREETED\nC: MAIL\nS: 250 ok\nC: RCPT",
            "closed the connection",
        ),
        case(
            "later.test",
            "never",
            "GREETED\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 451 4.7.1 greylisted\nREST",
            "451 4.7.1 greylisted",
        ),
        case(
            "early.test",
            "never",
            "GREETED\nC: MAIL\nRAW: 250 ok\\r\\n250 ok\\r\\n\nREST",
            "spoke out of turn",
        ),
        case(
            "hasty.test",
            "never",
            "GREETED\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nRAW: 354 go\\r\\n250 taken\\r\\n\nREST",
            "spoke out of turn",
        ),
        case(
            "unknown.test",
            "never",
            "GREETED\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nDATA",
            "it may have been delivered",
        ),
        case(
            "strips.test",
            "verified",
            "S: 220 mx.test\nC: EHLO\nS: 250 mx.test\nREST",
            "does not offer STARTTLS",
        ),
        case(
            "injects.test",
            "encrypted",
            &format!("{starttls}RAW: 220 go\\r\\n250 AUTH PLAIN\\r\\n\nREST"),
            "plain text was sent in front of the handshake",
        ),
        case(
            "forged.test",
            "verified",
            &format!("{starttls}S: 220 go\nTLS"),
            "the handshake failed: invalid peer certificate",
        ),
    ]
}

fn route(domain: &str, tls: &str, host: &Host) -> String {
    let port = host.address.port();
    format!(
        "[[relay.route]]\ndomain = \"{domain}\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"{tls}\"\n"
    )
}

/// Waits until the only message in the queue is listed and shown with all of `words`; gives what is shown.
fn shown(server: &Server, words: &[String]) -> String {
    let deadline = Instant::now() + Duration::from_secs(SECONDS_MAX);
    loop {
        let list = server.mailctl_ok(&["queue", "list"], "").unwrap();
        let id = list
            .lines()
            .nth(1)
            .and_then(|line| line.split_whitespace().next());
        let show = match id {
            Some(id) => server.mailctl_ok(&["queue", "show", id], "").unwrap(),
            None => String::new(),
        };
        if words
            .iter()
            .all(|word| show.contains(word) && list.contains(word))
        {
            return show;
        }
        let missing: Vec<_> = words.iter().filter(|word| !show.contains(*word)).collect();
        assert!(
            Instant::now() < deadline,
            "{missing:?} is not in\n{show}\n{}",
            server.logs()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Waits for a notice in alice's inbox, and gives it.
fn notice(server: &Server) -> String {
    let deadline = Instant::now() + Duration::from_secs(SECONDS_MAX);
    loop {
        let mut imap = Imap::login(server, ALICE).unwrap();
        let selected = imap.ok("SELECT INBOX").unwrap();
        if selected.text().contains("* 1 EXISTS") {
            return imap.ok("FETCH 1 BODY.PEEK[]").unwrap().text();
        }
        assert!(Instant::now() < deadline, "no notice\n{}", server.logs());
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hostile_hosts_defer_their_own_recipients_and_nobody_elses() {
    let stranger = Authority::new().unwrap().issue(&["127.0.0.1"]).unwrap();
    let cases = deferring();
    let (mut config, mut recipients) = (String::new(), Vec::new());
    let mut hosts = Vec::new();
    for case in &cases {
        let tls = stranger.server().unwrap();
        let host = Host::play_with(&[&case.script], Some(tls)).await;
        config.push_str(&route(case.domain, case.tls, &host));
        recipients.push(format!("r@{}", case.domain));
        hosts.push(host);
    }
    let refusing = Host::play(&[&format!(
        "{GREETED}C: MAIL\nS: 250 ok\nC: RCPT\nS: 550 5.1.1 nobody\\here\nREST"
    )])
    .await;
    let healthy = Host::play(&[&format!("{GREETED}C: MAIL FROM:<alice@example.test>\nS: 250 ok\nC: RCPT TO:<r@healthy.test>\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 2.0.0 taken\nC: QUIT\nS: 221 bye")]).await;
    for (domain, host) in [("refuses.test", &refusing), ("healthy.test", &healthy)] {
        config.push_str(&route(domain, "never", host));
        recipients.push(format!("r@{domain}"));
    }

    let server = Server::with(config.parse().unwrap(), &[]).unwrap();
    server.start_all().unwrap();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    Smtp::login(&server, ALICE)
        .unwrap()
        .deliver(ALICE, &recipients, MESSAGE)
        .unwrap();

    let messages = healthy.messages().await;
    assert_eq!(messages.len(), 1);
    assert!(messages[0].ends_with(b"Subject: to many\r\n\r\nbody\r\n.\r\n"));
    let words: Vec<String> = cases.iter().map(|case| case.reply.to_owned()).collect();
    let show = shown(&server, &words);
    for case in &cases {
        let line = show
            .lines()
            .find(|line| line.contains(case.domain))
            .unwrap();
        assert!(
            line.contains(case.reply) && line.contains("1 attempts"),
            "{line}"
        );
    }
    assert!(
        !show.contains("healthy.test") && !show.contains("refuses.test"),
        "{show}"
    );
    let notice = notice(&server);
    assert!(
        notice.contains("550 5.1.1 nobody\\here") && notice.contains("r@refuses.test"),
        "{notice}"
    );
    assert!(!notice.contains("later.test"), "{notice}");
}
