//! `index`: the full-text index. imapd keeps it by itself; here it is brought up to date at once, made anew, or looked at.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use serde_json::json;
use store::{IndexProgress, IndexStatus, Indexing, Store};

use crate::answer::{Answer, octets};
use crate::cli::Index;
use crate::fail::Outcome;
use crate::office::Office;

/// How often to ask for the turn while another process has it.
const TURN_WAIT: Duration = Duration::from_millis(200);

/// Runs `index`.
pub async fn run(options: &Index, office: &Office) -> Outcome<Answer> {
    let store = &office.store;
    if options.rebuild || options.drop {
        while store.drop_index().await? == Indexing::Elsewhere {
            tokio::time::sleep(TURN_WAIT).await;
        }
    }
    if !options.drop && !options.status {
        bring_up_to_date(store).await?;
    }
    Ok(tell(store.index_status().await?))
}

/// Indexes what waits. Another process that is at it is let finish: it may be nearly done.
async fn bring_up_to_date(store: &Store) -> Outcome<()> {
    let watched = io::stderr().is_terminal();
    let show = |progress: IndexProgress| {
        if watched {
            eprint!("\r{} of {} messages", progress.done, progress.total);
        }
    };
    while store.index(show).await? == Indexing::Elsewhere {
        let waiting = store.index_status().await?.waiting;
        if watched {
            eprint!("\ranother process is at it: {waiting} messages wait ");
        }
        tokio::time::sleep(TURN_WAIT).await;
    }
    if watched {
        eprintln!();
    }
    Ok(())
}

fn tell(status: IndexStatus) -> Answer {
    let json = json!({
        "indexed": status.indexed,
        "waiting": status.waiting,
        "octets": status.octets,
    });
    let lines = [
        ("indexed", format!("{} messages", status.indexed)),
        ("waiting", format!("{} messages", status.waiting)),
        ("size", octets(status.octets)),
    ];
    Answer::record(&json, &lines)
}
