//! The configuration: one TOML file, read whole and checked whole.
//!
//! [`Config`] is what the daemons use: every value present and sensible. How it is read, with all that is wrong at once by
//! line and column, is in `read`; the file itself is explained in `deploy/pennyblack.toml`. What can change while the server
//! runs (domains, accounts, aliases) is not here but in the store.

mod dns;
mod fault;
mod milter;
mod network;
mod read;
mod relay;
mod report;
mod routing;
mod section;
mod verify;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Serialize, Serializer};

pub use dns::{Dns, NameServer};
pub use fault::{Fault, Faults};
pub use milter::{FieldMark, Milter, MilterPort, OnFailure, SocketName};
pub use network::Network;
pub use relay::Relay;
pub use report::Report;
pub use routing::{DomainRoute, IpFamilies, RouteTls, Routing, SmartHost};
pub use verify::{DmarcPolicy, DnsList, Greylist, ListAction, Rates, Verify};

/// The whole configuration, validated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    /// The name of this server in greetings, `Received` fields and message ids: a fully qualified domain name.
    pub hostname: String,
    /// Where everything lies: the store at `store.db`, self-signed certificates at `tls/`.
    pub data_dir: PathBuf,
    /// Logs.
    pub log: Log,
    /// Certificates.
    pub tls: Tls,
    /// Authentication.
    pub auth: Auth,
    /// How addresses are understood.
    pub address: AddressRules,
    /// The PROXY protocol.
    pub proxy: Proxy,
    /// Limits that hold for every daemon.
    pub limits: Limits,
    /// Questions about names.
    pub dns: Dns,
    /// Receiving and submission.
    pub smtpd: Smtpd,
    /// Sending to other servers.
    pub relay: Relay,
    /// Filters, in the order in which mail passes them.
    pub milter: Vec<Milter>,
    /// Reports about mail.
    pub report: Report,
    /// What is made of the authentication of mail that comes in.
    pub verify: Verify,
    /// IMAP.
    pub imapd: Imapd,
    /// POP3.
    pub pop3d: Pop3d,
}

impl Config {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of the file; or why it cannot be read.
    pub fn load(path: &Path) -> Result<Config, Faults> {
        let text =
            std::fs::read_to_string(path).map_err(|error| Faults::unreadable(path, &error))?;
        Config::parse(path, &text)
    }

    /// Checks a text; `path` is only its name in the errors.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of the text.
    pub fn parse(path: &Path, text: &str) -> Result<Config, Faults> {
        read::config(path, text)
    }

    /// The configuration in effect, defaults included, as TOML.
    pub fn render(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// The database.
    pub fn store_path(&self) -> PathBuf {
        self.data_dir.join("store.db")
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Log {
    /// How lines are written.
    pub format: LogFormat,
    /// What is written: a level, or directives such as `info,imapd=debug`.
    pub level: String,
    /// For how many days the journey of each message is remembered, for `mailctl trace`. Changes at the next start only.
    pub journal_days: u32,
}

/// `log.format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

/// `[tls]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tls {
    /// The certificates; the first is used when the client asks for no name that another one has. None: a self-signed one.
    pub certificates: Vec<CertificateFiles>,
    /// How often the files are looked at, and read again if they have changed. Changes at the next start only.
    pub reload_seconds: u64,
}

impl Tls {
    /// [`Tls::reload_seconds`] as a duration.
    pub fn reload(&self) -> Duration {
        Duration::from_secs(self.reload_seconds)
    }
}

/// One of `tls.certificates`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateFiles {
    /// PEM, the server's certificate first.
    pub chain: PathBuf,
    /// PEM, PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// `[auth]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Auth {
    /// Allow authentication without TLS from this machine itself.
    pub plaintext_on_loopback: bool,
    /// Offer SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, and keep keys for it.
    pub scram: bool,
    /// Offer SCRAM-SHA-256-PLUS where SCRAM-SHA-256 is offered.
    pub scram_plus: bool,
    /// How many passwords are verified at the same time (each takes 19 MiB and some 20 ms of a core).
    pub verifications: usize,
}

/// `[address]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddressRules {
    /// What divides `user+tag`. Empty: there are no sub-addresses.
    pub subaddress_separator: String,
}

/// `[proxy]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proxy {
    /// Connections from these networks must begin with a PROXY header, version 1 or 2; others must not.
    pub trusted: Vec<Network>,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Connections to one daemon at the same time.
    pub connections: usize,
    /// The same from one address (IPv4) or one /64 (IPv6). Loopback is exempt.
    pub connections_per_address: usize,
    /// The largest message, whichever way it comes.
    pub message_octets: u64,
    /// How long commands in progress may take to finish when a daemon is stopped.
    pub shutdown_seconds: u64,
    /// How long a client may take to read what we send.
    pub write_seconds: u64,
    /// How long a TLS handshake may take.
    pub handshake_seconds: u64,
    /// Threads that run sessions; 0: one for each core.
    pub threads: usize,
}

impl Limits {
    /// [`Limits::shutdown_seconds`] as a duration.
    pub fn shutdown(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds)
    }

    /// [`Limits::write_seconds`] as a duration.
    pub fn write(&self) -> Duration {
        Duration::from_secs(self.write_seconds)
    }

    /// [`Limits::handshake_seconds`] as a duration.
    pub fn handshake(&self) -> Duration {
        Duration::from_secs(self.handshake_seconds)
    }
}

/// `[smtpd]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Smtpd {
    /// Where mail from other servers arrives (port 25).
    pub listen: Vec<SocketAddr>,
    /// Submission with STARTTLS (port 587).
    pub submission: Vec<SocketAddr>,
    /// Submission with implicit TLS (port 465).
    pub submissions: Vec<SocketAddr>,
    /// Metrics over HTTP; None: off.
    #[serde(serialize_with = "address_or_off")]
    pub metrics: Option<SocketAddr>,
    /// Silence after which a session ends.
    pub idle_seconds: u64,
    /// Recipients of one message (RFC 5321 §4.5.3.1.8: at least 100).
    pub recipients_max: usize,
    /// Messages in one session.
    pub transactions_max: usize,
    /// `Received` fields above which a message is taken for one that goes in circles.
    pub received_max: usize,
    /// Refused commands in one session, after which it is closed.
    pub errors_max: usize,
    /// Extensions that are not announced, by their EHLO keyword.
    pub hide_extensions: Vec<String>,
}

/// `[imapd]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Imapd {
    /// IMAP with STARTTLS (port 143).
    pub listen: Vec<SocketAddr>,
    /// IMAP with implicit TLS (port 993).
    pub listen_tls: Vec<SocketAddr>,
    /// Metrics over HTTP; None: off.
    #[serde(serialize_with = "address_or_off")]
    pub metrics: Option<SocketAddr>,
    /// Silence after which a session ends, once logged in.
    pub idle_seconds: u64,
    /// Silence after which a session ends, before login.
    pub login_seconds: u64,
    /// Capabilities that are not announced, such as `IDLE`.
    pub hide_capabilities: Vec<String>,
    /// Keep a full-text index for SEARCH.
    pub search_index: bool,
}

/// `[pop3d]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pop3d {
    /// POP3 with STLS (port 110).
    pub listen: Vec<SocketAddr>,
    /// POP3 with implicit TLS (port 995).
    pub listen_tls: Vec<SocketAddr>,
    /// Metrics over HTTP; None: off.
    #[serde(serialize_with = "address_or_off")]
    pub metrics: Option<SocketAddr>,
    /// Silence after which a session ends, once logged in.
    pub idle_seconds: u64,
    /// Silence after which a session ends, before login.
    pub login_seconds: u64,
    /// Capabilities that are not announced, such as `TOP`.
    pub hide_capabilities: Vec<String>,
}

/// Where the configuration is looked for if nothing else is said.
pub const DEFAULT_PATH: &str = "/etc/pennyblack/pennyblack.toml";

fn address_or_off<S: Serializer>(
    address: &Option<SocketAddr>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match address {
        Some(address) => serializer.collect_str(address),
        None => serializer.serialize_str("off"),
    }
}
