//! What the resolver says of names in good, unsigned and broken zones.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use daemon::config::Config;
use hickory_proto::rr::RecordType;
use smtpd::dns::{Dns, DnsFailure, Mx};
use tests::internet::{Fault, Internet, Zone};

const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 25);

fn dns_of(internet: &Internet) -> Dns {
    dns(internet.config())
}

fn dns(mut config: toml::Table) -> Dns {
    config.insert("hostname".to_owned(), "mail.example.test".into());
    config.insert("data_dir".to_owned(), "/nonexistent".into());
    let config = Config::parse(Path::new("test.toml"), &config.to_string()).unwrap();
    Dns::open(&config.dns).unwrap()
}

fn internet() -> Internet {
    let internet = Internet::new().unwrap();
    let zone = |zone: Zone, name: &str| {
        let mx = format!("mx.{name}");
        zone.mx(10, &mx)
            .a(&mx, HOST)
            .cname(&format!("www.{name}"), &mx)
            .txt(name, "v=spf1 -all")
            .tlsa(&format!("_25._tcp.{mx}"), 3, 1, 1, &[7; 32])
    };
    for (made, name) in [
        (Zone::signed("signed.test"), "signed.test"),
        (Zone::unsigned("unsigned.test"), "unsigned.test"),
        (Zone::bogus("bogus.test"), "bogus.test"),
    ] {
        internet.publish(zone(made, name)).unwrap();
    }
    internet
}

#[tokio::test]
async fn what_is_signed_is_secure() {
    let internet = internet();
    let dns = dns_of(&internet);
    let mx = dns.mx("signed.test").await.unwrap();
    assert!(mx.secure);
    let exchange = "mx.signed.test".to_owned();
    let preference = 10;
    assert_eq!(
        mx.records,
        [Mx {
            preference,
            exchange
        }]
    );
    let addresses = dns.ipv4("MX.signed.test").await.unwrap();
    assert_eq!(addresses.records, [IpAddr::from(HOST)]);
    assert!(addresses.secure);
    let tlsa = dns.tlsa("_25._tcp.mx.signed.test").await.unwrap();
    assert!(tlsa.secure);
    assert_eq!(tlsa.records.len(), 1);
    let texts = dns.txt("signed.test").await.unwrap();
    assert_eq!(texts.records, [b"v=spf1 -all".to_vec()]);
}

#[tokio::test]
async fn what_is_not_signed_is_answered_and_insecure() {
    let internet = internet();
    let dns = dns_of(&internet);
    let mx = dns.mx("unsigned.test").await.unwrap();
    assert_eq!(mx.records.len(), 1);
    assert!(!mx.secure);
    assert!(!dns.ipv4("mx.unsigned.test").await.unwrap().secure);
    let absent = dns.ipv6("mx.unsigned.test").await.unwrap();
    assert!(absent.records.is_empty() && absent.name_exists && !absent.secure);
}

#[tokio::test]
async fn what_is_signed_wrongly_is_no_answer() {
    let internet = internet();
    let dns = dns_of(&internet);
    assert_eq!(dns.mx("bogus.test").await, Err(DnsFailure::Bogus));
    assert_eq!(dns.ipv4("mx.bogus.test").await, Err(DnsFailure::Bogus));
    // Neither is what it says is not there.
    assert_eq!(dns.ipv6("mx.bogus.test").await, Err(DnsFailure::Bogus));
    assert_eq!(dns.mx("no.bogus.test").await, Err(DnsFailure::Bogus));
}

#[tokio::test]
async fn aliases_are_followed_and_told() {
    let internet = internet();
    let signed = Zone::signed("alias.test")
        .cname("in.alias.test", "www.signed.test")
        .cname("out.alias.test", "mx.unsigned.test")
        .cname("away.alias.test", "nowhere.signed.test");
    internet.publish(signed).unwrap();
    let dns = dns_of(&internet);
    let inside = dns.ipv4("in.alias.test").await.unwrap();
    assert_eq!(inside.records, [IpAddr::from(HOST)]);
    assert!(inside.secure);
    assert_eq!(inside.alias_of.as_deref(), Some("mx.signed.test"));
    let outside = dns.ipv4("out.alias.test").await.unwrap();
    assert_eq!(outside.records, [IpAddr::from(HOST)]);
    assert!(!outside.secure, "an alias to an unsigned zone");
    let away = dns.ipv4("away.alias.test").await.unwrap();
    assert!(away.records.is_empty());
}

#[tokio::test]
async fn absence_is_an_answer_and_is_remembered() {
    let internet = internet();
    let dns = dns_of(&internet);
    for _ in 0..3 {
        let no_name = dns.mx("nosuch.signed.test").await.unwrap();
        assert!(!no_name.name_exists && no_name.secure && no_name.records.is_empty());
        let no_record = dns.mx("mx.signed.test").await.unwrap();
        assert!(no_record.name_exists && no_record.secure && no_record.records.is_empty());
    }
    assert_eq!(internet.asked("nosuch.signed.test", RecordType::MX), 1);
    assert_eq!(internet.asked("mx.signed.test", RecordType::MX), 1);
    assert!(!dns.mx("no.such.domain").await.unwrap().name_exists);
}

#[tokio::test]
async fn an_answer_too_large_for_udp_comes_over_tcp() {
    let internet = internet();
    let text = "x".repeat(5000);
    let large = Zone::signed("large.test").txt("large.test", &text);
    internet.publish(large).unwrap();
    let texts = dns_of(&internet).txt("large.test").await.unwrap();
    assert_eq!(texts.records, [text.into_bytes()]);
    assert!(texts.secure);
}

#[tokio::test]
async fn refusal_and_silence_are_failures_within_the_time_allowed() {
    let internet = internet();
    internet
        .break_down("mx.signed.test", Fault::ServFail)
        .unwrap();
    internet
        .break_down("mx.unsigned.test", Fault::Silent)
        .unwrap();
    let mut config = internet.config();
    let section = config.get_mut("dns").unwrap().as_table_mut().unwrap();
    section.insert("timeout_seconds".to_owned(), 1.into());
    let dns = dns(config);
    let failed = dns.ipv4("mx.signed.test").await.unwrap_err();
    assert!(matches!(failed, DnsFailure::Refused(_)), "{failed}");
    let begun = Instant::now();
    let failed = dns.ipv4("mx.unsigned.test").await.unwrap_err();
    assert_eq!(failed, DnsFailure::Timeout);
    assert!(begun.elapsed() < Duration::from_secs(10));
    // A failure is not remembered.
    internet.repair();
    assert!(dns.ipv4("mx.signed.test").await.is_ok());
    assert!(dns.ipv4("mx.unsigned.test").await.is_ok());
}

#[tokio::test]
async fn without_a_name_server_every_question_fails_and_nothing_else() {
    // Nothing listens there.
    let unused = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let text = format!("[dns]\nservers = ['{address}']\ntimeout_seconds = 1");
    let dns = dns(text.parse().unwrap());
    assert!(dns.mx("signed.test").await.is_err());
    let authenticator = dns.authenticator();
    assert!(authenticator.txt_raw_lookup("signed.test.").await.is_err());
}

#[tokio::test]
async fn without_validation_nothing_is_secure_and_nothing_bogus() {
    let internet = internet();
    let mut config = internet.config();
    let section = config.get_mut("dns").unwrap().as_table_mut().unwrap();
    section.insert("dnssec".to_owned(), false.into());
    let dns = dns(config);
    for domain in ["signed.test", "bogus.test"] {
        let mx = dns.mx(domain).await.unwrap();
        assert!(!mx.secure && mx.records.len() == 1);
    }
}

#[tokio::test]
async fn the_names_of_an_address_are_found() {
    let internet = internet();
    let reverse =
        Zone::unsigned("2.0.192.in-addr.arpa").ptr("25.2.0.192.in-addr.arpa", "mx.signed.test");
    internet.publish(reverse).unwrap();
    let names = dns_of(&internet).ptr(HOST.into()).await.unwrap();
    assert_eq!(names.records, ["mx.signed.test"]);
}

#[test]
fn a_file_without_keys_is_no_trust_anchor() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut config = toml::Table::new();
    config.insert(
        "trust_anchor".to_owned(),
        file.path().display().to_string().into(),
    );
    let text =
        format!("hostname = 'mail.example.test'\ndata_dir = '/nonexistent'\n[dns]\n{config}");
    let config = Config::parse(Path::new("test.toml"), &text).unwrap();
    let error = Dns::open(&config.dns).err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.contains("DNSKEY")));
}

#[tokio::test]
async fn name_servers_that_keep_signatures_back_are_believed_without() {
    let internet = internet();
    internet.break_down(".", Fault::Unsigned).unwrap();
    let dns = dns_of(&internet);
    for domain in ["signed.test", "unsigned.test", "bogus.test"] {
        let mx = dns.mx(domain).await.unwrap();
        assert!(!mx.secure && mx.records.len() == 1, "{domain}");
    }
    let tlsa = dns.tlsa("_25._tcp.mx.signed.test").await.unwrap();
    assert!(!tlsa.secure, "no DANE");
    assert!(!dns.mx("absent.test").await.unwrap().name_exists);
    assert!(dns.keeps_signatures_back().await);
    // What SPF, DKIM and DMARC ask, too.
    let texts = dns.authenticator().txt_raw_lookup("signed.test.").await;
    assert_eq!(texts.unwrap(), b"v=spf1 -all");
}

#[tokio::test]
async fn signatures_that_vanish_are_not_done_without() {
    let internet = internet();
    let dns = dns_of(&internet);
    assert!(dns.mx("signed.test").await.unwrap().secure);
    assert!(!dns.keeps_signatures_back().await);
    internet.break_down(".", Fault::Unsigned).unwrap();
    let failed = dns.mx("unsigned.test").await.unwrap_err();
    assert_eq!(failed, DnsFailure::Withheld);
    assert!(failed.to_string().contains("`dns.dnssec`"));
}

#[tokio::test]
async fn whoever_requires_dnssec_gets_no_answer_without() {
    let internet = internet();
    internet.break_down(".", Fault::Unsigned).unwrap();
    let mut config = internet.config();
    let section = config.get_mut("dns").unwrap().as_table_mut().unwrap();
    section.insert("dnssec_required".to_owned(), true.into());
    let dns = dns(config);
    assert_eq!(
        dns.mx("signed.test").await.unwrap_err(),
        DnsFailure::Withheld
    );
}

#[tokio::test]
async fn wrong_signatures_are_bogus_though_nothing_was_proven_before() {
    let internet = internet();
    let dns = dns_of(&internet);
    assert_eq!(dns.mx("bogus.test").await.unwrap_err(), DnsFailure::Bogus);
    // A root whose signatures do not hold is no name server that keeps them back.
    let other = Internet::new().unwrap();
    let mut config = internet.config();
    let section = config.get_mut("dns").unwrap().as_table_mut().unwrap();
    let anchor = other.trust_anchor().display().to_string();
    section.insert("trust_anchor".to_owned(), anchor.into());
    let dns = self::dns(config);
    assert_eq!(dns.mx("signed.test").await.unwrap_err(), DnsFailure::Bogus);
}
