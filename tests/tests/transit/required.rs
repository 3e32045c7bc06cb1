//! Mail whose sender says how it must be protected (RFC 8689): REQUIRETLS, and `TLS-Required: No`.

use std::net::SocketAddr;

use tests::chat::Listener;
use tests::imap::Imap;
use tests::internet::{Host, Zone};
use tests::server::{Daemon, Server};
use tests::smtp::Smtp;

use super::{LETTER, RECIPIENT, SENDER, Scene, receiver};

/// DANE names the key of to.test's host: it can be verified.
fn verified() -> Scene {
    let scene = Scene::new();
    let name = format!("_{}._tcp.mx.to.test", Server::port(Listener::Smtp));
    let key = scene.certificate.public_key();
    scene.publish(scene.zone(Zone::signed).tlsa(&name, 3, 1, 0, &key));
    scene
}

/// Alice writes to carol and requires TLS.
fn send(scene: &Scene) {
    let from = format!("<{SENDER}> REQUIRETLS");
    Smtp::login(&scene.sender, SENDER)
        .unwrap()
        .deliver_as(&from, &[RECIPIENT], LETTER)
        .unwrap();
}

/// The notice that alice gets.
fn notice(scene: &Scene) -> String {
    let failed = [RECIPIENT, "failed"];
    scene.sender.logged(Daemon::Smtpd, &failed).unwrap();
    let mut imap = Imap::login(&scene.sender, SENDER).unwrap();
    let notices = imap.messages("INBOX").unwrap();
    String::from_utf8_lossy(&notices[0]).into_owned()
}

#[test]
fn a_verified_host_that_knows_requiretls_gets_the_message() {
    let scene = verified();
    scene.receiver.start(Daemon::Smtpd).unwrap();
    send(&scene);
    assert!(scene.delivered().contains("with ESMTPS"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_host_is_told_that_tls_is_required() {
    let scene = verified();
    let script = "S: 220 mx.to.test\nC: EHLO\nS: 250-mx.to.test\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\nC: EHLO\n\
                  S: 250-mx.to.test\nS: 250 REQUIRETLS\nC: MAIL FROM:<alice@example.test> REQUIRETLS\nS: 250 ok\nC: RCPT\n\
                  S: 250 ok\nC: DATA\nS: 354 go\nDATA\nS: 250 taken\nREST";
    let address = SocketAddr::from((scene.receiver.host(), Server::port(Listener::Smtp)));
    let tls = scene.certificate.server().unwrap();
    let host = Host::play_at(address, &[script], Some(tls)).await;
    send(&scene);
    let delivered = [RECIPIENT, "delivered"];
    scene.sender.logged(Daemon::Smtpd, &delivered).unwrap();
    scene.sender.stop(Daemon::Smtpd).unwrap();
    assert_eq!(host.messages().await.len(), 1);
}

#[test]
fn a_host_that_does_not_know_requiretls_gets_nothing_and_the_sender_hears_it_at_once() {
    let scene = verified();
    let hidden = receiver(&scene.files, &["REQUIRETLS"]);
    scene.receiver.configure(hidden).unwrap();
    scene.receiver.start(Daemon::Smtpd).unwrap();
    send(&scene);
    let notice = notice(&scene);
    assert!(notice.contains("Status: 5.7.30"), "{notice}");
    // What must not be read on the way is not sent back whole (RFC 8689 §5).
    assert!(!notice.contains("\r\nhello\r\n"), "{notice}");
    assert!(scene.arrived().is_empty());
}

#[test]
fn a_host_that_nobody_vouches_for_gets_nothing_and_the_sender_hears_it_at_once() {
    let scene = Scene::new();
    scene.publish(scene.zone(Zone::unsigned));
    scene.receiver.start(Daemon::Smtpd).unwrap();
    send(&scene);
    let notice = notice(&scene);
    assert!(notice.contains("Status: 5.7.10"), "{notice}");
    assert!(scene.arrived().is_empty());
    // What requires nothing goes there.
    scene.send();
    scene.delivered();
}

#[test]
fn who_declines_tls_is_not_kept_waiting_by_a_wrong_key() {
    let scene = Scene::new();
    let name = format!("_{}._tcp.mx.to.test", Server::port(Listener::Smtp));
    scene.publish(scene.zone(Zone::signed).tlsa(&name, 3, 1, 1, &[7; 32]));
    scene.receiver.start(Daemon::Smtpd).unwrap();
    let letter = [b"TLS-Required: No\r\n", LETTER].concat();
    Smtp::login(&scene.sender, SENDER)
        .unwrap()
        .deliver(SENDER, &[RECIPIENT], &letter)
        .unwrap();
    scene.delivered();
}
