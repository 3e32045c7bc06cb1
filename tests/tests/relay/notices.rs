//! What senders hear when it goes wrong, and right, elsewhere.

use std::time::{Duration, Instant};

use tests::smtp::Smtp;

use crate::ground::{Ground, SENDER};

#[test]
fn a_message_that_is_refused_at_its_end_comes_back_whole() {
    let ground = Ground::new();
    let _postfix = ground.postfix(&[("smtpd_end_of_data_restrictions", "reject")]);
    ground
        .submit()
        .deliver(
            SENDER,
            &["b@to.test"],
            b"Subject: unwanted\r\n\r\nHello.\r\n",
        )
        .unwrap();
    let notice = ground.inbox().remove(0);
    let expected = [
        "Return-Path: <>",
        "Auto-Submitted: auto-replied",
        "multipart/report",
        "Reporting-MTA: dns; mail.example.test",
        "Final-Recipient: rfc822; b@to.test",
        "Action: failed",
        "Remote-MTA: dns; mx.to.test",
        "Diagnostic-Code: smtp; 554 5.7.1",
        "Content-Type: message/rfc822",
        "Subject: unwanted\r\n\r\nHello.",
    ];
    for text in expected {
        assert!(notice.contains(text), "{text} is not in\n{notice}");
    }
    assert_eq!(ground.inbox().len(), 1, "one notice");
}

#[test]
fn headers_alone_come_back_when_that_is_wanted() {
    let ground = Ground::new();
    let _postfix = ground.postfix(&[("smtpd_recipient_restrictions", "reject")]);
    let from = format!("<{SENDER}> RET=HDRS");
    ground
        .submit()
        .deliver_as(
            &from,
            &["b@to.test"],
            b"Subject: unwanted\r\n\r\nHello.\r\n",
        )
        .unwrap();
    let notice = ground.inbox().remove(0);
    assert!(
        notice.contains("Content-Type: text/rfc822-headers"),
        "{notice}"
    );
    assert!(!notice.contains("Hello."), "{notice}");
}

#[test]
fn what_the_administrator_gives_up_goes_back_and_what_he_drops_does_not() {
    let ground = Ground::new();
    for recipient in ["dropped@to.test", "given-up@to.test"] {
        ground
            .submit()
            .deliver(SENDER, &[recipient], b"Subject: waiting\r\n\r\nHello.\r\n")
            .unwrap();
    }
    ground.wait_for_queue("tried", |queue| {
        let tried = |message: &serde_json::Value| message["recipients"][0]["attempts"] == 1;
        queue.as_array().unwrap().iter().all(tried)
    });
    ground.mailctl(&["queue", "drop", "--recipient", "dropped@to.test", "--yes"]);
    ground.mailctl(&[
        "queue",
        "bounce",
        "--recipient",
        "given-up@to.test",
        "--yes",
    ]);
    let notice = ground.inbox().remove(0);
    assert!(
        notice.contains("Final-Recipient: rfc822; given-up@to.test"),
        "{notice}"
    );
    assert!(notice.contains("Status: 4.4.7"), "{notice}");
    ground.wait_for_queue("empty", |queue| queue.as_array().unwrap().is_empty());
    assert_eq!(ground.inbox().len(), 1);
}

#[test]
fn success_is_told_by_the_host_that_knows_of_it() {
    let ground = Ground::new();
    // Postfix takes DSN over, and tells success of its own delivery to the sender's host, which has no MX here: what matters is
    // that we do not tell it as well.
    let postfix = ground.postfix(&[]);
    let mut smtp = ground.submit();
    smtp.command(&format!("MAIL FROM:<{SENDER}> ENVID=one"), "250")
        .unwrap();
    smtp.command("RCPT TO:<b@to.test> NOTIFY=SUCCESS", "250")
        .unwrap();
    smtp.command("DATA", "354").unwrap();
    smtp.link
        .send(b"Subject: told\r\n\r\nHello.\r\n.\r\n")
        .unwrap();
    assert!(smtp.reply().unwrap().starts_with("250"));
    postfix.messages(1).unwrap();
    ground.wait_for_queue("empty", |queue| queue.as_array().unwrap().is_empty());
    assert!(!ground.mailctl(&["trace", SENDER]).contains("notice about"));
}

#[test]
fn a_host_that_will_not_tell_is_told_of_in_its_place() {
    let ground = Ground::new();
    let _postfix = ground.postfix(&[("smtpd_discard_ehlo_keywords", "dsn")]);
    let mut smtp = ground.submit();
    smtp.command(&format!("MAIL FROM:<{SENDER}> ENVID=one"), "250")
        .unwrap();
    smtp.command("RCPT TO:<b@to.test> NOTIFY=SUCCESS", "250")
        .unwrap();
    smtp.command("DATA", "354").unwrap();
    smtp.link
        .send(b"Subject: told\r\n\r\nHello.\r\n.\r\n")
        .unwrap();
    assert!(smtp.reply().unwrap().starts_with("250"));
    let notice = ground.inbox().remove(0);
    for text in [
        "Original-Envelope-Id: one",
        "Final-Recipient: rfc822; b@to.test",
        "Action: relayed",
        "Status: 2.0.0",
        "Remote-MTA: dns; mx.to.test",
    ] {
        assert!(notice.contains(text), "{text} is not in\n{notice}");
    }
    assert!(!notice.contains("Hello."), "the header alone: {notice}");
}

#[test]
fn who_sent_what_an_alias_sends_on_is_told_behind_his_rewritten_address() {
    let ground = Ground::new();
    let _postfix = ground.postfix(&[("smtpd_recipient_restrictions", "reject")]);
    ground.mailctl(&["alias", "add", "away@example.test", "b@to.test"]);
    Smtp::connect(&ground.server)
        .unwrap()
        .deliver(
            "carol@from.test",
            &["away@example.test"],
            b"Subject: far\r\n\r\nHello.\r\n",
        )
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let queued = |trace: &str| trace.contains("queued     <carol@from.test>");
    loop {
        let trace = ground
            .server
            .mailctl_ok(&["trace", "failed notice about"], "");
        if trace.is_ok_and(|trace| queued(&trace)) {
            return;
        }
        assert!(Instant::now() < deadline, "{}", ground.server.logs());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_held_message_says_so_in_its_notice() {
    let ground = Ground::new();
    let _postfix = ground.postfix(&[("smtpd_recipient_restrictions", "reject")]);
    let from = format!("<{SENDER}> HOLDFOR=1");
    ground
        .submit()
        .deliver_as(&from, &["b@to.test"], b"Subject: later\r\n\r\nHello.\r\n")
        .unwrap();
    let notice = ground.inbox().remove(0);
    assert!(
        notice.contains("Future-Release-Request: for;1\r\n"),
        "{notice}"
    );
}
