//! The administrator's hand on the queue: retry now, hold, release, drop.
//!
//! What is being attempted at this moment is left alone, and counted as busy. What is held stays so until it is released: a retry
//! of the whole queue lets nothing go that somebody wanted to look at first. Giving a message back to its sender needs a notice, which
//! is the runner's: `expire` makes it due, with no time left.
//!
//! A queue can be long. It is handled in batches, a transaction each, so that nobody who accepts mail has to wait for all of it.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, ToSql, params, params_from_iter};

use super::QueueFilter;
use super::lease::refresh_destination;
use super::settle::finish_message;
use crate::journal::{self, Event};
use crate::timestamp::now_seconds;
use crate::writer::Tx;
use crate::{MessageId, RelayId, Result, Store};

/// Recipients handled in one transaction.
const BATCH: usize = 500;

/// How many recipients a command reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Handled {
    /// Changed.
    pub changed: u64,
    /// Left alone because an attempt is going on.
    pub busy: u64,
    /// Left alone because they are held, and a retry releases nothing; or are not held, and there is nothing to release.
    pub unsuitable: u64,
}

/// What to do with queued recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueAction {
    /// Attempt now what is waiting.
    Retry,
    /// No attempts until released.
    Hold,
    /// Undo a hold; attempts are due now.
    Release,
    /// Forget them; nobody is told.
    Drop,
    /// Give up: the sender gets a notice with the next turn of the runner.
    Expire,
}

impl QueueAction {
    fn event(self) -> Event {
        match self {
            QueueAction::Retry => Event::Retried,
            QueueAction::Hold => Event::Held,
            QueueAction::Release => Event::Released,
            QueueAction::Drop => Event::Dropped,
            QueueAction::Expire => Event::Expired,
        }
    }

    /// Whether a recipient in that state, which is not `leased`, is one for it.
    fn suits(self, state: &str) -> bool {
        match self {
            QueueAction::Retry => state == "waiting",
            QueueAction::Release => state == "held",
            QueueAction::Hold | QueueAction::Drop | QueueAction::Expire => true,
        }
    }

    fn sql(self) -> &'static str {
        match self {
            QueueAction::Retry | QueueAction::Release => {
                "UPDATE relay SET state = 'waiting', due = ?2 WHERE id = ?1"
            }
            QueueAction::Hold => "UPDATE relay SET state = 'held' WHERE id = ?1 AND ?2 > 0",
            QueueAction::Drop => "DELETE FROM relay WHERE id = ?1 AND ?2 > 0",
            QueueAction::Expire => {
                "UPDATE relay SET state = 'waiting', due = ?2, expires = ?2 WHERE id = ?1"
            }
        }
    }
}

struct Chosen {
    relay: RelayId,
    message: MessageId,
    recipient: String,
    domain: String,
}

impl Store {
    /// Does `action` to all recipients that the filter names; without a `domain` or `recipient`, all of the messages. The filter's
    /// `limit` does not count. If it fails, some may have been handled already.
    pub async fn queue_action(&self, action: QueueAction, filter: QueueFilter) -> Result<Handled> {
        let mut handled = Handled::default();
        let mut after = RelayId(0);
        loop {
            let wanted = filter.clone();
            let batch = self
                .read(move |connection| choose(connection, &wanted, after))
                .await?;
            let Some(last) = batch.last() else {
                return Ok(handled);
            };
            after = last.relay;
            let of_batch = self.write(move |tx| handle(tx, action, &batch)).await?;
            handled.changed += of_batch.changed;
            handled.busy += of_batch.busy;
            handled.unsuitable += of_batch.unsuitable;
        }
    }
}

/// Those of a batch that are still there and suit.
fn handle(tx: &mut Tx<'_>, action: QueueAction, batch: &[Chosen]) -> Result<Handled> {
    let mut handled = Handled::default();
    let mut domains = BTreeSet::new();
    for chosen in batch {
        let sql = "SELECT state FROM relay WHERE id = ?1";
        let state: Option<String> = tx
            .connection
            .prepare_cached(sql)?
            .query_row([chosen.relay], |row| row.get(0))
            .optional()?;
        match state.as_deref() {
            None => {}
            Some("leased") => handled.busy += 1,
            Some(state) if !action.suits(state) => handled.unsuitable += 1,
            Some(_) => {
                handle_one(tx, action, chosen)?;
                handled.changed += 1;
                domains.insert(chosen.domain.as_str());
            }
        }
    }
    for domain in domains {
        tx.connection
            .prepare_cached("UPDATE destination SET not_before = 0 WHERE domain = ?1")?
            .execute([domain])?;
        refresh_destination(tx.connection, domain)?;
    }
    tx.touched_queue();
    Ok(handled)
}

fn handle_one(tx: &mut Tx<'_>, action: QueueAction, chosen: &Chosen) -> Result<()> {
    tx.connection
        .prepare_cached(action.sql())?
        .execute(params![chosen.relay, now_seconds()])?;
    let detail = format!("<{}>", chosen.recipient);
    journal::record(tx.connection, chosen.message, action.event(), &detail)?;
    finish_message(tx, chosen.message)
}

/// The next recipients that the filter names, from the one behind `after` on.
fn choose(connection: &Connection, filter: &QueueFilter, after: RelayId) -> Result<Vec<Chosen>> {
    let mut sql = "SELECT relay.id, relay.message, recipient, domain FROM relay JOIN outbound USING (message) WHERE relay.id > ?"
        .to_owned();
    let mut values: Vec<&dyn ToSql> = vec![&after];
    let conditions: [(&str, Option<&dyn ToSql>); 4] = [
        (
            "relay.message",
            filter.message.as_ref().map(|value| value as _),
        ),
        (
            "reverse_path COLLATE NOCASE",
            filter.sender.as_ref().map(|value| value as _),
        ),
        (
            "recipient COLLATE NOCASE",
            filter.recipient.as_ref().map(|value| value as _),
        ),
        ("domain", filter.domain.as_ref().map(|value| value as _)),
    ];
    for (column, value) in conditions {
        if let Some(value) = value {
            sql += &format!(" AND {column} = ?");
            values.push(value);
        }
    }
    sql += &format!(" ORDER BY relay.id LIMIT {BATCH}");
    let mut select = connection.prepare_cached(&sql)?;
    let rows = select.query_map(params_from_iter(values), |row| {
        Ok(Chosen {
            relay: row.get(0)?,
            message: row.get(1)?,
            recipient: row.get(2)?,
            domain: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
