//! What changed in a mailbox since a session last looked.

use rusqlite::{Connection, params};

use crate::entry::{STATE, state_from_row};
use crate::mailbox::{self, MailboxInfo};
use crate::sharing::reading::Reader;
use crate::sharing::{self, Access, Rights};
use crate::{AccountId, EntryState, Error, MailboxId, ModSeq, Result, Roll, Store, Uid};

/// The difference between two moments of a mailbox.
#[derive(Debug, Clone)]
pub struct Changes {
    /// The mailbox now. Its `highest_modseq` is where to ask from next time.
    pub info: MailboxInfo,
    /// Entries that came or whose flags changed, by UID.
    pub changed: Vec<EntryState>,
    /// UIDs that were expunged, ascending; also of entries that came and went in between.
    pub vanished: Vec<Uid>,
    /// All entries now, if they are in memory: one roll, that everybody who follows the mailbox may share. Never for one who
    /// reads another's mailbox, because his `\Seen` is not that of the entries.
    pub entries: Option<Roll>,
    /// What may be done with them now.
    pub rights: Rights,
}

/// What makes a later state of a mailbox out of an earlier one.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// Entries that came or changed, by UID.
    pub(crate) changed: Vec<EntryState>,
    /// UIDs that went, ascending.
    pub(crate) vanished: Vec<Uid>,
}

impl Difference {
    pub(crate) fn len(&self) -> usize {
        self.changed.len() + self.vanished.len()
    }
}

impl Store {
    /// All changes later than `since`. When the right to read is withdrawn, the mailbox is not found.
    pub async fn changes_since(
        &self,
        access: impl Into<Access>,
        mailbox: MailboxId,
        since: ModSeq,
    ) -> Result<Changes> {
        let access = access.into();
        let store = self.clone();
        self.read(move |connection| {
            let rights = sharing::rights_of(connection, access, mailbox)?;
            if !rights.contains(Rights::READ) {
                return Err(Error::NotFound("mailbox"));
            }
            let mut info = mailbox::info(connection, access.owner(), mailbox)?;
            sharing::personalize(connection, access, &mut info)?;
            let remembered = &store.inner.remembered;
            let (difference, known) = remembered.follow(connection, &info, since)?;
            if let Some(known) = &known {
                store.save_if_worth(known);
            }
            let mut entries = known.map(|known| known.entries);
            let mut changed = difference.changed.clone();
            if let Some(reader) = Reader::of(access, mailbox) {
                reader.add_marked(connection, since, &mut changed)?;
                reader.show(connection, &mut changed)?;
                entries = None;
            }
            Ok(Changes {
                info,
                changed,
                vanished: difference.vanished.clone(),
                entries,
                rights,
            })
        })
        .await
    }
}

impl Store {
    /// UIDs that were expunged later than `since`, ascending. None is ever forgotten while the mailbox lives.
    pub async fn expunged_since(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        since: ModSeq,
    ) -> Result<Vec<Uid>> {
        self.read(move |connection| {
            mailbox::require_owned(connection, account, mailbox)?;
            vanished_since(connection, mailbox, since)
        })
        .await
    }
}

fn vanished_since(connection: &Connection, mailbox: MailboxId, since: ModSeq) -> Result<Vec<Uid>> {
    let sql = "SELECT uid FROM expunged WHERE mailbox = ?1 AND modseq > ?2";
    let mut select = connection.prepare_cached(sql)?;
    let mut vanished: Vec<Uid> = select
        .query_map(params![mailbox, since], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    vanished.sort_unstable();
    Ok(vanished)
}

/// The difference between `since` and now.
pub(crate) fn changes_between(
    connection: &Connection,
    info: &MailboxInfo,
    since: ModSeq,
) -> Result<Difference> {
    if info.highest_modseq <= since {
        return Ok(Difference::default());
    }
    let sql = format!("{STATE} INDEXED BY entry_modseq WHERE mailbox = ?1 AND modseq > ?2");
    let mut select = connection.prepare_cached(&sql)?;
    let mut changed: Vec<EntryState> = select
        .query_map(params![info.id, since], state_from_row)?
        .collect::<rusqlite::Result<_>>()?;
    changed.sort_unstable_by_key(|state| state.uid);
    let vanished = vanished_since(connection, info.id, since)?;
    Ok(Difference { changed, vanished })
}
