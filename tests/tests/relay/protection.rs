//! Postfix as the host of a domain that says how mail for it must be protected, and of one that says nothing.

use tests::internet::{Issued, PolicyHost, Zone};

use crate::ground::{Ground, PORT, SENDER};

/// Only root may listen there, who must start Postfix too.
const HTTPS_PORT: u16 = 443;

const TLSA: &str = "_2525._tcp.mx.to.test";
const MESSAGE: &[u8] = b"Subject: guarded\r\n\r\nHello.\r\n";

fn send(ground: &Ground) {
    ground
        .submit()
        .deliver(SENDER, &["b@to.test"], MESSAGE)
        .unwrap();
}

/// Waits until the message has left, and gives what the journal tells of that.
fn left(ground: &Ground) -> String {
    ground.wait_for_queue("empty", |queue| queue.as_array().unwrap().is_empty());
    let trace = ground.mailctl(&["trace", SENDER]);
    let line = trace.lines().find(|line| line.contains("  delivered  "));
    line.unwrap_or_else(|| panic!("{trace}")).to_owned()
}

/// Waits until an attempt has failed, and gives why.
fn put_off(ground: &Ground) -> String {
    let mut why = String::new();
    ground.wait_for_queue("put off", |queue| {
        let recipient = &queue[0]["recipients"][0];
        recipient["attempts"] == 1
    });
    let queue = ground.mailctl(&["queue", "list", "--json"]);
    let queue: serde_json::Value = serde_json::from_str(&queue).unwrap();
    why.push_str(queue[0]["recipients"][0]["last_reply"].as_str().unwrap());
    why
}

fn certificate(ground: &Ground, name: &str) -> Issued {
    ground.authority.issue(&[name]).unwrap()
}

/// A policy of `to.test` that is enforced.
fn enforce(ground: &Ground) -> PolicyHost {
    let std::net::SocketAddr::V4(host) = ground.host else {
        unreachable!("it is an IPv4 address")
    };
    let zone = ground.zone(Zone::unsigned);
    let zone = zone.a("mta-sts.to.test", *host.ip());
    ground.publish(zone.txt("_mta-sts.to.test", "v=STSv1; id=1;"));
    let tls = certificate(ground, "mta-sts.to.test").server().unwrap();
    let file = "version: STSv1\nmode: enforce\nmx: mx.to.test\nmax_age: 86400\n";
    PolicyHost::start((*host.ip(), HTTPS_PORT).into(), tls, file).unwrap()
}

#[test]
fn a_host_with_the_key_that_dane_names_gets_the_mail() {
    let ground = Ground::new();
    // The certificate may be of anybody and for any name (RFC 7672 §3.1.1).
    let certificate = certificate(&ground, "elsewhere.test");
    let key = certificate.public_key();
    ground.publish(ground.zone(Zone::signed).tlsa(TLSA, 3, 1, 0, &key));
    let postfix = ground.postfix_with(&certificate, &[]);
    send(&ground);
    let left = left(&ground);
    assert!(
        left.contains("TLSv1.3") && left.contains("host verified"),
        "{left}"
    );
    postfix.messages(1).unwrap();
}

#[test]
fn a_host_with_another_key_or_without_tls_gets_none_where_dane_names_a_key() {
    let ground = Ground::new();
    let certificate = certificate(&ground, "mx.to.test");
    ground.publish(ground.zone(Zone::signed).tlsa(TLSA, 3, 1, 1, &[7; 32]));
    let postfix = ground.postfix_with(&certificate, &[]);
    send(&ground);
    let why = put_off(&ground);
    assert!(why.contains("4.7."), "{why}");
    drop(postfix);

    let ground = Ground::new();
    ground.publish(ground.zone(Zone::signed).tlsa(TLSA, 3, 1, 1, &[7; 32]));
    let _postfix = ground.postfix(&[]);
    send(&ground);
    let why = put_off(&ground);
    assert!(why.contains("does not offer STARTTLS"), "{why}");
}

#[test]
fn a_host_that_an_enforced_policy_names_needs_a_certificate_for_its_name() {
    let ground = Ground::new();
    let _policy = enforce(&ground);
    let postfix = ground.postfix_with(&certificate(&ground, "mx.to.test"), &[]);
    send(&ground);
    let left = left(&ground);
    assert!(left.contains("host verified"), "{left}");
    postfix.messages(1).unwrap();

    let ground = Ground::new();
    let _policy = enforce(&ground);
    let _postfix = ground.postfix_with(&certificate(&ground, "other.to.test"), &[]);
    send(&ground);
    let why = put_off(&ground);
    assert!(why.contains("4.7."), "{why}");
}

#[test]
fn a_wrong_certificate_is_better_than_none_where_nobody_asks_for_a_right_one() {
    let ground = Ground::new();
    let postfix = ground.postfix_with(&certificate(&ground, "other.to.test"), &[]);
    send(&ground);
    let left = left(&ground);
    assert!(left.contains("host not verified"), "{left}");
    let arrived = postfix.messages(1).unwrap().remove(0);
    let arrived = String::from_utf8_lossy(&arrived).into_owned();
    assert!(arrived.contains("using TLSv1.3"), "{arrived}");
    assert_eq!(PORT, ground.host.port());
}
