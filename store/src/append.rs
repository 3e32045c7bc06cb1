//! Messages that come into a mailbox other than by delivery: APPEND, REPLACE, COPY, MOVE.
//!
//! Each call is atomic: all messages come, or none (RFC 3502 §6.3.11, RFC 3501 §6.4.7). Only a MOVE of very many goes in
//! batches, and may end in between (RFC 6851 §3.3): each message is in one of the two mailboxes at any moment. COPY and
//! MOVE write no body; the new entries point at the same messages.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params};

use crate::entry::{self, NewEntry, runs, state_from_row};
use crate::expunge;
use crate::mailbox::row::{OpenRow, check_quota};
use crate::mailbox::{self, normal_name};
use crate::sharing::reading::Reader;
use crate::sharing::{self, Access, Destination, Rights};
use crate::timestamp::now_seconds;
use crate::writer::Tx;
use crate::{
    AccountId, EntryState, Error, Flags, Keywords, MailboxId, MessageId, Result, Sealed, Store,
    Timestamp, Uid, UidValidity,
};

/// Messages moved in one transaction: other writers get their turn in between.
const MOVE_BATCH: usize = 2000;

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
    /// Why a move of very many ended after these; the rest is where it was.
    pub stopped: Option<Error>,
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
    /// Adds messages to a mailbox. Flags to which the user has no right are left out (RFC 4314 §4).
    pub async fn append(
        &self,
        access: impl Into<Access>,
        name: &str,
        messages: Vec<Appending>,
    ) -> Result<Appended> {
        let access = access.into();
        let name = normal_name(name).map_err(|_| Error::NotFound("mailbox"))?;
        let octets = messages
            .iter()
            .map(|appending| appending.message.first_octets())
            .sum();
        self.write_octets(octets, move |tx| {
            let target = Target::open(tx.connection, access, &name)?;
            append_all(tx, target, &messages)
        })
        .await
    }

    /// Adds a message to the mailbox `to` and removes another from the mailbox `from`, both or neither (RFC 8508 §3.4). Only what the
    /// account then has more counts for the quota. Says [`Error::NotFound`] of the message if that is no more.
    pub async fn replace(
        &self,
        access: impl Into<Access>,
        from: MailboxId,
        uid: Uid,
        to: impl Into<Destination>,
        by: Appending,
    ) -> Result<Appended> {
        let (access, to) = (access.into(), to.into());
        let name = normal_name(&to.name).map_err(|_| Error::NotFound("mailbox"))?;
        let needed = Rights::READ | Rights::DELETE | Rights::EXPUNGE;
        self.write_octets(by.message.first_octets(), move |tx| {
            sharing::require(tx.connection, access, from, needed)?;
            // Looked at first: without a target nothing is removed. Opened only then: it may be the mailbox of the source.
            let target = to.access.unwrap_or(access);
            Target::open(tx.connection, target, &name)?;
            if expunge::expunge_uids(tx, access.owner(), from, &[uid])?.is_empty() {
                return Err(Error::NotFound("message"));
            }
            let target = Target::open(tx.connection, target, &name)?;
            append_all(tx, target, std::slice::from_ref(&by))
        })
        .await
    }

    /// Copies entries with flags and internal date into the mailbox `to`.
    pub async fn copy(
        &self,
        access: impl Into<Access>,
        from: MailboxId,
        uids: &[Uid],
        to: impl Into<Destination>,
        missing: Missing,
    ) -> Result<Copied> {
        let source = (access.into(), from);
        self.transfer(source, uids, to.into(), missing, copy_into)
            .await
    }

    /// Moves entries with flags and internal date into the mailbox `to` (RFC 6851 §3). Very many go one batch after
    /// another; what goes wrong after the first of them is said in [`Copied::stopped`].
    pub async fn move_messages(
        &self,
        access: impl Into<Access>,
        from: MailboxId,
        uids: &[Uid],
        to: impl Into<Destination>,
        missing: Missing,
    ) -> Result<Copied> {
        let (source, to) = ((access.into(), from), to.into());
        let (first, rest) = uids.split_at(uids.len().min(MOVE_BATCH));
        if missing == Missing::Refused && !rest.is_empty() {
            // Before anything is moved. What is expunged from here on was expunged before the move came to it.
            self.require_all(source, uids).await?;
        }
        let mut moved = self
            .transfer(source, first, to.clone(), missing, move_into)
            .await?;
        for batch in rest.chunks(MOVE_BATCH) {
            match self.move_more(source, batch, to.clone(), &moved).await {
                Ok(more) => moved.pairs.extend(more.pairs),
                Err(error) => {
                    moved.stopped = Some(error);
                    break;
                }
            }
        }
        Ok(moved)
    }

    /// Moves another batch, into the very mailbox that has taken the first: its UIDs are told together.
    async fn move_more(
        &self,
        source: Source,
        uids: &[Uid],
        to: Destination,
        before: &Copied,
    ) -> Result<Copied> {
        let name = normal_name(&to.name).map_err(|_| Error::NotFound("mailbox"))?;
        let (access, uids) = (to.access.unwrap_or(source.0), uids.to_vec());
        let known = before.mailbox;
        self.write(move |tx| {
            let target = Target::open(tx.connection, access, &name)?;
            if target.row.id != known {
                return Err(Error::NotFound("mailbox"));
            }
            move_into(tx, source, &uids, target)
        })
        .await
    }

    /// Says [`Error::NotFound`] of the message if one of them is no more.
    async fn require_all(&self, (access, from): Source, uids: &[Uid]) -> Result<()> {
        let uids = uids.to_vec();
        self.read(move |connection| {
            sharing::require(connection, access, from, Rights::READ)?;
            let sql = "SELECT count(*) FROM entry WHERE mailbox = ?1 AND uid BETWEEN ?2 AND ?3";
            let mut select = connection.prepare_cached(sql)?;
            for (first, last) in runs(&uids) {
                let there: u32 = select.query_row(params![from, first, last], |row| row.get(0))?;
                if there != last.value() - first.value() + 1 {
                    return Err(Error::NotFound("message"));
                }
            }
            Ok(())
        })
        .await
    }

    async fn transfer(
        &self,
        source: Source,
        uids: &[Uid],
        to: Destination,
        missing: Missing,
        way: fn(&mut Tx<'_>, Source, &[Uid], Target) -> Result<Copied>,
    ) -> Result<Copied> {
        let name = normal_name(&to.name).map_err(|_| Error::NotFound("mailbox"))?;
        let access = to.access.unwrap_or(source.0);
        let uids = uids.to_vec();
        self.write(move |tx| {
            let target = Target::open(tx.connection, access, &name)?;
            let copied = way(tx, source, &uids, target)?;
            if missing == Missing::Refused && copied.pairs.len() < uids.len() {
                return Err(Error::NotFound("message"));
            }
            Ok(copied)
        })
        .await
    }
}

/// Where messages are copied from, and the access to it.
type Source = (Access, MailboxId);

/// A mailbox that messages come into, open for change.
struct Target {
    access: Access,
    rights: Rights,
    row: OpenRow,
    /// Messages that the user has seen, though not their owner.
    seen: Vec<Uid>,
}

impl Target {
    fn open(connection: &Connection, access: Access, name: &str) -> Result<Target> {
        let mailbox = selectable(connection, access.owner(), name)?;
        Target::open_mailbox(connection, access, mailbox)
    }

    fn open_mailbox(connection: &Connection, access: Access, mailbox: MailboxId) -> Result<Target> {
        let rights = sharing::require(connection, access, mailbox, Rights::INSERT)?;
        Ok(Target {
            access,
            rights,
            row: OpenRow::open(connection, access.owner(), mailbox)?,
            seen: Vec::new(),
        })
    }

    /// Enters a message. `owner_seen` is the owner's `\Seen`, where he is not the user.
    fn enter(
        &mut self,
        connection: &Connection,
        mut entry: NewEntry<'_>,
        owner_seen: bool,
    ) -> Result<Uid> {
        // RFC 4314 §4: without the right to a flag, the message comes without the flag.
        entry.flags = entry.flags & self.rights.flags();
        if !self.rights.contains(Rights::WRITE) {
            entry.keywords = Keywords::NONE;
        }
        let seen = entry.flags.contains(Flags::SEEN);
        if !self.access.is_own() {
            entry.flags = entry.flags & !Flags::SEEN;
            if owner_seen {
                entry.flags |= Flags::SEEN;
            }
        }
        let uid = entry::insert(connection, &mut self.row, &entry)?;
        if seen && !self.access.is_own() {
            self.seen.push(uid);
        }
        Ok(uid)
    }

    /// All messages are in: what is left is to close the row.
    fn finish(self, connection: &Connection) -> Result<OpenRow> {
        if let Some(reader) = Reader::of(self.access, self.row.id) {
            reader.mark(connection, &self.seen, true, self.row.modseq)?;
        }
        Ok(self.row)
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
    let target = Target::open_mailbox(tx.connection, account.into(), to)?;
    move_into(tx, (account.into(), from), &uids, target).map(|_| ())
}

fn copy_into(tx: &mut Tx<'_>, source: Source, uids: &[Uid], target: Target) -> Result<Copied> {
    sharing::require(tx.connection, source.0, source.1, Rights::READ)?;
    enter_copies(tx, source, uids, target, true)
}

/// The same, and the sources go. No quota is asked within one account, which has no more than before.
fn move_into(tx: &mut Tx<'_>, source: Source, uids: &[Uid], target: Target) -> Result<Copied> {
    let (access, from) = source;
    let needed = Rights::READ | Rights::DELETE | Rights::EXPUNGE;
    sharing::require(tx.connection, access, from, needed)?;
    let grows = access.owner() != target.access.owner();
    let copied = enter_copies(tx, source, uids, target, grows)?;
    // Opened only now: source and target may be the same mailbox.
    let moved: Vec<Uid> = copied.pairs.iter().map(|(source, _)| *source).collect();
    expunge::expunge_uids(tx, access.owner(), from, &moved)?;
    Ok(copied)
}

/// Enters the messages in the target; with `grows`, only as far as the target's quota allows.
fn enter_copies(
    tx: &mut Tx<'_>,
    source: Source,
    uids: &[Uid],
    mut target: Target,
    grows: bool,
) -> Result<Copied> {
    let owner = target.access.owner();
    let pairs = copy_entries(tx.connection, source, uids, &mut target)?;
    let row = target.finish(tx.connection)?;
    if grows {
        check_quota(tx.connection, owner, row.octets(), row.messages())?;
    }
    let (mailbox, uid_validity) = (row.id, row.uid_validity);
    row.close(tx)?;
    Ok(Copied {
        mailbox,
        uid_validity,
        pairs,
        stopped: None,
    })
}

fn selectable(connection: &Connection, account: AccountId, name: &str) -> Result<MailboxId> {
    match mailbox::find(connection, account, name)? {
        Some(found) if !found.no_select => Ok(found.id),
        _ => Err(Error::NotFound("mailbox")),
    }
}

fn append_all(tx: &mut Tx<'_>, mut target: Target, messages: &[Appending]) -> Result<Appended> {
    let owner = target.access.owner();
    let mut uids = Vec::with_capacity(messages.len());
    for appending in messages {
        uids.push(append_one(tx.connection, &mut target, appending)?);
    }
    let row = target.finish(tx.connection)?;
    check_quota(tx.connection, owner, row.octets(), row.messages())?;
    let (mailbox, uid_validity) = (row.id, row.uid_validity);
    row.close(tx)?;
    Ok(Appended {
        mailbox,
        uid_validity,
        uids,
    })
}

fn append_one(connection: &Connection, target: &mut Target, appending: &Appending) -> Result<Uid> {
    appending.message.insert(connection)?;
    let keywords = match target.rights.contains(Rights::WRITE) {
        true => target.row.learn_keywords(&appending.keywords)?,
        false => Keywords::NONE,
    };
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
    target.enter(connection, entry, false)
}

/// An entry to be copied.
struct Original {
    state: EntryState,
    message: MessageId,
    internal_date: Timestamp,
    size: u64,
    prefix: Vec<u8>,
}

fn original_from_row(row: &Row<'_>) -> rusqlite::Result<Original> {
    Ok(Original {
        state: state_from_row(row)?,
        message: row.get(4)?,
        internal_date: Timestamp {
            seconds: row.get(5)?,
            offset_minutes: row.get(6)?,
        },
        size: row.get::<_, i64>(7)? as u64,
        prefix: row.get(8)?,
    })
}

fn copy_entries(
    connection: &Connection,
    (access, from): Source,
    uids: &[Uid],
    target: &mut Target,
) -> Result<Vec<(Uid, Uid)>> {
    let source_row = OpenRow::open(connection, access.owner(), from)?;
    let keeps_keywords = target.rights.contains(Rights::WRITE);
    let mut translated = HashMap::new();
    let mut pairs = Vec::with_capacity(uids.len());
    let saved = now_seconds();
    for (first, last) in runs(uids) {
        for original in originals(connection, from, first, last)? {
            let mut shown = [original.state];
            if let Some(reader) = Reader::of(access, from) {
                reader.show(connection, &mut shown)?;
            }
            let keywords = match translated.get(&original.state.keywords) {
                Some(known) => *known,
                None if !keeps_keywords => Keywords::NONE,
                None => translate(
                    &source_row,
                    &mut target.row,
                    original.state.keywords,
                    &mut translated,
                )?,
            };
            let entry = NewEntry {
                message: original.message,
                flags: shown[0].flags,
                keywords,
                internal_date: original.internal_date,
                saved,
                size: original.size,
                prefix: &original.prefix,
            };
            // What an owner has read stays read, whoever moves it about for him.
            let owner_seen = access.owner() == target.access.owner()
                && original.state.flags.contains(Flags::SEEN);
            pairs.push((
                original.state.uid,
                target.enter(connection, entry, owner_seen)?,
            ));
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
fn originals(
    connection: &Connection,
    mailbox: MailboxId,
    first: Uid,
    last: Uid,
) -> Result<Vec<Original>> {
    let sql =
        "SELECT uid, modseq, flags, keywords, message, internal_date, internal_zone, size, prefix
               FROM entry WHERE mailbox = ?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid";
    let mut select = connection.prepare_cached(sql)?;
    Ok(select
        .query_map(params![mailbox, first, last], original_from_row)?
        .collect::<rusqlite::Result<_>>()?)
}
