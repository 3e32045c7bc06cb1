//! The end of a daemon in two stages: first no new connections and no new commands, then, after a deadline, no
//! mercy. [`StopSource`] is the one who says so, [`Stop`] what everyone listens to.

use tokio::sync::watch;

/// Orders the end.
#[derive(Debug)]
pub struct StopSource(watch::Sender<bool>);

/// Hears of the end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl StopSource {
    /// A source that has not spoken.
    pub fn new() -> StopSource {
        StopSource(watch::Sender::new(false))
    }

    /// Stage one: all that listen finish what they are doing and leave.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// An ear.
    pub fn subscribe(&self) -> Stop {
        Stop(self.0.subscribe())
    }
}

impl Default for StopSource {
    fn default() -> StopSource {
        StopSource::new()
    }
}

impl Stop {
    /// True from stage one on.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when stage one begins; for ever pending if it never can. Cancel-safe.
    pub async fn requested(&mut self) {
        if self.0.wait_for(|stopping| *stopping).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
