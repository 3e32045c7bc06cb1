//! SEARCH (RFC 3501 §6.4.4; RFC 4731; RFC 5032; RFC 7162 §3.1.5). The work is in [`crate::search`].

use std::sync::Arc;

use daemon::session::Output;
use store::Timestamp;

use crate::fetch::read::Reader;
use crate::grammar::Numbering;
use crate::grammar::response::{Found, Response};
use crate::grammar::search::{Key, ReturnOptions, Search};
use crate::search::{Program, scan};
use crate::session::ImapSession;
use crate::session::dispatch::{Done, Outcome};
use crate::view::View;

/// `RETURN (ALL)`
const EVERYTHING: ReturnOptions = ReturnOptions {
    min: false,
    max: false,
    all: true,
    count: false,
};

impl ImapSession {
    pub(crate) async fn search(
        &mut self,
        tag: &str,
        numbering: Numbering,
        search: Search,
        out: &mut Output,
    ) -> Outcome {
        let by_modseq = search.key.any(&|key| matches!(key, Key::ModSeq(_)));
        if by_modseq {
            self.enable_condstore(out);
        }
        // RFC 9051 §6.4.4: in IMAP4rev2 the answer is always ESEARCH.
        let (store, rev2) = (self.store(), self.enabled.rev2);
        let view = &self.selected()?.view;
        let reader = Reader {
            store,
            account: view.account,
            mailbox: view.mailbox,
        };
        let program = Arc::new(Program::new(&search.key, view, Timestamp::now().seconds));
        let positions = scan(&reader, program, view).await?;
        let returns = search.returns.or(rev2.then_some(EVERYTHING));
        let response = match returns {
            None => {
                let numbers = positions
                    .iter()
                    .filter_map(|&position| number(view, numbering, position))
                    .collect();
                Response::Search(
                    numbers,
                    highest_modseq(view, &positions).filter(|_| by_modseq),
                )
            }
            Some(returns) => {
                let mut found = result(view, numbering, &positions, returns, by_modseq);
                found.tag = tag.to_owned();
                Response::Esearch(found)
            }
        };
        out.put(&response);
        Ok(Done::text("SEARCH completed"))
    }
}

fn number(view: &View, numbering: Numbering, position: usize) -> Option<u32> {
    match numbering {
        Numbering::Sequence => u32::try_from(position + 1).ok(),
        Numbering::Uid => view.rows().uid(position),
    }
}

fn highest_modseq(view: &View, positions: &[usize]) -> Option<u64> {
    positions
        .iter()
        .filter_map(|&position| view.rows().at(position))
        .map(|row| row.modseq)
        .max()
}

fn result(
    view: &View,
    numbering: Numbering,
    positions: &[usize],
    returns: ReturnOptions,
    by_modseq: bool,
) -> Found {
    let number = |position: &usize| number(view, numbering, *position);
    let (first, last) = (positions.first().copied(), positions.last().copied());
    // RFC 4731 §3.2: the mod-sequence is that of the messages told of; those are all unless only MIN or MAX is asked for.
    let told: Vec<usize> = match (returns.all || returns.count, returns.min, returns.max) {
        (true, ..) => positions.to_vec(),
        (false, min, max) => first
            .filter(|_| min)
            .into_iter()
            .chain(last.filter(|_| max))
            .collect(),
    };
    Found {
        tag: String::new(),
        uid: numbering == Numbering::Uid,
        min: first.filter(|_| returns.min).as_ref().and_then(number),
        max: last.filter(|_| returns.max).as_ref().and_then(number),
        count: returns
            .count
            .then(|| u32::try_from(positions.len()).unwrap_or(u32::MAX)),
        all: returns
            .all
            .then(|| positions.iter().filter_map(number).collect()),
        modseq: highest_modseq(view, &told).filter(|_| by_modseq),
    }
}
