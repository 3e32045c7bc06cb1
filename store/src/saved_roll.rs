//! Rolls of large mailboxes, saved: what a process that has just started begins with, instead of reading every entry.
//!
//! A saved roll is that of some mod-sequence, and the changes since then make it the present one, as they do with a roll that is in
//! memory (`snapshot`). It is saved anew a moment after so much has been read beside it that this would be felt.
//!
//! Failure: one that cannot be read, or with which the mailbox has not as many messages as it counts, is passed over, and all entries
//! are read. One that cannot be saved is saved another time.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use crate::check::Fault;
use crate::mailbox::{self, MailboxInfo};
use crate::snapshot::{Known, read_all, refresh};
use crate::{AccountId, MailboxId, Result, Roll, Store};

/// Entries that are read beside a saved roll before a newer one is worth writing: some milliseconds.
const WORTH_ENTRIES: usize = 5000;
/// How long after that it is written: more may be changing.
const SETTLE: Duration = Duration::from_secs(2);

/// The entries of a mailbox by the roll that was saved last and what has changed since.
pub(crate) fn read_saved(connection: &Connection, info: &MailboxInfo) -> Result<Option<Known>> {
    let sql = "SELECT modseq, data FROM saved_roll WHERE mailbox = ?1";
    let mut select = connection.prepare_cached(sql)?;
    let saved = select.query_row([info.id], |row| {
        Ok((row.get(0)?, Roll::of_saved(row.get_ref(1)?.as_blob()?)))
    });
    let Some((modseq, Some(entries))) = saved.optional()? else {
        return Ok(None);
    };
    if modseq > info.highest_modseq {
        return Ok(None);
    }
    let known = refresh(connection, info, Known::new(info.id, modseq, entries))?;
    Ok(Some(known).filter(|known| known.entries.len() == info.messages as usize))
}

/// What is saved of a mailbox is no beginning any more: entries go without being noted as expunged.
pub(crate) fn forget(connection: &Connection, mailbox: MailboxId) -> Result<()> {
    let sql = "DELETE FROM saved_roll WHERE mailbox = ?1";
    connection.prepare_cached(sql)?.execute([mailbox])?;
    Ok(())
}

fn saved_mailboxes(connection: &Connection) -> Result<Vec<(MailboxId, AccountId)>> {
    let sql = "SELECT mailbox.id, account FROM mailbox JOIN saved_roll ON saved_roll.mailbox = mailbox.id";
    let mut select = connection.prepare(sql)?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl Store {
    /// Saves the roll of a mailbox in a moment, if so much was read beside the saved one that it is worth it.
    pub(crate) fn save_if_worth(&self, known: &Known) {
        if known.unsaved < WORTH_ENTRIES || !self.inner.remembered.begin_saving(known.mailbox) {
            return;
        }
        let (inner, mailbox) = (Arc::downgrade(&self.inner), known.mailbox);
        tokio::spawn(async move {
            tokio::time::sleep(SETTLE).await;
            let Some(inner) = inner.upgrade() else { return };
            let store = Store { inner };
            if let Err(error) = store.save_roll(mailbox).await {
                tracing::warn!(%error, "cannot save the list of a mailbox's messages");
            }
        });
    }

    async fn save_roll(&self, mailbox: MailboxId) -> Result<()> {
        let Some(known) = self.inner.remembered.end_saving(mailbox) else {
            return Ok(());
        };
        let modseq = known.modseq;
        let data = self.read(move |_| Ok(known.entries.folded())).await?;
        self.write_octets(data.len(), move |tx| {
            let sql = "INSERT INTO saved_roll (mailbox, modseq, data) SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM mailbox WHERE id = ?1)
                       ON CONFLICT DO UPDATE SET modseq = ?2, data = ?3 WHERE modseq < ?2";
            tx.connection.prepare_cached(sql)?.execute(params![mailbox, modseq, data])?;
            Ok(())
        })
        .await
    }

    /// Faults of saved rolls: those that would show other entries than there are.
    pub(crate) async fn check_saved_rolls(&self) -> Result<Vec<Fault>> {
        let mailboxes = self.read(saved_mailboxes).await?;
        let mut faults = Vec::new();
        for (mailbox, account) in mailboxes {
            let differs = self
                .read(move |connection| {
                    let info = mailbox::info(connection, account, mailbox)?;
                    let saved = read_saved(connection, &info)?;
                    let read = read_all(connection, &info)?;
                    Ok(saved.is_some_and(|saved| !saved.entries.iter().eq(read.entries.iter())))
                })
                .await?;
            if differs {
                faults.push(Fault(format!(
                    "saved roll: it differs from the entries: {mailbox}"
                )));
            }
        }
        Ok(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Address, Appending, Draft, FlagChange, FlagOperation, Flags, Missing, NewAccount, Options,
        SnapshotMode, Uid,
    };

    struct Fixture {
        store: Store,
        account: AccountId,
        inbox: MailboxId,
        dir: tempfile::TempDir,
    }

    async fn open(dir: &std::path::Path) -> Store {
        let options = Options {
            create: true,
            ..Options::default()
        };
        Store::open(dir, options).await.unwrap()
    }

    impl Fixture {
        /// An INBOX of eight messages.
        async fn new() -> Fixture {
            let dir = tempfile::tempdir().unwrap();
            let store = open(dir.path()).await;
            store.add_domain("example.test").await.unwrap();
            let address = Address::from_parts("alice", "example.test").unwrap();
            let account = store.add_account(&address, NewAccount::default()).await;
            let account = account.unwrap();
            let mut draft = Draft::new(&store, 1000);
            draft.write(b"Subject: hello\r\n\r\n").await.unwrap();
            let message = Appending {
                message: draft.seal().await.unwrap(),
                flags: Flags::NONE,
                keywords: Vec::new(),
                internal_date: None,
            };
            store.append(account, "INBOX", vec![message]).await.unwrap();
            let inbox = store.mailbox(account, "INBOX").await.unwrap().id;
            let fixture = Fixture {
                store,
                account,
                inbox,
                dir,
            };
            for _ in 0..3 {
                fixture.double().await;
            }
            fixture
        }

        async fn double(&self) {
            let uids: Vec<Uid> = self.uids().await;
            let copied =
                self.store
                    .copy(self.account, self.inbox, &uids, "INBOX", Missing::LeftOut);
            copied.await.unwrap();
        }

        async fn uids(&self) -> Vec<Uid> {
            let entries = self.snapshot().await;
            entries.iter().map(|entry| entry.uid).collect()
        }

        async fn snapshot(&self) -> Roll {
            let snapshot = self
                .store
                .snapshot(self.account, self.inbox, SnapshotMode::ReadOnly);
            snapshot.await.unwrap().entries
        }

        async fn save(&self) {
            self.snapshot().await;
            self.store.save_roll(self.inbox).await.unwrap();
        }

        async fn execute(&self, sql: &'static str) {
            let done = self
                .store
                .write(move |tx| Ok(tx.connection.execute(sql, [])?));
            assert!(done.await.is_ok());
        }

        /// Flags, an expunge and new messages.
        async fn change(&self) {
            let uids = self.uids().await;
            let change = FlagChange {
                operation: FlagOperation::Add,
                flags: Flags::DELETED,
                keywords: Vec::new(),
            };
            let (store, account, inbox) = (&self.store, self.account, self.inbox);
            let stored = store.store_flags(account, inbox, &uids[2..5], &change, None);
            stored.await.unwrap();
            let removed = store.expunge(account, inbox, &uids[3..4]);
            removed.await.unwrap();
            self.double().await;
        }

        /// What a process that has just started finds saved.
        async fn saved(&self) -> Option<Roll> {
            let (account, inbox) = (self.account, self.inbox);
            let read = self.store.read(move |connection| {
                read_saved(connection, &mailbox::info(connection, account, inbox)?)
            });
            read.await.unwrap().map(|known| known.entries)
        }
    }

    #[tokio::test]
    async fn what_was_saved_and_what_changed_since_are_what_there_is() {
        let mut fixture = Fixture::new().await;
        assert!(fixture.saved().await.is_none());
        fixture.save().await;
        fixture.change().await;
        let now = fixture.snapshot().await;
        assert!(fixture.saved().await.unwrap().iter().eq(now.iter()));
        fixture.store = open(fixture.dir.path()).await;
        assert!(fixture.snapshot().await.iter().eq(now.iter()));
        fixture.change().await;
        fixture.save().await;
        assert_eq!(fixture.saved().await.unwrap().len(), 26);
        assert_eq!(fixture.store.check(|_| ()).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn an_older_roll_does_not_replace_a_newer_one() {
        let fixture = Fixture::new().await;
        let other = open(fixture.dir.path()).await;
        let snapshot = other.snapshot(fixture.account, fixture.inbox, SnapshotMode::ReadOnly);
        snapshot.await.unwrap();
        fixture.change().await;
        fixture.save().await;
        let now = fixture.snapshot().await;
        other.save_roll(fixture.inbox).await.unwrap();
        assert!(fixture.saved().await.unwrap().iter().eq(now.iter()));
    }

    #[tokio::test]
    async fn what_does_not_fit_is_passed_over() {
        let fixture = Fixture::new().await;
        for spoil in [
            "UPDATE saved_roll SET data = x'00'",
            "UPDATE saved_roll SET modseq = modseq + 1000",
            "UPDATE saved_roll SET mailbox = mailbox + 1",
        ] {
            fixture.execute("DELETE FROM saved_roll").await;
            fixture.save().await;
            fixture.execute(spoil).await;
            assert!(fixture.saved().await.is_none(), "{spoil}");
            let fresh = open(fixture.dir.path()).await;
            let snapshot = fresh.snapshot(fixture.account, fixture.inbox, SnapshotMode::ReadOnly);
            assert_eq!(snapshot.await.unwrap().entries.len(), 8);
        }
    }

    #[tokio::test]
    async fn it_goes_with_its_mailbox() {
        let fixture = Fixture::new().await;
        let store = &fixture.store;
        let made = store.create_mailbox(fixture.account, "large", None).await;
        let large = made.unwrap().id;
        let uids = fixture.uids().await;
        let copied = store.copy(
            fixture.account,
            fixture.inbox,
            &uids,
            "large",
            Missing::LeftOut,
        );
        copied.await.unwrap();
        let snapshot = store.snapshot(fixture.account, large, SnapshotMode::ReadOnly);
        snapshot.await.unwrap();
        store.save_roll(large).await.unwrap();
        store
            .delete_mailbox(fixture.account, "large")
            .await
            .unwrap();
        let left = store.read(|connection| {
            let sql = "SELECT count(*) FROM saved_roll";
            Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(left.await.unwrap(), 0);
    }
}
