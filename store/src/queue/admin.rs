//! The administrator's hand on the queue: retry now, hold, release, drop.
//!
//! What is being attempted at this moment is left alone, and counted as busy. Giving a
//! message back to its sender needs a notice, which is the runner's: `expire` makes it due,
//! with no time left.

use rusqlite::{Connection, ToSql, params_from_iter};

use super::QueueFilter;
use super::lease::refresh_destination;
use super::settle::finish_message;
use crate::journal::{self, Event};
use crate::timestamp::now_seconds;
use crate::{MessageId, RelayId, Result, Store};

/// How many recipients a command reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Handled {
    /// Changed.
    pub changed: u64,
    /// Left alone because an attempt is going on.
    pub busy: u64,
}

/// What to do with queued recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueAction {
    /// Attempt now.
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
    leased: bool,
}

impl Store {
    /// Does `action` to all recipients that the filter names; without a `domain` or `recipient`, all of the messages.
    pub async fn queue_action(&self, action: QueueAction, filter: QueueFilter) -> Result<Handled> {
        self.write(move |tx| {
            let mut handled = Handled::default();
            let mut domains = std::collections::BTreeSet::new();
            for chosen in choose(tx.connection, &filter)? {
                if chosen.leased {
                    handled.busy += 1;
                    continue;
                }
                tx.connection
                    .prepare_cached(action.sql())?
                    .execute(rusqlite::params![chosen.relay, now_seconds()])?;
                journal::record(
                    tx.connection,
                    chosen.message,
                    action.event(),
                    &format!("<{}>", chosen.recipient),
                )?;
                finish_message(tx, chosen.message)?;
                handled.changed += 1;
                domains.insert(chosen.domain);
            }
            for domain in domains {
                tx.connection
                    .prepare_cached("UPDATE destination SET not_before = 0 WHERE domain = ?1")?
                    .execute([&domain])?;
                refresh_destination(tx.connection, &domain)?;
            }
            tx.touched_queue();
            Ok(handled)
        })
        .await
    }
}

fn choose(connection: &Connection, filter: &QueueFilter) -> Result<Vec<Chosen>> {
    let sql = "SELECT relay.id, relay.message, recipient, domain, state = 'leased'
        FROM relay JOIN outbound USING (message)
        WHERE (?1 IS NULL OR relay.message = ?1) AND (?2 IS NULL OR reverse_path = ?2)
            AND (?3 IS NULL OR recipient = ?3) AND (?4 IS NULL OR domain = ?4)
        ORDER BY relay.id LIMIT ?5";
    let limit = filter
        .limit
        .unwrap_or(super::LISTED_MAX)
        .min(super::LISTED_MAX) as i64;
    let values: [&dyn ToSql; 5] = [
        &filter.message,
        &filter.sender,
        &filter.recipient,
        &filter.domain,
        &limit,
    ];
    let mut select = connection.prepare(sql)?;
    let rows = select.query_map(params_from_iter(values), |row| {
        Ok(Chosen {
            relay: row.get(0)?,
            message: row.get(1)?,
            recipient: row.get(2)?,
            domain: row.get(3)?,
            leased: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
