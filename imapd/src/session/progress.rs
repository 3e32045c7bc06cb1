//! Tells a client that a long command is still at work, and how far it has come (RFC 9585).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use daemon::session::Output;

use super::ImapSession;
use super::reject::Reject;
use crate::grammar::capability::Capability;
use crate::grammar::code::Code;
use crate::grammar::response::{Condition, Response};
use crate::limits::PROGRESS_SECONDS;

/// How far a command has come: counted by who does the work, read by who tells of it.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// So many more are done.
    pub fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// What may be told, of `goal` in all: RFC 9585 §4 wants less than the goal.
    fn of(&self, goal: u64) -> Option<(u64, u64)> {
        let done = self.0.load(Ordering::Relaxed);
        (goal > 0).then(|| (done.min(goal - 1), goal))
    }
}

/// Who tells of a command's progress.
pub(crate) struct Reporter {
    tag: String,
    offered: bool,
}

impl ImapSession {
    /// A reporter for the command with this tag.
    pub(crate) fn reporter(&self, tag: &str) -> Reporter {
        Reporter {
            tag: tag.to_owned(),
            offered: self.offers(Capability::InProgress),
        }
    }
}

impl Reporter {
    /// Waits for `work`, and tells meanwhile how far it has come. A `goal` of nothing says that nobody knows.
    pub(crate) async fn watch<T>(
        &self,
        work: impl Future<Output = T>,
        progress: &Progress,
        goal: u64,
        out: &mut Output,
    ) -> Result<T, Reject> {
        let mut work = std::pin::pin!(work);
        loop {
            let pause = tokio::time::sleep(Duration::from_secs(PROGRESS_SECONDS));
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = pause, if self.offered => {
                    out.put(&self.response(progress, goal));
                    out.flush().await?;
                }
            }
        }
    }

    /// Waits for `work` of which it is not known how far it has come.
    pub(crate) async fn wait<T>(
        &self,
        work: impl Future<Output = T>,
        out: &mut Output,
    ) -> Result<T, Reject> {
        self.watch(work, &Progress::default(), 0, out).await
    }

    fn response(&self, progress: &Progress, goal: u64) -> Response {
        let code = Code::InProgress {
            tag: self.tag.clone(),
            done: progress.of(goal),
        };
        Response::Untagged(Condition::Ok, Some(code), "Still at it".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daemon::session::Encode;

    fn line(progress: &Progress, goal: u64) -> String {
        let reporter = Reporter {
            tag: "A001".to_owned(),
            offered: true,
        };
        let mut octets = Vec::new();
        reporter.response(progress, goal).encode(&mut octets);
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn progress_stays_below_its_goal() {
        let progress = Progress::default();
        assert_eq!(
            line(&progress, 0),
            "* OK [INPROGRESS (\"A001\" NIL NIL)] Still at it\r\n"
        );
        progress.add(454);
        assert_eq!(
            line(&progress, 1000),
            "* OK [INPROGRESS (\"A001\" 454 1000)] Still at it\r\n"
        );
        let odd = Reporter {
            tag: "a]".to_owned(),
            offered: true,
        };
        let mut octets = Vec::new();
        odd.response(&progress, 1000).encode(&mut octets);
        assert!(octets.starts_with(b"* OK [INPROGRESS (NIL 454 1000)]"));
        progress.add(546);
        assert!(line(&progress, 1000).contains("999 1000"));
    }

    #[tokio::test(start_paused = true)]
    async fn long_work_is_told_of() {
        let mut out = Output::detached();
        let reporter = Reporter {
            tag: "a".to_owned(),
            offered: true,
        };
        let work = tokio::time::sleep(Duration::from_secs(25));
        reporter.wait(work, &mut out).await.unwrap();
        let told = String::from_utf8(out.take()).unwrap();
        assert_eq!(told.matches("[INPROGRESS (\"a\" NIL NIL)]").count(), 2);
        // Not to who has not been offered it.
        let silent = Reporter {
            offered: false,
            ..reporter
        };
        let work = tokio::time::sleep(Duration::from_secs(25));
        silent.wait(work, &mut out).await.unwrap();
        assert!(out.take().is_empty());
    }
}
