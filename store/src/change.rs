//! What changed in a mailbox since a session last looked.

use rusqlite::params;

use crate::entry::state_from_row;
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
                return Ok(Changes { info, changed: Vec::new(), vanished: Vec::new() });
            }
            let sql = "SELECT uid, modseq, flags, keywords FROM entry INDEXED BY entry_modseq WHERE mailbox = ?1 AND modseq > ?2";
            let mut select = connection.prepare_cached(sql)?;
            let mut changed: Vec<EntryState> =
                select.query_map(params![mailbox, since], state_from_row)?.collect::<rusqlite::Result<_>>()?;
            changed.sort_unstable_by_key(|state| state.uid);
            let mut select = connection.prepare_cached("SELECT uid FROM expunged WHERE mailbox = ?1 AND modseq > ?2")?;
            let mut vanished: Vec<Uid> =
                select.query_map(params![mailbox, since], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            vanished.sort_unstable();
            Ok(Changes { info, changed, vanished })
        })
        .await
    }
}
