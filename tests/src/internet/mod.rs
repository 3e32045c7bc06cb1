//! The tests' small Internet, on loopback alone. It lives in the test's own process.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | [`Internet`]: the DNS, its zones and its faults |
//! | `zone.rs` | [`Zone`]: the records of a zone, and whether they are signed |
//! | `signing.rs` | from zones to signed zones, the chain of trust from a root of the test's own |
//! | `nameserver.rs` | answers over UDP and TCP, as from all authoritative servers at once |
//! | `authority.rs` | certificates that a server under test trusts |
//! | `policy_host.rs` | MTA-STS policies over HTTPS |
//! | `postfix.rs` | [`Postfix`]: a real host |
//! | `logins.rs` | [`Logins`]: who may log in there |
//! | `host.rs` | [`Host`]: one that plays a script, good or bad |
//!
//! ```text
//! let internet = Internet::new()?;
//! internet.publish(Zone::signed("example.test").mx(10, "mx.example.test").a("mx.example.test", server.host()))?;
//! let server = Server::with(internet.config(), &[])?;
//! ```
//!
//! The name server's library does not prove wildcards as the RFCs ask: signed zones here have none. What is made of them, and NSEC3, is
//! shown against BIND (`smtpd/tests/resolver_with_bind.rs`).
//!
//! What is not published does not exist (NXDOMAIN, proven), in any domain.

mod authority;
mod host;
mod logins;
mod nameserver;
mod policy_host;
mod postfix;
mod signing;
mod zone;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_proto::rr::{LowerName, Name, RecordType};
use tempfile::NamedTempFile;

pub use authority::{Authority, Flaw, Issued};
pub use host::{Host, Scene};
pub use logins::Logins;
use nameserver::Running;
pub use policy_host::PolicyHost;
pub use postfix::Postfix;
use signing::Signed;
pub use zone::Zone;

/// Why there is no such Internet.
#[derive(Debug, thiserror::Error)]
pub enum InternetError {
    /// Sockets, threads or files.
    #[error("the name server of the test: {0}")]
    Io(#[from] io::Error),
    /// A zone has something in it that no zone can have.
    #[error("the zone {0}: {1}")]
    Zone(String, String),
}

/// What a name server does in place of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It says SERVFAIL.
    ServFail,
    /// It says REFUSED.
    Refused,
    /// It says nothing.
    Silent,
    /// It answers without signatures, even if it is asked for them.
    Unsigned,
    /// It answers, but only after that time.
    Slow(Duration),
}

/// The DNS of a test.
pub struct Internet {
    shared: Arc<Mutex<Shared>>,
    trust_anchor: NamedTempFile,
    running: Running,
}

/// What the name server looks at for each question.
struct Shared {
    zones: BTreeMap<Name, Zone>,
    signed: Arc<Signed>,
    keys: signing::Keys,
    faults: BTreeMap<LowerName, Fault>,
    asked: BTreeMap<(LowerName, RecordType), usize>,
}

impl Internet {
    /// An Internet with nothing in it but a signed root.
    ///
    /// # Errors
    /// If no socket, thread or file can be had.
    pub fn new() -> Result<Internet, InternetError> {
        let zones = BTreeMap::new();
        let mut keys = signing::Keys::default();
        let signed = Arc::new(signing::sign(&zones, &mut keys)?);
        let trust_anchor = NamedTempFile::new()?;
        std::fs::write(trust_anchor.path(), keys.trust_anchor()?)?;
        let shared = Arc::new(Mutex::new(Shared {
            zones,
            signed,
            keys,
            faults: BTreeMap::new(),
            asked: BTreeMap::new(),
        }));
        Ok(Internet {
            running: Running::start(Arc::clone(&shared))?,
            shared,
            trust_anchor,
        })
    }

    /// Puts a zone into the DNS, in place of one of the same name.
    ///
    /// # Errors
    /// If something in it is not a name or address, or cannot be signed.
    pub fn publish(&self, zone: Zone) -> Result<(), InternetError> {
        let zone = zone.checked()?;
        let mut shared = self.lock();
        shared.zones.insert(zone.origin().clone(), zone);
        let Shared { zones, keys, .. } = &mut *shared;
        shared.signed = Arc::new(signing::sign(zones, keys)?);
        Ok(())
    }

    /// From now on, questions about `name` and all names beneath it end so. "." is every name.
    ///
    /// # Errors
    /// If `name` is none.
    pub fn break_down(&self, name: &str, fault: Fault) -> Result<(), InternetError> {
        let name = zone::name(name).map_err(|error| InternetError::Zone(name.to_owned(), error))?;
        self.lock().faults.insert(name.into(), fault);
        Ok(())
    }

    /// Ends all faults.
    pub fn repair(&self) {
        self.lock().faults.clear();
    }

    /// How often this has been asked, over UDP and TCP.
    pub fn asked(&self, name: &str, record_type: RecordType) -> usize {
        let Ok(name) = zone::name(name) else {
            return 0;
        };
        let asked = &self.lock().asked;
        asked
            .get(&(name.into(), record_type))
            .copied()
            .unwrap_or_default()
    }

    /// Where the name server is, over UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// The key of the root, in a file.
    pub fn trust_anchor(&self) -> &std::path::Path {
        self.trust_anchor.path()
    }

    /// The section `[dns]` of a server that lives in this Internet, to be given to [`crate::server::Server::with`].
    pub fn config(&self) -> toml::Table {
        let mut dns = toml::Table::new();
        dns.insert(
            "servers".to_owned(),
            vec![self.address().to_string()].into(),
        );
        let anchor = self.trust_anchor().display().to_string();
        dns.insert("trust_anchor".to_owned(), anchor.into());
        let mut config = toml::Table::new();
        config.insert("dns".to_owned(), dns.into());
        config
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
