//! Entries: a message in a mailbox, under a UID, with its flags.
//!
//! Reading them (facts, MIME indexes, octets) and changing their flags. All calls
//! take the account, and see nothing of another's.
//!
//! Unknown UIDs are left out of the answers: another session may have expunged them.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, Row, params};

use crate::mailbox;
use crate::mailbox::row::OpenRow;
use crate::mime::EncodedIndex;
use crate::sharing::reading::Reader;
use crate::sharing::{self, Access, Rights};
use crate::writer::Tx;
use crate::{
    AccountId, Error, FlagChange, FlagOperation, Flags, Keywords, MailboxId, MessageId, ModSeq,
    Result, Store, Timestamp, Uid, piece,
};

/// UIDs that one call of [`Store::entries`], [`Store::indexes`] or [`Store::read_many`] takes.
pub const ENTRIES_MAX: usize = 1000;
/// Octets that one call of [`Store::read`] or [`Store::read_many`] gives.
pub const READ_OCTETS_MAX: u64 = 1024 * 1024;
/// Octets of stored MIME indexes that one call of [`Store::indexes`] reads. In memory an index takes up to thirty times
/// its stored octets, where a message has thousands of tiny parts or addresses.
const INDEXES_OCTETS_MAX: usize = 1024 * 1024;
/// UIDs whose flags change in one transaction: other writers get their turn in between.
const FLAGS_BATCH: usize = 5000;

/// What a session keeps of each entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryState {
    /// Its UID.
    pub uid: Uid,
    /// When it last changed.
    pub modseq: ModSeq,
    /// System flags.
    pub flags: Flags,
    /// Keywords, as bits of the mailbox's names.
    pub keywords: Keywords,
}

/// All that is known of an entry without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its UID.
    pub uid: Uid,
    /// The message it points at; copies share it.
    pub message: MessageId,
    /// Octets as served: prefix and message.
    pub size: u64,
    /// INTERNALDATE
    pub internal_date: Timestamp,
    /// SAVEDATE (RFC 8514): when it came into this mailbox; seconds since 1970.
    pub saved: i64,
    /// When it last changed.
    pub modseq: ModSeq,
    /// System flags.
    pub flags: Flags,
    /// Keywords, as bits of the mailbox's names.
    pub keywords: Keywords,
    /// Header fields of this copy alone, served before the message.
    pub prefix: Arc<[u8]>,
}

/// MIME indexes of the first of the messages asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexes {
    /// Those that were found, in the order asked.
    pub found: Vec<(Uid, EncodedIndex)>,
    /// How many of the messages asked for are settled: they were found, or are no more. At least one, if one was asked
    /// for; the caller asks again for the rest.
    pub settled: usize,
}

/// What a change of flags did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stored {
    /// The entries named, as they are now, by UID; also those on which nothing had to change.
    pub entries: Vec<EntryState>,
    /// Those that were left alone because they had changed since (RFC 7162 §3.1.3).
    pub modified: Vec<Uid>,
    /// The mailbox's keyword names now.
    pub keywords: Vec<String>,
    /// The mod-sequences that this call gave, ascending: one for each transaction that changed something. Nobody else's
    /// change has one of them.
    pub given: Vec<ModSeq>,
}

pub(crate) const STATE: &str = "SELECT uid, modseq, flags, keywords FROM entry";

pub(crate) fn state_from_row(row: &Row<'_>) -> rusqlite::Result<EntryState> {
    Ok(EntryState {
        uid: row.get(0)?,
        modseq: row.get(1)?,
        flags: row.get(2)?,
        keywords: row.get(3)?,
    })
}

impl Store {
    /// Makes the recent messages this session's own: from the answer on they are `\Recent` to it alone.
    pub async fn claim_recent(&self, account: AccountId, mailbox: MailboxId) -> Result<Uid> {
        let info = self.mailbox_by_id(account, mailbox).await?;
        if info.recent_from == info.uid_next {
            return Ok(info.recent_from);
        }
        self.write(move |tx| {
            let info = mailbox::info(tx.connection, account, mailbox)?;
            let sql = "UPDATE mailbox SET recent_from = uid_next WHERE id = ?1";
            tx.connection.prepare_cached(sql)?.execute([mailbox])?;
            Ok(info.recent_from)
        })
        .await
    }

    /// How many messages the next session that selects the mailbox would find recent. Costs in proportion to them.
    pub async fn count_recent(&self, account: AccountId, mailbox: MailboxId) -> Result<u32> {
        self.read(move |connection| {
            let info = mailbox::info(connection, account, mailbox)?;
            let sql = "SELECT count(*) FROM entry WHERE mailbox = ?1 AND uid >= ?2";
            let mut select = connection.prepare_cached(sql)?;
            Ok(select.query_row(params![mailbox, info.recent_from], |row| row.get(0))?)
        })
        .await
    }

    /// The facts of up to [`ENTRIES_MAX`] entries, in the order asked.
    pub async fn entries(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        uids: &[Uid],
    ) -> Result<Vec<Entry>> {
        let uids = bounded(uids)?;
        self.read(move |connection| {
            mailbox::require_owned(connection, account, mailbox)?;
            let sql = "SELECT uid, message, size, internal_date, internal_zone, saved, modseq, flags, keywords, prefix
                       FROM entry WHERE mailbox = ?1 AND uid BETWEEN ?2 AND ?3";
            let mut select = connection.prepare_cached(sql)?;
            let mut entries = Vec::with_capacity(uids.len());
            for (first, last) in runs(&uids) {
                let mut rows = select.query(params![mailbox, first, last])?;
                while let Some(row) = rows.next()? {
                    entries.push(entry_from_row(row)?);
                }
            }
            Ok(entries)
        })
        .await
    }

    /// The MIME indexes of up to [`ENTRIES_MAX`] entries, with offsets as served, in the order asked. Stops early,
    /// after at least one, before the indexes would take too much memory.
    pub async fn indexes(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        uids: &[Uid],
    ) -> Result<Indexes> {
        let look = |found: &mut Vec<_>, uid, index: &EncodedIndex<&[u8]>| {
            found.push((uid, index.detached()));
            Ok(())
        };
        let found = Vec::with_capacity(uids.len());
        let (found, settled) = self
            .fold_indexes(account, mailbox, uids, found, look)
            .await?;
        Ok(Indexes { found, settled })
    }

    /// What `look` gathers from the indexes of the first of up to [`ENTRIES_MAX`] messages, in the order asked. It looks at each on the reader's
    /// thread, where it lies. Gives how many of the messages are settled, as [`Indexes`] has it.
    pub async fn fold_indexes<S, F>(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        uids: &[Uid],
        mut gathered: S,
        look: F,
    ) -> Result<(S, usize)>
    where
        S: Send + 'static,
        F: Fn(&mut S, Uid, &EncodedIndex<&[u8]>) -> Result<()> + Send + 'static,
    {
        let uids = bounded(uids)?;
        self.read(move |connection| {
            mailbox::require_owned(connection, account, mailbox)?;
            let look = |uid, index: &EncodedIndex<&[u8]>| look(&mut gathered, uid, index);
            let settled = look_at_indexes(connection, mailbox, &uids, look)?;
            Ok((gathered, settled))
        })
        .await
    }

    /// Octets of a message as served. Up to [`READ_OCTETS_MAX`] a call; what lies beyond the end is left out.
    pub async fn read_octets(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        uid: Uid,
        range: std::ops::Range<u64>,
    ) -> Result<Bytes> {
        let mut read = self.read_many(account, mailbox, vec![(uid, range)]).await?;
        read.pop()
            .map(|(_, octets)| octets)
            .ok_or(Error::NotFound("message"))
    }

    /// Octets of several messages in one go, in the order asked. Stops early, with at least one
    /// answer, when [`READ_OCTETS_MAX`] is reached; the caller asks again for the rest.
    pub async fn read_many(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        ranges: Vec<(Uid, std::ops::Range<u64>)>,
    ) -> Result<Vec<(Uid, Bytes)>> {
        if ranges.len() > ENTRIES_MAX {
            return Err(Error::Limit("messages in one call"));
        }
        self.read(move |connection| {
            mailbox::require_owned(connection, account, mailbox)?;
            piece::read_entries(connection, mailbox, ranges)
        })
        .await
    }

    /// Changes the flags of entries. With `unchanged_since`, those that changed later are left alone. Flags to which the user
    /// has no right stay as they are.
    pub async fn store_flags(
        &self,
        access: impl Into<Access>,
        mailbox: MailboxId,
        uids: &[Uid],
        change: &FlagChange,
        unchanged_since: Option<ModSeq>,
    ) -> Result<Stored> {
        let access = access.into();
        let mut stored = Stored::default();
        for batch in uids.chunks(FLAGS_BATCH) {
            let (batch, change) = (batch.to_vec(), change.clone());
            let part = self
                .write(move |tx| store_batch(tx, access, mailbox, &batch, &change, unchanged_since))
                .await?;
            stored.entries.extend(part.entries);
            stored.modified.extend(part.modified);
            stored.keywords = part.keywords;
            stored.given.extend(part.given);
        }
        Ok(stored)
    }
}

fn bounded(uids: &[Uid]) -> Result<Vec<Uid>> {
    if uids.len() > ENTRIES_MAX {
        return Err(Error::Limit("messages in one call"));
    }
    Ok(uids.to_vec())
}

fn entry_from_row(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        uid: row.get(0)?,
        message: row.get(1)?,
        size: row.get::<_, i64>(2)? as u64,
        internal_date: Timestamp {
            seconds: row.get(3)?,
            offset_minutes: row.get(4)?,
        },
        saved: row.get(5)?,
        modseq: row.get(6)?,
        flags: row.get(7)?,
        keywords: row.get(8)?,
        prefix: row.get_ref(9)?.as_blob()?.into(),
    })
}

/// Shows the indexes of the first messages to `look`; gives how many messages are settled.
fn look_at_indexes(
    connection: &Connection,
    mailbox: MailboxId,
    uids: &[Uid],
    mut look: impl FnMut(Uid, &EncodedIndex<&[u8]>) -> Result<()>,
) -> Result<usize> {
    let sql = "SELECT entry.uid, length(entry.prefix), mime.data FROM entry JOIN mime ON mime.message = entry.message
               WHERE entry.mailbox = ?1 AND entry.uid BETWEEN ?2 AND ?3 ORDER BY entry.uid";
    let mut select = connection.prepare_cached(sql)?;
    let mut octets = 0;
    let mut settled = 0;
    for (first, last) in runs(uids) {
        let mut rows = select.query(params![mailbox, first, last])?;
        while let Some(row) = rows.next()? {
            let uid: Uid = row.get(0)?;
            let mime = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            let is_first = octets == 0;
            octets += mime.len();
            if octets > INDEXES_OCTETS_MAX && !is_first {
                settled += (uid.value() - first.value()) as usize;
                return Ok(settled);
            }
            let prefix = row.get::<_, i64>(1)? as u64;
            look(uid, &EncodedIndex::new(mime, prefix))?;
        }
        settled += (last.value() - first.value()) as usize + 1;
    }
    Ok(settled)
}

/// A new entry. The caller has counted it in the row.
pub(crate) struct NewEntry<'a> {
    pub(crate) message: MessageId,
    pub(crate) flags: Flags,
    pub(crate) keywords: Keywords,
    pub(crate) internal_date: Timestamp,
    pub(crate) saved: i64,
    pub(crate) size: u64,
    pub(crate) prefix: &'a [u8],
}

/// Puts an entry into an open mailbox, and counts it.
pub(crate) fn insert(
    connection: &Connection,
    row: &mut OpenRow,
    entry: &NewEntry<'_>,
) -> Result<Uid> {
    let uid = row.take_uid()?;
    let sql = "INSERT INTO entry (mailbox, uid, message, modseq, flags, keywords, internal_date, internal_zone, saved, size, prefix)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    connection.prepare_cached(sql)?.execute(params![
        row.id,
        uid,
        entry.message,
        row.modseq,
        entry.flags,
        entry.keywords,
        entry.internal_date.seconds,
        entry.internal_date.offset_minutes,
        entry.saved,
        entry.size as i64,
        entry.prefix,
    ])?;
    row.count_added(entry.flags, entry.size);
    Ok(uid)
}

/// What a change makes of the flags that are there.
struct NewFlags {
    operation: FlagOperation,
    flags: Flags,
    keywords: Keywords,
    /// What may be changed.
    rights: Rights,
}

impl NewFlags {
    fn of(&self, before: &EntryState) -> (Flags, Keywords) {
        let (flags, keywords) = match self.operation {
            FlagOperation::Replace => (self.flags, self.keywords),
            FlagOperation::Add => (before.flags | self.flags, before.keywords | self.keywords),
            FlagOperation::Remove => (before.flags & !self.flags, before.keywords & !self.keywords),
        };
        let allowed = self.rights.flags();
        let flags = (flags & allowed) | (before.flags & !allowed);
        match self.rights.contains(Rights::WRITE) {
            true => (flags, keywords),
            false => (flags, before.keywords),
        }
    }
}

fn store_batch(
    tx: &mut Tx<'_>,
    access: Access,
    mailbox: MailboxId,
    uids: &[Uid],
    change: &FlagChange,
    unchanged_since: Option<ModSeq>,
) -> Result<Stored> {
    let rights = sharing::require(tx.connection, access, mailbox, Rights::READ)?;
    let mut row = OpenRow::open(tx.connection, access.owner(), mailbox)?;
    let new = NewFlags {
        operation: change.operation,
        flags: change.flags & Flags::ALL,
        keywords: match change.operation {
            FlagOperation::Remove => row.known_keywords(&change.keywords),
            _ if !rights.contains(Rights::WRITE) => row.known_keywords(&change.keywords),
            FlagOperation::Replace | FlagOperation::Add => row.learn_keywords(&change.keywords)?,
        },
        rights,
    };
    let mut stored = Stored {
        keywords: row.all_keywords(),
        ..Stored::default()
    };
    let reader = Reader::of(access, mailbox);
    let mut select = tx.connection.prepare_cached(&format!(
        "{STATE} WHERE mailbox = ?1 AND uid BETWEEN ?2 AND ?3"
    ))?;
    let mut changed = false;
    for (first, last) in runs(uids) {
        let before: Vec<EntryState> = select
            .query_map(params![mailbox, first, last], state_from_row)?
            .collect::<rusqlite::Result<_>>()?;
        let run = FlagRun {
            new: &new,
            unchanged_since,
            before,
        };
        changed |= run.store(reader, tx.connection, &mut row, &mut stored)?;
    }
    drop(select);
    if changed {
        stored.given.push(row.modseq);
        row.close(tx)?;
    }
    Ok(stored)
}

/// Entries of one run of UIDs, and what becomes of their flags.
struct FlagRun<'a> {
    new: &'a NewFlags,
    unchanged_since: Option<ModSeq>,
    before: Vec<EntryState>,
}

impl FlagRun<'_> {
    /// Changes them, perhaps for a `reader` whose `\Seen` is not that of the entries; true if one of them really changed.
    fn store(
        self,
        reader: Option<Reader>,
        connection: &Connection,
        row: &mut OpenRow,
        stored: &mut Stored,
    ) -> Result<bool> {
        let mut shown = self.before.clone();
        if let Some(reader) = reader {
            reader.show(connection, &mut shown)?;
        }
        let (mut seen, mut unseen, mut changed) = (Vec::new(), Vec::new(), false);
        for (base, state) in self.before.iter().zip(shown) {
            let since = self.unchanged_since;
            if since.is_some_and(|since| state.modseq > since) {
                stored.modified.push(state.uid);
                continue;
            }
            let (flags, keywords) = self.new.of(&state);
            if (flags, keywords) == (state.flags, state.keywords) {
                stored.entries.push(state);
                continue;
            }
            let common = match reader {
                Some(_) => (flags & !Flags::SEEN) | (base.flags & Flags::SEEN),
                None => flags,
            };
            if (common, keywords) != (base.flags, base.keywords) {
                update_flags(connection, row, base, common, keywords)?;
            }
            match (
                state.flags.contains(Flags::SEEN),
                flags.contains(Flags::SEEN),
            ) {
                (false, true) => seen.push(state.uid),
                (true, false) => unseen.push(state.uid),
                _ => {}
            }
            stored.entries.push(EntryState {
                modseq: row.modseq,
                flags,
                keywords,
                ..state
            });
            changed = true;
        }
        if let Some(reader) = reader {
            reader.mark(connection, &seen, true, row.modseq)?;
            reader.mark(connection, &unseen, false, row.modseq)?;
        }
        Ok(changed)
    }
}

fn update_flags(
    connection: &Connection,
    row: &mut OpenRow,
    before: &EntryState,
    flags: Flags,
    keywords: Keywords,
) -> Result<()> {
    let sql = "UPDATE entry SET flags = ?3, keywords = ?4, modseq = ?5 WHERE mailbox = ?1 AND uid = ?2 RETURNING size";
    let size: i64 = connection.prepare_cached(sql)?.query_row(
        params![row.id, before.uid, flags, keywords, row.modseq],
        |row| row.get(0),
    )?;
    row.count_flags(before.flags, flags, size as u64);
    Ok(())
}

/// Cuts a list of UIDs into runs without gaps, so that one range query serves many.
pub(crate) fn runs(uids: &[Uid]) -> impl Iterator<Item = (Uid, Uid)> + '_ {
    uids.chunk_by(|a, b| a.value().checked_add(1) == Some(b.value()))
        .map(|run| (run[0], run[run.len() - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_cut_into_runs() {
        let uids: Vec<Uid> = [1, 2, 3, 7, 9, 10]
            .into_iter()
            .filter_map(Uid::new)
            .collect();
        let cut: Vec<_> = runs(&uids).map(|(a, b)| (a.value(), b.value())).collect();
        assert_eq!(cut, [(1, 3), (7, 7), (9, 10)]);
    }
}
