//! Certificates and versions of TLS.

use super::{connect, hear, server, wait};
use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tests::chat::Listener;
use tests::link::Link;
use tests::server::{Daemon, Server};
use tests::tls::trusting_client_of;

/// Writes a certificate for a name as NAME.pem and NAME.key; gives it.
fn certificate(server: &Server, file: &str, name: &str) -> Vec<u8> {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let path = |end: &str| server.scratch().join(format!("{file}.{end}"));
    std::fs::write(path("key"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(path("pem"), made.cert.pem()).unwrap();
    made.cert.der().to_vec()
}

fn use_certificates(server: &Server, files: &[&str]) {
    let pairs: Vec<_> = files
        .iter()
        .map(|file| format!("{{ chain = \"{file}.pem\", key = \"{file}.key\" }}"))
        .collect();
    let config = format!(
        "tls = {{ reload_seconds = 1, certificates = [{}] }}",
        pairs.join(", ")
    );
    server.configure(config.parse().unwrap()).unwrap();
}

fn shown(server: &Server, name: &str) -> Vec<u8> {
    let link = connect(server, Listener::Imaps, None);
    link.start_tls(name).unwrap().certificate().unwrap()
}

#[test]
fn the_name_that_a_client_asks_for_chooses_the_certificate() {
    let server = Server::new().unwrap();
    let first = certificate(&server, "first", "mail.example.test");
    let second = certificate(&server, "second", "imap.other.test");
    let wild = certificate(&server, "wild", "*.wild.test");
    use_certificates(&server, &["first", "second", "wild"]);
    for (name, expected) in [
        ("mail.example.test", &first),
        ("imap.other.test", &second),
        ("IMAP.Other.Test", &second),
        ("a.wild.test", &wild),
        ("a.b.wild.test", &first),
        ("unknown.test", &first),
        // An address is never sent as a name.
        ("127.0.0.1", &first),
    ] {
        assert!(shown(&server, name) == *expected, "{name}");
    }
    // STARTTLS chooses in the same way.
    let mut link = connect(&server, Listener::Imap, None);
    hear(&mut link);
    super::ask(&mut link, "a STARTTLS");
    let link = link.start_tls("imap.other.test").unwrap();
    assert_eq!(link.certificate(), Some(second));
}

#[test]
fn certificates_whose_files_change_are_read_again_without_a_signal() {
    let server = Server::new().unwrap();
    let first = certificate(&server, "own", "mail.example.test");
    use_certificates(&server, &["own"]);
    assert!(shown(&server, "mail.example.test") == first);
    // Half a renewal: a key that does not fit. The old ones stay in use.
    let chain = server.scratch().join("own.pem");
    let kept = std::fs::read(&chain).unwrap();
    let second = certificate(&server, "own", "mail.example.test");
    let renewed = std::fs::read(&chain).unwrap();
    std::fs::write(&chain, kept).unwrap();
    server
        .logged(Daemon::Imapd, &["the old ones stay in use"])
        .unwrap();
    assert!(shown(&server, "mail.example.test") == first);
    std::fs::write(&chain, renewed).unwrap();
    wait(&server, "the new certificate is shown", || {
        shown(&server, "mail.example.test") == second
    });
}

#[test]
fn without_a_certificate_one_is_made_and_a_warning_given() {
    let server = server("hostname = \"new.example.test\"");
    let made = shown(&server, "new.example.test");
    server
        .logged(Daemon::Imapd, &["WARN", "self-signed", "clients will warn"])
        .unwrap();
    server.stop(Daemon::Imapd).unwrap();
    assert!(shown(&server, "new.example.test") == made);
}

#[test]
fn clients_of_tls_1_2_and_of_1_3_are_served() {
    let server = Server::new().unwrap();
    let version_of = |version| {
        let link: Link = connect(&server, Listener::Imaps, None);
        let config = trusting_client_of(&[version]).unwrap();
        let mut link = link.start_tls_with("mail.example.test", config).unwrap();
        assert!(hear(&mut link).starts_with("* OK"));
        link.tls_version()
    };
    assert_eq!(version_of(&TLS12), Some(ProtocolVersion::TLSv1_2));
    assert_eq!(version_of(&TLS13), Some(ProtocolVersion::TLSv1_3));
    for version in ["tls=\"TLSv1.2\"", "tls=\"TLSv1.3\""] {
        server
            .logged(Daemon::Imapd, &["session ended", version])
            .unwrap();
    }
}
