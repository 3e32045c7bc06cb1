//! Postfix elsewhere: it takes mail, puts it off, and takes it the next time.

use crate::ground::{Ground, SENDER};

#[test]
fn mail_arrives_as_it_was_written() {
    let ground = Ground::new();
    let postfix = ground.postfix(&[]);
    let mut smtp = ground.submit();
    let eight_bit = "Subject: acht Bit\r\n\r\nEine Zeile mit Umlaut: ü\r\n";
    let utf8 = "Subject: Grüße\r\n\r\nHello.\r\n";
    let line = "A line of a large message, sixty-four octets with its line end.\r\n";
    let large = format!("Subject: large\r\n\r\n{}", line.repeat(30 << 14));
    let from = format!("<{SENDER}> BODY=8BITMIME");
    smtp.deliver_as(&from, &["b@to.test"], eight_bit.as_bytes())
        .unwrap();
    let from = format!("<{SENDER}> SMTPUTF8 BODY=8BITMIME");
    smtp.deliver_as(&from, &["jürgen@to.test"], utf8.as_bytes())
        .unwrap();
    smtp.deliver(SENDER, &["b@to.test", "c@to.test"], large.as_bytes())
        .unwrap();
    let messages = postfix.messages(4).unwrap();
    let has = |text: &str| {
        let text = text.replace("\r\n", "\n").into_bytes();
        messages
            .iter()
            .filter(|message| message.ends_with(&text))
            .count()
    };
    assert_eq!(has("\n\nEine Zeile mit Umlaut: ü\r\n"), 1);
    assert_eq!(
        has("Subject: Grüße\r\n\r\nHello.\r\n"),
        0,
        "trace fields stand above"
    );
    assert_eq!(has("\n\nHello.\r\n"), 1);
    assert_eq!(has(&format!("\n\n{}", line.repeat(30 << 14))), 2);
    ground.wait_for_queue("empty", |queue| queue.as_array().unwrap().is_empty());
    let trace = ground.mailctl(&["trace", SENDER]);
    let host = format!("mx.to.test[{}]:{}", ground.host.ip(), ground.host.port());
    assert!(trace.contains(&host), "{trace}");
    assert!(trace.contains("in the clear: 250 2.0.0 Ok: "), "{trace}");
}

#[test]
fn what_was_put_off_keeps_the_reply_and_is_sent_when_told_to() {
    let ground = Ground::new();
    let postfix = ground.postfix(&[("smtpd_recipient_restrictions", "defer")]);
    ground
        .submit()
        .deliver(SENDER, &["b@to.test"], b"Subject: later\r\n\r\nHello.\r\n")
        .unwrap();
    let waits = |queue: &serde_json::Value| {
        let recipient = &queue[0]["recipients"][0];
        recipient["attempts"] == 1
            && recipient["last_reply"]
                .as_str()
                .is_some_and(|reply| reply.contains("450") || reply.contains("451"))
    };
    ground.wait_for_queue("put off", waits);
    drop(postfix);
    let postfix = ground.postfix(&[]);
    ground.mailctl(&["queue", "hold", "--domain", "to.test"]);
    ground.wait_for_queue("held", |queue| queue[0]["recipients"][0]["state"] == "held");
    ground.mailctl(&["queue", "release", "--sender", SENDER]);
    assert_eq!(postfix.messages(1).unwrap().len(), 1);
    ground.wait_for_queue("empty", |queue| queue.as_array().unwrap().is_empty());
}

#[test]
fn a_host_that_says_not_now_is_asked_again_and_has_the_message_once() {
    for restriction in [
        // As greylisting does it, and as a host that closes the session.
        "check_recipient_access static:{450 4.2.0 greylisted: come again}",
        "check_recipient_access static:{421 4.3.2 closing}",
    ] {
        let ground = Ground::new();
        let postfix = ground.postfix(&[("smtpd_recipient_restrictions", restriction)]);
        ground
            .submit()
            .deliver(
                SENDER,
                &["b@to.test", "c@to.test"],
                b"Subject: again\r\n\r\nHello.\r\n",
            )
            .unwrap();
        ground.wait_for_queue("put off", |queue| {
            let recipients = queue[0]["recipients"].as_array();
            recipients.is_some_and(|recipients| {
                recipients.len() == 2 && recipients.iter().all(|one| one["attempts"] == 1)
            })
        });
        // What was put off together is due together.
        let queue = ground.mailctl(&["queue", "list", "--json"]);
        let queue: serde_json::Value = serde_json::from_str(&queue).unwrap();
        let due = |at: usize| queue[0]["recipients"][at]["next_attempt"].clone();
        assert_eq!(due(0), due(1));
        // A line for each recipient, and a word on what a limit leaves out.
        let table = ground.mailctl(&["queue", "list", "--limit", "1"]);
        assert_eq!(table.lines().count(), 4, "{table}");
        assert!(table.contains("of 1 in the queue"), "{table}");
        drop(postfix);
        let postfix = ground.postfix(&[]);
        ground.mailctl(&["queue", "retry", "--sender", SENDER]);
        postfix.messages(2).unwrap();
        ground.wait_for_queue("empty", |queue| queue.as_array().unwrap().is_empty());
        let once = format!("from=<{SENDER}>, size=");
        let log = postfix.log();
        let taken = log.lines().filter(|line| line.contains(&once));
        assert_eq!(taken.count(), 1, "one transaction for both: {log}");
    }
}

#[test]
fn a_domain_that_has_become_local_gets_its_mail_here() {
    let ground = Ground::new();
    ground
        .submit()
        .deliver(
            SENDER,
            &["carol@to.test"],
            b"Subject: home\r\n\r\nHello.\r\n",
        )
        .unwrap();
    let waits = |queue: &serde_json::Value| queue[0]["recipients"][0]["attempts"] == 1;
    ground.wait_for_queue("nobody answers there", waits);
    ground.mailctl(&["domain", "add", "to.test"]);
    ground.mailctl(&["alias", "add", "carol@to.test", SENDER]);
    ground.mailctl(&["queue", "retry", "--recipient", "carol@to.test"]);
    assert!(ground.inbox()[0].contains("Subject: home"));
}
