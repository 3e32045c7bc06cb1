//! Reports about mail: DMARC (RFC 9990) and TLS (RFC 8460), sent once a day to the domains that ask for them, and received.
//!
//! ```text
//! verify ─► gathering ─► store (counts by day) ─► dmarc ┐
//! relay's ledger ──────► store (counts by day) ─► tls ──┼─► letter ─► signed, queued as any message
//!                                                      └─► handover ─► HTTPS (TLS reports alone)
//! delivery, to our report address ─► received ─► store, as JSON
//! ```
//!
//! A day is over when the next has begun in UTC. Whichever smtpd has the turn (`Store::take_report_turn`) makes the reports that are due;
//! counts are forgotten when their report lies in the queue. A crash between the two sends a report twice, under the same id.
//!
//! Failure: a domain that cannot be asked for its wishes now is asked in the next round; after a week its counts are gone. A report
//! that cannot be read stays an ordinary message. Not here: reports of single messages (`ruf=`), which tell too much.

mod address;
mod dmarc;
pub mod gathering;
mod handover;
mod letter;
pub mod received;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use daemon::service::Service;
use store::{Day, Store};
use tokio::time::interval;

use crate::limits::{REPORT_COUNTS_SECONDS, REPORT_ROUND_SECONDS};
use crate::shared::Shared;
use letter::Post;

/// Writes counts and sends what is due, until the daemon stops.
pub async fn run(service: Service, shared: Arc<Shared>) {
    let mut stop = service.stop();
    let mut write = interval(Duration::from_secs(REPORT_COUNTS_SECONDS));
    let mut round = interval(Duration::from_secs(REPORT_ROUND_SECONDS));
    loop {
        tokio::select! {
            _ = write.tick() => write_counts(&shared, &service.store).await,
            _ = round.tick() => send_if_ours(&service, &shared).await,
            () = stop.requested() => break,
        }
    }
    write_counts(&shared, &service.store).await;
}

async fn write_counts(shared: &Shared, store: &Store) {
    if let Err(error) = shared.gathering.write(store).await {
        tracing::error!(%error, "counts for DMARC reports are lost");
    }
}

async fn send_if_ours(service: &Service, shared: &Shared) {
    let config = service.config();
    let turn = i64::try_from(REPORT_ROUND_SECONDS).unwrap_or(i64::MAX) - 1;
    if config.report.address.is_none() {
        return;
    }
    let today = Day::of(jiff::Timestamp::now().as_second());
    let sent = match service.store.take_report_turn(turn).await {
        Ok(true) => send_due(&config, &service.store, shared, today).await,
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = sent {
        tracing::error!(%error, "reports wait for the next round");
    }
}

/// Sends the reports of all days before `today`, as `[report]` wants it.
///
/// # Errors
/// The store fails. What was not sent is sent by the next call.
pub async fn send_due(
    config: &daemon::config::Config,
    store: &Store,
    shared: &Shared,
    today: Day,
) -> store::Result<()> {
    let Some(address) = &config.report.address else {
        return Ok(());
    };
    let post = Post {
        config,
        store,
        shared,
        address,
    };
    for (day, domain) in store.finished_dmarc_days(today).await? {
        dmarc::send(&post, day, &domain).await?;
    }
    for (day, domain) in store.finished_tls_days(today).await? {
        tls::send(&post, day, &domain).await?;
    }
    Ok(())
}
