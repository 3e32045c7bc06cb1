//! `check`: is the store as it must be? Changes nothing, and may run beside the daemons.

use std::io::{self, IsTerminal as _};

use serde::Serialize;
use store::Progress;

use crate::answer::Answer;
use crate::fail::{Failure, Kind, Outcome};
use crate::office::Office;

/// The result as it is printed.
#[derive(Serialize)]
struct Clean {
    faults: [&'static str; 0],
}

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
        .await?;
    if watched {
        eprintln!();
    }
    if faults.is_empty() {
        let clean = serde_json::json!(Clean { faults: [] });
        return Ok(Answer::done("The store is in order.", clean));
    }
    let lines: Vec<String> = faults.iter().map(|fault| fault.0.clone()).collect();
    let text = format!(
        "the store has {} faults:\n  {}",
        lines.len(),
        lines.join("\n  ")
    );
    Err(Failure::new(Kind::Faulty, text)
        .next("Stop the daemons and keep a copy of the data directory before anything else."))
}

fn show(progress: Progress) {
    eprint!("\r{} of {} messages", progress.done, progress.total);
}
