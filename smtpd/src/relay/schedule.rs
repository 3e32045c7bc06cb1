//! When a recipient is tried again, when its sender is told of the delay, and when it is given up.
//!
//! Pure: the clock and chance are arguments.

use std::time::Duration;

use daemon::config::Relay as Settings;

/// Less than that before its end a recipient is not tried again.
const LAST_SECONDS: i64 = 60;

/// What is known of a recipient that was not reached; times in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unreached {
    /// Attempts, with the one just made.
    pub(super) attempts: u32,
    /// No attempt begins later.
    pub(super) expires: i64,
    /// When the sender is to be told of the delay.
    pub(super) notice_due: Option<i64>,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another attempt.
    Retry {
        /// When.
        due: i64,
        /// The sender is told of the delay now.
        notify: bool,
        /// When the sender is to be told, if not now.
        notice_due: Option<i64>,
    },
    /// Nothing more.
    GiveUp,
}

/// Decides. `chance` is any number from 0 to 1.
pub(super) fn next(unreached: Unreached, settings: &Settings, now: i64, chance: f64) -> Next {
    let Unreached {
        attempts,
        expires,
        notice_due,
    } = unreached;
    if now + LAST_SECONDS >= expires {
        return Next::GiveUp;
    }
    let wait = jittered(
        settings.retry_after(attempts),
        settings.retry_jitter_percent,
        chance,
    );
    // One last attempt at the end, and one when the sender would be told, so that what he is told is true.
    let mut due = now
        .saturating_add_unsigned(wait)
        .min(expires - LAST_SECONDS);
    let notify = notice_due.is_some_and(|notice_due| notice_due <= now);
    let notice_due = notice_due.filter(|_| !notify);
    if let Some(notice_due) = notice_due {
        due = due.min(notice_due.max(now + LAST_SECONDS));
    }
    Next::Retry {
        due,
        notify,
        notice_due,
    }
}

/// The wait in seconds, up to `percent` shorter or longer.
fn jittered(wait: Duration, percent: u64, chance: f64) -> u64 {
    let spread = percent as f64 / 100.0;
    let factor = 1.0 - spread + 2.0 * spread * chance.clamp(0.0, 1.0);
    (wait.as_secs_f64() * factor) as u64
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn settings() -> Settings {
        let text = "hostname = 'mail.example.test'\ndata_dir = '/data'\n\
            [relay]\nretry_minutes = [5, 10]\nretry_jitter_percent = 20";
        let config = daemon::config::Config::parse(Path::new("x.toml"), text);
        config.unwrap().relay
    }

    fn next_of(attempts: u32, expires: i64, notice_due: Option<i64>, chance: f64) -> Next {
        let unreached = Unreached {
            attempts,
            expires,
            notice_due,
        };
        next(unreached, &settings(), 0, chance)
    }

    fn due(next: Next) -> i64 {
        match next {
            Next::Retry { due, .. } => due,
            Next::GiveUp => panic!("given up"),
        }
    }

    #[test]
    fn waits_follow_the_list_and_repeat_its_end() {
        let dues = [1, 2, 3, 1000].map(|attempts| due(next_of(attempts, 100_000, None, 0.5)));
        assert_eq!(dues, [300, 600, 600, 600]);
    }

    #[test]
    fn jitter_stays_within_its_bounds() {
        assert_eq!(due(next_of(1, 100_000, None, 0.0)), 240);
        assert_eq!(due(next_of(1, 100_000, None, 1.0)), 360);
    }

    #[test]
    fn the_last_attempt_is_made_at_the_end_and_none_after_it() {
        assert_eq!(due(next_of(1, 200, None, 0.5)), 140);
        assert_eq!(next_of(1, 60, None, 0.5), Next::GiveUp);
        assert_eq!(next_of(1, -5, None, 0.5), Next::GiveUp);
    }

    #[test]
    fn the_sender_is_told_once_and_in_time() {
        let early = next_of(1, 100_000, Some(120), 0.5);
        let at_notice = Next::Retry {
            due: 120,
            notify: false,
            notice_due: Some(120),
        };
        assert_eq!(early, at_notice);
        let told = Next::Retry {
            due: 300,
            notify: true,
            notice_due: None,
        };
        assert_eq!(next_of(1, 100_000, Some(0), 0.5), told);
    }
}
