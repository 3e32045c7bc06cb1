//! The full-text index: which messages may hold a text.
//!
//! SEARCH wants every message that contains a string, in any language, wherever in a word. The index answers with *candidates*: all messages that
//! do contain it, and some that do not; whoever asked reads the candidates. It never decides that a message matches, only that it does not.
//!
//! ```text
//! message ─ its texts ─► grams ─┐
//! message ─ its texts ─► grams ─┼─► segment ─► blocks of lists: gram ─► documents      (in the background, by one process at a time)
//! message ─ its texts ─► grams ─┘
//!
//! needle ─► grams ─► in each segment what all lists have in common ─► messages ─► UIDs of the mailbox        (a search)
//! ```
//!
//! * A *document* is a message as the copies of one account serve it, with their prefix. To copy or to move a message costs nothing here, and a search costs in
//!   proportion to the account's mail, not to the server's.
//! * A mailbox is indexed **up to a UID** (`mailbox.indexed_next`). UIDs only grow, so that new mail lies above it without anybody saying so: delivery
//!   does nothing for the index, and what lies above is read by the search as if there were no index.
//! * Segments never change. Small ones are merged into larger ones; messages that are gone leave them at that time, or when they are the half.
//! * What removes a message (`sweep`) forgets its documents. A list may still name it; no mailbox has it any more, so nobody is told.
//!
//! Files: `gram` cuts texts, `posting` and `block` write lists, `segment` and `building` make segments of them, `document` reads messages, `round` is the
//! background work, `merge` keeps segments few, `candidates` answers searches, `status` counts, `verify` checks.
//!
//! Failure: an index that cannot be read is an error of the search that asked it. One of another form ([`gram::form`]) is not asked, thrown away and made anew.

mod block;
mod building;
mod candidates;
mod document;
mod gram;
mod merge;
mod posting;
mod round;
mod segment;
mod status;
mod verify;

pub use candidates::Candidates;
pub use document::TextTest;
pub use round::{IndexProgress, Indexing};
pub use status::IndexStatus;

use rusqlite::Connection;

use crate::{MessageId, Result};

/// Forgets a message that is being removed.
pub(crate) fn forget(connection: &Connection, message: i64) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM text_document WHERE message = ?1")?
        .execute([MessageId(message)])?;
    Ok(())
}

/// Whether the index is one that this program reads and writes.
fn is_usable(connection: &Connection) -> Result<bool> {
    let sql = "SELECT form = ?1 AND NOT clearing FROM text_state";
    let mut select = connection.prepare_cached(sql)?;
    Ok(select.query_row([gram::form()], |row| row.get(0))?)
}
