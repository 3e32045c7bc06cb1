//! What every test here needs: a server in an Internet of its own, and a host that takes mail for a domain.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use tests::imap::Imap;
use tests::internet::{Authority, Internet, Issued, Postfix, Zone};
use tests::server::{Server, ServerError};
use tests::smtp::Smtp;

/// The port of all hosts elsewhere.
pub const PORT: u16 = 2525;
/// How long mail may take to come.
const ARRIVAL_TIME_MAX: Duration = Duration::from_secs(60);

/// The account that sends.
pub const SENDER: &str = "alice@example.test";

/// A server, its Internet, and the address of the host of `to.test`.
pub struct Ground {
    /// Our server.
    pub server: Server,
    /// Where `to.test` gets its mail.
    pub host: SocketAddr,
    /// Whom our server trusts.
    pub authority: Authority,
    internet: Internet,
}

impl Ground {
    /// Everything but the host itself.
    pub fn new() -> Ground {
        Ground::with(Server::with)
    }

    /// The same with a server of the test's own, which is given its configuration.
    pub fn with(
        server: impl FnOnce(toml::Table, &[String]) -> Result<Server, ServerError>,
    ) -> Ground {
        let authority = Authority::new().unwrap();
        let internet = Internet::new().unwrap();
        let mut config = internet.config();
        let relay = format!(
            "port = {PORT}\nprivate_addresses = true\nip = \"ipv4\"\nca_file = '{}'",
            authority.file().display()
        );
        let relay: toml::Table = relay.parse().unwrap();
        config.insert("relay".to_owned(), relay.into());
        let limits: toml::Table = "shutdown_seconds = 1".parse().unwrap();
        config.insert("limits".to_owned(), limits.into());
        let ground = Ground {
            server: server(config, &[]).unwrap(),
            host: SocketAddr::new(own_address().into(), PORT),
            authority,
            internet,
        };
        ground.publish(ground.zone(Zone::unsigned));
        ground
    }

    /// `to.test` with its host.
    pub fn zone(&self, made: fn(&str) -> Zone) -> Zone {
        let SocketAddr::V4(host) = self.host else {
            unreachable!("it is an IPv4 address")
        };
        made("to.test")
            .mx(10, "mx.to.test")
            .a("mx.to.test", *host.ip())
    }

    /// Puts a zone into the DNS.
    pub fn publish(&self, zone: Zone) {
        self.internet.publish(zone).unwrap();
    }

    /// The host of `to.test`, with these settings.
    pub fn postfix(&self, settings: &[(&str, &str)]) -> Postfix {
        Postfix::start(self.host, "to.test", settings).unwrap()
    }

    /// The same with this certificate for TLS.
    pub fn postfix_with(&self, certificate: &Issued, settings: &[(&str, &str)]) -> Postfix {
        let file = self.server.scratch().join("mx.pem");
        std::fs::write(&file, certificate.pem()).unwrap();
        let file = file.display().to_string();
        let tls = [
            ("smtpd_tls_chain_files", file.as_str()),
            ("smtpd_tls_security_level", "may"),
        ];
        self.postfix(&[&tls, settings].concat())
    }

    /// A session of the sender.
    pub fn submit(&self) -> Smtp {
        Smtp::login(&self.server, SENDER).unwrap()
    }

    /// What lies in the sender's INBOX, waiting until there is something.
    pub fn inbox(&self) -> Vec<String> {
        let deadline = Instant::now() + ARRIVAL_TIME_MAX;
        loop {
            let mut imap = Imap::login(&self.server, SENDER).unwrap();
            let messages = imap.messages("INBOX").unwrap();
            if !messages.is_empty() {
                let text = |message: Vec<u8>| String::from_utf8_lossy(&message).into_owned();
                return messages.into_iter().map(text).collect();
            }
            assert!(
                Instant::now() < deadline,
                "no mail:\n{}",
                self.server.logs()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What `mailctl` says.
    pub fn mailctl(&self, arguments: &[&str]) -> String {
        self.server.mailctl_ok(arguments, "").unwrap()
    }

    /// Waits until the queue is as it shall be, in the words of `mailctl queue list --json`.
    pub fn wait_for_queue(&self, what: &str, is_so: impl Fn(&serde_json::Value) -> bool) {
        let deadline = Instant::now() + ARRIVAL_TIME_MAX;
        loop {
            let queue = self.mailctl(&["queue", "list", "--json"]);
            if is_so(&serde_json::from_str(&queue).unwrap()) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{what}: {queue}\n{}",
                self.server.logs()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A loopback address that no other test has.
fn own_address() -> Ipv4Addr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let process = (std::process::id() % 250) as u8;
    Ipv4Addr::new(127, 61, process, COUNT.fetch_add(1, Ordering::Relaxed))
}
