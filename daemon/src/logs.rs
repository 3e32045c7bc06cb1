//! Logs: to standard error, as text or JSON, with the session's id on each line that was written within a session.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::config::{Log, LogFormat};

/// The filter in use, to be changed by a reload.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// True if `level` is one that [`init`] understands.
pub(crate) fn is_level(level: &str) -> bool {
    !level.is_empty() && EnvFilter::try_new(level).is_ok()
}

/// Starts logging. Has no effect if something in this process has done so before.
pub fn init(log: &Log) {
    let (filter, handle) = reload::Layer::new(filter(log));
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let lines = match log.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
    };
    if tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()
        .is_ok()
    {
        let _ = FILTER.set(handle);
    }
}

/// Changes the level while running. The format stays until the next start.
pub(crate) fn change_level(log: &Log) {
    let Some(handle) = FILTER.get() else { return };
    if let Err(error) = handle.reload(filter(log)) {
        tracing::error!(%error, "cannot change the log level");
    }
}

fn filter(log: &Log) -> EnvFilter {
    EnvFilter::try_new(&log.level).unwrap_or_else(|_| EnvFilter::new("info"))
}
