//! How many messages and recipients an account, or an address of the world, may send in a time.
//!
//! Each sender has a bucket that fills at an even rate up to its limit; what is sent is taken out. An address counts for itself (IPv4)
//! or for its /64 (IPv6), and, with four times as much, for its /48. Memory is bounded: when there are too many senders, those whose
//! buckets are full again are forgotten.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use daemon::range::Range;
use store::AccountId;

use crate::limits::{RATE_SENDERS_MAX, RATE_WIDE_FACTOR};

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Sender {
    Account(AccountId),
    Range(Range),
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Messages.
    Message,
    /// Recipients.
    Recipient,
}

/// So many in so many seconds; 0: as many as one likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many.
    pub count: u64,
    /// In which time.
    pub seconds: u64,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    filled: Instant,
}

/// The buckets of all senders.
#[derive(Default)]
pub struct Rates {
    buckets: Mutex<HashMap<(Sender, Unit), Bucket>>,
}

impl Rates {
    /// Takes one of an account's; false if there is none left.
    pub fn take_of_account(&self, account: AccountId, unit: Unit, limit: Limit) -> bool {
        self.take(&[(Sender::Account(account), limit)], unit, Instant::now())
    }

    /// Takes one of an address's; false if there is none left.
    pub fn take_of_address(&self, address: IpAddr, unit: Unit, limit: Limit) -> bool {
        let wide = Limit {
            count: limit.count * RATE_WIDE_FACTOR,
            ..limit
        };
        let narrow = (Sender::Range(Range::narrow(address)), limit);
        let wide = (Sender::Range(Range::wide(address)), wide);
        // They are the same for IPv4.
        match narrow.0 == wide.0 {
            true => self.take(&[narrow], unit, Instant::now()),
            false => self.take(&[narrow, wide], unit, Instant::now()),
        }
    }

    /// Takes one out of each, or none out of any.
    fn take(&self, senders: &[(Sender, Limit)], unit: Unit, now: Instant) -> bool {
        if senders.iter().any(|(_, limit)| limit.count == 0) {
            return true;
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= RATE_SENDERS_MAX {
            forget(&mut buckets, now);
        }
        let filled: Vec<((Sender, Unit), f64)> = senders
            .iter()
            .map(|(sender, limit)| {
                let key = (*sender, unit);
                (key, limit.left(buckets.get(&key), now))
            })
            .collect();
        if filled.iter().any(|(_, left)| *left < 1.0) {
            return false;
        }
        for (key, left) in filled {
            let left = left - 1.0;
            buckets.insert(key, Bucket { left, filled: now });
        }
        true
    }
}

impl Limit {
    /// What is in a bucket now.
    fn left(self, bucket: Option<&Bucket>, now: Instant) -> f64 {
        let full = self.count as f64;
        let Some(bucket) = bucket else {
            return full;
        };
        let seconds = now.duration_since(bucket.filled).as_secs_f64();
        (bucket.left + seconds * full / self.seconds.max(1) as f64).min(full)
    }
}

/// Makes room: who has sent nothing for the longest time is forgotten first, half of all.
fn forget<K: Eq + Hash + Copy>(buckets: &mut HashMap<K, Bucket>, now: Instant) {
    let mut ages: Vec<Instant> = buckets.values().map(|bucket| bucket.filled).collect();
    let middle = ages.len() / 2;
    let (_, middle, _) = ages.select_nth_unstable(middle);
    let oldest = (*middle).min(now);
    buckets.retain(|_, bucket| bucket.filled > oldest);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMIT: Limit = Limit {
        count: 3,
        seconds: 60,
    };

    fn account(number: i64) -> [(Sender, Limit); 1] {
        [(Sender::Account(AccountId(number)), LIMIT)]
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let rates = Rates::default();
        let start = Instant::now();
        let take = |seconds| {
            let now = start + Duration::from_secs(seconds);
            rates.take(&account(1), Unit::Message, now)
        };
        assert_eq!(
            [take(0), take(0), take(0), take(0)],
            [true, true, true, false]
        );
        assert!(!take(19));
        assert!(take(20));
        assert!(!take(21));
        assert!(rates.take(&account(1), Unit::Recipient, start));
        assert!(rates.take(&account(2), Unit::Message, start));
    }

    #[test]
    fn a_network_of_many_addresses_is_counted_as_one() {
        let rates = Rates::default();
        let taken = |network: u16| {
            let address = format!("2001:db8:1:{network:x}::1").parse().unwrap();
            rates.take_of_address(address, Unit::Message, LIMIT)
        };
        let count = (0..100).filter(|network| taken(*network)).count();
        assert_eq!(count, 3 * RATE_WIDE_FACTOR as usize);
    }

    #[test]
    fn nought_is_no_limit_and_memory_is_bounded() {
        let rates = Rates::default();
        let unlimited = Limit { count: 0, ..LIMIT };
        assert!((0..10).all(|_| rates.take_of_account(AccountId(1), Unit::Message, unlimited)));
        let start = Instant::now();
        for number in 0..RATE_SENDERS_MAX as i64 + 10 {
            let now = start + Duration::from_millis(number as u64);
            rates.take(&account(number), Unit::Message, now);
        }
        assert!(rates.buckets.lock().unwrap().len() < RATE_SENDERS_MAX);
    }
}
