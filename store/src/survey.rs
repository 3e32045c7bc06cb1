//! A look at many messages at once: what SORT and THREAD need of each, made where the index lies.
//!
//! Indexes are not copied out of the store: the caller's closure looks at each on the reader's thread, and what it makes of it comes back.
//! Unknown UIDs are left out of the answer: another session may have expunged them.

use rusqlite::{Connection, params};

use crate::entry::{ENTRIES_MAX, runs};
use crate::mime::MessageIndex;
use crate::{AccountId, Error, MailboxId, Result, Store, Uid, mailbox};

/// What the closure sees of a message.
#[derive(Debug)]
pub struct Surveyed<'a> {
    /// Its UID.
    pub uid: Uid,
    /// Octets as served.
    pub size: u64,
    /// INTERNALDATE, in seconds since 1970.
    pub internal_date: i64,
    /// Its index, if it was asked for. Its ranges are those of the message without the entry's prefix.
    pub index: Option<MessageIndex<'a>>,
}

impl Store {
    /// What `look` makes of each of up to [`ENTRIES_MAX`] messages, in the order asked.
    pub async fn survey<T, F>(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        uids: &[Uid],
        with_index: bool,
        look: F,
    ) -> Result<Vec<(Uid, T)>>
    where
        T: Send + 'static,
        F: Fn(&Surveyed<'_>) -> T + Send + 'static,
    {
        if uids.len() > ENTRIES_MAX {
            return Err(Error::Limit("messages in one call"));
        }
        let uids = uids.to_vec();
        self.read(move |connection| {
            mailbox::require_owned(connection, account, mailbox)?;
            let mut seen = Vec::with_capacity(uids.len());
            let mut keep = |surveyed: &Surveyed<'_>| seen.push((surveyed.uid, look(surveyed)));
            if with_index {
                look_at_indexes(connection, mailbox, &uids, &mut keep)?;
            } else {
                look_at_entries(connection, mailbox, &uids, &mut keep)?;
            }
            Ok(seen)
        })
        .await
    }
}

fn look_at_entries(
    connection: &Connection,
    mailbox: MailboxId,
    uids: &[Uid],
    keep: &mut impl FnMut(&Surveyed<'_>),
) -> Result<()> {
    let sql = "SELECT uid, size, internal_date FROM entry WHERE mailbox = ?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid";
    let mut select = connection.prepare_cached(sql)?;
    for (first, last) in runs(uids) {
        let mut rows = select.query(params![mailbox, first, last])?;
        while let Some(row) = rows.next()? {
            keep(&Surveyed {
                uid: row.get(0)?,
                size: row.get::<_, i64>(1)? as u64,
                internal_date: row.get(2)?,
                index: None,
            });
        }
    }
    Ok(())
}

fn look_at_indexes(
    connection: &Connection,
    mailbox: MailboxId,
    uids: &[Uid],
    keep: &mut impl FnMut(&Surveyed<'_>),
) -> Result<()> {
    let sql = "SELECT entry.uid, entry.size, entry.internal_date, mime.data
               FROM entry JOIN mime ON mime.message = entry.message
               WHERE entry.mailbox = ?1 AND entry.uid BETWEEN ?2 AND ?3 ORDER BY entry.uid";
    let mut select = connection.prepare_cached(sql)?;
    for (first, last) in runs(uids) {
        let mut rows = select.query(params![mailbox, first, last])?;
        while let Some(row) = rows.next()? {
            let octets = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
            let index = MessageIndex::decode(octets, 0)
                .map_err(|error| Error::Corrupt(format!("a MIME index is unreadable: {error}")))?;
            keep(&Surveyed {
                uid: row.get(0)?,
                size: row.get::<_, i64>(1)? as u64,
                internal_date: row.get(2)?,
                index: Some(index),
            });
        }
    }
    Ok(())
}
