//! `check`: is the store as it must be? Changes nothing, and may run beside the daemons.

use std::io::{self, IsTerminal as _};

use serde_json::json;
use store::Progress;

use crate::answer::Answer;
use crate::fail::{Failure, Kind, Outcome};
use crate::office::Office;

const KEEP: &str = "Stop the daemons and keep a copy of the data directory before anything else.";

/// Runs `check`; progress goes to a terminal's standard error.
pub async fn run(office: &Office) -> Outcome<Answer> {
    let watched = io::stderr().is_terminal();
    let faults = office
        .store
        .check(|progress| {
            if watched {
                show(progress)
            }
        })
        .await
        .map_err(|error| match error {
            store::Error::Corrupt(_) => Failure::from(error).next(KEEP),
            error => error.into(),
        })?;
    if watched {
        eprintln!();
    }
    let faults: Vec<String> = faults.into_iter().map(|fault| fault.0).collect();
    let findings = json!({ "faults": faults });
    if faults.is_empty() {
        return Ok(Answer::done("The store is in order.", findings));
    }
    let text = format!(
        "the store has {} faults:\n  {}",
        faults.len(),
        faults.join("\n  ")
    );
    Err(Failure::new(Kind::Faulty, text)
        .next(KEEP)
        .findings(findings))
}

fn show(progress: Progress) {
    eprint!("\r{} of {} messages", progress.done, progress.total);
}
