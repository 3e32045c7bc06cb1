//! A daemon from its command line to its end: what the thin `main.rs` of each daemon calls.
//!
//! ```text
//! configuration ─► log ─► ports ─► keys ─► become the owner ─► store ─► READY ─► serve ─► two-stage stop
//! ```
//!
//! Whatever fails before READY is told on standard error and ends the process. After it nothing but a signal ends it: a
//! bad new configuration or certificate is logged and the old one kept.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use clap::Parser;
use store::Store;
use tokio::runtime::Runtime;

use crate::config::{Config, Faults};
use crate::listener::{Bound, bind_all};
use crate::sasl::Authenticator;
use crate::stop::{Stop, StopSource};
use crate::tls::Acceptor;
use crate::wire::{Peer, SessionId, TlsInfo};
use crate::{logs, privilege, signals};

pub use crate::serve::serve;

/// After the shutdown deadline: how long tasks get to be dropped before the process ends.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// What a daemon is, as constant data.
#[derive(Debug)]
pub struct Program {
    /// Its name: `smtpd`.
    pub name: &'static str,
    /// The kinds of ports that it listens on.
    pub listeners: &'static [Listener],
    /// Where its metrics are to be had.
    pub metrics: fn(&Config) -> Option<SocketAddr>,
}

/// One kind of port.
#[derive(Debug)]
pub struct Listener {
    /// Its name in logs and metrics, and the `FileDescriptorName=` of a systemd socket unit: `smtp`, `imaps`.
    pub name: &'static str,
    /// Its addresses.
    pub addresses: fn(&Config) -> &[SocketAddr],
    /// When TLS starts.
    pub security: Security,
}

/// When TLS starts on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// When the client asks for it.
    StartTls,
    /// At once.
    Implicit,
}

/// What all sessions of a daemon share. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// The store.
    pub store: Store,
    /// Who may log in.
    pub auth: Authenticator,
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    config: RwLock<Arc<Config>>,
    tls: Acceptor,
    stop: StopSource,
}

impl Service {
    /// The configuration as it is now. A session keeps the one that its [`Connection`] came with.
    pub fn config(&self) -> Arc<Config> {
        self.shared
            .config
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Hears when the daemon stops, for tasks beside the sessions.
    pub fn stop(&self) -> Stop {
        self.shared.stop.subscribe()
    }

    pub(crate) fn request_stop(&self) {
        self.shared.stop.stop();
    }

    pub(crate) fn tls(&self) -> &Acceptor {
        &self.shared.tls
    }

    /// Reads configuration and certificates again; what is wrong is logged and the old kept.
    pub(crate) fn reload(&self) {
        match Config::load(&self.shared.path) {
            Ok(config) => self.adopt(config),
            Err(faults) => {
                for fault in faults.iter() {
                    tracing::error!(
                        line = fault.line,
                        column = fault.column,
                        "configuration: {}",
                        fault.message
                    );
                }
                tracing::error!(file = %self.shared.path.display(), "the old configuration stays in use");
            }
        }
    }

    fn adopt(&self, config: Config) {
        let old = self.config();
        if let Err(error) = self.tls().reload(&config) {
            // Other settings do not wait for a key that only root may read.
            if old.tls != config.tls {
                tracing::error!(%error, "the old configuration and certificates stay in use");
                return;
            }
            tracing::error!(%error, "the old certificates stay in use");
        }
        if old.data_dir != config.data_dir
            || old.address != config.address
            || old.dns != config.dns
            || old.limits.threads != config.limits.threads
        {
            tracing::warn!(
                "data_dir, [address], [dns] and limits.threads change at the next start only, like addresses to listen on"
            );
        }
        logs::change_level(&config.log);
        self.auth.adopt(&config);
        *self
            .shared
            .config
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        tracing::info!(file = %self.shared.path.display(), "configuration and certificates read again");
    }

    /// Reads the certificates again if their files have changed.
    pub(crate) fn refresh_certificates(&self) {
        if !self.tls().is_stale() {
            return;
        }
        match self.tls().reload(&self.config()) {
            Ok(()) => tracing::info!("certificates have changed and were read again"),
            Err(error) => {
                tracing::error!(%error, "certificates have changed; the old ones stay in use")
            }
        }
    }
}

/// What a session is made from: one accepted connection.
#[derive(Clone)]
pub struct Connection {
    /// The session's name.
    pub id: SessionId,
    /// Who and where.
    pub peer: Peer,
    /// Set if TLS is on already (implicit TLS).
    pub tls: Option<TlsInfo>,
    /// On which kind of port.
    pub listener: &'static Listener,
    /// What all share.
    pub service: Service,
    /// The configuration when the connection was accepted.
    pub config: Arc<Config>,
}

impl Connection {
    /// True if the session may offer STARTTLS now, before TLS has been started.
    pub fn starttls_offered(&self) -> bool {
        self.listener.security == Security::StartTls
    }
}

/// The bound sockets of a daemon, for [`serve`].
pub struct Listeners(pub(crate) Vec<Bound>);

/// Why a daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The configuration is wrong.
    #[error("{0}")]
    Configuration(#[from] Faults),
    /// A port cannot be bound.
    #[error("{0}")]
    Listen(std::io::Error),
    /// Certificates cannot be used.
    #[error("{0}")]
    Tls(#[from] crate::tls::TlsError),
    /// The user cannot be changed.
    #[error("{0}")]
    Privilege(#[from] privilege::PrivilegeError),
    /// The store cannot be opened.
    #[error("{0}")]
    Store(#[from] store::OpenError),
    /// The operating system gives no threads, signals or ports.
    #[error("{0}")]
    System(String),
}

#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = crate::config::DEFAULT_PATH)]
    config: PathBuf,
}

/// The whole `main` of a daemon: reads `--config FILE` and runs [`start`].
///
/// ```text
/// fn main() -> std::process::ExitCode {
///     daemon::service::main(&smtpd::PROGRAM, smtpd::run)
/// }
/// // in the library:
/// pub async fn run(service: Service, listeners: Listeners) -> Result<(), Failed> {
///     daemon::service::serve(service, listeners, |connection| Session::new(connection)).await
/// }
/// ```
pub fn main<R, F>(program: &'static Program, run: R) -> ExitCode
where
    R: FnOnce(Service, Listeners) -> F,
    F: Future<Output = Result<(), Failed>>,
{
    start(program, &Arguments::parse().config, run)
}

/// Runs a daemon with the given configuration file until it is told to stop. For `mailctl serve`.
pub fn start<R, F>(program: &'static Program, config: &Path, run: R) -> ExitCode
where
    R: FnOnce(Service, Listeners) -> F,
    F: Future<Output = Result<(), Failed>>,
{
    match try_start(program, config, run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            // On standard error as it is: it may concern the log, or have many lines.
            eprintln!("{}: {failed}", program.name);
            ExitCode::FAILURE
        }
    }
}

fn try_start<R, F>(program: &'static Program, path: &Path, run: R) -> Result<(), Failed>
where
    R: FnOnce(Service, Listeners) -> F,
    F: Future<Output = Result<(), Failed>>,
{
    let config = Config::load(path)?;
    logs::init(&config.log);
    privilege::raise_open_files();
    let listeners = Listeners(bind_all(program, &config).map_err(Failed::Listen)?);
    let tls = open_tls(&config)?;
    let runtime = runtime(&config)?;
    let result = runtime.block_on(async {
        let service = open(program, path, config, tls).await?;
        signals::watch(service.clone())
            .map_err(|error| Failed::System(format!("cannot watch signals: {error}")))?;
        signals::tell_ready();
        tracing::info!(
            program = program.name,
            version = env!("CARGO_PKG_VERSION"),
            "ready"
        );
        let result = run(service, listeners).await;
        tracing::info!(program = program.name, "stopped");
        result
    });
    runtime.shutdown_timeout(LAST_GRACE);
    result
}

/// Keys that only root may read are read before root is given up; a self-signed certificate is made after it, so that it belongs to the
/// owner of the data directory.
fn open_tls(config: &Config) -> Result<Acceptor, Failed> {
    if config.tls.certificates.is_empty() {
        privilege::become_owner(&config.data_dir)?;
        return Ok(Acceptor::open(config)?);
    }
    let tls = Acceptor::open(config)?;
    privilege::become_owner(&config.data_dir)?;
    if let Err(error) = tls.reload(config) {
        tracing::warn!(
            %error,
            "certificates and keys that only root may read are not read again when they change; let the owner of the data directory read them"
        );
    }
    Ok(tls)
}

fn runtime(config: &Config) -> Result<Runtime, Failed> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if config.limits.threads > 0 {
        builder.worker_threads(config.limits.threads);
    }
    builder
        .enable_all()
        .build()
        .map_err(|error| Failed::System(format!("cannot start threads: {error}")))
}

async fn open(
    program: &'static Program,
    path: &Path,
    config: Config,
    tls: Acceptor,
) -> Result<Service, Failed> {
    if let Some(address) = (program.metrics)(&config) {
        metrics_exporter_prometheus::PrometheusBuilder::new()
            .with_http_listener(address)
            .add_global_label("program", program.name)
            .install()
            .map_err(|error| Failed::System(format!("metrics on {address}: {error}")))?;
    }
    let separator = config.address.subaddress_separator.clone();
    let options = store::Options {
        subaddress_separator: separator,
        journal_days: config.log.journal_days,
        ..store::Options::default()
    };
    let store = Store::open(&config.data_dir, options).await?;
    let auth = Authenticator::open(store.clone(), &config)
        .map_err(|error| Failed::System(format!("authentication: {error}")))?;
    let shared = Shared {
        path: path.to_owned(),
        config: RwLock::new(Arc::new(config)),
        tls,
        stop: StopSource::new(),
    };
    Ok(Service {
        store,
        auth,
        shared: Arc::new(shared),
    })
}
