//! Whether the DNS can be reached at all. Once a whole message found out nothing because nothing answered, nobody waits for it again
//! for a while.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::DNS_GONE_SECONDS;

/// Since when nothing has answered.
#[derive(Default)]
pub(super) struct Reach {
    gone_since: Mutex<Option<Instant>>,
}

impl Reach {
    /// Whether it makes sense to ask.
    pub(super) fn is_there(&self) -> bool {
        let gone_since = self
            .gone_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        gone_since.is_none_or(|since| since.elapsed() >= Duration::from_secs(DNS_GONE_SECONDS))
    }

    /// Something has answered, or nothing has.
    pub(super) fn note(&self, answered: bool) {
        let mut gone_since = self
            .gone_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !answered {
            tracing::warn!(
                seconds = DNS_GONE_SECONDS,
                "no name server answers: mail is accepted without being verified for a while"
            );
        }
        *gone_since = (!answered).then(Instant::now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_is_enough() {
        let reach = Reach::default();
        assert!(reach.is_there());
        reach.note(false);
        assert!(!reach.is_there());
        reach.note(true);
        assert!(reach.is_there());
    }
}
