//! The journal: what happened to each message, for the question "where is my message?".
//!
//! An event is one row: when, what, and a line of detail for people. Rows are written in the
//! transaction that does what they tell. They outlive the message by
//! [`crate::Options::journal_days`].

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::timestamp::now_seconds;
use crate::{MessageId, Result, Store};

/// Octets of detail that are kept: a hostile host cannot fill the journal with its replies.
const DETAIL_OCTETS_MAX: usize = 4096;
/// Rows removed in one transaction when they are old.
const PRUNE_BATCH: i64 = 5000;
/// Journals that one question gives.
const TRACES_MAX: i64 = 100;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Taken from a client or made here.
    Accepted,
    /// Thrown away, as a filter wanted it.
    Discarded,
    /// Put into a mailbox here.
    Filed,
    /// Put into the queue for a recipient elsewhere.
    Queued,
    /// Taken over by another host.
    Delivered,
    /// An attempt failed; there will be another.
    Deferred,
    /// Given up.
    Failed,
    /// Its domain is one of ours by now.
    Local,
    /// The administrator wants an attempt now.
    Retried,
    /// The administrator holds it.
    Held,
    /// The administrator lets it go.
    Released,
    /// The administrator dropped it.
    Dropped,
    /// The administrator gave it up.
    Expired,
}

impl Event {
    const NAMES: [(Event, &'static str); 13] = [
        (Event::Accepted, "accepted"),
        (Event::Discarded, "discarded"),
        (Event::Filed, "filed"),
        (Event::Queued, "queued"),
        (Event::Delivered, "delivered"),
        (Event::Deferred, "deferred"),
        (Event::Failed, "failed"),
        (Event::Local, "local"),
        (Event::Retried, "retried"),
        (Event::Held, "held"),
        (Event::Released, "released"),
        (Event::Dropped, "dropped"),
        (Event::Expired, "expired"),
    ];

    /// One word.
    pub fn name(self) -> &'static str {
        Event::NAMES
            .iter()
            .find(|(event, _)| *event == self)
            .map_or("", |(_, name)| name)
    }
}

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalLine {
    /// Seconds since 1970.
    pub at: i64,
    /// What happened; one word.
    pub event: String,
    /// The rest of the story, for people.
    pub detail: String,
}

/// The journey of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The message.
    pub message: MessageId,
    /// What happened, in order.
    pub lines: Vec<JournalLine>,
}

impl Store {
    /// The journey of a message; empty if nothing is known of it.
    pub async fn trace(&self, message: MessageId) -> Result<Trace> {
        self.read(move |connection| trace(connection, message))
            .await
    }

    /// The journeys of all messages whose acceptance or destination mentions `text` (a Message-ID, an address), in whatever case. Looks through the
    /// whole journal, the newest messages first.
    pub async fn traces_with(&self, text: &str) -> Result<Vec<Trace>> {
        let text = text.to_owned();
        self.read(move |connection| {
            let sql = "SELECT message FROM journal WHERE event IN ('accepted', 'filed', 'queued') AND instr(lower(detail), lower(?1)) > 0
                       GROUP BY message ORDER BY max(seq) DESC LIMIT ?2";
            let mut select = connection.prepare(sql)?;
            let found = select.query_map(params![text, TRACES_MAX], |row| row.get(0))?;
            let messages: Vec<MessageId> = found.collect::<rusqlite::Result<_>>()?;
            messages.into_iter().map(|message| trace(connection, message)).collect()
        })
        .await
    }

    /// Removes what is older than the operator wants to know. False when nothing is left to remove.
    pub(crate) async fn prune_journal(&self) -> Result<bool> {
        let before = now_seconds() - i64::from(self.inner.options.journal_days) * 86_400;
        let sql = "SELECT at < ?1 FROM journal ORDER BY seq LIMIT 1";
        let old = self
            .read(move |connection| {
                Ok(connection
                    .query_row(sql, [before], |row| row.get(0))
                    .optional()?)
            })
            .await?;
        if old != Some(true) {
            return Ok(false);
        }
        self.write(move |tx| {
            let sql = "DELETE FROM journal WHERE seq IN (SELECT seq FROM journal ORDER BY seq LIMIT ?2) AND at < ?1";
            Ok(tx.connection.execute(sql, params![before, PRUNE_BATCH])? > 0)
        })
        .await
    }
}

/// Adds a line.
pub(crate) fn record(
    connection: &Connection,
    message: MessageId,
    event: Event,
    detail: &str,
) -> Result<()> {
    let detail = &detail[..detail.floor_char_boundary(DETAIL_OCTETS_MAX)];
    let sql = "INSERT INTO journal (message, at, event, detail) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute(params![
        message,
        now_seconds(),
        event.name(),
        detail
    ])?;
    Ok(())
}

fn trace(connection: &Connection, message: MessageId) -> Result<Trace> {
    let sql = "SELECT at, event, detail FROM journal WHERE message = ?1 ORDER BY seq";
    let mut select = connection.prepare_cached(sql)?;
    let line = |row: &Row<'_>| {
        Ok(JournalLine {
            at: row.get(0)?,
            event: row.get(1)?,
            detail: row.get(2)?,
        })
    };
    Ok(Trace {
        message,
        lines: select
            .query_map([message], line)?
            .collect::<rusqlite::Result<_>>()?,
    })
}
