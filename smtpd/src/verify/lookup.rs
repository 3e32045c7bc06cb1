//! A look-up that runs beside the session, and ends with whoever wanted it.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// A running look-up.
pub(super) struct Lookup<T> {
    task: JoinHandle<T>,
}

impl<T: Send + 'static> Lookup<T> {
    /// Begins.
    pub(super) fn begin(work: impl Future<Output = T> + Send + 'static) -> Lookup<T> {
        Lookup {
            task: tokio::spawn(work),
        }
    }

    /// The result, if it comes before the deadline.
    pub(super) async fn finish(mut self, deadline: Instant) -> Option<T> {
        timeout_at(deadline, &mut self.task).await.ok()?.ok()
    }
}

impl<T> Drop for Lookup<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
