//! Points in time, with the zone in which they were given.
//!
//! IMAP's SEARCH keys compare the date as it was written, "disregarding time and timezone"
//! (RFC 3501 §6.4.4), so an internal date keeps its zone.

use std::time::{SystemTime, UNIX_EPOCH};

/// A date-time as IMAP and SMTP use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
}

impl Timestamp {
    /// The present time, in UTC.
    pub fn now() -> Timestamp {
        Timestamp {
            seconds: now_seconds(),
            offset_minutes: 0,
        }
    }
}

/// Seconds since 1970.
pub(crate) fn now_seconds() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs() as i64)
}
