//! The runner's side of the queue: what is due, who may take it, and since when.
//!
//! Due work is found by destination, without scanning: the table `destination` says when each
//! domain has something to do. Within a domain the senders take turns, so one that sends ten
//! thousand messages does not keep the others waiting.
//!
//! A lease lasts as long as its process: every process that leases holds an advisory lock on
//! a file of its own in `locks/`. If that lock can be taken, the process is gone and what it
//! had leased is due again.

use std::collections::HashSet;
use std::fs::File;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::timestamp::now_seconds;
use crate::turn::open_lock_file;
use crate::{AccountId, BodyKind, MessageId, RelayId, Result, Store, TlsDemand};

/// Senders that take turns within one lease.
const SENDERS_MAX: usize = 100;
/// Recipients of one message in one lease: what a host must take at least (RFC 5321 §4.5.3.1.8).
pub const LEASED_RECIPIENTS_MAX: usize = 100;

/// A destination that has work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDestination {
    /// The domain, or an address literal.
    pub domain: String,
    /// Since when; seconds since 1970.
    pub due: i64,
}

/// A message for one destination, leased to this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The message.
    pub message: MessageId,
    /// The reverse-path; empty: the null path.
    pub reverse_path: String,
    /// Who submitted it.
    pub account: Option<AccountId>,
    /// Octets.
    pub size: u64,
    /// When it was accepted; seconds since 1970.
    pub created: i64,
    /// RFC 3461 ENVID.
    pub envelope_id: Option<String>,
    /// RFC 3461 RET.
    pub return_content: Option<String>,
    /// When the sender wanted it released (RFC 4865).
    pub release_request: Option<String>,
    /// The sender asked for SMTPUTF8.
    pub smtputf8: bool,
    /// BODY= of MAIL.
    pub body: BodyKind,
    /// What the sender demands of the connections that carry it on.
    pub tls: TlsDemand,
    /// Header fields that go out in front of the message; `size` does not count them.
    pub prefix: Vec<u8>,
    /// The sender's address is not shown to be his: no notice is sent to it.
    pub forged: bool,
    /// Recipients in the destination.
    pub recipients: Vec<LeasedRecipient>,
}

/// One recipient of a leased message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedRecipient {
    /// Its number.
    pub id: RelayId,
    /// The forward-path.
    pub recipient: String,
    /// RFC 3461 ORCPT.
    pub original: Option<String>,
    /// RFC 3461 NOTIFY.
    pub notify: Option<String>,
    /// Attempts before this one.
    pub attempts: u32,
    /// No attempt begins later; seconds since 1970.
    pub expires: i64,
    /// When the sender is to be told of the delay.
    pub notice_due: Option<i64>,
    /// What the attempt before this one came to, in full.
    pub last_reply: Option<String>,
}

/// The right to lease. What is not settled when it is dropped, the next lessee takes back.
pub struct Lessee {
    pub(super) store: Store,
    pub(super) owner: i64,
    /// Held as long as the leases shall last.
    _lock: File,
}

impl Store {
    /// Makes this process a lessee, and takes back what dead ones had leased.
    pub async fn lessee(&self) -> Result<Lessee> {
        let owner = self.inner.message_ids.next().0;
        let lock = open_lock_file(&self.inner.dir.join("locks").join(lock_name(owner)))?;
        lock.lock()?;
        let lessee = Lessee {
            store: self.clone(),
            owner,
            _lock: lock,
        };
        lessee.take_back().await?;
        Ok(lessee)
    }

    /// Destinations that have work now, the longest waiting first.
    pub async fn due_destinations(&self, limit: usize) -> Result<Vec<DueDestination>> {
        self.read(move |connection| {
            let sql = "SELECT domain, due FROM destination WHERE due <= ?1 ORDER BY due LIMIT ?2";
            let mut select = connection.prepare_cached(sql)?;
            let rows = select.query_map(params![now_seconds(), limit as i64], |row| {
                Ok(DueDestination {
                    domain: row.get(0)?,
                    due: row.get(1)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// When there will be work again; seconds since 1970.
    pub async fn next_due(&self) -> Result<Option<i64>> {
        self.read(|connection| {
            Ok(connection.query_row("SELECT min(due) FROM destination", [], |row| row.get(0))?)
        })
        .await
    }
}

impl Lessee {
    /// Takes due messages of one destination, up to `limit`, the senders by turns.
    pub async fn lease(&self, domain: &str, limit: usize) -> Result<Vec<Leased>> {
        let (domain, owner) = (domain.to_owned(), self.owner);
        self.store
            .write(move |tx| {
                let messages = pick(tx.connection, &domain, limit)?;
                let mut leased = Vec::with_capacity(messages.len());
                for message in messages {
                    take(tx.connection, &domain, message, owner)?;
                    leased.push(leased_message(tx.connection, &domain, message, owner)?);
                }
                refresh_destination(tx.connection, &domain)?;
                Ok(leased)
            })
            .await
    }

    /// Puts everything that is leased back into the queue, due at once: nobody is working on it any more.
    pub async fn put_back(&self) -> Result<()> {
        let owner = self.owner;
        self.store
            .write(move |tx| {
                tx.touched_queue();
                give_back(tx.connection, owner)
            })
            .await
    }

    /// The same for good: this lessee leases nothing any more.
    pub async fn give_back(&self) -> Result<()> {
        self.put_back().await?;
        let owner = self.owner;
        // The lock on it holds until this lessee is dropped; a new one has another name.
        std::fs::remove_file(self.store.inner.dir.join("locks").join(lock_name(owner)))?;
        Ok(())
    }

    /// Gives what processes that are gone had leased back to the queue.
    pub async fn take_back(&self) -> Result<()> {
        let own = self.owner;
        let sql = "SELECT DISTINCT owner FROM relay WHERE state = 'leased' AND owner <> ?1";
        let owners: Vec<i64> = self
            .store
            .read(move |connection| {
                let mut select = connection.prepare(sql)?;
                Ok(select
                    .query_map([own], |row| row.get(0))?
                    .collect::<rusqlite::Result<_>>()?)
            })
            .await?;
        for owner in owners {
            let path = self.store.inner.dir.join("locks").join(lock_name(owner));
            let lock = open_lock_file(&path)?;
            if lock.try_lock().is_err() {
                continue;
            }
            self.store
                .write(move |tx| give_back(tx.connection, owner))
                .await?;
            std::fs::remove_file(&path)?;
        }
        Ok(())
    }
}

fn lock_name(owner: i64) -> String {
    format!("runner-{owner:016x}")
}

/// Everything that an owner has leased is due at once.
fn give_back(connection: &Connection, owner: i64) -> Result<()> {
    let mut select = connection
        .prepare("SELECT DISTINCT domain FROM relay WHERE state = 'leased' AND owner = ?1")?;
    let domains: Vec<String> = select
        .query_map([owner], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let sql = "UPDATE relay SET state = 'waiting', owner = NULL, due = ?2 WHERE state = 'leased' AND owner = ?1";
    connection.execute(sql, params![owner, now_seconds()])?;
    domains
        .iter()
        .try_for_each(|domain| refresh_destination(connection, domain))
}

/// The due messages of a destination: the oldest of each sender, then the next of each, and so on.
fn pick(connection: &Connection, domain: &str, limit: usize) -> Result<Vec<i64>> {
    let now = now_seconds();
    let mut by_sender = Vec::new();
    let mut sender = i64::MIN;
    let next_sender =
        "SELECT min(sender) FROM relay WHERE state = 'waiting' AND domain = ?1 AND sender > ?2";
    while by_sender.len() < SENDERS_MAX {
        let next: Option<i64> = connection
            .prepare_cached(next_sender)?
            .query_row(params![domain, sender], |row| row.get(0))?;
        let Some(next) = next else { break };
        sender = next;
        by_sender.push(due_of_sender(connection, domain, sender, now, limit)?.into_iter());
    }
    let mut picked = Vec::new();
    while picked.len() < limit {
        let before = picked.len();
        picked.extend(by_sender.iter_mut().filter_map(Iterator::next));
        if picked.len() == before {
            break;
        }
    }
    picked.truncate(limit);
    Ok(picked)
}

fn due_of_sender(
    connection: &Connection,
    domain: &str,
    sender: i64,
    now: i64,
    limit: usize,
) -> Result<Vec<i64>> {
    let sql = "SELECT message FROM relay WHERE state = 'waiting' AND domain = ?1 AND sender = ?2 AND due <= ?3 ORDER BY due LIMIT ?4";
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map(params![domain, sender, now, limit as i64], |row| row.get(0))?;
    let mut messages: Vec<i64> = rows.collect::<rusqlite::Result<_>>()?;
    // Recipients of one message that were deferred may have become due apart from each other.
    let mut seen = HashSet::new();
    messages.retain(|message| seen.insert(*message));
    Ok(messages)
}

fn take(connection: &Connection, domain: &str, message: i64, owner: i64) -> Result<()> {
    let sql = "UPDATE relay SET state = 'leased', owner = ?4 WHERE id IN
        (SELECT id FROM relay WHERE message = ?1 AND domain = ?2 AND state = 'waiting' AND due <= ?3 ORDER BY id LIMIT ?5)";
    connection.prepare_cached(sql)?.execute(params![
        message,
        domain,
        now_seconds(),
        owner,
        LEASED_RECIPIENTS_MAX as i64
    ])?;
    Ok(())
}

fn leased_message(
    connection: &Connection,
    domain: &str,
    message: i64,
    owner: i64,
) -> Result<Leased> {
    let sql = "SELECT outbound.message, reverse_path, account, message.size, outbound.created, envelope_id, return_content,
                   smtputf8, body_kind, prefix, forged, tls, release_request
               FROM outbound JOIN message ON message.id = outbound.message WHERE outbound.message = ?1";
    let mut leased = connection
        .prepare_cached(sql)?
        .query_row([message], leased_from_row)?;
    let sql = "SELECT id, recipient, original, notify, attempts, expires, notice_due, last_reply
               FROM relay WHERE message = ?1 AND domain = ?2 AND state = 'leased' AND owner = ?3 ORDER BY id";
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map(params![message, domain, owner], recipient_from_row)?;
    leased.recipients = rows.collect::<rusqlite::Result<_>>()?;
    Ok(leased)
}

fn leased_from_row(row: &Row<'_>) -> rusqlite::Result<Leased> {
    let body: String = row.get(8)?;
    Ok(Leased {
        message: row.get(0)?,
        reverse_path: row.get(1)?,
        account: row.get(2)?,
        size: row.get::<_, i64>(3)? as u64,
        created: row.get(4)?,
        envelope_id: row.get(5)?,
        return_content: row.get(6)?,
        smtputf8: row.get(7)?,
        body: BodyKind::from_keyword(&body),
        prefix: row.get(9)?,
        forged: row.get(10)?,
        tls: TlsDemand::from_name(row.get_ref(11)?.as_str()?),
        release_request: row.get(12)?,
        recipients: Vec::new(),
    })
}

fn recipient_from_row(row: &Row<'_>) -> rusqlite::Result<LeasedRecipient> {
    Ok(LeasedRecipient {
        id: row.get(0)?,
        recipient: row.get(1)?,
        original: row.get(2)?,
        notify: row.get(3)?,
        attempts: row.get(4)?,
        expires: row.get(5)?,
        notice_due: row.get(6)?,
        last_reply: row.get(7)?,
    })
}

/// Says anew when a destination has work, after the state of its recipients has changed.
pub(crate) fn refresh_destination(connection: &Connection, domain: &str) -> Result<()> {
    // The minimum over the senders' minima: each is one look into the index.
    let sql = "WITH RECURSIVE senders(sender) AS (
            SELECT min(sender) FROM relay WHERE state = 'waiting' AND domain = ?1
            UNION ALL
            SELECT (SELECT min(sender) FROM relay WHERE state = 'waiting' AND domain = ?1 AND sender > senders.sender)
            FROM senders WHERE senders.sender IS NOT NULL)
        SELECT min((SELECT min(due) FROM relay WHERE state = 'waiting' AND domain = ?1 AND relay.sender = senders.sender))
        FROM senders WHERE sender IS NOT NULL";
    let due: Option<i64> = connection
        .prepare_cached(sql)?
        .query_row([domain], |row| row.get(0))
        .optional()?
        .flatten();
    match due {
        Some(due) => {
            let sql = "INSERT INTO destination (domain, due) VALUES (?1, ?2)
                       ON CONFLICT DO UPDATE SET due = max(?2, not_before)";
            connection
                .prepare_cached(sql)?
                .execute(params![domain, due])?;
        }
        None => {
            connection
                .prepare_cached("DELETE FROM destination WHERE domain = ?1")?
                .execute([domain])?;
        }
    }
    Ok(())
}

/// A recipient waits for `due`: the destination has work then at the latest.
pub(crate) fn announce(connection: &Connection, domain: &str, due: i64) -> Result<()> {
    let sql = "INSERT INTO destination (domain, due) VALUES (?1, ?2)
               ON CONFLICT DO UPDATE SET due = max(min(due, ?2), not_before)";
    connection
        .prepare_cached(sql)?
        .execute(params![domain, due])?;
    Ok(())
}
