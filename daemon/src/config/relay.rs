//! `[relay]`: how mail leaves for other servers: when it is tried again, how long, and how many connections that may take.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::routing::{Routing, routing};
use super::section::Section;
use crate::limits;

/// A week.
const MINUTES_MAX: u64 = 7 * 24 * 60;
/// A month.
const HOURS_MAX: u64 = 31 * 24;
/// Waits in `retry_minutes`.
const RETRIES_MAX: usize = 100;

/// `[relay]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Relay {
    /// Minutes from each attempt to the next; the last one is repeated.
    pub retry_minutes: Vec<u64>,
    /// By how many per cent a wait may be shorter or longer, drawn at random: what failed together shall not return together.
    pub retry_jitter_percent: u64,
    /// How long a recipient is tried.
    pub expire_hours: u64,
    /// After how long a sender is told that a recipient has not been reached yet; 0: never.
    pub delay_notice_hours: u64,
    /// For how many days a client may ask that its message be held (RFC 4865); 0: not at all.
    pub hold_days_max: u64,
    /// Connections to other servers at the same time.
    pub connections_max: usize,
    /// Connections to one destination at the same time. The first is one; it takes successes to get there.
    pub concurrency_per_destination: usize,
    /// Messages after which a connection is closed.
    pub messages_per_connection: usize,
    /// How long a connection without work is kept.
    pub connection_idle_seconds: u64,
    /// Up to which size a message is returned whole to a sender who wants it back; of larger ones only the header.
    pub returned_octets_max: u64,
    /// Where mail goes.
    #[serde(flatten)]
    pub routing: Routing,
}

impl Relay {
    /// How long to wait after so many attempts, without jitter.
    pub fn retry_after(&self, attempts: u32) -> Duration {
        let step = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let minutes = self
            .retry_minutes
            .get(step)
            .or(self.retry_minutes.last())
            .copied()
            .unwrap_or(1);
        Duration::from_secs(minutes * 60)
    }

    /// [`Relay::expire_hours`] as a duration.
    pub fn expire(&self) -> Duration {
        Duration::from_secs(self.expire_hours * 3600)
    }

    /// [`Relay::delay_notice_hours`] as a duration; `None`: never.
    pub fn delay_notice(&self) -> Option<Duration> {
        (self.delay_notice_hours > 0).then(|| Duration::from_secs(self.delay_notice_hours * 3600))
    }

    /// [`Relay::hold_days_max`] as a duration.
    pub fn hold_max(&self) -> Duration {
        Duration::from_secs(self.hold_days_max * 24 * 3600)
    }

    /// [`Relay::connection_idle_seconds`] as a duration.
    pub fn connection_idle(&self) -> Duration {
        Duration::from_secs(self.connection_idle_seconds)
    }
}

pub(super) fn relay(section: Section<'_>, directory: &Path) -> Relay {
    let relay = Relay {
        retry_minutes: retry_minutes(&section),
        retry_jitter_percent: section.number(
            "retry_jitter_percent",
            0..=50,
            limits::RETRY_JITTER_PERCENT,
        ),
        expire_hours: section.number("expire_hours", 1..=HOURS_MAX, limits::EXPIRE_HOURS),
        delay_notice_hours: section.number(
            "delay_notice_hours",
            0..=HOURS_MAX,
            limits::DELAY_NOTICE_HOURS,
        ),
        hold_days_max: section.number("hold_days_max", 0..=366, limits::HOLD_DAYS),
        connections_max: section.count("connections_max", 1..=10_000, limits::RELAY_CONNECTIONS),
        concurrency_per_destination: section.count(
            "concurrency_per_destination",
            1..=1000,
            limits::RELAY_CONCURRENCY,
        ),
        messages_per_connection: section.count(
            "messages_per_connection",
            1..=1_000_000,
            limits::MESSAGES_PER_CONNECTION,
        ),
        connection_idle_seconds: section.number(
            "connection_idle_seconds",
            0..=300,
            limits::CONNECTION_IDLE_SECONDS,
        ),
        returned_octets_max: section.number(
            "returned_octets_max",
            0..=1 << 30,
            limits::RETURNED_OCTETS,
        ),
        routing: routing(&section, directory),
    };
    section.finish();
    relay
}

fn retry_minutes(section: &Section<'_>) -> Vec<u64> {
    let Some(minutes) = section.numbers("retry_minutes", 1..=MINUTES_MAX) else {
        return limits::RETRY_MINUTES.to_vec();
    };
    if minutes.is_empty() || minutes.len() > RETRIES_MAX {
        section.refuse(
            "retry_minutes",
            format!(
                "must have from one to {RETRIES_MAX} numbers of minutes, as in [6, 15, 30, 60]"
            ),
        );
    }
    minutes
}
