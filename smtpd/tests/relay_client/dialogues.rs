//! Transactions with hosts that keep to the protocol.

use smtpd::relay::client::{Outcome, Recipient, Security, Step};
use store::BodyKind;
use tests::internet::Host;

use crate::ground::{
    GREETED, Ground, LETTER, endpoint, open, outcomes, send, send_message, settings, told,
    transaction,
};

const STUFFED: &[u8] = b"Subject: hello\r\n\r\n..a dot\r\nbody\r\n.\r\n";

#[tokio::test]
async fn a_message_goes_step_by_step_to_a_host_that_offers_nothing() {
    let script = format!(
        "{GREETED}S: 250 mx.test\nC: MAIL FROM:<a@from.test>\nS: 250 ok\nC: RCPT TO:<b@to.test>\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 2.0.0 taken as 17\nC: QUIT\nS: 221 bye"
    );
    let (delivered, messages) = send(&script, &["b@to.test"]).await;
    assert_eq!(
        told(&delivered),
        [(Outcome::Delivered, "250 2.0.0 taken as 17".into())]
    );
    assert!(delivered.reusable && !delivered.outcome_unknown);
    assert_eq!(messages, [STUFFED]);
}

#[tokio::test]
async fn a_pipelining_host_gets_the_envelope_in_one_piece_and_the_message_after_354() {
    let script = format!(
        "{GREETED}S: 250-mx.test\nS: 250-SIZE 1000\nS: 250 PIPELINING\nC: MAIL FROM:<a@from.test> SIZE=32\nC: RCPT TO:<b@to.test>\nC: RCPT TO:<c@to.test>\nC: RCPT TO:<d@to.test>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 550 5.1.1 no c\nS: 450 4.2.1 d later\nS: 354 go\nDATA\nS: 250 ok\nREST"
    );
    let (delivered, messages) = send(&script, &["b@to.test", "c@to.test", "d@to.test"]).await;
    let expected = [
        (Outcome::Delivered, "250 ok".to_owned()),
        (Outcome::Rejected, "550 5.1.1 no c".to_owned()),
        (Outcome::Deferred, "450 4.2.1 d later".to_owned()),
    ];
    assert_eq!(told(&delivered), expected);
    assert_eq!(messages, [STUFFED]);
}

#[tokio::test]
async fn a_chunking_host_gets_the_octets_as_they_are() {
    let script = format!(
        "{GREETED}S: 250-mx.test\nS: 250-PIPELINING\nS: 250 CHUNKING\nC: MAIL\nC: RCPT\nS: 250 ok\nS: 250 ok\nBDAT\nS: 250 ok\nREST"
    );
    let (delivered, messages) = send(&script, &["b@to.test"]).await;
    assert_eq!(outcomes(&delivered), [Outcome::Delivered]);
    assert_eq!(messages, [LETTER]);
}

#[tokio::test]
async fn a_large_message_arrives_whole_by_data_and_by_bdat() {
    let line = b".23456789 123456789 123456789 123456789 123456789 123456789 123456789\r\n";
    let message = [
        b"Subject: large\r\n\r\n",
        line.repeat(40_000).as_slice(),
        b"no line end",
    ]
    .concat();
    let script = format!(
        "{GREETED}S: 250 mx.test\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\nREST"
    );
    let (delivered, messages) = send_message(&script, &transaction(&["b@to.test"]), &message).await;
    assert_eq!(outcomes(&delivered), [Outcome::Delivered]);
    let text = String::from_utf8(messages.concat())
        .unwrap()
        .replace("\r\n..", "\r\n.");
    assert!(text.as_bytes() == [&message, &b"\r\n.\r\n"[..]].concat());

    let script = format!(
        "{GREETED}S: 250-mx.test\nS: 250 CHUNKING\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nBDAT\nS: 250 ok\nREST"
    );
    let (delivered, messages) = send_message(&script, &transaction(&["b@to.test"]), &message).await;
    assert_eq!(outcomes(&delivered), [Outcome::Delivered]);
    assert!(messages.concat() == [&message, &b"\r\n"[..]].concat());
}

#[tokio::test]
async fn helo_is_said_to_a_host_that_does_not_know_ehlo() {
    let script = "S: 220 old\nC: EHLO client.test\nS: 502 what\nC: HELO client.test\nS: 250 old\nC: MAIL FROM:<a@from.test>\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\nREST";
    let (delivered, _) = send(script, &["b@to.test"]).await;
    assert_eq!(outcomes(&delivered), [Outcome::Delivered]);
}

#[tokio::test]
async fn a_host_that_greets_with_an_error_says_whether_it_is_for_good() {
    for (greeting, temporary) in [("421 4.3.2 busy", true), ("554 no mail here", false)] {
        let host = Host::play(&[&format!("S: {greeting}\nREST")]).await;
        let failure = open(&host).await.err().unwrap();
        assert_eq!(
            (failure.step, failure.temporary),
            (Step::Greeting, temporary)
        );
        assert_eq!(failure.said.to_string(), greeting);
    }
}

#[tokio::test]
async fn nobody_listens_is_a_temporary_failure_of_the_connection() {
    let host = Host::play(&[]).await;
    let address = host.address;
    host.messages().await;
    let failure = smtpd::relay::client::HostSession::open(&endpoint(address), &settings()).await;
    let failure = failure.err().unwrap();
    assert_eq!((failure.step, failure.temporary), (Step::Connect, true));
    assert_eq!(failure.said.status().to_string(), "4.4.1");
}

#[tokio::test]
async fn when_all_recipients_are_refused_no_message_is_sent() {
    let lockstep =
        format!("{GREETED}S: 250 mx.test\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 550 no\nC: QUIT");
    let (delivered, messages) = send(&lockstep, &["b@to.test"]).await;
    assert_eq!(outcomes(&delivered), [Outcome::Rejected]);
    assert!(messages.is_empty() && delivered.reusable);

    // RFC 2920 §3.1: a host that says 354 although nobody is left gets a lone dot.
    let pipelined = format!(
        "{GREETED}S: 250-mx.test\nS: 250 PIPELINING\nC: MAIL\nC: RCPT\nC: DATA\nS: 250 ok\nS: 550 no\nS: 354 go\nDATA\nS: 554 no valid recipients\nC: QUIT"
    );
    let (delivered, messages) = send(&pipelined, &["b@to.test"]).await;
    assert_eq!(outcomes(&delivered), [Outcome::Rejected]);
    assert_eq!(messages, [b".\r\n"]);
}

#[tokio::test]
async fn mail_and_data_and_the_end_can_be_refused_for_all() {
    let head =
        format!("{GREETED}S: 250-mx.test\nS: 250 PIPELINING\nC: MAIL\nC: RCPT\nC: RCPT\nC: DATA\n");
    for (replies, outcome, said) in [
        (
            "S: 550 5.7.1 not you\nS: 503 mail\nS: 503 mail\nS: 503 mail\nREST",
            Outcome::Rejected,
            "550 5.7.1 not you",
        ),
        (
            "S: 451 4.7.1 later\nS: 503 mail\nS: 503 mail\nS: 503 mail\nREST",
            Outcome::Deferred,
            "451 4.7.1 later",
        ),
        (
            "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 554 5.7.1 no data\nREST",
            Outcome::Rejected,
            "554 5.7.1 no data",
        ),
        (
            "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nDATA\nS: 452 4.3.1 full\nREST",
            Outcome::Deferred,
            "452 4.3.1 full",
        ),
        (
            "S: 250 ok\nS: 250 ok\nS: 250 ok\nS: 354 go\nDATA\nS: 554-5.6.0 spam\nS: 554 5.6.0 see here\nREST",
            Outcome::Rejected,
            "554 5.6.0 spam / see here",
        ),
    ] {
        let (delivered, _) = send(&format!("{head}{replies}"), &["b@to.test", "c@to.test"]).await;
        let expected = (outcome, said.to_owned());
        assert_eq!(told(&delivered), [expected.clone(), expected], "{replies}");
    }
}

#[tokio::test]
async fn a_session_takes_several_messages_with_rset_where_a_transaction_was_left_open() {
    let ground = Ground::with(LETTER).await;
    let taken = "C: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\n";
    let script = format!(
        "{GREETED}S: 250 mx.test\n{taken}{taken}C: MAIL\nS: 250 ok\nC: RCPT\nS: 550 no\nC: RSET\nS: 250 ok\n{taken}C: QUIT\nS: 221 bye"
    );
    let host = Host::play(&[&script]).await;
    let mut session = open(&host).await.unwrap();
    for outcome in [
        Outcome::Delivered,
        Outcome::Delivered,
        Outcome::Rejected,
        Outcome::Delivered,
    ] {
        assert!(session.is_waiting().await);
        let delivered = session
            .transact(&transaction(&["b@to.test"]), &ground.body)
            .await;
        assert_eq!(outcomes(&delivered), [outcome]);
        assert!(delivered.reusable);
    }
    session.quit().await;
    assert_eq!(host.messages().await.len(), 3);
}

#[tokio::test]
async fn a_session_that_the_host_has_ended_meanwhile_is_not_used_again() {
    let ground = Ground::with(LETTER).await;
    let script = format!(
        "{GREETED}S: 250 mx.test\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\nS: 421 4.4.2 idle"
    );
    let host = Host::play(&[&script]).await;
    let mut session = open(&host).await.unwrap();
    session
        .transact(&transaction(&["b@to.test"]), &ground.body)
        .await;
    host.messages().await;
    assert!(!session.is_waiting().await);
}

#[tokio::test]
async fn recipients_that_do_not_fit_are_left_for_another_transaction() {
    let script = format!(
        "{GREETED}S: 250-mx.test\nS: 250-PIPELINING\nS: 250 LIMITS RCPTMAX=3\nC: MAIL\nC: RCPT TO:<a\nC: RCPT TO:<b\nC: RCPT TO:<c\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 452 4.5.3 too many\nS: 452 4.2.2 mailbox full\nS: 354 go\nDATA\nS: 250 ok\nREST"
    );
    let (delivered, _) = send(
        &script,
        &["a@to.test", "b@to.test", "c@to.test", "d@to.test"],
    )
    .await;
    let expected = [
        Outcome::Delivered,
        Outcome::Untried,
        Outcome::Deferred,
        Outcome::Untried,
    ];
    assert_eq!(outcomes(&delivered), expected);

    let script = format!(
        "{GREETED}S: 250 mx.test\nC: MAIL\nS: 250 ok\nC: RCPT TO:<a\nS: 250 ok\nC: RCPT TO:<b\nS: 552 too many\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\nREST"
    );
    let (delivered, _) = send(&script, &["a@to.test", "b@to.test", "c@to.test"]).await;
    let expected = [Outcome::Delivered, Outcome::Untried, Outcome::Untried];
    assert_eq!(outcomes(&delivered), expected);

    // Without anybody accepted before, it is the host that is full.
    let script = format!(
        "{GREETED}S: 250 mx.test\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 452 4.5.3 too many\nREST"
    );
    let (delivered, _) = send(&script, &["a@to.test"]).await;
    assert_eq!(outcomes(&delivered), [Outcome::Deferred]);
}

#[tokio::test]
async fn a_host_that_takes_one_message_a_session_is_asked_for_no_second() {
    let script = format!(
        "{GREETED}S: 250-mx.test\nS: 250 LIMITS MAILMAX=1\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\nREST"
    );
    let (delivered, _) = send(&script, &["b@to.test"]).await;
    assert!(!delivered.reusable);
}

#[tokio::test]
async fn what_the_sender_wants_of_notices_is_passed_on_where_it_is_understood() {
    let mut wanted = transaction(&[]);
    wanted.envelope_id = Some("QQ314159".into());
    wanted.return_content = Some("HDRS".into());
    wanted.recipients.push(Recipient {
        address: "b@to.test".into(),
        original: Some("rfc822;b@alias.test".into()),
        notify: Some("SUCCESS,FAILURE".into()),
    });
    let script = format!(
        "{GREETED}S: 250-mx.test\nS: 250 DSN\nC: MAIL FROM:<a@from.test> RET=HDRS ENVID=QQ314159\nS: 250 ok\nC: RCPT TO:<b@to.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@alias.test\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\nREST"
    );
    let (delivered, _) = send_message(&script, &wanted, LETTER).await;
    assert!(delivered.dsn_passed_on);
    let script = format!(
        "{GREETED}S: 250 mx.test\nC: MAIL FROM:<a@from.test>\nS: 250 ok\nC: RCPT TO:<b@to.test>\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\nREST"
    );
    let (delivered, _) = send_message(&script, &wanted, LETTER).await;
    assert!(!delivered.dsn_passed_on);
}

#[tokio::test]
async fn what_the_host_cannot_take_is_not_even_begun() {
    let script = format!("{GREETED}S: 250-mx.test\nS: 250 SIZE 30\nC: QUIT");
    let (delivered, _) = send(&script, &["b@to.test"]).await;
    assert_eq!(outcomes(&delivered), [Outcome::Rejected]);
    assert_eq!(delivered.verdicts[0].said.status().to_string(), "5.3.4");

    let mut wanted = transaction(&["b@to.test"]);
    wanted.require_tls = true;
    let script = format!("{GREETED}S: 250 mx.test\nC: QUIT");
    let (delivered, _) = send_message(&script, &wanted, LETTER).await;
    assert_eq!(delivered.verdicts[0].said.status().to_string(), "5.7.30");
}

#[tokio::test]
async fn internationalised_addresses_need_smtputf8_but_domains_alone_do_not() {
    let recipients = ["jürgen@to.test", "b@bücher.test"];
    let script = format!(
        "{GREETED}S: 250-mx.test\nS: 250-8BITMIME\nS: 250 SMTPUTF8\nC: MAIL FROM:<a@from.test> SMTPUTF8\nS: 250 ok\nC: RCPT TO:<jürgen@to.test>\nS: 250 ok\nC: RCPT TO:<b@bücher.test>\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\nREST"
    );
    let (delivered, _) = send(&script, &recipients).await;
    assert_eq!(
        outcomes(&delivered),
        [Outcome::Delivered, Outcome::Delivered]
    );

    let script = format!(
        "{GREETED}S: 250-mx.test\nS: 250 8BITMIME\nC: MAIL FROM:<a@from.test>\nS: 250 ok\nC: RCPT TO:<b@xn--bcher-kva.test>\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\nREST"
    );
    let (delivered, _) = send(&script, &recipients).await;
    assert_eq!(
        outcomes(&delivered),
        [Outcome::Rejected, Outcome::Delivered]
    );
    assert_eq!(delivered.verdicts[0].said.status().to_string(), "5.6.7");
}

#[tokio::test]
async fn eight_bit_octets_are_announced_where_that_is_understood() {
    let message = "Subject: x\r\n\r\nMüll\r\n".as_bytes();
    for declared in [BodyKind::SevenBit, BodyKind::EightBitMime] {
        let mut wanted = transaction(&["b@to.test"]);
        wanted.body = declared;
        let script = format!(
            "{GREETED}S: 250-mx.test\nS: 250 8BITMIME\nC: MAIL FROM:<a@from.test> BODY=8BITMIME\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 ok\nREST"
        );
        let (delivered, messages) = send_message(&script, &wanted, message).await;
        assert_eq!(outcomes(&delivered), [Outcome::Delivered]);
        assert!(messages[0].starts_with(message));
    }
}

#[tokio::test]
async fn fields_of_the_copy_that_leaves_stand_in_front_of_the_message() {
    let prefix = b"ARC-Seal: i=1\r\n".as_slice();
    let message = "Subject: x\r\n\r\nM\u{fc}ll\r\n".as_bytes();
    let ground = Ground::with(message).await;
    let script = format!(
        "{GREETED}S: 250-mx.test\nS: 250-SIZE\nS: 250-CHUNKING\nS: 250 8BITMIME\nC: MAIL FROM:<a@from.test> SIZE=36 BODY=8BITMIME\nS: 250 ok\nC: RCPT\nS: 250 ok\nBDAT\nS: 250 ok\nREST"
    );
    let host = Host::play(&[&script]).await;
    let mut session = open(&host).await.unwrap();
    let body = ground.body.clone().with_prefix(prefix);
    let delivered = session.transact(&transaction(&["b@to.test"]), &body).await;
    assert_eq!(outcomes(&delivered), [Outcome::Delivered]);
    session.quit().await;
    assert_eq!(host.messages().await, [[prefix, message].concat()]);
}

#[tokio::test]
async fn an_address_that_is_none_never_becomes_a_command() {
    let script = format!("{GREETED}S: 250 mx.test\nC: QUIT");
    for address in [
        "a@b.test> SIZE=1",
        "a@b.test\r\nDATA",
        "no-domain",
        "a b@c.test",
    ] {
        let (delivered, _) = send(&script, &[address]).await;
        assert_eq!(delivered.verdicts[0].said.status().to_string(), "5.1.3");
    }
}

#[tokio::test]
async fn a_source_address_is_used_if_it_is_ours() {
    let host = Host::play(&[&format!("{GREETED}S: 250 mx.test\nREST")]).await;
    let mut from = endpoint(host.address);
    from.source = Some("127.0.0.2".parse().unwrap());
    let session = smtpd::relay::client::HostSession::open(&from, &settings()).await;
    session.ok().unwrap().quit().await;
    from.source = Some("192.0.2.7".parse().unwrap());
    from.security = Security::Opportunistic;
    let failure = smtpd::relay::client::HostSession::open(&from, &settings()).await;
    assert_eq!(failure.err().unwrap().step, Step::Connect);
}
