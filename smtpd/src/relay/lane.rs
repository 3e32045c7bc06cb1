//! How many connections a destination may have at a time.
//!
//! It begins with one. When all that are allowed have done their work well, twice as many are allowed, up to the configured
//! number; when the destination cannot be reached, half as many, and it is left alone for a while that doubles with every failure.
//!
//! What is remembered is bounded: beyond [`LANES_MAX`] destinations without connections are forgotten, and begin with one again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::limits::{BACK_OFF_SECONDS_FIRST, LANES_MAX};

/// The lanes to all destinations. Clones are the same lanes.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes(Arc<Mutex<HashMap<String, Lane>>>);

#[derive(Debug)]
struct Lane {
    allowed: usize,
    taken: usize,
    /// Messages that went well since the last change of `allowed`.
    successes: usize,
    /// Failures without a success in between.
    failures: u32,
}

/// A place in a lane: one connection. Given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    lanes: Lanes,
    domain: String,
}

impl Lanes {
    /// Takes a place, if the destination may have another connection.
    pub(super) fn enter(&self, domain: &str) -> Option<Place> {
        let mut lanes = self.lock();
        if lanes.len() >= LANES_MAX {
            lanes.retain(|_, lane| lane.taken > 0);
        }
        let lane = lanes.entry(domain.to_owned()).or_insert(Lane {
            allowed: 1,
            taken: 0,
            successes: 0,
            failures: 0,
        });
        if lane.taken >= lane.allowed {
            return None;
        }
        lane.taken += 1;
        Some(Place {
            lanes: self.clone(),
            domain: domain.to_owned(),
        })
    }

    /// Whether nobody is on the way to the destination.
    pub(super) fn is_empty(&self, domain: &str) -> bool {
        self.lock().get(domain).is_none_or(|lane| lane.taken == 0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Lane>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The destination has answered for a message. True if more places are allowed now.
    pub(super) fn went_well(&self, places_max: usize) -> bool {
        let mut lanes = self.lanes.lock();
        let Some(lane) = lanes.get_mut(&self.domain) else {
            return false;
        };
        lane.failures = 0;
        lane.successes += 1;
        if lane.successes < lane.allowed || lane.allowed >= places_max {
            return false;
        }
        lane.successes = 0;
        lane.allowed = (lane.allowed * 2).min(places_max);
        true
    }

    /// The destination could not be reached. How long it is to be left alone, at most `longest`.
    pub(super) fn went_wrong(&self, longest: Duration) -> Duration {
        let mut lanes = self.lanes.lock();
        let Some(lane) = lanes.get_mut(&self.domain) else {
            return longest;
        };
        lane.allowed = (lane.allowed / 2).max(1);
        lane.successes = 0;
        let doubled = 1_u64.checked_shl(lane.failures).unwrap_or(u64::MAX);
        lane.failures = lane.failures.saturating_add(1);
        Duration::from_secs(BACK_OFF_SECONDS_FIRST.saturating_mul(doubled)).min(longest)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(lane) = self.lanes.lock().get_mut(&self.domain) {
            lane.taken = lane.taken.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_widens_when_all_goes_well_and_narrows_when_not() {
        let lanes = Lanes::default();
        let first = lanes.enter("one.test").unwrap();
        assert!(lanes.enter("one.test").is_none());
        assert!(lanes.enter("two.test").is_some());
        assert!(first.went_well(3));
        let second = lanes.enter("one.test").unwrap();
        assert!(!first.went_well(3));
        assert!(second.went_well(3));
        let third = lanes.enter("one.test").unwrap();
        for _ in 0..10 {
            assert!(!third.went_well(3), "never more than three");
        }
        assert!(lanes.enter("one.test").is_none());
        first.went_wrong(Duration::MAX);
        drop((second, third));
        assert!(!lanes.is_empty("one.test"));
        assert!(lanes.enter("one.test").is_none(), "one is allowed again");
        drop(first);
        assert!(lanes.is_empty("one.test"));
    }

    #[test]
    fn a_destination_that_fails_is_left_alone_for_longer_and_longer() {
        let lanes = Lanes::default();
        let place = lanes.enter("one.test").unwrap();
        let longest = Duration::from_secs(3600);
        let first = place.went_wrong(longest);
        assert_eq!(place.went_wrong(longest), first * 2);
        for _ in 0..100 {
            place.went_wrong(longest);
        }
        assert_eq!(place.went_wrong(longest), longest);
        place.went_well(1);
        assert_eq!(place.went_wrong(longest), first);
    }
}
