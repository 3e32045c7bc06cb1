//! kill -9 while mail is being sent to another host.
//!
//! Nothing is lost. A message can arrive twice in one way alone: the host has said 250 and the crash comes before that is written
//! down (RFC 5321 §4.1.1.4 leaves this open). So a message that comes twice must have been on its way at a crash, and for each
//! connection that is open at a crash there is one such message, and at most another one behind it whose settling was under way.
//! What was written down as delivered is never sent again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use regex::Regex;
use tests::internet::Postfix;
use tests::server::Daemon;

use crate::ground::{Ground, SENDER};

const MESSAGES: usize = 200;
const CRASHES: usize = 5;

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
    let mut on_their_way = BTreeSet::new();
    let mut connections = 0;
    for _ in 0..CRASHES {
        std::thread::sleep(Duration::from_millis(150));
        // Standing still, it can be looked at as it is when it dies.
        ground.server.signal(Daemon::Smtpd, "STOP").unwrap();
        on_their_way.extend(leased(&ground));
        connections += open_sessions(&postfix);
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
    let arrived = arrived(&postfix);
    assert_eq!(arrived.len(), MESSAGES, "none is lost");
    let doubled: Vec<_> = arrived.iter().filter(|(_, copies)| **copies > 1).collect();
    for (id, copies) in &doubled {
        assert!(on_their_way.contains(*id), "{id} was not on its way");
        assert!(**copies <= 1 + CRASHES, "{id} came {copies} times");
    }
    let copies: usize = doubled.iter().map(|(_, copies)| *copies - 1).sum();
    println!(
        "{copies} of {MESSAGES} messages came twice after {CRASHES} crashes with {connections} connections"
    );
    assert!(copies <= 2 * connections, "{copies} for {connections}");
    for id in arrived.keys() {
        let trace = ground.mailctl(&["trace", id]);
        let delivered = trace.matches("  delivered  ").count();
        assert_eq!(delivered, 1, "{trace}");
    }
    ground.mailctl(&["check"]);
}

/// The messages that couriers have at this moment.
fn leased(ground: &Ground) -> Vec<String> {
    let queue = ground.mailctl(&["queue", "list", "--json"]);
    let queue: serde_json::Value = serde_json::from_str(&queue).unwrap();
    let leased = |message: &&serde_json::Value| message["recipients"][0]["state"] == "leased";
    let messages = queue.as_array().unwrap().iter().filter(leased);
    messages
        .map(|message| message["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Sessions that Postfix has and nobody has ended.
fn open_sessions(postfix: &Postfix) -> usize {
    let log = postfix.log();
    let count = |word: &str| log.lines().filter(|line| line.contains(word)).count();
    count(": connect from") - count(": disconnect from")
}

/// How often each message has come.
fn arrived(postfix: &Postfix) -> BTreeMap<String, usize> {
    let id = Regex::new(r"by mail\.example\.test with ESMTPS?A?\s+id (\w+)").unwrap();
    let mut arrived = BTreeMap::new();
    for message in postfix.messages(MESSAGES).unwrap() {
        let text = String::from_utf8_lossy(&message).into_owned();
        let found = id.captures(&text).unwrap_or_else(|| panic!("{text}"));
        *arrived.entry(found[1].to_owned()).or_default() += 1;
    }
    arrived
}
