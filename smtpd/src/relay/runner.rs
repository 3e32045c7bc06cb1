//! The runner: sends couriers to the destinations that have work.
//!
//! ```text
//! accept ─► queue ─► news ─┐
//! a time has come ─────────┼─► due destinations, the longest waiting first ─► couriers, one for each place in its lane
//! a courier is back ───────┘
//! ```
//!
//! Destinations that nobody is on the way to come first, so that one with a million messages does not keep the others waiting.
//! What is in memory depends on the connections that are allowed and not on the queue.
//!
//! The end has two stages, as for sessions: no new work, then, after `limits.shutdown_seconds`, what is still going on is given up
//! and goes back to the queue.

use std::sync::Arc;
use std::time::Duration;

use daemon::service::Service;
use store::Timestamp;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};

use super::client::HostSession;
use super::courier::Courier;
use super::depot::Depot;
use crate::limits::{
    DUE_DESTINATIONS_MAX, LOOK_MILLIS_MIN, LOOK_SECONDS_MAX, QUEUE_SIZE_SECONDS, TAKE_BACK_SECONDS,
    UPKEEP_SECONDS,
};

/// Sends couriers as long as the daemon runs.
pub(super) struct Runner {
    service: Service,
    depot: Arc<Depot>,
    couriers: JoinSet<()>,
}

impl Runner {
    /// A runner that has not begun.
    pub(super) fn new(service: Service, depot: Arc<Depot>) -> Runner {
        Runner {
            service,
            depot,
            couriers: JoinSet::new(),
        }
    }

    /// Runs until the daemon stops; returns when nothing is going on any more.
    pub(super) async fn run(mut self) {
        let mut stop = self.service.stop();
        let mut queue = self.service.store.watch_queue();
        let mut pace = interval_of(Duration::from_millis(LOOK_MILLIS_MIN));
        let mut upkeep = interval_of(Duration::from_secs(UPKEEP_SECONDS));
        let mut take_back = interval_of(Duration::from_secs(TAKE_BACK_SECONDS));
        let mut measure = interval_of(Duration::from_secs(QUEUE_SIZE_SECONDS));
        while !stop.is_requested() {
            // Not for each of thousands of messages a second.
            pace.tick().await;
            queue.mark_unchanged();
            let look_at = self.look().await;
            tokio::select! {
                () = stop.requested() => {}
                // The store is open as long as we are.
                _ = queue.changed() => {}
                () = self.depot.news() => {}
                () = sleep_until(look_at) => {}
                Some(back) = self.couriers.join_next() => self.welcome(back),
                _ = upkeep.tick() => {
                    self.depot.follow_configuration();
                    self.close_idle_sessions(self.depot.config().relay.connection_idle());
                }
                _ = take_back.tick() => self.take_back().await,
                _ = measure.tick() => self.measure().await,
            }
        }
        self.stop().await;
    }

    /// Sends couriers to whom they are due. Says when to look again, if nothing happens before.
    async fn look(&mut self) -> Instant {
        while let Some(back) = self.couriers.try_join_next() {
            self.welcome(back);
        }
        match self.send_couriers().await {
            Ok(next_due) => when(next_due),
            Err(error) => {
                tracing::error!(%error, "the queue cannot be read");
                Instant::now() + Duration::from_secs(LOOK_SECONDS_MAX)
            }
        }
    }

    fn welcome(&self, back: Result<(), JoinError>) {
        if let Err(error) = back {
            tracing::error!(%error, "a courier has died; what he had goes back to the queue");
            self.depot.note_wreck();
        }
    }

    /// Gives when there will be work, in seconds since 1970.
    async fn send_couriers(&mut self) -> store::Result<Option<i64>> {
        if self.depot.has_wrecks() {
            if !self.couriers.is_empty() {
                return Ok(None);
            }
            self.depot.clear_wrecks().await?;
        }
        let connections_max = self.depot.config().relay.connections_max;
        let limit = DUE_DESTINATIONS_MAX + self.couriers.len();
        let due = self.depot.store.due_destinations(limit).await?;
        let (waiting, attended): (Vec<_>, Vec<_>) = due
            .into_iter()
            .map(|destination| destination.domain)
            .partition(|domain| self.depot.lanes.is_empty(domain));
        for domain in waiting.into_iter().chain(attended) {
            if self.couriers.len() >= connections_max {
                break;
            }
            if let Some(place) = self.depot.lanes.enter(&domain) {
                let courier = Courier::new(self.depot.clone(), domain, place);
                self.couriers.spawn(courier.work());
            }
        }
        metrics::gauge!("relay_couriers").set(self.couriers.len() as f64);
        self.depot.store.next_due().await
    }

    fn close_idle_sessions(&self, longest: Duration) {
        for session in self.depot.pool.expired(longest) {
            tokio::spawn(HostSession::quit(session));
        }
    }

    async fn take_back(&self) {
        if let Err(error) = self.depot.lessee.take_back().await {
            tracing::error!(%error, "what other processes have left behind cannot be taken back");
        }
    }

    async fn measure(&self) {
        match self.depot.store.queue_size().await {
            Ok(messages) => metrics::gauge!("relay_queue_messages").set(messages as f64),
            Err(error) => tracing::error!(%error, "the queue cannot be counted"),
        }
    }

    async fn stop(mut self) {
        let limit = self.depot.config().limits.shutdown();
        let ended = timeout(limit, async {
            while self.couriers.join_next().await.is_some() {}
        });
        if ended.await.is_err() {
            tracing::warn!(
                couriers = self.couriers.len(),
                seconds = limit.as_secs(),
                "some mail was still being sent; it goes back to the queue"
            );
            self.couriers.shutdown().await;
        }
        // What a host has taken is written down before the rest goes back.
        if timeout(limit, self.depot.settled()).await.is_err() {
            tracing::error!(
                "the store does not take what became of some mail, which may be sent again"
            );
        }
        self.close_idle_sessions(Duration::ZERO);
        if let Err(error) = self.depot.lessee.give_back().await {
            tracing::error!(%error, "what was leased is given back by the next process instead");
        }
    }
}

/// When to look again: when there is work, at the latest after [`LOOK_SECONDS_MAX`], because clocks jump. Work that is due already has its
/// courier, or waits for one to come back.
fn when(next_due: Option<i64>) -> Instant {
    let longest = Duration::from_secs(LOOK_SECONDS_MAX);
    let wait = next_due
        .map(|due| due - Timestamp::now().seconds)
        .and_then(|wait| u64::try_from(wait).ok())
        .map_or(longest, |wait| Duration::from_secs(wait.max(1)));
    Instant::now() + wait.min(longest)
}

fn interval_of(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
