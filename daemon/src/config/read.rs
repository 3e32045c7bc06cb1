//! The schema: which keys there are, what they may be, and what holds when they are absent.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::dns::dns;
use super::fault::{Collector, Faults};
use super::milter;
use super::relay::relay;
use super::report::report;
use super::section::Section;
use super::verify::verify;
use super::{
    AddressRules, Auth, CertificateFiles, Config, Imapd, Limits, Log, LogFormat, Pop3d, Proxy,
    Smtpd, Tls,
};
use crate::{limits, logs};

/// A week: more than any time-out or delay can sensibly be.
const SECONDS_MAX: u64 = 7 * 24 * 3600;
/// Ten years.
const DAYS_MAX: u64 = 3650;
const OCTETS_MAX: u64 = 1 << 40;
const COUNT_MAX: u64 = 1_000_000;

/// Reads the text; `path` is its name in errors and what relative paths in it are relative to.
pub(super) fn config(path: &Path, text: &str) -> Result<Config, Faults> {
    let faults = RefCell::new(Collector::default());
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        faults.borrow_mut().add(
            &error.span().unwrap_or(0..0),
            format!("not TOML: {}", error.message()),
        );
    }
    let directory = path.parent().unwrap_or(Path::new(""));
    // After an error of syntax it is not sure what the rest means: half a table would give misleading complaints.
    let config = errors
        .is_empty()
        .then(|| whole(Section::root(table.get_ref(), &faults), directory));
    match (config, faults.into_inner().finish(path, text)) {
        (Some(config), None) => Ok(config),
        (_, Some(faults)) => Err(faults),
        (None, None) => Err(Faults::unreadable(
            path,
            &std::io::ErrorKind::InvalidData.into(),
        )),
    }
}

fn whole(root: Section<'_>, directory: &Path) -> Config {
    let config = Config {
        hostname: hostname(&root),
        data_dir: data_dir(&root, directory),
        log: log(root.section("log")),
        tls: tls(root.section("tls"), directory),
        auth: auth(root.section("auth")),
        address: address(root.section("address")),
        proxy: proxy(root.section("proxy")),
        limits: common_limits(root.section("limits")),
        dns: dns(root.section("dns"), directory),
        smtpd: smtpd(root.section("smtpd")),
        relay: relay(root.section("relay"), directory),
        report: report(root.section("report")),
        milter: milter::milters(root.sections("milter", "{ address = \"inet:127.0.0.1:11332\" }")),
        verify: verify(root.section("verify")),
        imapd: imapd(root.section("imapd")),
        pop3d: pop3d(root.section("pop3d")),
    };
    root.finish();
    config
}

fn hostname(root: &Section<'_>) -> String {
    let name = root.required_text(
        "hostname",
        "the full name of this server, as in hostname = \"mail.example.org\"",
    );
    if !name.is_empty() && !is_host_name(name) {
        root.refuse("hostname", "must be a full domain name of letters, digits and hyphens, such as \"mail.example.org\"");
    }
    name.to_ascii_lowercase()
}

/// RFC 5321 §2.3.5: at least two labels, as A-labels.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(is_label)
}

fn data_dir(root: &Section<'_>, directory: &Path) -> PathBuf {
    let advice = "the directory for mail and keys, as in data_dir = \"/var/lib/pennyblack\"";
    match root.required_text("data_dir", advice) {
        "" => PathBuf::new(),
        path => directory.join(path),
    }
}

fn log(section: Section<'_>) -> Log {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let level = section.text("level").unwrap_or("info");
    if !logs::is_level(level) {
        section.refuse(
            "level",
            "must be error, warn, info, debug or trace, or directives such as \"info,imapd=debug\"",
        );
    }
    let log = Log {
        format: section.choice("format", &formats, LogFormat::Text),
        level: level.to_owned(),
        journal_days: section
            .number("journal_days", 1..=DAYS_MAX, limits::JOURNAL_DAYS.into())
            .try_into()
            .unwrap_or(limits::JOURNAL_DAYS),
    };
    section.finish();
    log
}

fn tls(section: Section<'_>, directory: &Path) -> Tls {
    let mut certificates = Vec::new();
    for files in section.sections("certificates", "{ chain = \"…\", key = \"…\" }") {
        let advice = "a certificate has a `chain` and a `key`, both paths of PEM files";
        let chain = directory.join(files.required_text("chain", advice));
        let key = directory.join(files.required_text("key", advice));
        files.finish();
        certificates.push(CertificateFiles { chain, key });
    }
    let tls = Tls {
        certificates,
        reload_seconds: section.number(
            "reload_seconds",
            1..=SECONDS_MAX,
            limits::TLS_RELOAD_SECONDS,
        ),
    };
    section.finish();
    tls
}

fn auth(section: Section<'_>) -> Auth {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let auth = Auth {
        plaintext_on_loopback: section.flag("plaintext_on_loopback", false),
        scram: section.flag("scram", true),
        scram_plus: section.flag("scram_plus", true),
        verifications: section.count("verifications", 1..=1024, cores),
    };
    section.finish();
    auth
}

fn address(section: Section<'_>) -> AddressRules {
    let separator = section.text("subaddress_separator").unwrap_or("+");
    let allowed = |octet: u8| b"+-_=#".contains(&octet);
    if separator.len() > 1 || !separator.bytes().all(allowed) {
        section.refuse(
            "subaddress_separator",
            "must be one of + - _ = # or empty for no sub-addresses",
        );
    }
    section.finish();
    AddressRules {
        subaddress_separator: separator.to_owned(),
    }
}

fn proxy(section: Section<'_>) -> Proxy {
    let trusted = section.list("trusted", "10.0.0.0/8").unwrap_or_default();
    section.finish();
    Proxy { trusted }
}

fn common_limits(section: Section<'_>) -> Limits {
    let limits = Limits {
        connections: section.count("connections", 1..=COUNT_MAX, limits::CONNECTIONS),
        connections_per_address: section.count(
            "connections_per_address",
            1..=COUNT_MAX,
            limits::CONNECTIONS_PER_ADDRESS,
        ),
        // RFC 5321 §4.5.3.1.7: at least 64 KiB.
        message_octets: section.number(
            "message_octets",
            64 * 1024..=OCTETS_MAX,
            limits::MESSAGE_OCTETS,
        ),
        shutdown_seconds: section.number(
            "shutdown_seconds",
            0..=SECONDS_MAX,
            limits::SHUTDOWN_SECONDS,
        ),
        write_seconds: section.number("write_seconds", 1..=SECONDS_MAX, limits::WRITE_SECONDS),
        handshake_seconds: section.number(
            "handshake_seconds",
            1..=SECONDS_MAX,
            limits::HANDSHAKE_SECONDS,
        ),
        threads: section.count("threads", 0..=1024, 0),
    };
    section.finish();
    limits
}

fn smtpd(section: Section<'_>) -> Smtpd {
    let smtpd = Smtpd {
        listen: section.addresses("listen", 25),
        submission: section.addresses("submission", 587),
        submissions: section.addresses("submissions", 465),
        metrics: metrics(&section, 9125),
        idle_seconds: section.number("idle_seconds", 1..=SECONDS_MAX, limits::SMTP_IDLE_SECONDS),
        recipients_max: section.count("recipients_max", 100..=COUNT_MAX, limits::RECIPIENTS),
        transactions_max: section.count("transactions_max", 1..=COUNT_MAX, limits::TRANSACTIONS),
        received_max: section.count("received_max", 10..=1000, limits::RECEIVED),
        errors_max: section.count("errors_max", 1..=COUNT_MAX, limits::ERRORS),
        hide_extensions: words(&section, "hide_extensions", "CHUNKING"),
    };
    section.finish();
    smtpd
}

fn imapd(section: Section<'_>) -> Imapd {
    let imapd = Imapd {
        listen: section.addresses("listen", 143),
        listen_tls: section.addresses("listen_tls", 993),
        metrics: metrics(&section, 9143),
        idle_seconds: section.number("idle_seconds", 1..=SECONDS_MAX, limits::IMAP_IDLE_SECONDS),
        login_seconds: section.number("login_seconds", 1..=SECONDS_MAX, limits::LOGIN_SECONDS),
        hide_capabilities: words(&section, "hide_capabilities", "IDLE"),
        search_index: section.flag("search_index", true),
    };
    section.finish();
    imapd
}

fn pop3d(section: Section<'_>) -> Pop3d {
    let pop3d = Pop3d {
        listen: section.addresses("listen", 110),
        listen_tls: section.addresses("listen_tls", 995),
        metrics: metrics(&section, 9110),
        idle_seconds: section.number("idle_seconds", 1..=SECONDS_MAX, limits::POP3_IDLE_SECONDS),
        login_seconds: section.number("login_seconds", 1..=SECONDS_MAX, limits::LOGIN_SECONDS),
        hide_capabilities: words(&section, "hide_capabilities", "TOP"),
    };
    section.finish();
    pop3d
}

/// Metrics tell how busy a server is and by whom it is used: they are for this machine alone.
fn metrics(section: &Section<'_>, port: u16) -> Option<SocketAddr> {
    let address = section.address_or_off("metrics", (Ipv4Addr::LOCALHOST, port).into())?;
    if !address.ip().is_loopback() {
        section.refuse(
            "metrics",
            "must be an address of this machine alone, such as \"127.0.0.1:9125\", or \"off\"",
        );
    }
    Some(address)
}

/// Names in upper case.
fn words(section: &Section<'_>, key: &'static str, example: &str) -> Vec<String> {
    let words: Vec<String> = section.list(key, example).unwrap_or_default();
    words
        .into_iter()
        .map(|word| word.to_ascii_uppercase())
        .collect()
}
