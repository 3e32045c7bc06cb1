//! The notice of a delay, through the daemon: its sender is told once, when he was to be told, and the message still waits.
//!
//! A message is put into the queue by the store, as if it had come hours ago.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::{Duration, Instant};

use store::{Acceptance, Draft, Options, Relay, Schedule, Store, Timestamp};
use tests::imap::Imap;
use tests::internet::{Internet, Zone};
use tests::server::{Daemon, Server};

const SENDER: &str = "alice@example.test";

/// A message to b@to.test of some hours ago, whose sender is to be told of the delay since a minute.
async fn enqueue(server: &Server) {
    let store = Store::open(&server.data(), Options::default())
        .await
        .unwrap();
    let mut draft = Draft::new(&store, 1 << 20);
    draft
        .write(b"Subject: long on its way\r\n\r\nHello.\r\n")
        .await
        .unwrap();
    let now = Timestamp::now().seconds;
    let relay = Relay {
        recipient: "b@to.test".into(),
        domain: "to.test".into(),
        original: Some("rfc822;b+40to.test".into()),
        notify: Some("FAILURE,DELAY".into()),
        schedule: Schedule {
            due: now,
            expires: now + 86_400,
            notice_due: Some(now - 60),
        },
    };
    let acceptance = Acceptance {
        reverse_path: SENDER.into(),
        relays: vec![relay],
        envelope_id: Some("QQ314159".into()),
        ..Acceptance::new(draft.seal().await.unwrap(), "from a test")
    };
    store.accept(acceptance).await.unwrap();
}

/// Asks again until there is an answer.
fn wait<T>(server: &Server, ask: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{}", server.logs());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Alice's messages, once there is one.
fn notices(server: &Server) -> Vec<Vec<u8>> {
    wait(server, || {
        let mut imap = Imap::login(server, SENDER).unwrap();
        let messages = imap.messages("INBOX").unwrap();
        (!messages.is_empty()).then_some(messages)
    })
}

/// Waits until so many attempts were made.
fn attempted(server: &Server, attempts: u64) {
    wait(server, || {
        let queue = server.mailctl_ok(&["queue", "list", "--json"], "").unwrap();
        let queue: serde_json::Value = serde_json::from_str(&queue).unwrap();
        (queue[0]["recipients"][0]["attempts"] == attempts).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_is_told_of_a_delay_once() {
    let internet = Internet::new().unwrap();
    // Nobody listens there.
    let zone = Zone::unsigned("to.test").a("to.test", [127, 62, 0, 1]);
    internet.publish(zone).unwrap();
    let mut config = internet.config();
    let relay: toml::Table = "private_addresses = true\nport = 2525".parse().unwrap();
    config.insert("relay".to_owned(), relay.into());
    let server = Server::with(config, &[]).unwrap();
    enqueue(&server).await;
    server.start(Daemon::Smtpd).unwrap();

    let notice = notices(&server).remove(0);
    let notice = String::from_utf8_lossy(&notice).into_owned();
    for text in [
        "Return-Path: <>\r\n",
        "Auto-Submitted: auto-replied\r\n",
        "Original-Envelope-Id: QQ314159\r\n",
        "Original-Recipient: rfc822; b@to.test\r\n",
        "Final-Recipient: rfc822; b@to.test\r\n",
        "Action: delayed\r\n",
        "Status: 4.4.1\r\n",
        "Will-Retry-Until: ",
        "Content-Type: text/rfc822-headers\r\n",
        "Subject: long on its way\r\n",
    ] {
        assert!(notice.contains(text), "{text} is not in\n{notice}");
    }
    assert!(!notice.contains("Hello."), "{notice}");
    attempted(&server, 1);
    let retry = ["queue", "retry", "--all"];
    server.mailctl_ok(&retry, "").unwrap();
    attempted(&server, 2);
    assert_eq!(notices(&server).len(), 1);
}
