//! Messages that leave a mailbox.
//!
//! An expunged UID is kept with its mod-sequence, so that clients can resynchronise (RFC 7162
//! §3.2). The message itself stays until no entry and no queue row points at it; `sweep`
//! looks after that.

use rusqlite::{Connection, params};

use crate::entry::runs;
use crate::mailbox::row::OpenRow;
use crate::sharing::reading;
use crate::writer::Tx;
use crate::{AccountId, Flags, MailboxId, Result, Store, Uid, saved_roll, sweep};

/// Entries removed in one transaction: other writers get their turn in between.
const EXPUNGE_BATCH: usize = 5000;
/// Entries of a vanishing mailbox removed in one transaction.
const DROP_BATCH: i64 = 2000;

impl Store {
    /// Removes exactly these entries, whatever their flags. Gives those that were there.
    pub async fn expunge(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        uids: &[Uid],
    ) -> Result<Vec<Uid>> {
        let mut gone = Vec::with_capacity(uids.len());
        for batch in uids.chunks(EXPUNGE_BATCH) {
            let batch = batch.to_vec();
            gone.extend(
                self.write(move |tx| expunge_uids(tx, account, mailbox, &batch))
                    .await?,
            );
        }
        Ok(gone)
    }

    /// The same in one transaction, however many there are: POP3's QUIT (RFC 1939 §6).
    pub async fn expunge_at_once(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        uids: &[Uid],
    ) -> Result<Vec<Uid>> {
        let uids = uids.to_vec();
        self.write(move |tx| expunge_uids(tx, account, mailbox, &uids))
            .await
    }

    /// Removes the entries with `\Deleted`; with `among`, only those named there (RFC 4315 §2.1).
    pub async fn expunge_deleted(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        among: Option<&[Uid]>,
    ) -> Result<Vec<Uid>> {
        let deleted = self.deleted_uids(account, mailbox).await?;
        let wanted: Vec<Uid> = match among {
            None => deleted,
            Some(among) => {
                let among: std::collections::HashSet<Uid> = among.iter().copied().collect();
                deleted
                    .into_iter()
                    .filter(|uid| among.contains(uid))
                    .collect()
            }
        };
        let mut gone = Vec::with_capacity(wanted.len());
        for batch in wanted.chunks(EXPUNGE_BATCH) {
            let batch = batch.to_vec();
            // Somebody may have taken the flag away meanwhile: it is looked at again.
            gone.extend(
                self.write(move |tx| remove(tx, account, mailbox, &batch, Flags::DELETED))
                    .await?,
            );
        }
        Ok(gone)
    }

    async fn deleted_uids(&self, account: AccountId, mailbox: MailboxId) -> Result<Vec<Uid>> {
        self.read(move |connection| {
            if crate::mailbox::info(connection, account, mailbox)?.deleted == 0 {
                return Ok(Vec::new());
            }
            // The flag stands there as a number: the index is for this very condition.
            let sql = "SELECT uid FROM entry INDEXED BY entry_deleted WHERE mailbox = ?1 AND flags & 8 <> 0 ORDER BY uid";
            let mut select = connection.prepare_cached(sql)?;
            let uids = select.query_map([mailbox], |row| row.get(0))?;
            Ok(uids.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Empties a mailbox that is about to vanish, in small transactions.
    pub(crate) async fn empty_mailbox(&self, account: AccountId, mailbox: MailboxId) -> Result<()> {
        while self
            .write(move |tx| drop_entries(tx, account, mailbox))
            .await?
            > 0
        {}
        Ok(())
    }
}

/// Removes entries by UID. Gives those that were there.
pub(crate) fn expunge_uids(
    tx: &mut Tx<'_>,
    account: AccountId,
    mailbox: MailboxId,
    uids: &[Uid],
) -> Result<Vec<Uid>> {
    remove(tx, account, mailbox, uids, Flags::NONE)
}

/// Removes those entries of `uids` that have all of the flags `with`.
fn remove(
    tx: &mut Tx<'_>,
    account: AccountId,
    mailbox: MailboxId,
    uids: &[Uid],
    with: Flags,
) -> Result<Vec<Uid>> {
    let mut row = OpenRow::open(tx.connection, account, mailbox)?;
    let mut gone = Vec::with_capacity(uids.len());
    for (first, last) in runs(uids) {
        let sql = "SELECT uid, flags, size, message FROM entry WHERE mailbox = ?1 AND uid BETWEEN ?2 AND ?3 AND flags & ?4 = ?4";
        let mut select = tx.connection.prepare_cached(sql)?;
        let found: Vec<(Uid, Flags, i64, i64)> = select
            .query_map(params![mailbox, first, last, with], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        for (uid, flags, size, message) in found {
            remove_one(tx.connection, &row, uid, message)?;
            row.count_removed(flags, size as u64);
            gone.push(uid);
        }
    }
    if !gone.is_empty() {
        reading::forget(tx.connection, mailbox, &gone)?;
        row.close(tx)?;
    }
    Ok(gone)
}

fn remove_one(connection: &Connection, row: &OpenRow, uid: Uid, message: i64) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM entry WHERE mailbox = ?1 AND uid = ?2")?
        .execute(params![row.id, uid])?;
    let sql = "INSERT INTO expunged (mailbox, modseq, uid) VALUES (?1, ?2, ?3)";
    connection
        .prepare_cached(sql)?
        .execute(params![row.id, row.modseq, uid])?;
    sweep::leave(connection, message)
}

/// Removes some entries of a mailbox that is about to vanish, and what is known of expunged
/// ones; nobody will resynchronise it. Gives how many rows went.
pub(crate) fn drop_entries(
    tx: &mut Tx<'_>,
    account: AccountId,
    mailbox: MailboxId,
) -> Result<usize> {
    let mut row = OpenRow::open(tx.connection, account, mailbox)?;
    saved_roll::forget(tx.connection, mailbox)?;
    let sql = "DELETE FROM entry WHERE mailbox = ?1 AND uid IN (SELECT uid FROM entry WHERE mailbox = ?1 LIMIT ?2)
               RETURNING flags, size, message, uid";
    let mut delete = tx.connection.prepare_cached(sql)?;
    let gone: Vec<(Flags, i64, i64, Uid)> = delete
        .query_map(params![mailbox, DROP_BATCH], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    drop(delete);
    for (flags, size, message, _) in &gone {
        row.count_removed(*flags, *size as u64);
        sweep::leave(tx.connection, *message)?;
    }
    let sql = "DELETE FROM expunged WHERE mailbox = ?1 AND modseq IN (SELECT modseq FROM expunged WHERE mailbox = ?1 LIMIT ?2)";
    let forgotten = tx
        .connection
        .prepare_cached(sql)?
        .execute(params![mailbox, DROP_BATCH])?;
    if !gone.is_empty() {
        let uids: Vec<Uid> = gone.iter().map(|(.., uid)| *uid).collect();
        reading::forget(tx.connection, mailbox, &uids)?;
        row.close(tx)?;
    }
    Ok(gone.len() + forgotten)
}
