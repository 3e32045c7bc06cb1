//! A mailbox at one moment: what SELECT begins with.
//!
//! Reading every entry of a large mailbox takes time, and clients select the same mailboxes
//! again and again. The entries last seen are kept in memory; when the mailbox has changed
//! since, only the changes are read. That is exact: whatever changes an entry raises the
//! mailbox's mod-sequence, and a mailbox's number is never used again.
//!
//! Sessions that follow a mailbox get its roll with the changes (`change.rs`), so that all of them share one.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use crate::change::{Difference, changes_between};
use crate::entry::{STATE, state_from_row};
use crate::mailbox::{self, MailboxInfo};
use crate::saved_roll::read_saved;
use crate::sharing::reading::Reader;
use crate::sharing::{self, Access, Rights};
use crate::{EntryState, MailboxId, ModSeq, Result, Roll, Store, Uid};

/// Entries that are kept in memory in all; each takes 13 octets, and 21 where keywords are used. The mailbox looked at last
/// is kept whatever its size.
const REMEMBERED_ENTRIES_MAX: usize = 2_000_000;
/// Mailboxes whose entries are kept.
const REMEMBERED_MAILBOXES_MAX: usize = 256;
/// The last difference of a mailbox is kept for the sessions that follow it, if it is not larger.
const REMEMBERED_DIFFERENCE_MAX: usize = 1000;

/// A mailbox at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The mailbox.
    pub info: MailboxInfo,
    /// Entries from this UID on are `\Recent` to this session.
    pub recent_from: Uid,
    /// All entries, by UID.
    pub entries: Roll,
    /// What may be done with them.
    pub rights: Rights,
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
pub(crate) struct Remembered {
    known: Mutex<VecDeque<Known>>,
    /// Mailboxes whose rolls are going to be saved.
    saving: Mutex<BTreeSet<MailboxId>>,
}

/// A mailbox's entries at a mod-sequence.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) mailbox: MailboxId,
    pub(crate) modseq: ModSeq,
    pub(crate) entries: Roll,
    /// How it came from an earlier mod-sequence to this one.
    last: Option<(ModSeq, Arc<Difference>)>,
    /// Entries that were read beside what is saved; see `saved_roll`.
    pub(crate) unsaved: usize,
}

impl Known {
    pub(crate) fn new(mailbox: MailboxId, modseq: ModSeq, entries: Roll) -> Known {
        Known {
            mailbox,
            modseq,
            entries,
            last: None,
            unsaved: 0,
        }
    }
}

impl Remembered {
    fn recall(&self, mailbox: MailboxId) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .iter()
            .rev()
            .find(|known| known.mailbox == mailbox)
            .cloned()
    }

    /// Keeps what is known now, and gives what is to be used: another reader may have kept the same before.
    fn keep(&self, mut latest: Known) -> Known {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = known
            .iter()
            .position(|known| known.mailbox == latest.mailbox)
            && let Some(before) = known.remove(at)
        {
            if before.modseq > latest.modseq {
                known.push_back(before);
                return latest;
            }
            if before.modseq == latest.modseq {
                latest = before;
            }
        }
        known.push_back(latest.clone());
        let mut entries: usize = known.iter().map(|known| known.entries.len()).sum();
        while known.len() > 1
            && (entries > REMEMBERED_ENTRIES_MAX || known.len() > REMEMBERED_MAILBOXES_MAX)
        {
            let Some(oldest) = known.pop_front() else {
                break;
            };
            entries -= oldest.entries.len();
        }
        latest
    }

    /// Notes that a mailbox's roll is going to be saved; false if that is noted already.
    pub(crate) fn begin_saving(&self, mailbox: MailboxId) -> bool {
        let mut saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        saving.insert(mailbox)
    }

    /// What is to be saved now, if it is still in memory.
    pub(crate) fn end_saving(&self, mailbox: MailboxId) -> Option<Known> {
        let mut saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        saving.remove(&mailbox);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter_mut().find(|known| known.mailbox == mailbox)?;
        found.unsaved = 0;
        Some(found.clone())
    }

    /// What changed later than `since`, and all entries now if they are in memory.
    pub(crate) fn follow(
        &self,
        connection: &Connection,
        info: &MailboxInfo,
        since: ModSeq,
    ) -> Result<(Arc<Difference>, Option<Known>)> {
        let Some(known) = self
            .recall(info.id)
            .filter(|known| known.modseq <= info.highest_modseq)
        else {
            let difference = changes_between(connection, info, since)?;
            return Ok((Arc::new(difference), None));
        };
        let known = self.keep(refresh(connection, info, known)?);
        let difference = match &known.last {
            _ if since >= info.highest_modseq => Arc::default(),
            Some((from, difference)) if *from == since => Arc::clone(difference),
            _ => Arc::new(changes_between(connection, info, since)?),
        };
        Ok((difference, Some(known)))
    }
}

impl Store {
    /// The mailbox and all its entries at one moment.
    pub async fn snapshot(
        &self,
        access: impl Into<Access>,
        mailbox: MailboxId,
        mode: SnapshotMode,
    ) -> Result<Snapshot> {
        let access = access.into();
        let claimed = match mode {
            SnapshotMode::ReadOnly => None,
            SnapshotMode::ClaimRecent => Some(self.claim_recent(access.owner(), mailbox).await?),
        };
        let store = self.clone();
        self.read(move |connection| {
            let remembered = &store.inner.remembered;
            let rights = sharing::require(connection, access, mailbox, Rights::READ)?;
            let mut info = mailbox::info(connection, access.owner(), mailbox)?;
            let known = match remembered.recall(mailbox) {
                // Another reader, in a later transaction, may have kept what this one cannot see yet.
                Some(known) if known.modseq <= info.highest_modseq => {
                    refresh(connection, &info, known)?
                }
                _ => match read_saved(connection, &info)? {
                    Some(known) => known,
                    None => read_all(connection, &info)?,
                },
            };
            let known = remembered.keep(known);
            store.save_if_worth(&known);
            let mut entries = known.entries;
            if let Some(reader) = Reader::of(access, mailbox) {
                let mut shown: Vec<EntryState> = entries.iter().collect();
                reader.show_all(connection, &mut shown)?;
                entries = shown.into_iter().collect();
            }
            sharing::personalize(connection, access, &mut info)?;
            Ok(Snapshot {
                recent_from: claimed.unwrap_or(info.recent_from),
                info,
                entries,
                rights,
            })
        })
        .await
    }
}

pub(crate) fn read_all(connection: &Connection, info: &MailboxInfo) -> Result<Known> {
    // The index holds all that is asked for, in a tenth of the table's pages.
    let sql = format!("{STATE} INDEXED BY entry_modseq WHERE mailbox = ?1");
    let mut select = connection.prepare_cached(&sql)?;
    let mut entries: Vec<EntryState> = Vec::with_capacity(info.messages as usize);
    for entry in select.query_map([info.id], state_from_row)? {
        entries.push(entry?);
    }
    entries.sort_unstable_by_key(|entry| entry.uid);
    let unsaved = entries.len();
    let entries = entries.into_iter().collect();
    Ok(Known {
        unsaved,
        ..Known::new(info.id, info.highest_modseq, entries)
    })
}

pub(crate) fn refresh(
    connection: &Connection,
    info: &MailboxInfo,
    mut known: Known,
) -> Result<Known> {
    if known.modseq == info.highest_modseq {
        return Ok(known);
    }
    let difference = changes_between(connection, info, known.modseq)?;
    known
        .entries
        .apply(&difference.changed, &difference.vanished);
    known.unsaved += difference.len();
    known.last = (difference.len() <= REMEMBERED_DIFFERENCE_MAX)
        .then(|| (known.modseq, Arc::new(difference)));
    known.modseq = info.highest_modseq;
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flags, Keywords};

    fn known(mailbox: i64, modseq: u64, entries: u32) -> Known {
        let entry = |uid| EntryState {
            uid: Uid::new(uid).unwrap(),
            modseq: ModSeq(modseq),
            flags: Flags::NONE,
            keywords: Keywords::NONE,
        };
        let entries = (1..=entries).map(entry).collect();
        Known::new(MailboxId(mailbox), ModSeq(modseq), entries)
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        let remembered = Remembered::default();
        for number in 0..REMEMBERED_MAILBOXES_MAX as i64 + 5 {
            remembered.keep(known(number, 1, 1));
        }
        assert!(remembered.recall(MailboxId(4)).is_none());
        assert!(remembered.recall(MailboxId(5)).is_some());
    }

    #[test]
    fn the_mailbox_looked_at_last_is_kept_however_large() {
        let remembered = Remembered::default();
        remembered.keep(known(1, 1, 1));
        remembered.keep(known(2, 1, REMEMBERED_ENTRIES_MAX as u32 + 1));
        assert!(remembered.recall(MailboxId(1)).is_none());
        assert!(remembered.recall(MailboxId(2)).is_some());
    }

    #[test]
    fn what_is_newer_stays() {
        let remembered = Remembered::default();
        remembered.keep(known(1, 5, 2));
        let older = remembered.keep(known(1, 4, 1));
        assert_eq!(older.modseq, ModSeq(4));
        assert_eq!(
            remembered.recall(MailboxId(1)).map(|known| known.modseq),
            Some(ModSeq(5))
        );
    }
}
