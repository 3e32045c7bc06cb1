//! The memory of what is not there (RFC 2308). The resolver's own memory leaves proven absence out, and most questions for mail
//! (TLSA, `_mta-sts`, AAAA) end in it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_proto::rr::{Name, RecordType};

use super::answer::Absence;
use crate::limits::{DNS_ABSENCE_SECONDS_MAX, DNS_ABSENCES_MAX};

/// Bounded in number and in time.
#[derive(Default)]
pub(super) struct Absences {
    entries: Mutex<HashMap<(Name, RecordType), (Absence, Instant)>>,
}

impl Absences {
    /// What is known to be absent at `now`.
    pub(super) fn remembered(&self, key: &(Name, RecordType), now: Instant) -> Option<Absence> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (absence, until) = entries.get(key)?;
        (now < *until).then_some(*absence)
    }

    /// Keeps `absence` for as long as it says, within our limit. When all is full of what still holds, it is not kept: it can be asked
    /// for again.
    pub(super) fn remember(&self, key: (Name, RecordType), absence: Absence, now: Instant) {
        let seconds = absence.seconds.min(DNS_ABSENCE_SECONDS_MAX);
        if seconds == 0 {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= DNS_ABSENCES_MAX {
            entries.retain(|_, (_, until)| now < *until);
        }
        if entries.len() < DNS_ABSENCES_MAX {
            entries.insert(key, (absence, now + Duration::from_secs(seconds)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> (Name, RecordType) {
        let name = Name::from_ascii(format!("n{number}.example.test.")).unwrap_or_default();
        (name, RecordType::TLSA)
    }

    fn lasting(seconds: u64) -> Absence {
        Absence {
            name_exists: false,
            secure: true,
            seconds,
        }
    }

    #[test]
    fn absence_is_believed_for_its_time_and_no_longer_than_an_hour() {
        let absences = Absences::default();
        let now = Instant::now();
        absences.remember(key(1), lasting(60), now);
        absences.remember(key(2), lasting(1 << 31), now);
        absences.remember(key(3), lasting(0), now);
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(absences.remembered(&key(1), after(59)), Some(lasting(60)));
        assert_eq!(absences.remembered(&key(1), after(60)), None);
        assert!(absences.remembered(&key(2), after(3599)).is_some());
        assert_eq!(absences.remembered(&key(2), after(3600)), None);
        assert_eq!(absences.remembered(&key(3), now), None);
    }

    #[test]
    fn the_number_of_absences_is_bounded() {
        let absences = Absences::default();
        let now = Instant::now();
        for number in 0..DNS_ABSENCES_MAX + 10 {
            absences.remember(key(number), lasting(60), now);
        }
        assert_eq!(absences.remembered(&key(DNS_ABSENCES_MAX), now), None);
        let later = now + Duration::from_secs(61);
        absences.remember(key(DNS_ABSENCES_MAX), lasting(60), later);
        assert!(absences.remembered(&key(DNS_ABSENCES_MAX), later).is_some());
    }
}
