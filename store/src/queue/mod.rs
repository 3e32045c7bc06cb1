//! The outbound queue.
//!
//! A message is in the queue as long as one of its recipients elsewhere is neither reached
//! nor given up. `accept` fills it; the runner takes what is due (`lease`) and says what
//! became of it (`settle`); the administrator looks at it (here) and handles it (`admin`).

mod admin;
mod content;
mod lease;
mod settle;

use rusqlite::{Connection, Row, params};

pub use admin::{Handled, QueueAction};
pub(crate) use lease::announce;
pub use lease::{DueDestination, LEASED_RECIPIENTS_MAX, Leased, LeasedRecipient, Lessee};
pub use settle::{Outcome, Settlement};

use crate::{AccountId, Error, MessageId, RelayId, Result, Store};

/// Messages that one listing gives.
const LISTED_MAX: u64 = 100_000;

/// Which messages to list. Empty: all.
#[derive(Debug, Clone, Default)]
pub struct QueueFilter {
    /// This message.
    pub message: Option<MessageId>,
    /// The reverse-path is this, in whatever case; empty text: the null path.
    pub sender: Option<String>,
    /// A recipient is this, in whatever case.
    pub recipient: Option<String>,
    /// A recipient is in this domain.
    pub domain: Option<String>,
    /// At most so many, the oldest first.
    pub limit: Option<u64>,
}

/// A message in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its id, as in the SMTP reply.
    pub id: MessageId,
    /// The reverse-path; empty: the null path.
    pub reverse_path: String,
    /// Who submitted it.
    pub account: Option<AccountId>,
    /// Octets.
    pub size: u64,
    /// When it was accepted; seconds since 1970.
    pub created: i64,
    /// Who has not got it yet.
    pub recipients: Vec<QueuedRecipient>,
}

/// A recipient who has not got the message yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedRecipient {
    /// Its number.
    pub id: RelayId,
    /// The forward-path.
    pub recipient: String,
    /// Where it leads.
    pub domain: String,
    /// Waiting or held.
    pub state: RelayState,
    /// When the next attempt is due; seconds since 1970.
    pub due: i64,
    /// Attempts so far.
    pub attempts: u32,
    /// When the last one was made.
    pub last_attempt: Option<i64>,
    /// What the other host said, in full.
    pub last_reply: Option<String>,
}

/// What a recipient waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayState {
    /// For its time.
    Waiting,
    /// For the attempt that is going on.
    Leased,
    /// For the administrator.
    Held,
}

const SELECT: &str =
    "SELECT outbound.message, reverse_path, account, message.size, outbound.created
    FROM outbound JOIN message ON message.id = outbound.message";

impl Store {
    /// Lists the queue, the oldest message first.
    pub async fn queue(&self, filter: QueueFilter) -> Result<Vec<Queued>> {
        self.read(move |connection| {
            let sql = format!(
                "{SELECT} WHERE (?1 IS NULL OR reverse_path = ?1 COLLATE NOCASE)
                    AND (?2 IS NULL OR EXISTS (SELECT 1 FROM relay WHERE relay.message = outbound.message AND recipient = ?2 COLLATE NOCASE))
                    AND (?3 IS NULL OR EXISTS (SELECT 1 FROM relay WHERE relay.message = outbound.message AND domain = ?3))
                    AND (?5 IS NULL OR outbound.message = ?5)
                 ORDER BY outbound.message LIMIT ?4"
            );
            let limit = filter.limit.unwrap_or(LISTED_MAX).min(LISTED_MAX) as i64;
            let mut select = connection.prepare(&sql)?;
            let rows = select.query_map(params![filter.sender, filter.recipient, filter.domain, limit, filter.message], queued_from_row)?;
            rows.map(|queued| with_recipients(connection, queued?)).collect()
        })
        .await
    }

    /// How many messages are in the queue.
    pub async fn queue_size(&self) -> Result<u64> {
        self.read(|connection| {
            let sql = "SELECT count(*) FROM outbound";
            Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))? as u64)
        })
        .await
    }

    /// One message of the queue.
    pub async fn queued(&self, id: MessageId) -> Result<Queued> {
        self.read(move |connection| {
            let mut select =
                connection.prepare(&format!("{SELECT} WHERE outbound.message = ?1"))?;
            let found = select
                .query_map([id], queued_from_row)?
                .next()
                .ok_or(Error::NotFound("queued message"))?;
            with_recipients(connection, found?)
        })
        .await
    }
}

fn queued_from_row(row: &Row<'_>) -> rusqlite::Result<Queued> {
    Ok(Queued {
        id: row.get(0)?,
        reverse_path: row.get(1)?,
        account: row.get(2)?,
        size: row.get::<_, i64>(3)? as u64,
        created: row.get(4)?,
        recipients: Vec::new(),
    })
}

fn with_recipients(connection: &Connection, mut queued: Queued) -> Result<Queued> {
    let sql = "SELECT id, recipient, domain, state, due, attempts, last_attempt, last_reply FROM relay WHERE message = ?1 ORDER BY id";
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map([queued.id], |row| {
        let state: String = row.get(3)?;
        Ok(QueuedRecipient {
            id: row.get(0)?,
            recipient: row.get(1)?,
            domain: row.get(2)?,
            state: match state.as_str() {
                "held" => RelayState::Held,
                "leased" => RelayState::Leased,
                _ => RelayState::Waiting,
            },
            due: row.get(4)?,
            attempts: row.get(5)?,
            last_attempt: row.get(6)?,
            last_reply: row.get(7)?,
        })
    })?;
    queued.recipients = rows.collect::<rusqlite::Result<_>>()?;
    Ok(queued)
}
