//! How many connections there may be: in all, and from one range of addresses. A [`Seat`] is given back when dropped.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::Limits;
use crate::range::Range;

/// Counts the connections of a daemon. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Admission(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    all: usize,
    ranges: HashMap<Range, usize>,
}

/// A connection's place.
pub(crate) struct Seat {
    admission: Admission,
    range: Option<Range>,
}

impl Admission {
    /// A place among all connections, or None if there is none.
    pub(crate) fn enter(&self, limits: &Limits) -> Option<Seat> {
        let mut counts = self.lock();
        if counts.all >= limits.connections {
            return None;
        }
        counts.all += 1;
        Some(Seat {
            admission: self.clone(),
            range: None,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Counts the connection for its address too; None if that has too many. Loopback always has room: a proxy or
    /// webmail on this machine speaks for many.
    pub(crate) fn sit(mut self, address: IpAddr, limits: &Limits) -> Option<Seat> {
        if address.is_loopback() {
            return Some(self);
        }
        let range = Range::narrow(address);
        let mut counts = self.admission.lock();
        let count = counts.ranges.entry(range).or_insert(0);
        if *count >= limits.connections_per_address {
            drop(counts);
            return None;
        }
        *count += 1;
        drop(counts);
        self.range = Some(range);
        Some(self)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut counts = self.admission.lock();
        counts.all -= 1;
        let Some(range) = self.range else { return };
        if let Some(count) = counts.ranges.get_mut(&range) {
            *count -= 1;
            if *count == 0 {
                counts.ranges.remove(&range);
            }
        }
    }
}
