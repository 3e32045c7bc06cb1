//! What has been done so far, told as it happens, each step with its time.

use std::time::{Duration, Instant};

use serde::Serialize;

/// The steps of a run.
pub struct Steps {
    silent: bool,
    last: Instant,
    taken: Vec<Step>,
}

/// One step.
#[derive(Debug, Serialize)]
pub struct Step {
    /// What was done.
    pub step: String,
    /// How long it took.
    pub milliseconds: u64,
}

impl Steps {
    /// Begins; a silent run tells its steps at the end only.
    pub fn begin(silent: bool) -> Self {
        Steps {
            silent,
            last: Instant::now(),
            taken: Vec::new(),
        }
    }

    /// A step is done.
    pub fn done(&mut self, step: impl Into<String>) {
        let now = Instant::now();
        let took = now.duration_since(self.last);
        self.last = now;
        let step = Step {
            step: step.into(),
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        if !self.silent {
            println!("{:>6} ms  {}", step.milliseconds, step.step);
        }
        self.taken.push(step);
    }

    /// All of them.
    pub fn taken(&self) -> &[Step] {
        &self.taken
    }

    /// How long they took together.
    pub fn total(&self) -> Duration {
        Duration::from_millis(self.taken.iter().map(|step| step.milliseconds).sum())
    }
}
