//! Mail on its way to another domain: the hosts that DNS names, and TLS as DANE and the past demand it.
//!
//! One server sends, another takes the mail of `to.test`, a third party's DNS stands between them.

#![allow(clippy::unwrap_used, clippy::panic)]

mod required;

use std::net::SocketAddr;

use tests::chat::{Listener, Protocol, World};
use tests::imap::Imap;
use tests::internet::{Authority, Fault, Internet, Issued, PolicyHost, Zone};
use tests::link::Link;
use tests::server::{Daemon, Server};
use tests::smtp::Smtp;

const SENDER: &str = "alice@example.test";
const RECIPIENT: &str = "carol@to.test";
const LETTER: &[u8] =
    b"From: alice@example.test\r\nTo: carol@to.test\r\nSubject: across\r\n\r\nhello\r\n";
/// Only root may listen there, who must start Postfix for other tests too.
const HTTPS_PORT: u16 = 443;
/// AUTH PLAIN as alice: `\0alice@example.test\0testpass`.
const LOGIN: &str = "AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdAB0ZXN0cGFzcw==";

/// Two servers and the DNS between them.
struct Scene {
    internet: Internet,
    sender: Server,
    receiver: Server,
    /// What mx.to.test shows.
    certificate: Issued,
    authority: Authority,
    files: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        Scene::with_certificate("mx.to.test")
    }

    /// The host of to.test shows a certificate for `name`.
    fn with_certificate(name: &str) -> Scene {
        let internet = Internet::new().unwrap();
        let authority = Authority::new().unwrap();
        let certificate = authority.issue(&[name]).unwrap();
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("mx.pem"), certificate.pem()).unwrap();
        let sender = format!(
            "{}\n[relay]\nport = {}\nprivate_addresses = true\nca_file = '{}'",
            internet.config(),
            Server::port(Listener::Smtp),
            authority.file().display()
        );
        Scene {
            internet,
            sender: Server::with(sender.parse().unwrap(), &[]).unwrap(),
            receiver: Server::with(receiver(&files, &[]), &[RECIPIENT.to_owned()]).unwrap(),
            certificate,
            authority,
            files,
        }
    }

    /// Publishes an MTA-STS policy of to.test and serves it.
    fn policy(&self, mode: &str) -> PolicyHost {
        let zone = self.zone(Zone::unsigned);
        let zone = zone.a("mta-sts.to.test", self.receiver.host());
        self.publish(zone.txt("_mta-sts.to.test", "v=STSv1; id=1;"));
        let tls = self.authority.issue(&["mta-sts.to.test"]).unwrap();
        let file = format!("version: STSv1\nmode: {mode}\nmx: mx.to.test\nmax_age: 86400\n");
        let address = (self.receiver.host(), HTTPS_PORT).into();
        PolicyHost::start(address, tls.server().unwrap(), &file).unwrap()
    }

    /// to.test with its host.
    fn zone(&self, made: fn(&str) -> Zone) -> Zone {
        let zone = made("to.test").mx(10, "mx.to.test");
        zone.a("mx.to.test", self.receiver.host())
    }

    fn publish(&self, zone: Zone) {
        self.internet.publish(zone).unwrap();
    }

    /// Alice writes to carol.
    fn send(&self) {
        self.receiver.start(Daemon::Smtpd).unwrap();
        let address: SocketAddr = World::address(&self.sender, Listener::Submission).unwrap();
        let link = Link::connect(address, None, Protocol::Smtp).unwrap();
        let mut smtp = Smtp { link };
        smtp.reply().unwrap();
        smtp.command("EHLO client.example.test", "250").unwrap();
        smtp.command(LOGIN, "235").unwrap();
        smtp.deliver(SENDER, &[RECIPIENT], LETTER).unwrap();
    }

    /// The letter as carol has it, once it was delivered.
    fn delivered(&self) -> String {
        self.sender
            .logged(Daemon::Smtpd, &[RECIPIENT, "delivered"])
            .unwrap();
        self.arrived().pop().unwrap()
    }

    /// What the sender's log says of a letter that waits or was given up. Carol has nothing.
    fn not_delivered(&self, result: &str) -> String {
        let line = self
            .sender
            .logged(Daemon::Smtpd, &[RECIPIENT, result])
            .unwrap();
        assert!(self.arrived().is_empty());
        line
    }

    fn arrived(&self) -> Vec<String> {
        let mut imap = Imap::login(&self.receiver, RECIPIENT).unwrap();
        let letters = imap.messages("INBOX").unwrap();
        letters
            .iter()
            .map(|letter| String::from_utf8_lossy(letter).into_owned())
            .collect()
    }
}

/// The configuration of the host of to.test.
fn receiver(files: &tempfile::TempDir, hidden: &[&str]) -> toml::Table {
    let text = format!(
        "hostname = 'mx.to.test'\n[smtpd]\nhide_extensions = {hidden:?}\n[tls]\ncertificates = [{{ chain = '{0}', key = '{0}' }}]",
        files.path().join("mx.pem").display()
    );
    text.parse().unwrap()
}

#[test]
fn mail_goes_to_the_mx_under_tls() {
    let scene = Scene::new();
    scene.publish(scene.zone(Zone::unsigned));
    scene.send();
    let letter = scene.delivered();
    assert!(letter.contains("with ESMTPS"), "{letter}");
}

#[test]
fn mail_goes_to_a_domain_without_mx_and_by_an_alias() {
    let scene = Scene::new();
    let elsewhere = Zone::unsigned("hosting.test").a("host.hosting.test", scene.receiver.host());
    scene.publish(elsewhere);
    scene.publish(Zone::unsigned("test").cname("to.test", "host.hosting.test"));
    scene.send();
    scene.delivered();
}

#[test]
fn dane_lets_mail_go_to_the_host_that_its_record_names() {
    let scene = Scene::new();
    let name = format!("_{}._tcp.mx.to.test", Server::port(Listener::Smtp));
    let key = scene.certificate.public_key();
    scene.publish(scene.zone(Zone::signed).tlsa(&name, 3, 1, 0, &key));
    scene.send();
    assert!(scene.delivered().contains("with ESMTPS"));
}

#[test]
fn dane_keeps_mail_from_a_host_with_another_key() {
    let scene = Scene::new();
    let name = format!("_{}._tcp.mx.to.test", Server::port(Listener::Smtp));
    scene.publish(scene.zone(Zone::signed).tlsa(&name, 3, 1, 1, &[7; 32]));
    scene.send();
    scene.not_delivered("deferred");
}

#[test]
fn dane_records_with_wrong_signatures_keep_mail_back() {
    let scene = Scene::new();
    let name = format!("_{}._tcp.mx.to.test", Server::port(Listener::Smtp));
    let key = scene.certificate.public_key();
    scene.publish(scene.zone(Zone::signed));
    scene.publish(Zone::bogus("_tcp.mx.to.test").tlsa(&name, 3, 1, 0, &key));
    scene.send();
    assert!(scene.not_delivered("deferred").contains("4.7.0"));
}

#[test]
fn a_domain_with_wrong_signatures_waits() {
    let scene = Scene::new();
    scene.publish(scene.zone(Zone::bogus));
    scene.send();
    let line = scene.not_delivered("deferred");
    assert!(line.contains("4.4.3") && line.contains("DNSSEC"), "{line}");
}

#[test]
fn mail_flows_without_dane_through_name_servers_that_keep_signatures_back() {
    let scene = Scene::new();
    let name = format!("_{}._tcp.mx.to.test", Server::port(Listener::Smtp));
    scene.publish(scene.zone(Zone::signed).tlsa(&name, 3, 1, 1, &[7; 32]));
    scene.internet.break_down(".", Fault::Unsigned).unwrap();
    scene.send();
    assert!(scene.delivered().contains("with ESMTPS"));
    let logs = scene.sender.whole_log(Daemon::Smtpd);
    assert!(logs.contains("keep DNSSEC signatures back"), "{logs}");
}

#[test]
fn mail_waits_while_dns_is_down() {
    let scene = Scene::new();
    scene.publish(scene.zone(Zone::unsigned));
    scene.internet.break_down(".", Fault::ServFail).unwrap();
    scene.send();
    assert!(scene.not_delivered("deferred").contains("4.4.3"));
    scene.internet.repair();
    let retry = ["queue", "retry", "--recipient", RECIPIENT];
    scene.sender.mailctl_ok(&retry, "").unwrap();
    scene.delivered();
}

#[test]
fn a_domain_that_wants_no_mail_gets_none_and_the_sender_hears_it() {
    let scene = Scene::new();
    scene.publish(Zone::unsigned("to.test").mx(0, "."));
    scene.send();
    assert!(scene.not_delivered("failed").contains("5.1.10"));
    let mut imap = Imap::login(&scene.sender, SENDER).unwrap();
    let notices = imap.messages("INBOX").unwrap();
    let notice = String::from_utf8_lossy(&notices[0]).into_owned();
    assert!(notice.contains("Status: 5.1.10"), "{notice}");
}

#[test]
fn an_enforced_policy_wants_a_certificate_for_the_host() {
    let right = Scene::new();
    let host = right.policy("enforce");
    right.send();
    assert!(right.delivered().contains("with ESMTPS"));
    assert_eq!(host.requests().len(), 1);

    let wrong = Scene::with_certificate("mx.elsewhere.test");
    let _host = wrong.policy("enforce");
    wrong.send();
    wrong.not_delivered("deferred");
}

#[test]
fn a_policy_in_testing_or_of_none_keeps_no_mail_back() {
    for mode in ["testing", "none"] {
        let scene = Scene::with_certificate("mx.elsewhere.test");
        let host = scene.policy(mode);
        scene.send();
        scene.delivered();
        assert_eq!(host.requests().len(), 1);
    }
}

#[test]
fn a_host_that_did_tls_gets_no_mail_in_the_clear_soon_after() {
    let scene = Scene::new();
    scene.publish(scene.zone(Zone::unsigned));
    scene.send();
    assert!(scene.delivered().contains("with ESMTPS"));
    scene
        .receiver
        .configure(receiver(&scene.files, &["STARTTLS"]))
        .unwrap();
    scene.receiver.stop(Daemon::Smtpd).unwrap();
    // The sender remembers across a restart.
    scene.sender.stop(Daemon::Smtpd).unwrap();
    scene.send();
    let line = scene
        .sender
        .logged(Daemon::Smtpd, &[RECIPIENT, "deferred"])
        .unwrap();
    assert!(line.contains("4.7."), "{line}");
    assert_eq!(scene.arrived().len(), 1);
}
