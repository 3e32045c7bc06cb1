//! Messages that come into a mailbox other than by delivery: APPEND, REPLACE, COPY, MOVE.
//!
//! Each call is atomic: all messages come, or none (RFC 3502 §6.3.11, RFC 3501 §6.4.7). COPY and
//! MOVE write no body; the new entries point at the same messages.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params};

use crate::entry::{self, NewEntry, runs};
use crate::expunge;
use crate::mailbox::row::{OpenRow, check_quota};
use crate::mailbox::{self, normal_name};
use crate::timestamp::now_seconds;
use crate::writer::Tx;
use crate::{
    AccountId, Error, Flags, Keywords, MailboxId, MessageId, Result, Sealed, Store, Timestamp, Uid,
    UidValidity,
};

/// One message of an APPEND.
pub struct Appending {
    /// The message.
    pub message: Sealed,
    /// System flags.
    pub flags: Flags,
    /// Keywords by name.
    pub keywords: Vec<String>,
    /// INTERNALDATE; `None`: now.
    pub internal_date: Option<Timestamp>,
}

/// Where appended messages are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Its UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// The UIDs, in the order given.
    pub uids: Vec<Uid>,
}

/// Where copied or moved messages are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The target mailbox.
    pub mailbox: MailboxId,
    /// Its UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// Source and target UIDs, ascending in both. Messages that were gone are left out.
    pub pairs: Vec<(Uid, Uid)>,
}

/// What becomes of a COPY or MOVE when one of its messages is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The others are copied or moved.
    LeftOut,
    /// None is; the answer is that a message was not found.
    Refused,
}

impl Store {
    /// Adds messages to a mailbox.
    pub async fn append(
        &self,
        account: AccountId,
        name: &str,
        messages: Vec<Appending>,
    ) -> Result<Appended> {
        let name = normal_name(name).map_err(|_| Error::NotFound("mailbox"))?;
        let octets = messages
            .iter()
            .map(|appending| appending.message.first_octets())
            .sum();
        self.write_octets(octets, move |tx| {
            let target = selectable(tx.connection, account, &name)?;
            append_all(tx, account, target, &messages)
        })
        .await
    }

    /// Adds a message to the mailbox `to` and removes another from the mailbox `from`, both or neither (RFC 8508 §3.4). Only what the
    /// account then has more counts for the quota. Says [`Error::NotFound`] of the message if that is no more.
    pub async fn replace(
        &self,
        account: AccountId,
        from: MailboxId,
        uid: Uid,
        to: &str,
        by: Appending,
    ) -> Result<Appended> {
        let name = normal_name(to).map_err(|_| Error::NotFound("mailbox"))?;
        self.write_octets(by.message.first_octets(), move |tx| {
            let target = selectable(tx.connection, account, &name)?;
            if expunge::expunge_uids(tx, account, from, &[uid])?.is_empty() {
                return Err(Error::NotFound("message"));
            }
            append_all(tx, account, target, std::slice::from_ref(&by))
        })
        .await
    }

    /// Copies entries with flags and internal date into the mailbox `to`.
    pub async fn copy(
        &self,
        account: AccountId,
        from: MailboxId,
        uids: &[Uid],
        to: &str,
        missing: Missing,
    ) -> Result<Copied> {
        self.transfer(account, from, uids, to, missing, copy_into)
            .await
    }

    /// Moves entries with flags and internal date into the mailbox `to` (RFC 6851 §3).
    pub async fn move_messages(
        &self,
        account: AccountId,
        from: MailboxId,
        uids: &[Uid],
        to: &str,
        missing: Missing,
    ) -> Result<Copied> {
        self.transfer(account, from, uids, to, missing, move_into)
            .await
    }

    async fn transfer(
        &self,
        account: AccountId,
        from: MailboxId,
        uids: &[Uid],
        to: &str,
        missing: Missing,
        way: fn(&mut Tx<'_>, AccountId, MailboxId, &[Uid], MailboxId) -> Result<Copied>,
    ) -> Result<Copied> {
        let name = normal_name(to).map_err(|_| Error::NotFound("mailbox"))?;
        let uids = uids.to_vec();
        self.write(move |tx| {
            let target = selectable(tx.connection, account, &name)?;
            let copied = way(tx, account, from, &uids, target)?;
            if missing == Missing::Refused && copied.pairs.len() < uids.len() {
                return Err(Error::NotFound("message"));
            }
            Ok(copied)
        })
        .await
    }
}

/// Moves everything; RENAME of INBOX does that.
pub(crate) fn move_all(
    tx: &mut Tx<'_>,
    account: AccountId,
    from: MailboxId,
    to: MailboxId,
) -> Result<()> {
    let mut select = tx
        .connection
        .prepare("SELECT uid FROM entry WHERE mailbox = ?1 ORDER BY uid")?;
    let uids: Vec<Uid> = select
        .query_map([from], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    drop(select);
    move_into(tx, account, from, &uids, to).map(|_| ())
}

fn copy_into(
    tx: &mut Tx<'_>,
    account: AccountId,
    from: MailboxId,
    uids: &[Uid],
    to: MailboxId,
) -> Result<Copied> {
    enter_copies(tx, account, from, uids, to, |tx, row| {
        check_quota(tx.connection, account, row.octets(), row.messages())
    })
}

/// The same, and the sources go. No quota is asked: the account has no more than before.
fn move_into(
    tx: &mut Tx<'_>,
    account: AccountId,
    from: MailboxId,
    uids: &[Uid],
    to: MailboxId,
) -> Result<Copied> {
    let copied = enter_copies(tx, account, from, uids, to, |_, _| Ok(()))?;
    // Opened only now: source and target may be the same mailbox.
    let moved: Vec<Uid> = copied.pairs.iter().map(|(source, _)| *source).collect();
    expunge::expunge_uids(tx, account, from, &moved)?;
    Ok(copied)
}

/// Enters the messages in the target, if what they add to it is `allowed`.
fn enter_copies(
    tx: &mut Tx<'_>,
    account: AccountId,
    from: MailboxId,
    uids: &[Uid],
    to: MailboxId,
    allowed: impl Fn(&Tx<'_>, &OpenRow) -> Result<()>,
) -> Result<Copied> {
    let mut row = OpenRow::open(tx.connection, account, to)?;
    let pairs = copy_entries(tx.connection, account, from, uids, &mut row)?;
    allowed(tx, &row)?;
    let uid_validity = row.uid_validity;
    row.close(tx)?;
    Ok(Copied {
        mailbox: to,
        uid_validity,
        pairs,
    })
}

fn selectable(connection: &Connection, account: AccountId, name: &str) -> Result<MailboxId> {
    match mailbox::find(connection, account, name)? {
        Some(found) if !found.no_select => Ok(found.id),
        _ => Err(Error::NotFound("mailbox")),
    }
}

fn append_all(
    tx: &mut Tx<'_>,
    account: AccountId,
    target: MailboxId,
    messages: &[Appending],
) -> Result<Appended> {
    let mut row = OpenRow::open(tx.connection, account, target)?;
    let mut uids = Vec::with_capacity(messages.len());
    for appending in messages {
        uids.push(append_one(tx.connection, &mut row, appending)?);
    }
    check_quota(tx.connection, account, row.octets(), row.messages())?;
    let uid_validity = row.uid_validity;
    row.close(tx)?;
    Ok(Appended {
        mailbox: target,
        uid_validity,
        uids,
    })
}

fn append_one(connection: &Connection, row: &mut OpenRow, appending: &Appending) -> Result<Uid> {
    appending.message.insert(connection)?;
    let keywords = row.learn_keywords(&appending.keywords)?;
    let now = now_seconds();
    let entry = NewEntry {
        message: appending.message.id(),
        flags: appending.flags & Flags::ALL,
        keywords,
        internal_date: appending.internal_date.unwrap_or(Timestamp {
            seconds: now,
            offset_minutes: 0,
        }),
        saved: now,
        size: appending.message.size(),
        prefix: &[],
    };
    entry::insert(connection, row, &entry)
}

/// An entry to be copied.
struct Source {
    uid: Uid,
    message: MessageId,
    flags: Flags,
    keywords: Keywords,
    internal_date: Timestamp,
    size: u64,
    prefix: Vec<u8>,
}

fn source_from_row(row: &Row<'_>) -> rusqlite::Result<Source> {
    Ok(Source {
        uid: row.get(0)?,
        message: row.get(1)?,
        flags: row.get(2)?,
        keywords: row.get(3)?,
        internal_date: Timestamp {
            seconds: row.get(4)?,
            offset_minutes: row.get(5)?,
        },
        size: row.get::<_, i64>(6)? as u64,
        prefix: row.get(7)?,
    })
}

fn copy_entries(
    connection: &Connection,
    account: AccountId,
    from: MailboxId,
    uids: &[Uid],
    target: &mut OpenRow,
) -> Result<Vec<(Uid, Uid)>> {
    let source_row = OpenRow::open(connection, account, from)?;
    let mut translated = HashMap::new();
    let mut pairs = Vec::with_capacity(uids.len());
    let saved = now_seconds();
    for (first, last) in runs(uids) {
        for source in sources(connection, from, first, last)? {
            let keywords = match translated.get(&source.keywords) {
                Some(known) => *known,
                None => translate(&source_row, target, source.keywords, &mut translated)?,
            };
            let entry = NewEntry {
                message: source.message,
                flags: source.flags,
                keywords,
                internal_date: source.internal_date,
                saved,
                size: source.size,
                prefix: &source.prefix,
            };
            pairs.push((source.uid, entry::insert(connection, target, &entry)?));
        }
    }
    Ok(pairs)
}

/// The same keywords in the bits of another mailbox.
fn translate(
    source: &OpenRow,
    target: &mut OpenRow,
    keywords: Keywords,
    translated: &mut HashMap<Keywords, Keywords>,
) -> Result<Keywords> {
    let there = target.learn_keywords(&source.keyword_names(keywords))?;
    translated.insert(keywords, there);
    Ok(there)
}

/// The run is read whole before anything is inserted, since the target may be the same mailbox.
fn sources(
    connection: &Connection,
    mailbox: MailboxId,
    first: Uid,
    last: Uid,
) -> Result<Vec<Source>> {
    let sql = "SELECT uid, message, flags, keywords, internal_date, internal_zone, size, prefix
               FROM entry WHERE mailbox = ?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid";
    let mut select = connection.prepare_cached(sql)?;
    Ok(select
        .query_map(params![mailbox, first, last], source_from_row)?
        .collect::<rusqlite::Result<_>>()?)
}
