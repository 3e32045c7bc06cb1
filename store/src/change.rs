//! What changed in a mailbox since a session last looked.

use rusqlite::{Connection, params};

use crate::entry::{STATE, state_from_row};
use crate::mailbox::{self, MailboxInfo};
use crate::{AccountId, EntryState, MailboxId, ModSeq, Result, Store, Uid};

/// The difference between two moments of a mailbox.
#[derive(Debug, Clone)]
pub struct Changes {
    /// The mailbox now. Its `highest_modseq` is where to ask from next time.
    pub info: MailboxInfo,
    /// Entries that came or whose flags changed, by UID.
    pub changed: Vec<EntryState>,
    /// UIDs that were expunged, ascending; also of entries that came and went in between.
    pub vanished: Vec<Uid>,
}

impl Store {
    /// All changes later than `since`.
    pub async fn changes_since(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        since: ModSeq,
    ) -> Result<Changes> {
        self.read(move |connection| {
            let info = mailbox::info(connection, account, mailbox)?;
            if info.highest_modseq <= since {
                return Ok(Changes {
                    info,
                    changed: Vec::new(),
                    vanished: Vec::new(),
                });
            }
            let (changed, vanished) = changes_between(connection, &info, since)?;
            Ok(Changes {
                info,
                changed,
                vanished,
            })
        })
        .await
    }
}

/// Entries that came or changed, and UIDs that went, later than `since` and up to now; both ascend.
pub(crate) fn changes_between(
    connection: &Connection,
    info: &MailboxInfo,
    since: ModSeq,
) -> Result<(Vec<EntryState>, Vec<Uid>)> {
    let sql = format!("{STATE} INDEXED BY entry_modseq WHERE mailbox = ?1 AND modseq > ?2");
    let mut select = connection.prepare_cached(&sql)?;
    let mut changed: Vec<EntryState> = select
        .query_map(params![info.id, since], state_from_row)?
        .collect::<rusqlite::Result<_>>()?;
    changed.sort_unstable_by_key(|state| state.uid);
    let sql = "SELECT uid FROM expunged WHERE mailbox = ?1 AND modseq > ?2";
    let mut select = connection.prepare_cached(sql)?;
    let mut vanished: Vec<Uid> = select
        .query_map(params![info.id, since], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    vanished.sort_unstable();
    Ok((changed, vanished))
}
