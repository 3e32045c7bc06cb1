//! What became of an attempt: each recipient is delivered, deferred or given up.
//!
//! All that one attempt decided about a message is one transaction, together with the
//! notices to its sender, so nothing is told twice and nothing is forgotten.

use rusqlite::{Connection, params};

use super::lease::{Lessee, refresh_destination};
use crate::accept::{Acceptance, accept_in};
use crate::journal::{self, Event};
use crate::timestamp::now_seconds;
use crate::writer::Tx;
use crate::{MessageId, RelayId, Result};

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

/// The outcome for one recipient, with what the other host said.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// Settles recipients of a leased message, and accepts the notices about them.
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
                    settle_one(tx.connection, message, owner, settlement)?;
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
                let sql =
                    "UPDATE destination SET not_before = ?2, due = max(due, ?2) WHERE domain = ?1";
                tx.connection
                    .prepare_cached(sql)?
                    .execute(params![domain, until])?;
                Ok(())
            })
            .await
    }
}

fn settle_one(
    connection: &Connection,
    message: MessageId,
    owner: i64,
    settlement: &Settlement,
) -> Result<()> {
    let now = now_seconds();
    let event = match &settlement.outcome {
        Outcome::Delivered => Event::Delivered,
        Outcome::Failed => Event::Failed,
        Outcome::Deferred { .. } => Event::Deferred,
    };
    match settlement.outcome {
        Outcome::Delivered | Outcome::Failed => {
            let sql = "DELETE FROM relay WHERE id = ?1 AND owner = ?2";
            connection
                .prepare_cached(sql)?
                .execute(params![settlement.relay, owner])?;
        }
        Outcome::Deferred { due, notice_due } => {
            let sql = "UPDATE relay SET state = 'waiting', owner = NULL, due = ?3, notice_due = ?4, attempts = attempts + 1,
                           last_attempt = ?5, last_reply = ?6 WHERE id = ?1 AND owner = ?2";
            let values = params![
                settlement.relay,
                owner,
                due,
                notice_due,
                now,
                settlement.reply
            ];
            connection.prepare_cached(sql)?.execute(values)?;
        }
    }
    journal::record(
        connection,
        message,
        event,
        &format!("<{}>: {}", settlement.recipient, settlement.reply),
    )
}

/// A message that nobody waits for any more leaves the queue.
pub(super) fn finish_message(tx: &mut Tx<'_>, message: MessageId) -> Result<()> {
    let sql = "DELETE FROM outbound WHERE message = ?1 AND NOT EXISTS (SELECT 1 FROM relay WHERE relay.message = ?1)";
    if tx.connection.prepare_cached(sql)?.execute([message])? > 0 {
        let sql = "INSERT INTO sweep (message, due) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        tx.connection
            .prepare_cached(sql)?
            .execute(params![message, now_seconds()])?;
    }
    Ok(())
}
