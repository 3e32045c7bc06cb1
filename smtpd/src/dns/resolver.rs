//! Whom we ask: the validating stub resolver of hickory, made from the configuration or from /etc/resolv.conf, and made anew when
//! that file changes (a laptop that joins another network).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
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

use crate::limits::{
    DNS_ABSENCE_SECONDS_MAX, DNS_ANSWER_SECONDS_MAX, DNS_ANSWERS_MAX, DNS_COMPLAINT_SECONDS,
    RESOLV_CONF_SECONDS,
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
    /// When it was last looked whether the name servers are of use.
    complained: Mutex<Option<Instant>>,
}

/// The resolver of the moment.
struct Current {
    resolver: TokioResolver,
    /// When the system's file had last changed as this was made; None where there is none.
    changed: Option<SystemTime>,
    looked: Instant,
}

impl Servers {
    pub(super) fn open(config: &DnsConfig) -> Result<Servers, ResolverError> {
        let anchors = Arc::new(anchors(config.trust_anchor.as_deref())?);
        let current = Mutex::new(Current::make(config, &anchors)?);
        Ok(Servers {
            config: config.clone(),
            anchors,
            current,
            complained: Mutex::default(),
        })
    }

    /// The resolver to be used now.
    pub(super) fn resolver(&self) -> TokioResolver {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if self.config.servers.is_empty() && current.is_stale() {
            tracing::info!(file = RESOLV_CONF, "name servers are read again");
            match Current::make(&self.config, &self.anchors) {
                Ok(made) => *current = made,
                Err(error) => tracing::error!(%error, "the old name servers stay in use"),
            }
        }
        current.resolver.clone()
    }

    /// After a bogus answer: tells the operator if it is not the zone's fault but that of name servers that keep signatures back. Those
    /// make even the root bogus. Told once an hour at most.
    pub(super) async fn complain(&self, resolver: &TokioResolver) {
        {
            let mut complained = self
                .complained
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if complained
                .is_some_and(|at| at.elapsed() < Duration::from_secs(DNS_COMPLAINT_SECONDS))
            {
                return;
            }
            *complained = Some(Instant::now());
        }
        if let Err(NetError::Dns(DnsError::DnssecBogus | DnsError::Nsec { .. })) =
            resolver.lookup(Name::root(), RecordType::SOA).await
        {
            tracing::error!(
                "the name servers do not pass DNSSEC signatures on, so no name can be believed and no mail delivered: \
                 let `dns.servers` name others, or set `dns.dnssec` to false and do without DANE"
            );
        }
    }

    pub(super) fn timeout(&self) -> Duration {
        self.config.timeout()
    }
}

impl Current {
    fn make(config: &DnsConfig, anchors: &Arc<TrustAnchors>) -> Result<Current, ResolverError> {
        let changed = changed();
        let resolver = build(name_servers(&config.servers), config, anchors)
            .map_err(|error| ResolverError::Library(error.to_string()))?;
        Ok(Current {
            resolver,
            changed,
            looked: Instant::now(),
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
    anchors: &Arc<TrustAnchors>,
) -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_with_config(
        ResolverConfig::from_name_servers(servers),
        TokioRuntimeProvider::default(),
    )
    .with_options(options(config))
    .with_tls_config(no_tls()?);
    if config.dnssec {
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
