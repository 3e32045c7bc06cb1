//! Slows down those who guess, by the range of addresses they come from; never by the account, or anyone could lock out
//! anyone.
//!
//! The first failures of a range cost nothing. From then on each attempt waits before it is judged, twice as long after each
//! failure, up to [`THROTTLE_SECONDS_MAX`]; failures are forgotten by halves. Few attempts of a range may wait at the
//! same time, the rest is refused at once. Loopback is exempt: webmail and proxies on this machine speak for many.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::limits::{
    THROTTLE_FREE_FAILURES, THROTTLE_HALVING_SECONDS, THROTTLE_RANGES_MAX, THROTTLE_SECONDS_MAX,
    THROTTLE_WAITING_MAX,
};
use crate::range::Range;

/// An IPv6 /48 holds many of the narrow ranges, and perhaps many people: it is allowed as many times more.
const WIDE_ALLOWANCE: u32 = 4;

/// Remembers failures. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Throttle(Arc<Mutex<HashMap<Range, Record>>>);

#[derive(Clone, Copy)]
struct Record {
    failures: u32,
    /// When the last failure was, or the last halving.
    since: Instant,
    waiting: u32,
}

impl Record {
    fn new(now: Instant) -> Record {
        Record {
            failures: 0,
            since: now,
            waiting: 0,
        }
    }

    /// Forgets what has become old.
    fn decay(&mut self, now: Instant) {
        let halvings = now.duration_since(self.since).as_secs() / THROTTLE_HALVING_SECONDS;
        if halvings > 0 {
            self.failures = self
                .failures
                .checked_shr(u32::try_from(halvings).unwrap_or(u32::MAX))
                .unwrap_or(0);
            self.since += Duration::from_secs(halvings * THROTTLE_HALVING_SECONDS);
        }
    }

    fn fail(&mut self, now: Instant) {
        self.decay(now);
        self.failures = self.failures.saturating_add(1);
        self.since = now;
    }

    fn delay(&self, allowance: u32) -> Duration {
        let above = self
            .failures
            .saturating_sub(THROTTLE_FREE_FAILURES * allowance);
        match above.div_ceil(allowance) {
            0 => Duration::ZERO,
            steps => Duration::from_secs(THROTTLE_SECONDS_MAX.min(1 << (steps - 1).min(20))),
        }
    }
}

/// Leave to try a password, after a delay.
pub(super) struct Leave {
    throttle: Throttle,
    /// None for loopback.
    ranges: Option<[Range; 2]>,
    delay: Duration,
}

impl Throttle {
    /// Asks for leave; None if too many attempts of the range wait already.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Leave> {
        if address.is_loopback() {
            return Some(Leave {
                throttle: self.clone(),
                ranges: None,
                delay: Duration::ZERO,
            });
        }
        let [narrow, wide] = ranges(address);
        let mut records = self.lock();
        let now = Instant::now();
        let slow =
            delay(&mut records, narrow, 1, now).max(delay(&mut records, wide, WIDE_ALLOWANCE, now));
        let waiting = records.get(&narrow).map_or(0, |record| record.waiting);
        if !slow.is_zero() && waiting >= THROTTLE_WAITING_MAX {
            return None;
        }
        record(&mut records, narrow, now).waiting += 1;
        Some(Leave {
            throttle: self.clone(),
            ranges: Some([narrow, wide]),
            delay: slow,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Range, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave {
    /// Waits as long as the failures of this range demand.
    pub(super) async fn wait(&self) {
        if !self.delay.is_zero() {
            sleep(self.delay).await;
        }
    }

    /// The password was wrong.
    pub(super) fn failed(&self) {
        let Some([narrow, wide]) = self.ranges else {
            return;
        };
        let now = Instant::now();
        let mut records = self.throttle.lock();
        record(&mut records, narrow, now).fail(now);
        if wide != narrow {
            record(&mut records, wide, now).fail(now);
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let Some([narrow, _]) = self.ranges else {
            return;
        };
        if let Entry::Occupied(mut entry) = self.throttle.lock().entry(narrow) {
            let record = entry.get_mut();
            record.waiting = record.waiting.saturating_sub(1);
            if record.waiting == 0 && record.failures == 0 {
                entry.remove();
            }
        }
    }
}

fn ranges(address: IpAddr) -> [Range; 2] {
    [Range::narrow(address), Range::wide(address)]
}

fn delay(
    records: &mut HashMap<Range, Record>,
    range: Range,
    allowance: u32,
    now: Instant,
) -> Duration {
    records.get_mut(&range).map_or(Duration::ZERO, |record| {
        record.decay(now);
        record.delay(allowance)
    })
}

/// The record of a range. A full table forgets the range that has been quiet for longest.
fn record(records: &mut HashMap<Range, Record>, range: Range, now: Instant) -> &mut Record {
    if records.len() >= THROTTLE_RANGES_MAX && !records.contains_key(&range) {
        let quiet = records
            .iter()
            .filter(|(_, record)| record.waiting == 0)
            .min_by_key(|(_, record)| record.since);
        if let Some(quiet) = quiet.map(|(range, _)| *range) {
            records.remove(&quiet);
        }
    }
    records.entry(range).or_insert_with(|| Record::new(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(throttle: &Throttle, address: &str, times: u32) {
        for _ in 0..times {
            throttle.enter(address.parse().unwrap()).unwrap().failed();
        }
    }

    fn delay_of(throttle: &Throttle, address: &str) -> u64 {
        throttle
            .enter(address.parse().unwrap())
            .unwrap()
            .delay
            .as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn failures_cost_more_and_more_and_are_forgotten() {
        let throttle = Throttle::default();
        fail(&throttle, "192.0.2.1", 5);
        assert_eq!(delay_of(&throttle, "192.0.2.1"), 0);
        fail(&throttle, "192.0.2.1", 1);
        assert_eq!(delay_of(&throttle, "192.0.2.1"), 1);
        fail(&throttle, "192.0.2.1", 2);
        assert_eq!(delay_of(&throttle, "192.0.2.1"), 4);
        fail(&throttle, "192.0.2.1", 30);
        assert_eq!(delay_of(&throttle, "192.0.2.1"), THROTTLE_SECONDS_MAX);
        assert_eq!(delay_of(&throttle, "192.0.2.2"), 0);
        tokio::time::advance(Duration::from_secs(4 * THROTTLE_HALVING_SECONDS)).await;
        assert_eq!(delay_of(&throttle, "192.0.2.1"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_customer_of_many_networks_is_slowed_as_one() {
        let throttle = Throttle::default();
        for network in 0..30 {
            fail(&throttle, &format!("2001:db8:1:{network}::1"), 1);
        }
        assert!(delay_of(&throttle, "2001:db8:1:ffff::1") > 0);
        assert_eq!(delay_of(&throttle, "2001:db8:2::1"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn few_may_wait_at_the_same_time() {
        let throttle = Throttle::default();
        fail(&throttle, "192.0.2.1", 6);
        let address = "192.0.2.1".parse().unwrap();
        let waiting: Vec<_> = (0..THROTTLE_WAITING_MAX)
            .map(|_| throttle.enter(address).unwrap())
            .collect();
        assert!(throttle.enter(address).is_none());
        drop(waiting);
        assert!(throttle.enter(address).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn loopback_is_never_slowed() {
        let throttle = Throttle::default();
        fail(&throttle, "127.0.0.1", 1000);
        assert_eq!(delay_of(&throttle, "127.0.0.1"), 0);
        assert_eq!(delay_of(&throttle, "::1"), 0);
    }
}
