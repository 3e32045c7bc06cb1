//! What became of an attempt: each recipient is delivered, deferred or given up.
//!
//! All that one attempt decided about a message is one transaction, together with the
//! notices to its sender, so nothing is told twice and nothing is forgotten.

use rusqlite::{Connection, OptionalExtension, params};

use super::lease::{Lessee, refresh_destination};
use crate::accept::{Acceptance, Filing, Relay, accept_in, enqueue_recipient, file};
use crate::journal::{self, Event};
use crate::timestamp::now_seconds;
use crate::writer::Tx;
use crate::{Error, MessageId, RelayId, Result, sweep};

/// Somebody else has settled it, or it never was leased here.
const NOT_LEASED: Error = Error::NotFound("leased recipient");

/// What became of one recipient.
#[derive(Debug)]
pub enum Outcome {
    /// The other host has taken responsibility.
    Delivered,
    /// Another attempt is due then; seconds since 1970.
    Deferred {
        /// When.
        due: i64,
        /// When the sender is to be told of the delay; `None`: told now, or not wanted.
        notice_due: Option<i64>,
    },
    /// Given up.
    Failed,
    /// Nothing was attempted: it is due again at once, and no attempt is counted.
    Untried,
    /// Its domain has become one of ours: it is filed here, and goes on to where aliases lead.
    Local {
        /// Copies for accounts here.
        filings: Vec<Filing>,
        /// Recipients elsewhere in its place.
        relays: Vec<Relay>,
    },
}

/// The outcome for one recipient, with what the other host said.
#[derive(Debug)]
pub struct Settlement {
    /// Which recipient.
    pub relay: RelayId,
    /// Its forward-path, for the journal.
    pub recipient: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Host, TLS and reply in full.
    pub reply: String,
}

impl Lessee {
    /// Settles recipients of a leased message, and accepts the notices about them. `NotFound`, and nothing is done, if
    /// one of them is not leased by this process.
    pub async fn settle(
        &self,
        message: MessageId,
        domain: &str,
        settlements: Vec<Settlement>,
        notices: Vec<Acceptance>,
    ) -> Result<()> {
        let (domain, owner) = (domain.to_owned(), self.owner);
        self.store
            .write(move |tx| {
                for settlement in &settlements {
                    settle_one(tx, message, owner, settlement)?;
                }
                for notice in &notices {
                    accept_in(tx, notice)?;
                }
                finish_message(tx, message)?;
                refresh_destination(tx.connection, &domain)
            })
            .await
    }

    /// No work for this destination before then: all its hosts have failed.
    pub async fn back_off(&self, domain: &str, until: i64) -> Result<()> {
        let domain = domain.to_owned();
        self.store
            .write(move |tx| {
                // All of it may be leased, and mail to come shall wait nevertheless.
                let sql = "INSERT INTO destination (domain, due, not_before) VALUES (?1, ?2, ?2)
                           ON CONFLICT DO UPDATE SET not_before = ?2, due = max(due, ?2)";
                tx.connection
                    .prepare_cached(sql)?
                    .execute(params![domain, until])?;
                Ok(())
            })
            .await
    }
}

fn settle_one(
    tx: &mut Tx<'_>,
    message: MessageId,
    owner: i64,
    settlement: &Settlement,
) -> Result<()> {
    if let Some(event) = event(&settlement.outcome) {
        let detail = format!("<{}>: {}", settlement.recipient, settlement.reply);
        journal::record(tx.connection, message, event, &detail)?;
    }
    match &settlement.outcome {
        Outcome::Untried => put_back(tx.connection, settlement.relay, owner),
        Outcome::Delivered | Outcome::Failed => remove(tx.connection, settlement.relay, owner),
        Outcome::Deferred { due, notice_due } => {
            defer(tx.connection, settlement, owner, *due, *notice_due)
        }
        Outcome::Local { filings, relays } => {
            let sender = remove_returning_sender(tx.connection, settlement.relay, owner)?;
            let sql = "SELECT size FROM message WHERE id = ?1";
            let mut select = tx.connection.prepare_cached(sql)?;
            let size = select.query_row([message], |row| row.get::<_, i64>(0))? as u64;
            for filing in filings {
                file(tx, message, size, filing)?;
            }
            for relay in relays {
                enqueue_recipient(tx, message, sender, relay)?;
            }
            Ok(())
        }
    }
}

/// What the journal calls it.
fn event(outcome: &Outcome) -> Option<Event> {
    match outcome {
        Outcome::Delivered => Some(Event::Delivered),
        Outcome::Failed => Some(Event::Failed),
        Outcome::Deferred { .. } => Some(Event::Deferred),
        Outcome::Local { .. } => Some(Event::Local),
        Outcome::Untried => None,
    }
}

fn put_back(connection: &Connection, relay: RelayId, owner: i64) -> Result<()> {
    let sql =
        "UPDATE relay SET state = 'waiting', owner = NULL, due = ?3 WHERE id = ?1 AND owner = ?2";
    let values = params![relay, owner, now_seconds()];
    match connection.prepare_cached(sql)?.execute(values)? {
        0 => Err(NOT_LEASED),
        _ => Ok(()),
    }
}

fn remove(connection: &Connection, relay: RelayId, owner: i64) -> Result<()> {
    remove_returning_sender(connection, relay, owner).map(drop)
}

fn remove_returning_sender(connection: &Connection, relay: RelayId, owner: i64) -> Result<i64> {
    let sql = "DELETE FROM relay WHERE id = ?1 AND owner = ?2 RETURNING sender";
    let removed = connection
        .prepare_cached(sql)?
        .query_row(params![relay, owner], |row| row.get(0))
        .optional()?;
    removed.ok_or(NOT_LEASED)
}

fn defer(
    connection: &Connection,
    settlement: &Settlement,
    owner: i64,
    due: i64,
    notice_due: Option<i64>,
) -> Result<()> {
    let sql = "UPDATE relay SET state = 'waiting', owner = NULL, due = ?3, notice_due = ?4, attempts = attempts + 1,
                   last_attempt = ?5, last_reply = ?6 WHERE id = ?1 AND owner = ?2";
    let values = params![
        settlement.relay,
        owner,
        due,
        notice_due,
        now_seconds(),
        settlement.reply
    ];
    match connection.prepare_cached(sql)?.execute(values)? {
        0 => Err(NOT_LEASED),
        _ => Ok(()),
    }
}

/// A message that nobody waits for any more leaves the queue.
pub(super) fn finish_message(tx: &mut Tx<'_>, message: MessageId) -> Result<()> {
    let sql = "DELETE FROM outbound WHERE message = ?1 AND NOT EXISTS (SELECT 1 FROM relay WHERE relay.message = ?1)";
    if tx.connection.prepare_cached(sql)?.execute([message])? > 0 {
        sweep::leave(tx.connection, message.0)?;
    }
    Ok(())
}
