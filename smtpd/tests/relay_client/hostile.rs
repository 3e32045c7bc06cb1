//! Hosts that do not keep to the protocol, by mistake or on purpose: each costs a bounded time, and none settles what it should not.

use std::time::{Duration, Instant};

use smtpd::relay::client::{HostSession, Outcome, Step};
use tests::internet::Host;

use crate::ground::{
    GREETED, Ground, LETTER, endpoint, open, outcomes, send, settings, told, transaction,
};

/// The end of each script is the end of the connection.
const STEPS: [&str; 8] = [
    "S: 220 mx.test",
    "C: EHLO\nS: 250 mx.test",
    "C: MAIL",
    "S: 250 ok\nC: RCPT",
    "S: 250 ok\nC: DATA",
    "S: 354 go",
    "DATA",
    "S: 250 ok",
];

#[tokio::test]
async fn a_host_that_closes_at_any_step_defers_and_only_a_reply_delivers() {
    let ground = Ground::with(LETTER).await;
    for steps in 0..=STEPS.len() {
        let host = Host::play(&[&STEPS[..steps].join("\n")]).await;
        let mut session = match open(&host).await {
            Ok(session) => session,
            Err(failure) => {
                assert!(steps < 2 && failure.temporary, "{steps}: {failure}");
                continue;
            }
        };
        let delivered = session
            .transact(&transaction(&["b@to.test"]), &ground.body)
            .await;
        let whole = steps == STEPS.len();
        let expected = if whole {
            Outcome::Delivered
        } else {
            Outcome::Deferred
        };
        assert_eq!(
            outcomes(&delivered),
            [expected],
            "{steps}: {:?}",
            told(&delivered)
        );
        // The message was sent whole and nothing was said: nobody knows.
        assert_eq!(
            delivered.outcome_unknown,
            steps == STEPS.len() - 1,
            "{steps}"
        );
        assert!(whole || !delivered.reusable, "{steps}");
    }
}

#[tokio::test]
async fn a_host_that_is_silent_at_any_step_is_given_up_in_time() {
    let ground = Ground::with(LETTER).await;
    let steps_before_silence = [0, 1, 3, 4, 5, 6];
    for steps in steps_before_silence {
        let mut settings = settings();
        let short = Duration::from_millis(200);
        for timeout in [
            &mut settings.timeouts.greeting,
            &mut settings.timeouts.hello,
            &mut settings.timeouts.mail,
            &mut settings.timeouts.rcpt,
            &mut settings.timeouts.data,
            &mut settings.timeouts.end,
        ] {
            *timeout = short;
        }
        let script = format!("{}\nHANG", STEPS[..steps].join("\n"));
        let host = Host::play(&[&script]).await;
        match HostSession::open(&endpoint(host.address), &settings).await {
            Ok(mut session) => {
                let delivered = session
                    .transact(&transaction(&["b@to.test"]), &ground.body)
                    .await;
                assert_eq!(outcomes(&delivered), [Outcome::Deferred], "{steps}");
                assert_eq!(delivered.verdicts[0].said.status().to_string(), "4.4.2");
                assert!(!delivered.reusable);
                assert_eq!(delivered.outcome_unknown, steps == 6);
            }
            Err(failure) => assert!(steps < 2 && failure.temporary, "{steps}: {failure}"),
        }
    }
}

#[tokio::test]
async fn a_reply_that_comes_octet_by_octet_gets_no_more_time_than_another() {
    let began = Instant::now();
    let host = Host::play(&["DRIP: 220-a very long greeting "]).await;
    let failure = open(&host).await.err().unwrap();
    assert_eq!(failure.step, Step::Greeting);
    assert!(
        failure.said.to_string().contains("no answer within 2 s"),
        "{failure}"
    );
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn replies_without_end_are_cut_off() {
    for flood in [
        "FLOOD: 220-and again",
        "FLOOD: 250-and again",
        &format!("RAW: 220 {}\nHANG", "x".repeat(10_000)),
    ] {
        let host = Host::play(&[flood]).await;
        let failure = open(&host).await.err().unwrap();
        assert_eq!(
            failure.said.to_string(),
            "4.5.0 the host sent a reply without end at greeting"
        );
    }
    let (delivered, _) = send(
        &format!("{GREETED}S: 250 mx.test\nC: MAIL\nFLOOD: 250-ok"),
        &["b@to.test"],
    )
    .await;
    assert_eq!(outcomes(&delivered), [Outcome::Deferred]);
}

#[tokio::test]
async fn what_is_no_reply_ends_the_session_and_is_nobodys_verdict() {
    for nonsense in [
        "S: hello",
        "S: 25 ok",
        "S: 2500 ok",
        "S: 999 ok",
        "S: 150 ok",
        "S:",
        "RAW: \\0\\0\\0\\r\\n",
        "S: 250_ok",
        "S: 550-no\nS: 250 yes",
        "S: 250-yes\nS: 550 no",
        "S: HTTP/1.1 400 Bad Request",
        "RAW: 250\\r250 ok\\r\\n",
    ] {
        let script =
            format!("{GREETED}S: 250 mx.test\nC: MAIL\nS: 250 ok\nC: RCPT\n{nonsense}\nREST");
        let (delivered, _) = send(&script, &["b@to.test"]).await;
        assert_eq!(outcomes(&delivered), [Outcome::Deferred], "{nonsense}");
        assert_eq!(
            delivered.verdicts[0].said.status().to_string(),
            "4.5.0",
            "{nonsense}"
        );
        assert!(!delivered.reusable, "{nonsense}");
    }
}

#[tokio::test]
async fn odd_replies_that_can_be_understood_are() {
    for (reply, said) in [
        ("S: 250", "250"),
        ("RAW: 250 ok\\n", "250 ok"),
        ("RAW: 250 2.1.5 o\\0k\\r\\n", "250 2.1.5 o?k"),
        (
            "S: 250-5.1.1 odd class\nS: 250 2.0.0 then right",
            "250 5.1.1 odd class / then right",
        ),
        ("S: 251 schön", "251 sch?n"),
    ] {
        let script = format!(
            "{GREETED}S: 250 mx.test\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nDATA\n{reply}\nREST"
        );
        let (delivered, _) = send(&script, &["b@to.test"]).await;
        assert_eq!(told(&delivered), [(Outcome::Delivered, said.to_owned())]);
    }
}

#[tokio::test]
async fn a_reply_that_comes_before_its_command_settles_nothing() {
    let head = format!("{GREETED}S: 250 mx.test\nC: MAIL\nS: 250 ok\nC: RCPT\n");
    for script in [
        // One reply too many: the second is not the one to DATA, and the 250 is not the one to the message.
        format!("{head}RAW: 250 ok\\r\\n250 ok\\r\\n\nREST"),
        format!("{head}S: 250 ok\nC: DATA\nRAW: 354 go\\r\\n250 taken\\r\\n\nREST"),
        format!("{head}S: 250 ok\nC: DATA\nRAW: 354 go\\r\\n550 no\\r\\n\nREST"),
        format!("{head}S: 250 ok\nC: DATA\nS: 250 taken\nREST"),
    ] {
        let (delivered, messages) = send(&script, &["b@to.test"]).await;
        assert_eq!(outcomes(&delivered), [Outcome::Deferred], "{script}");
        assert!(messages.is_empty() && !delivered.outcome_unknown);
    }
}

#[tokio::test]
async fn a_pipeline_with_too_few_or_too_many_replies_delivers_nothing_wrongly() {
    let head =
        format!("{GREETED}S: 250-mx.test\nS: 250 PIPELINING\nC: MAIL\nC: RCPT\nC: RCPT\nC: DATA\n");
    for (replies, expected) in [
        // A reply is missing: 354 stands where the second RCPT's reply should, and DATA has none.
        (
            "S: 250 ok\nS: 250 ok\nS: 354 go\nREST",
            [Outcome::Deferred, Outcome::Deferred],
        ),
        // A reply too many: what should answer DATA is 250.
        (
            "S: 250 ok\nS: 250 ok\nS: 550 no\nS: 250 ok\nS: 354 go\nREST",
            [Outcome::Deferred, Outcome::Rejected],
        ),
        // 354, and something on its heels.
        (
            "RAW: 250 ok\\r\\n250 ok\\r\\n250 ok\\r\\n354 go\\r\\n250 taken\\r\\n\nREST",
            [Outcome::Deferred, Outcome::Deferred],
        ),
    ] {
        let (delivered, messages) =
            send(&format!("{head}{replies}"), &["b@to.test", "c@to.test"]).await;
        assert_eq!(outcomes(&delivered), expected, "{replies}");
        assert!(messages.is_empty());
    }
}

#[tokio::test]
async fn a_verdict_that_was_given_stands_although_the_host_leaves_afterwards() {
    let head =
        format!("{GREETED}S: 250-mx.test\nS: 250 PIPELINING\nC: MAIL\nC: RCPT\nC: RCPT\nC: DATA\n");
    let script = format!("{head}S: 250 ok\nS: 550 5.1.1 no\nS: 421 4.3.2 good night");
    let (delivered, _) = send(&script, &["b@to.test", "c@to.test"]).await;
    let expected = [
        (Outcome::Rejected, "550 5.1.1 no".to_owned()),
        (Outcome::Deferred, "421 4.3.2 good night".to_owned()),
    ];
    assert_eq!(told(&delivered), expected);
    assert!(!delivered.reusable);
}

#[tokio::test]
async fn a_421_at_any_step_defers_with_the_hosts_words() {
    for steps in 2..STEPS.len() {
        let before = STEPS[..steps].join("\n");
        let script = match steps {
            2 => format!("{before}\nC: MAIL\nS: 421 4.3.2 good night"),
            5 => continue,
            6 => format!("{before}\nS: 421 4.3.2 good night"),
            _ => format!("{before}\nS: 421 4.3.2 good night"),
        };
        let (delivered, _) = send(&script, &["b@to.test"]).await;
        assert_eq!(
            told(&delivered),
            [(Outcome::Deferred, "421 4.3.2 good night".to_owned())],
            "{steps}"
        );
        assert!(!delivered.reusable && !delivered.outcome_unknown);
    }
}

#[tokio::test]
async fn a_host_that_does_not_read_is_given_up() {
    let ground = Ground::with(
        &b"A: b\r\n\r\n"
            .iter()
            .chain(&[b'x'; 78].repeat(300_000))
            .copied()
            .collect::<Vec<u8>>(),
    )
    .await;
    let script = format!(
        "{GREETED}S: 250 mx.test\nC: MAIL\nS: 250 ok\nC: RCPT\nS: 250 ok\nC: DATA\nS: 354 go\nSLEEP"
    );
    let host = Host::play(&[&script]).await;
    let mut session = open(&host).await.unwrap();
    let delivered = session
        .transact(&transaction(&["b@to.test"]), &ground.body)
        .await;
    assert_eq!(outcomes(&delivered), [Outcome::Deferred]);
    assert!(!delivered.outcome_unknown && !delivered.reusable);
}

#[tokio::test]
async fn one_transaction_has_an_end_whatever_the_host_does() {
    let ground = Ground::with(LETTER).await;
    let recipients: Vec<String> = (0..50).map(|number| format!("r{number}@to.test")).collect();
    let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
    let replies = "C: RCPT\nPAUSE\nS: 250 ok\n".repeat(50);
    let host = Host::play(&[&format!(
        "{GREETED}S: 250 mx.test\nC: MAIL\nS: 250 ok\n{replies}"
    )])
    .await;
    let mut settings = settings();
    settings.timeouts.transaction = Duration::from_secs(1);
    let mut session = HostSession::open(&endpoint(host.address), &settings)
        .await
        .unwrap();
    let began = Instant::now();
    let delivered = session
        .transact(&transaction(&recipients), &ground.body)
        .await;
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(
        outcomes(&delivered)
            .iter()
            .all(|outcome| *outcome == Outcome::Deferred)
    );
}
