//! A daemon from its command line to its end: what the thin `main.rs` of each daemon calls.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use crate::config::Config;
use crate::sasl::Authenticator;
use crate::session::Session;
use crate::wire::{Peer, SessionId, TlsInfo};

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
    pub store: crate::pending::Store,
    /// Who may log in.
    pub auth: Authenticator,
    config: Arc<std::sync::RwLock<Arc<Config>>>,
}

impl Service {
    /// The configuration as it is now. A session should ask once, at its start, and keep it.
    pub fn config(&self) -> Arc<Config> {
        match self.config.read() {
            Ok(config) => config.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
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

/// The bound sockets of a daemon.
pub struct Listeners {}

/// Why a daemon ended with failure. Already explained in the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(pub String);

/// The whole `main` of a daemon: reads `--config FILE` and runs [`start`].
///
/// ```ignore
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
    let _ = (program, run);
    ExitCode::FAILURE
}

/// Runs a daemon with the given configuration file until it is told to stop. For `mailctl serve`.
pub fn start<R, F>(program: &'static Program, config: &Path, run: R) -> ExitCode
where
    R: FnOnce(Service, Listeners) -> F,
    F: Future<Output = Result<(), Failed>>,
{
    let _ = (program, config, run);
    ExitCode::FAILURE
}

/// Accepts connections and runs a session on each until the daemon is told to stop; then stops in two stages.
pub async fn serve<S, N>(
    service: Service,
    listeners: Listeners,
    new_session: N,
) -> Result<(), Failed>
where
    S: Session + 'static,
    N: Fn(Connection) -> S + Send + Sync + 'static,
{
    let _ = (service, listeners, new_session);
    Ok(())
}
