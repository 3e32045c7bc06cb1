//! When a submitted message is to be released (RFC 4865 §4).

use std::fmt;

/// `HOLDFOR` or `HOLDUNTIL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// So many seconds from now.
    For(u32),
    /// Until then.
    Until(jiff::Timestamp),
}

impl Hold {
    /// One to nine digits, the first of them not 0.
    pub(super) fn parse_for(value: &str) -> Option<Hold> {
        let valid = (1..=9).contains(&value.len())
            && !value.starts_with('0')
            && value.bytes().all(|octet| octet.is_ascii_digit());
        valid.then(|| value.parse().ok().map(Hold::For)).flatten()
    }

    /// A date-time of RFC 3339 §5.6, in any zone.
    pub(super) fn parse_until(value: &str) -> Option<Hold> {
        let is_rfc3339 = value
            .as_bytes()
            .get(10)
            .is_some_and(|t| t.eq_ignore_ascii_case(&b'T'));
        is_rfc3339
            .then(|| value.parse().ok().map(Hold::Until))
            .flatten()
    }

    /// When it is to be released, in seconds since 1970; `now` likewise.
    pub fn release(&self, now: i64) -> i64 {
        match self {
            Hold::For(seconds) => now.saturating_add(i64::from(*seconds)),
            Hold::Until(moment) => moment.as_second(),
        }
    }

    /// As notices repeat it (RFC 4865, field Future-Release-Request).
    pub fn request(&self) -> String {
        match self {
            Hold::For(seconds) => format!("for;{seconds}"),
            Hold::Until(moment) => format!("until;{moment}"),
        }
    }
}

/// The parameter as it stands in a command.
impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hold::For(seconds) => write!(f, "HOLDFOR={seconds}"),
            Hold::Until(moment) => write!(f, "HOLDUNTIL={moment}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_held_for_seconds_or_until_a_moment() {
        assert_eq!(
            Hold::parse_for("86400").map(|hold| hold.release(10)),
            Some(86_410)
        );
        let until = Hold::parse_until("2030-01-01T01:00:00+01:00");
        assert_eq!(until.map(|hold| hold.release(10)), Some(1_893_456_000));
        for value in ["", "0", "01", "-1", "1234567890", "1h"] {
            assert_eq!(Hold::parse_for(value), None, "{value}");
        }
        for value in [
            "",
            "2030-01-01",
            "tomorrow",
            "2030-01-01 00:00:00Z",
            "2030-01-01T00:00:00",
        ] {
            assert_eq!(Hold::parse_until(value), None, "{value}");
        }
    }
}
