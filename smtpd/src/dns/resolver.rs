//! Whom we ask: the validating stub resolver of hickory, made from the configuration or from /etc/resolv.conf, and made anew when
//! that file changes (a laptop that joins another network).
//!
//! Name servers that keep DNSSEC signatures back would leave no name believable and no mail delivered. They are believed as if no zone were
//! signed, for an hour at a time: mail flows, without DANE. Not so if anything has been proven through them before, which
//! looks like an attack, nor where `dns.dnssec_required` is set.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use daemon::config::{Dns as DnsConfig, NameServer};
use hickory_proto::dnssec::TrustAnchors;
use hickory_proto::rr::{Name, RecordType};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::system_conf::read_system_conf;
use rustls::{ClientConfig, RootCertStore};

use super::signatures::{self, Signatures};
use crate::limits::{
    DNS_ABSENCE_SECONDS_MAX, DNS_ANSWER_SECONDS_MAX, DNS_ANSWERS_MAX, DNS_DOUBT_SECONDS,
    DNS_UNSIGNED_SECONDS, RESOLV_CONF_SECONDS,
};

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// A question is repeated once; both tries fit into `dns.timeout_seconds`.
const TRIES: u32 = 2;

/// Why there is no resolver.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// The file of trust anchors is of no use.
    #[error(
        "`dns.trust_anchor`: {path} cannot be used ({reason}): it must have DNSKEY records as in a zone file"
    )]
    TrustAnchor {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The libraries do not work together.
    #[error("no DNS resolver can be made: {0}")]
    Library(String),
}

/// The name servers, and how they are asked.
pub(super) struct Servers {
    config: DnsConfig,
    anchors: Arc<TrustAnchors>,
    current: Mutex<Current>,
    /// Held by the one who finds out whether the name servers are of use.
    doubting: tokio::sync::Mutex<()>,
}

/// The resolver of the moment.
struct Current {
    resolver: TokioResolver,
    servers: Vec<SocketAddr>,
    /// When the system's file had last changed as this was made; None where there is none.
    changed: Option<SystemTime>,
    looked: Instant,
    /// True once signatures have proven an answer.
    proven: bool,
    /// What was last found of the name servers after a bogus answer, and when.
    judged: Option<(Verdict, Instant)>,
}

/// What a bogus answer is to be put down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The name that was asked for.
    Zone,
    /// The name servers, which keep signatures back: they are asked without validation now.
    Unsigned,
    /// The same, but they must not be asked without.
    Withheld,
}

impl Servers {
    pub(super) fn open(config: &DnsConfig) -> Result<Servers, ResolverError> {
        let anchors = Arc::new(anchors(config.trust_anchor.as_deref())?);
        let current = Mutex::new(Current::make(config, &anchors, true)?);
        Ok(Servers {
            config: config.clone(),
            anchors,
            current,
            doubting: tokio::sync::Mutex::default(),
        })
    }

    /// The resolver to be used now.
    pub(super) fn resolver(&self) -> TokioResolver {
        let mut current = self.lock();
        let is_stale = self.config.servers.is_empty() && current.is_stale();
        if is_stale || current.is_to_be_tried_again() {
            tracing::info!(changed = is_stale, "the name servers are looked at again");
            match Current::make(&self.config, &self.anchors, true) {
                Ok(made) => *current = made,
                Err(error) => tracing::error!(%error, "the old name servers stay in use"),
            }
        }
        current.resolver.clone()
    }

    /// To be told of each answer that signatures prove.
    pub(super) fn prove(&self) {
        self.lock().proven = true;
    }

    /// After a bogus answer: whose fault it is. Looked at once a minute at most.
    pub(super) async fn doubt(&self, resolver: &TokioResolver) -> Verdict {
        let _alone = self.doubting.lock().await;
        match self.lock().judged {
            Some((verdict, at)) if verdict == Verdict::Unsigned || is_young(at) => return verdict,
            _ => {}
        }
        let is_root_bogus = matches!(
            resolver.lookup(Name::root(), RecordType::SOA).await,
            Err(NetError::Dns(DnsError::DnssecBogus | DnsError::Nsec { .. }))
        );
        let found = match is_root_bogus {
            true => self.look().await,
            false => Signatures::Passed,
        };
        if is_root_bogus && found == Signatures::Passed {
            tracing::error!(
                "the signatures of the DNS root do not hold, so no name is believed, and mail waits: is this machine's clock right?"
            );
        }
        self.judge(found == Signatures::KeptBack)
    }

    /// What the name servers do with signatures.
    pub(super) async fn look(&self) -> Signatures {
        let servers = self.lock().servers.clone();
        signatures::look(&servers, self.timeout() / TRIES).await
    }

    fn judge(&self, kept_back: bool) -> Verdict {
        let mut current = self.lock();
        let mut verdict = match (kept_back, current.proven || self.config.dnssec_required) {
            (false, _) => Verdict::Zone,
            (true, false) => Verdict::Unsigned,
            (true, true) => Verdict::Withheld,
        };
        if verdict == Verdict::Unsigned {
            match Current::make(&self.config, &self.anchors, false) {
                Ok(made) => *current = made,
                Err(_) => verdict = Verdict::Withheld,
            }
        }
        current.judged = Some((verdict, Instant::now()));
        match verdict {
            Verdict::Zone => {}
            Verdict::Unsigned => tracing::warn!(
                "the name servers keep DNSSEC signatures back: mail goes out without DANE. To have it, let `dns.servers` name \
                 a validating resolver, best one on this machine (such as unbound); to be rid of this warning, set `dns.dnssec` to false"
            ),
            Verdict::Withheld => tracing::error!(
                "the name servers keep DNSSEC signatures back, though they passed them on before or `dns.dnssec_required` is set: no \
                 name is believed, and mail waits. Let `dns.servers` name others, or set `dns.dnssec` to false and do without DANE"
            ),
        }
        verdict
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn timeout(&self) -> Duration {
        self.config.timeout()
    }
}

impl Current {
    fn make(
        config: &DnsConfig,
        anchors: &Arc<TrustAnchors>,
        validates: bool,
    ) -> Result<Current, ResolverError> {
        let changed = changed();
        let servers = name_servers(&config.servers);
        let addresses = servers.iter().filter_map(address).collect();
        let anchors = (validates && config.dnssec).then_some(anchors);
        let resolver = build(servers, config, anchors)
            .map_err(|error| ResolverError::Library(error.to_string()))?;
        Ok(Current {
            resolver,
            servers: addresses,
            changed,
            looked: Instant::now(),
            proven: false,
            judged: None,
        })
    }

    /// Name servers may learn to pass signatures on.
    fn is_to_be_tried_again(&self) -> bool {
        self.judged.is_some_and(|(verdict, at)| {
            verdict == Verdict::Unsigned
                && at.elapsed() >= Duration::from_secs(DNS_UNSIGNED_SECONDS)
        })
    }

    /// Looks at the system's file, not more often than every few seconds.
    fn is_stale(&mut self) -> bool {
        if self.looked.elapsed() < Duration::from_secs(RESOLV_CONF_SECONDS) {
            return false;
        }
        self.looked = Instant::now();
        self.changed != changed()
    }
}

fn is_young(at: Instant) -> bool {
    at.elapsed() < Duration::from_secs(DNS_DOUBT_SECONDS)
}

/// Where a name server takes datagrams.
fn address(server: &NameServerConfig) -> Option<SocketAddr> {
    let connection = server.connections.first()?;
    Some(SocketAddr::new(server.ip, connection.port))
}

fn changed() -> Option<SystemTime> {
    let metadata = std::fs::metadata(RESOLV_CONF).ok()?;
    metadata.modified().ok()
}

fn anchors(path: Option<&Path>) -> Result<TrustAnchors, ResolverError> {
    let Some(path) = path else {
        return Ok(TrustAnchors::default());
    };
    let refused = |reason: String| ResolverError::TrustAnchor {
        path: path.to_owned(),
        reason,
    };
    let anchors = TrustAnchors::from_file(path).map_err(|error| refused(error.to_string()))?;
    match anchors.is_empty() {
        true => Err(refused("there is no key in it".to_owned())),
        false => Ok(anchors),
    }
}

/// Those of the configuration or else the system's; none if the system has none.
fn name_servers(configured: &[NameServer]) -> Vec<NameServerConfig> {
    if !configured.is_empty() {
        return configured.iter().map(name_server).collect();
    }
    match read_system_conf() {
        Ok((config, _)) => config.name_servers().to_vec(),
        Err(error) => {
            tracing::warn!(
                file = RESOLV_CONF,
                %error,
                "no name servers: mail to other domains waits until there are some; `dns.servers` can name them"
            );
            Vec::new()
        }
    }
}

fn name_server(server: &NameServer) -> NameServerConfig {
    let connection = |mut connection: ConnectionConfig| {
        connection.port = server.0.port();
        connection
    };
    NameServerConfig::new(
        server.0.ip(),
        true,
        vec![
            connection(ConnectionConfig::udp()),
            connection(ConnectionConfig::tcp()),
        ],
    )
}

fn build(
    servers: Vec<NameServerConfig>,
    config: &DnsConfig,
    anchors: Option<&Arc<TrustAnchors>>,
) -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_with_config(
        ResolverConfig::from_name_servers(servers),
        TokioRuntimeProvider::default(),
    )
    .with_options(options(config))
    .with_tls_config(no_tls()?);
    if let Some(anchors) = anchors {
        builder = builder.with_trust_anchor(anchors.clone());
    }
    builder.build()
}

/// We ask without TLS. Without this, the resolver would look for the system's certificates, and fail where there are none.
fn no_tls() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

fn options(config: &DnsConfig) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = config.timeout() / TRIES;
    options.attempts = 1;
    options.try_tcp_on_error = true;
    options.use_hosts_file = ResolveHosts::Never;
    options.cache_size = DNS_ANSWERS_MAX;
    options.positive_max_ttl = Some(Duration::from_secs(DNS_ANSWER_SECONDS_MAX));
    options.negative_max_ttl = Some(Duration::from_secs(DNS_ABSENCE_SECONDS_MAX));
    options
}
