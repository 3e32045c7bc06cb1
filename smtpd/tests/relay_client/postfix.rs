//! The SMTP client and Debian's Postfix.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use daemon::tls::Connector;
use smtpd::relay::client::{ClientSettings, Endpoint, HostSession, Outcome, Security};
use store::BodyKind;
use tests::internet::{Authority, Postfix};

use crate::ground::{Ground, LETTER, endpoint, outcomes, settings, told, transaction};

/// The addresses are taken from other hosts' way: each test has one of its own.
fn free_address(last: u8) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 25, last), 0)).expect("a port");
    listener.local_addr().expect("an address")
}

/// The body of what Postfix has put in the mailbox, in CRLF.
fn body_of(delivered: &[u8]) -> Vec<u8> {
    let at = delivered
        .windows(2)
        .position(|window| window == b"\n\n")
        .expect("a body");
    let body = String::from_utf8(delivered[at + 2..].to_vec()).expect("UTF-8");
    body.replace('\n', "\r\n").into_bytes()
}

fn patient() -> ClientSettings {
    ClientSettings {
        timeouts: Default::default(),
        ..settings()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_arrive_as_they_were_sent_and_the_session_is_used_again() {
    let postfix = Postfix::start(free_address(1), "to.test", &[]).expect("Postfix");
    let mut session = HostSession::open(&endpoint(postfix.address()), &patient())
        .await
        .expect("a session");
    let line = "..Zeile mit Umlaut ü und Punkt am Anfang\r\n";
    let large = format!("Subject: large\r\n\r\n{}", line.repeat(200_000)).into_bytes();
    let mut wanted = transaction(&["b@to.test", "c@elsewhere.test"]);
    wanted.body = BodyKind::EightBitMime;
    for message in [LETTER, &large, LETTER] {
        let ground = Ground::with(message).await;
        let delivered = session.transact(&wanted, &ground.body).await;
        let expected = [Outcome::Delivered, Outcome::Rejected];
        assert_eq!(
            outcomes(&delivered),
            expected,
            "{:?}\n{}",
            told(&delivered),
            postfix.log()
        );
        assert_eq!(delivered.verdicts[1].said.status().to_string(), "5.7.1");
        assert!(delivered.dsn_passed_on && session.is_waiting().await);
    }
    session.quit().await;
    let mut bodies: Vec<Vec<u8>> = postfix
        .messages(3)
        .unwrap()
        .iter()
        .map(|one| body_of(one))
        .collect();
    bodies.sort_by_key(Vec::len);
    let expected = [LETTER, LETTER, &large].map(|message| {
        let at = message
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap();
        message[at + 4..].to_vec()
    });
    assert!(
        bodies == expected,
        "{:?}",
        bodies.iter().map(Vec::len).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_extensions_gets_the_same_by_simpler_means() {
    let without = "pipelining, chunking, 8bitmime, smtputf8, dsn, size";
    let settings = [("smtpd_discard_ehlo_keywords", without)];
    let postfix = Postfix::start(free_address(2), "to.test", &settings).expect("Postfix");
    let mut session = HostSession::open(&endpoint(postfix.address()), &patient())
        .await
        .expect("a session");
    let message = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n.Müll\r\n";
    let ground = Ground::with(message.as_bytes()).await;
    let delivered = session
        .transact(&transaction(&["b@to.test"]), &ground.body)
        .await;
    assert_eq!(
        outcomes(&delivered),
        [Outcome::Delivered],
        "{:?}",
        told(&delivered)
    );
    session.quit().await;
    assert_eq!(body_of(&postfix.messages(1).unwrap()[0]), b".M=C3=BCll\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_postfix_is_verified_or_refused() {
    let authority = Authority::new().unwrap();
    let identity = authority.issue(&["mx.to.test"]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), identity.pem()).unwrap();
    let path = file.path().display().to_string();
    let tls = [
        ("smtpd_tls_chain_files", path.as_str()),
        ("smtpd_tls_security_level", "encrypt"),
    ];
    let postfix = Postfix::start(free_address(3), "to.test", &tls).expect("Postfix");
    let settings = ClientSettings {
        tls: Connector::with_roots([authority.der()]),
        ..patient()
    };
    let ground = Ground::with(LETTER).await;
    for (name, verified) in [("mx.to.test", true), ("other.test", false)] {
        let to = Endpoint {
            host: "mx.to.test".into(),
            security: Security::Verified {
                names: vec![name.into()],
            },
            ..endpoint(postfix.address())
        };
        match HostSession::open(&to, &settings).await {
            Ok(mut session) => {
                assert!(verified && session.tls().unwrap().authenticated);
                let delivered = session
                    .transact(&transaction(&["b@to.test"]), &ground.body)
                    .await;
                assert_eq!(
                    outcomes(&delivered),
                    [Outcome::Delivered],
                    "{}",
                    postfix.log()
                );
                session.quit().await;
            }
            Err(failure) => assert!(!verified, "{failure}\n{}", postfix.log()),
        }
    }
    // A host that wants TLS and gets none refuses for good.
    let mut session = HostSession::open(&endpoint(postfix.address()), &settings)
        .await
        .unwrap();
    let delivered = session
        .transact(&transaction(&["b@to.test"]), &ground.body)
        .await;
    assert_eq!(outcomes(&delivered), [Outcome::Rejected]);
    assert_eq!(delivered.verdicts[0].said.status().to_string(), "5.7.0");
}
