//! What the outside tells a running daemon, and what it tells systemd.
//!
//! SIGTERM and SIGINT: stop in two stages; a second one ends the process at once. SIGHUP: read configuration and certificates again. Certificate
//! files are also looked at from time to time.

use std::io;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::service::Service;

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// Starts to listen, in a task of its own.
pub(crate) fn watch(service: Service) -> io::Result<()> {
    let signals = Signals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
        hang_up: signal(SignalKind::hangup())?,
    };
    tokio::spawn(listen(service, signals));
    Ok(())
}

async fn listen(service: Service, mut signals: Signals) {
    let mut poll = interval(service.config().tls.reload());
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopping = false;
    loop {
        tokio::select! {
            _ = signals.hang_up.recv() => reload(&service),
            _ = poll.tick() => service.refresh_certificates(),
            _ = signals.terminate.recv() => stop(&service, &mut stopping),
            _ = signals.interrupt.recv() => stop(&service, &mut stopping),
        }
    }
}

fn reload(service: &Service) {
    let mut state = vec![NotifyState::Reloading];
    state.extend(NotifyState::monotonic_usec_now());
    tell(&state);
    service.reload();
    tell(&[NotifyState::Ready]);
}

fn stop(service: &Service, stopping: &mut bool) {
    if *stopping {
        tracing::warn!("told to stop a second time: leaving at once");
        std::process::exit(1);
    }
    *stopping = true;
    tracing::info!("stopping: commands in progress may finish");
    tell(&[NotifyState::Stopping]);
    service.request_stop();
}

/// All ports are open.
pub(crate) fn tell_ready() {
    tell(&[NotifyState::Ready]);
}

/// Has no effect without systemd.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot notify systemd");
    }
}
