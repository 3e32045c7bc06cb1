//! Mail from Postfix to us: what it takes from its own users it sends to our port 25.

use tests::chat::Listener;
use tests::chat::Protocol;
use tests::imap::Imap;
use tests::internet::Postfix;
use tests::link::Link;
use tests::server::{Daemon, Server};
use tests::smtp::Smtp;

use crate::ground::{Ground, SENDER};

const ALICE: &str = SENDER;

/// A Postfix that sends all mail to our server.
fn sending(ground: &Ground) -> Postfix {
    ground.server.start(Daemon::Smtpd).unwrap();
    let relay_host = format!(
        "[{}]:{}",
        ground.server.host(),
        Server::port(Listener::Smtp)
    );
    ground.postfix(&[
        ("relayhost", &relay_host),
        ("mynetworks", "127.0.0.0/8"),
        ("smtpd_relay_restrictions", "permit_mynetworks,reject"),
        ("smtp_tls_security_level", "may"),
    ])
}

/// A session of a user of that Postfix.
fn user_of(postfix: &Postfix) -> Smtp {
    let link = Link::connect(postfix.address(), None, Protocol::Smtp).unwrap();
    let mut smtp = Smtp { link };
    assert!(smtp.reply().unwrap().starts_with("220"));
    smtp.command("EHLO client.to.test", "250").unwrap();
    smtp
}

/// Alice's messages, once there are `count`.
fn arrived(ground: &Ground, postfix: &Postfix, count: usize) -> Vec<Vec<u8>> {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let mut imap = Imap::login(&ground.server, ALICE).unwrap();
        let messages = imap.messages("INBOX").unwrap();
        if messages.len() >= count {
            return messages;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "{}\n{}",
            postfix.log(),
            ground.server.logs()
        );
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[test]
fn mail_of_postfix_arrives_as_it_was_written() {
    let ground = Ground::new();
    let postfix = sending(&ground);
    let mut smtp = user_of(&postfix);
    let line = "A line of a large message, sixty-four octets with its line end.\r\n";
    let large = line.repeat(30 << 14);
    let letters = [
        ("<carol@to.test>", "Subject: plain", "Hello.\r\n..dots\r\n."),
        (
            "<carol@to.test> BODY=8BITMIME",
            "Subject: acht Bit\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit",
            "Eine Zeile mit Umlaut: ü",
        ),
        (
            "<jürgen@to.test> SMTPUTF8 BODY=8BITMIME",
            "Subject: Grüße",
            "Hallo.",
        ),
        ("<carol@to.test>", "Subject: large", &large),
    ];
    for (from, header, body) in letters {
        let stuffed = format!("{header}\r\n\r\n{body}\r\n").replace("\r\n.", "\r\n..");
        smtp.deliver_as(from, &[ALICE], stuffed.as_bytes()).unwrap();
    }
    let messages = arrived(&ground, &postfix, letters.len());
    assert_eq!(messages.len(), letters.len());
    for (from, header, body) in letters {
        let end = format!("{header}\r\n\r\n{body}\r\n").into_bytes();
        let whole = |message: &&Vec<u8>| {
            let (subject, rest) = (header.lines().next().unwrap(), body.as_bytes());
            let text = String::from_utf8_lossy(&message[..message.len().min(4096)]).into_owned();
            text.contains(&format!("\r\n{subject}\r\n"))
                && message.ends_with(&[rest, b"\r\n"].concat())
        };
        let message = messages.iter().find(whole);
        let message =
            message.unwrap_or_else(|| panic!("{header} has not arrived as it was written"));
        assert!(message.len() > end.len());
        let head = String::from_utf8_lossy(&message[..2048.min(message.len())]).into_owned();
        let how = if from.contains("SMTPUTF8") {
            "with UTF8SMTPS"
        } else {
            "with ESMTPS"
        };
        assert!(head.contains(how), "{how}: {head}");
        let sender = from.split('>').next().unwrap();
        assert!(
            head.starts_with(&format!("Return-Path: {sender}>")),
            "{head}"
        );
    }
}

#[test]
fn a_user_we_do_not_have_is_refused_while_postfix_is_there() {
    let ground = Ground::new();
    let postfix = sending(&ground);
    user_of(&postfix)
        .deliver(
            "carol@to.test",
            &["nobody@example.test"],
            b"Subject: x\r\n\r\nx\r\n",
        )
        .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !postfix.log().contains("550 5.1.1") {
        assert!(std::time::Instant::now() < deadline, "{}", postfix.log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn postfix_tells_our_user_of_the_success_that_he_asked_for() {
    let ground = Ground::new();
    let postfix = sending(&ground);
    let mut smtp = ground.submit();
    smtp.command(&format!("MAIL FROM:<{ALICE}> ENVID=QQ314159"), "250")
        .unwrap();
    smtp.command(
        "RCPT TO:<b@to.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@to.test",
        "250",
    )
    .unwrap();
    smtp.command("DATA", "354").unwrap();
    smtp.link
        .send(b"Subject: told\r\n\r\nHello.\r\n.\r\n")
        .unwrap();
    assert!(smtp.reply().unwrap().starts_with("250"));
    let notice = arrived(&ground, &postfix, 1).remove(0);
    let notice = String::from_utf8_lossy(&notice).into_owned();
    for text in [
        "Reporting-MTA: dns; mx.to.test",
        "Original-Envelope-Id: QQ314159",
        "Original-Recipient: rfc822;b@to.test",
        "Action: delivered",
    ] {
        assert!(notice.contains(text), "{text} is not in\n{notice}");
    }
}
