//! kill -9 while mail is being sent to another host.
//!
//! Nothing is lost. A message can arrive twice in one way alone: the host has said 250 and the crash comes before that is written
//! down (RFC 5321 §4.1.1.4 leaves this open). That is one message for each connection that was open at a crash, and at most
//! another one behind it whose settling was under way.

use std::collections::BTreeMap;
use std::time::Duration;

use tests::server::Daemon;

use crate::ground::{Ground, SENDER};

const MESSAGES: usize = 200;
const CRASHES: usize = 5;
/// `relay.concurrency_per_destination` as it is by default.
const CONNECTIONS_MAX: usize = 10;

#[test]
fn a_crash_loses_nothing_and_doubles_only_what_was_just_confirmed() {
    let ground = Ground::new();
    let mut smtp = ground.submit();
    for number in 0..MESSAGES {
        let message = format!("Subject: message {number:04}\r\n\r\nHello.\r\n");
        smtp.deliver(SENDER, &["b@to.test"], message.as_bytes())
            .unwrap();
    }
    drop(smtp);
    let postfix = ground.postfix(&[]);
    ground.mailctl(&["queue", "retry", "--all"]);
    for _ in 0..CRASHES {
        std::thread::sleep(Duration::from_millis(150));
        ground.server.kill(Daemon::Smtpd);
        ground.server.start(Daemon::Smtpd).unwrap();
    }
    ground.wait_for_queue("empty", |queue| {
        if queue.as_array().unwrap().is_empty() {
            return true;
        }
        // What a courier put off as it was stopped waits for its time otherwise. Nothing may be left by now.
        let _ = ground.server.mailctl_ok(&["queue", "retry", "--all"], "");
        false
    });
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for message in postfix.messages(MESSAGES).unwrap() {
        let text = String::from_utf8_lossy(&message).into_owned();
        let subject = text
            .lines()
            .find(|line| line.starts_with("Subject: message"));
        *arrived.entry(subject.unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(arrived.len(), MESSAGES, "none is lost");
    let doubles: usize = arrived.values().map(|copies| copies - 1).sum();
    println!("{doubles} of {MESSAGES} messages came twice after {CRASHES} crashes");
    assert!(doubles <= CRASHES * CONNECTIONS_MAX * 2, "{doubles}");
    assert!(arrived.values().all(|copies| *copies <= 1 + CRASHES));
    ground.mailctl(&["check"]);
}
