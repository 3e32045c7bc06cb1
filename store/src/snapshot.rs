//! A mailbox at one moment: what SELECT begins with.
//!
//! Reading every entry of a large mailbox takes time, and clients select the same mailboxes
//! again and again. The entries last seen are kept in memory; when the mailbox has changed
//! since, only the changes are read. That is exact: whatever changes an entry raises the
//! mailbox's mod-sequence, and a mailbox's number is never used again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use crate::change::changes_between;
use crate::entry::{STATE, state_from_row};
use crate::mailbox::{self, MailboxInfo};
use crate::{AccountId, EntryState, MailboxId, ModSeq, Result, Store, Uid};

/// Entries that are kept in memory in all; each takes 24 octets.
const REMEMBERED_ENTRIES_MAX: usize = 400_000;
/// Mailboxes whose entries are kept.
const REMEMBERED_MAILBOXES_MAX: usize = 256;

/// A mailbox at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The mailbox.
    pub info: MailboxInfo,
    /// Entries from this UID on are `\Recent` to this session.
    pub recent_from: Uid,
    /// All entries, by UID.
    pub entries: Arc<Vec<EntryState>>,
}

/// Does taking a snapshot claim the `\Recent` messages (SELECT) or not (EXAMINE)? RFC 3501 §2.3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotMode {
    /// Later sessions still see the messages as recent.
    ReadOnly,
    /// This session alone sees them as recent.
    ClaimRecent,
}

/// The entries of mailboxes that were looked at lately, the latest at the back.
#[derive(Default)]
pub(crate) struct Remembered(Mutex<VecDeque<Known>>);

#[derive(Clone)]
struct Known {
    mailbox: MailboxId,
    modseq: ModSeq,
    entries: Arc<Vec<EntryState>>,
}

impl Remembered {
    fn recall(&self, mailbox: MailboxId) -> Option<Known> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = known.iter().position(|known| known.mailbox == mailbox)?;
        known.remove(at)
    }

    fn keep(&self, latest: Known) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| known.mailbox != latest.mailbox);
        known.push_back(latest);
        let mut entries: usize = known.iter().map(|known| known.entries.len()).sum();
        while entries > REMEMBERED_ENTRIES_MAX || known.len() > REMEMBERED_MAILBOXES_MAX {
            let Some(oldest) = known.pop_front() else {
                return;
            };
            entries -= oldest.entries.len();
        }
    }
}

impl Store {
    /// The mailbox and all its entries at one moment.
    pub async fn snapshot(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        mode: SnapshotMode,
    ) -> Result<Snapshot> {
        let claimed = match mode {
            SnapshotMode::ReadOnly => None,
            SnapshotMode::ClaimRecent => Some(self.claim_recent(account, mailbox).await?),
        };
        let store = self.clone();
        self.read(move |connection| {
            let remembered = &store.inner.remembered;
            let info = mailbox::info(connection, account, mailbox)?;
            let known = match remembered.recall(mailbox) {
                // Another reader, in a later transaction, may have kept what this one cannot see yet.
                Some(known) if known.modseq <= info.highest_modseq => {
                    refresh(connection, &info, known)?
                }
                _ => read_all(connection, &info)?,
            };
            let entries = Arc::clone(&known.entries);
            remembered.keep(known);
            Ok(Snapshot {
                recent_from: claimed.unwrap_or(info.recent_from),
                info,
                entries,
            })
        })
        .await
    }
}

fn read_all(connection: &Connection, info: &MailboxInfo) -> Result<Known> {
    let mut select =
        connection.prepare_cached(&format!("{STATE} WHERE mailbox = ?1 ORDER BY uid"))?;
    let mut entries = Vec::with_capacity(info.messages as usize);
    for state in select.query_map([info.id], state_from_row)? {
        entries.push(state?);
    }
    Ok(Known {
        mailbox: info.id,
        modseq: info.highest_modseq,
        entries: Arc::new(entries),
    })
}

fn refresh(connection: &Connection, info: &MailboxInfo, known: Known) -> Result<Known> {
    if known.modseq == info.highest_modseq {
        return Ok(known);
    }
    let (changed, vanished) = changes_between(connection, info, known.modseq)?;
    let entries = merge(&known.entries, &changed, &vanished);
    Ok(Known {
        mailbox: info.id,
        modseq: info.highest_modseq,
        entries: Arc::new(entries),
    })
}

/// The entries after the changes. All three lists ascend by UID.
fn merge(before: &[EntryState], changed: &[EntryState], vanished: &[Uid]) -> Vec<EntryState> {
    let mut after = Vec::with_capacity(before.len() + changed.len());
    let mut changed = changed.iter().copied().peekable();
    for entry in before {
        while let Some(earlier) = changed.next_if(|change| change.uid < entry.uid) {
            after.push(earlier);
        }
        let entry = changed
            .next_if(|change| change.uid == entry.uid)
            .unwrap_or(*entry);
        if vanished.binary_search(&entry.uid).is_err() {
            after.push(entry);
        }
    }
    after.extend(changed);
    after
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flags, Keywords};

    fn entry(uid: u32, modseq: u64) -> EntryState {
        let uid = Uid::new(uid).unwrap();
        EntryState {
            uid,
            modseq: ModSeq(modseq),
            flags: Flags::NONE,
            keywords: Keywords::NONE,
        }
    }

    #[test]
    fn changes_replace_add_and_remove() {
        let before = [entry(1, 1), entry(3, 1), entry(5, 1)];
        let after = merge(
            &before,
            &[entry(3, 2), entry(7, 3)],
            &[Uid::new(5).unwrap(), Uid::new(6).unwrap()],
        );
        assert_eq!(after, [entry(1, 1), entry(3, 2), entry(7, 3)]);
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        let remembered = Remembered::default();
        for number in 0..REMEMBERED_MAILBOXES_MAX as i64 + 5 {
            let entries = Arc::new(vec![entry(1, 1)]);
            remembered.keep(Known {
                mailbox: MailboxId(number),
                modseq: ModSeq(1),
                entries,
            });
        }
        assert!(remembered.recall(MailboxId(4)).is_none());
        assert!(remembered.recall(MailboxId(5)).is_some());
    }
}
