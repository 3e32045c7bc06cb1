//! `trace`: the journey of a message, from the journal: from whom it came, where it was filed, each attempt to send it on.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;
use store::{MessageId, Trace};

use super::moment;
use crate::answer::Answer;
use crate::cli;
use crate::fail::{Failure, Kind, Outcome};
use crate::office::Office;

/// A journey as it is printed.
#[derive(Serialize)]
struct Shown {
    id: String,
    events: Vec<Event>,
}

/// One step of it.
#[derive(Serialize)]
struct Event {
    at: String,
    event: String,
    detail: String,
    #[serde(skip)]
    at_local: String,
}

impl From<&Trace> for Shown {
    fn from(trace: &Trace) -> Self {
        let event = |line: &store::JournalLine| Event {
            at: moment::rfc3339(line.at),
            at_local: moment::local(line.at),
            event: line.event.clone(),
            detail: line.detail.clone(),
        };
        Shown {
            id: trace.message.printed(),
            events: trace.lines.iter().map(event).collect(),
        }
    }
}

/// Runs `trace`.
pub async fn run(options: &cli::Trace, office: &Office) -> Outcome<Answer> {
    let traces = match options.what.parse::<MessageId>() {
        Ok(id) => vec![office.store.trace(id).await?],
        Err(_) => office.store.traces_with(&options.what).await?,
    };
    let shown: Vec<Shown> = traces
        .iter()
        .filter(|trace| !trace.lines.is_empty())
        .map(Shown::from)
        .collect();
    if shown.is_empty() {
        let text = format!("nothing is known of {}", options.what);
        return Err(Failure::new(Kind::NotFound, text).next(
            "The journal is kept for `log.journal_days`; a Message-ID is found with its angle brackets or without. What was refused is in \
             smtpd's log alone: look for the address there.",
        ));
    }
    let text = shown.iter().map(told).collect::<Vec<_>>().join("\n");
    Ok(Answer::text(text, json!(shown)))
}

fn told(shown: &Shown) -> String {
    let mut text = format!("{}\n", shown.id);
    for event in &shown.events {
        let _ = writeln!(
            text,
            "{}  {:9}  {}",
            event.at_local, event.event, event.detail
        );
    }
    text
}
