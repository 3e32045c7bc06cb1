//! A deadline that moves for each frame without touching the timer for each frame.
//!
//! The timer is only ever set forward to a time that has not come yet; when it goes off too early, because the deadline
//! has moved on meanwhile, it is set again.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

pub(crate) struct Deadline {
    at: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Deadline {
    pub(crate) fn after(time: Duration) -> Deadline {
        let at = instant_after(time);
        Deadline {
            at,
            timer: Box::pin(sleep_until(at)),
        }
    }

    /// Moves the deadline.
    pub(crate) fn set_after(&mut self, time: Duration) {
        self.at = instant_after(time);
        if self.at < self.timer.deadline() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(self.at);
        }
    }

    /// Ready when the deadline has passed.
    pub(crate) fn poll_passed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            if self.at <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.at);
        }
        Poll::Pending
    }
}

/// A time so long that it cannot be counted means a year.
fn instant_after(time: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    Instant::now() + time.min(YEAR)
}
