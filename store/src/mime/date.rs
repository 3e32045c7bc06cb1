//! The Date field as a time.
//!
//! Failure: None for a date that cannot be read or cannot be. mail-parser reads it; what is checked here is
//! whether it is a date at all.

use mail_parser::DateTime;

use super::index::SentDate;

/// The time that a Date field tells. A missing zone is read as UTC.
pub(super) fn sent(text: &str) -> Option<SentDate> {
    let time = DateTime::parse_rfc822(text)
        .or_else(|| DateTime::parse_rfc822(&format!("{text} +0000")))?;
    // A leap second is a fine second, and mail-parser's check refuses it.
    let plausible = DateTime {
        second: time.second.min(59),
        ..time
    }
    .is_valid();
    if !plausible || time.second > 60 {
        return None;
    }
    let offset = i16::from(time.tz_hour) * 60 + i16::from(time.tz_minute);
    Some(SentDate {
        seconds: time.to_timestamp(),
        offset_minutes: if time.tz_before_gmt { -offset } else { offset },
    })
}
