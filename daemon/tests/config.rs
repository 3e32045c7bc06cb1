//! Configurations, right and wrong. A wrong one is `tests/config/NAME.toml`, and what is said about it `NAME.expected`; with
//! `UPDATE_EXPECTED=1` the latter are written anew, to be read by a person.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use daemon::config::Config;

fn parse(text: &str) -> Config {
    Config::parse(Path::new("/etc/pennyblack/pennyblack.toml"), text).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

#[test]
fn what_is_wrong_is_told_all_at_once() {
    let mut seen = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = Path::new(path.file_name().unwrap());
        let told = format!(
            "{}\n",
            Config::parse(name, &fs::read_to_string(&path).unwrap()).unwrap_err()
        );
        let expected = path.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected, &told).unwrap();
        }
        assert_eq!(
            told,
            fs::read_to_string(&expected).unwrap(),
            "{}",
            path.display()
        );
        seen += 1;
    }
    assert!(seen >= 4);
}

#[test]
fn the_example_is_right_and_shows_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/pennyblack.toml");
    let text = fs::read_to_string(path).unwrap();
    let shown = parse(&text);
    // A comment that begins without a space is a setting with its default.
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.starts_with(' ') => setting,
        _ => line,
    });
    let mut explicit = parse(&lines.collect::<Vec<_>>().join("\n"));
    assert_eq!(explicit.tls.certificates.len(), 1);
    explicit.tls.certificates.clear();
    let milter = "hostname = 'a.test'\ndata_dir = 'd'\n[[milter]]\naddress = 'inet:127.0.0.1:11332'\n\
                  junk_header = 'X-Spam: Yes'";
    assert_eq!(explicit.milter, parse(milter).milter);
    explicit.milter.clear();
    assert!(explicit.dns.trust_anchor.take().is_some());
    explicit.auth.verifications = shown.auth.verifications;
    let routing = &mut explicit.relay.routing;
    assert!(routing.source_ipv4.take().is_some() && routing.source_ipv6.take().is_some());
    assert!(routing.ca_file.take().is_some() && routing.smart_host.take().is_some());
    assert_eq!(std::mem::take(&mut routing.routes).len(), 1);
    assert_eq!(explicit, shown);
}

#[test]
fn two_lines_are_enough() {
    let config = parse("hostname = 'Mail.Example.Test'\ndata_dir = 'data'");
    assert_eq!(config.hostname, "mail.example.test");
    assert_eq!(config.data_dir, Path::new("/etc/pennyblack/data"));
    let everywhere: [SocketAddr; 2] = ["0.0.0.0:25".parse().unwrap(), "[::]:25".parse().unwrap()];
    assert_eq!(config.smtpd.listen, everywhere);
}

#[test]
fn what_is_shown_can_be_read_again() {
    let config = parse(
        "hostname = 'mail.example.test'\ndata_dir = '/srv/mail'\nproxy.trusted = ['10.0.0.0/8', '::1']\n\
         tls.certificates = [{ chain = '/a', key = '/b' }]\n\
         milter = [{ address = 'unix:/run/a.sock', junk_header = 'X-Spam: Yes', ports = ['incoming'] }]\n[smtpd]\nsubmission = []\nhide_extensions = ['chunking']\n",
    );
    assert_eq!(config.smtpd.hide_extensions, ["CHUNKING"]);
    assert_eq!(parse(&config.render()), config);
}

#[test]
fn the_nearest_route_is_taken() {
    let config = parse(
        "hostname = 'mail.example.test'\ndata_dir = '/srv/mail'\n[relay]\nsmart_host = { host = 'smart.test', port = 465 }\n\
         [[relay.route]]\ndomain = 'direct.test'\n[[relay.route]]\ndomain = '*.example.org'\nhost = '192.0.2.1'\n\
         [[relay.route]]\ndomain = '*.b.example.org'\nhost = 'b.test'\n",
    );
    assert_eq!(parse(&config.render()), config);
    let host = |domain| {
        let host = config.relay.routing.smart_host(domain);
        host.map(|host| host.host.as_str())
    };
    assert_eq!(host("other.test"), Some("smart.test"));
    assert_eq!(host("example.org"), Some("smart.test"));
    assert_eq!(host("direct.test"), None);
    assert_eq!(host("a.example.org"), Some("192.0.2.1"));
    assert_eq!(host("x.b.example.org"), Some("b.test"));
    assert!(
        config
            .relay
            .routing
            .smart_host
            .is_some_and(|host| host.implicit_tls)
    );
}

#[test]
fn metrics_can_be_off_and_stay_off_when_shown() {
    let config =
        parse("hostname = 'mail.example.test'\ndata_dir = '/srv/mail'\nimapd.metrics = 'off'");
    assert_eq!(config.imapd.metrics, None);
    assert_eq!(parse(&config.render()), config);
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let error = Config::load(Path::new("/nonexistent/pennyblack.toml"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("--config FILE"), "{error}");
}
