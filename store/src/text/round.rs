//! The work on the index: a round indexes what waits.
//!
//! One process at a time does it: a file lock says which, and the kernel takes it from a dead one. A round goes account by account: reads
//! messages in steps, each a short read transaction; gathers a segment in memory; writes its blocks in transactions of at most a MiB; and in the last of these makes
//! it ready and moves the mailboxes' marks. A crash loses what was gathered, and leaves blocks that the next round removes.
//!
//! Failure: a round that fails is begun anew by the next one.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::building::Building;
use super::document::{DocumentId, gather};
use super::gram::form;
use super::{IndexStatus, segment};
use crate::piece::PieceReader;
use crate::turn::open_lock_file;
use crate::{AccountId, Error, MailboxId, MessageId, Result, Store};

/// Messages that wait in a mailbox before they are worth a segment; until then a search reads them.
const WORTH_MESSAGES: u32 = 64;
/// How long after a change to look: more is coming.
const SETTLE: Duration = Duration::from_secs(2);
/// How often to index mailboxes in which fewer wait.
const FULL_ROUND: Duration = Duration::from_secs(15 * 60);
/// How often to tell how much is indexed: that takes a look at all mailboxes.
const TELL: Duration = Duration::from_secs(60);
/// How often to look for segments whose messages are gone.
const TIDY: Duration = Duration::from_secs(6 * 3600);
/// Messages, and octets of text, that are read in one step.
const STEP_MESSAGES: i64 = 200;
const STEP_OCTETS: u64 = 2 * 1024 * 1024;
/// The longest pause after a step.
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// Documents that are forgotten in one transaction.
const FORGOTTEN: i64 = 2000;

/// How far a round is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexProgress {
    /// Messages looked at.
    pub done: u64,
    /// Messages that waited when it began.
    pub total: u64,
}

/// What became of a wish to index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indexing {
    /// All that waited is indexed.
    Done,
    /// Another process is at it.
    Elsewhere,
}

/// How much of the machine a round takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Rests after each step as long as the step took.
    Gentle,
    /// All it can get.
    Full,
}

impl Pace {
    pub(super) async fn rest(self, began: Instant) {
        if self == Pace::Gentle {
            sleep(began.elapsed().min(PAUSE_MAX)).await;
        }
    }
}

/// Strikes once in a while, when somebody looks.
struct Clock {
    every: Duration,
    last: Option<Instant>,
}

impl Clock {
    fn new(every: Duration, at_once: bool) -> Clock {
        Clock {
            every,
            last: (!at_once).then(Instant::now),
        }
    }

    fn strikes(&mut self) -> bool {
        let strikes = self.last.is_none_or(|last| last.elapsed() >= self.every);
        if strikes {
            self.last = Some(Instant::now());
        }
        strikes
    }
}

impl Store {
    /// Keeps the index up to date for as long as it is polled, whenever it is `wanted`; `told` hears now and then how much is indexed.
    pub async fn keep_index(
        &self,
        wanted: impl Fn() -> bool + Send,
        told: impl Fn(IndexStatus) + Send,
    ) {
        let mut changes = self.inner.feed.watch_all();
        let mut full = Clock::new(FULL_ROUND, true);
        let mut tidy = Clock::new(TIDY, false);
        let mut tell = Clock::new(TELL, true);
        loop {
            if wanted() {
                let least = if full.strikes() { 1 } else { WORTH_MESSAGES };
                let mut done = self.kept_round(least, tidy.strikes()).await;
                if done.is_ok() && tell.strikes() {
                    done = self.index_status().await.map(&told);
                }
                if let Err(error) = done {
                    tracing::error!(%error, "cannot index messages for searches");
                }
            }
            // The feed ends with the store, which we hold; a change and the clock are all that wakes.
            let _ = timeout(FULL_ROUND, changes.changed()).await;
            sleep(SETTLE).await;
        }
    }

    async fn kept_round(&self, least: u32, tidy: bool) -> Result<()> {
        let Some(_lock) = self.lock_index()? else {
            return Ok(());
        };
        self.round(least, Pace::Gentle, &mut |_| ()).await?;
        if tidy {
            self.tidy_segments(Pace::Gentle).await?;
        }
        Ok(())
    }

    /// Indexes all that waits, at once.
    pub async fn index(&self, mut progress: impl FnMut(IndexProgress) + Send) -> Result<Indexing> {
        let Some(_lock) = self.lock_index()? else {
            return Ok(Indexing::Elsewhere);
        };
        let total = self.index_status().await?.waiting;
        let mut done = 0;
        let mut told = |looked| {
            done += looked;
            progress(IndexProgress { done, total });
        };
        self.round(1, Pace::Full, &mut told).await?;
        self.tidy_segments(Pace::Full).await?;
        Ok(Indexing::Done)
    }

    /// Throws the index away. From now on searches read all messages, until it is made anew.
    pub async fn drop_index(&self) -> Result<Indexing> {
        let Some(_lock) = self.lock_index()? else {
            return Ok(Indexing::Elsewhere);
        };
        self.write(|tx| give_up(tx.connection)).await?;
        self.clear_away().await?;
        Ok(Indexing::Done)
    }

    fn lock_index(&self) -> Result<Option<File>> {
        let lock = open_lock_file(&self.inner.dir.join("locks").join("index"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Indexes the accounts of which a mailbox has at least so many messages waiting.
    async fn round(
        &self,
        least: u32,
        pace: Pace,
        told: &mut (dyn FnMut(u64) + Send),
    ) -> Result<()> {
        if self.read(is_of_other_form).await? {
            self.write(|tx| give_up(tx.connection)).await?;
        }
        self.clear_away().await?;
        for account in self
            .read(move |connection| accounts_waiting(connection, least))
            .await?
        {
            self.index_account(account, pace, told).await?;
            while self.merge_some(account, pace).await? {}
        }
        Ok(())
    }

    /// Removes what a crash, a merge or [`Store::drop_index`] has left.
    pub(super) async fn clear_away(&self) -> Result<()> {
        while self.read(is_clearing).await? {
            self.write(|tx| forget_some(tx.connection)).await?;
        }
        // A look costs nothing, a write would.
        while self.read(has_unready).await? {
            self.write(|tx| segment::remove_some(tx.connection)).await?;
        }
        Ok(())
    }

    async fn index_account(
        &self,
        account: AccountId,
        pace: Pace,
        told: &mut (dyn FnMut(u64) + Send),
    ) -> Result<()> {
        let mut gathered = Gathered::default();
        let waiting = self
            .read(move |connection| mailboxes_waiting(connection, account))
            .await?;
        for (mailbox, mut from) in waiting {
            loop {
                let began = Instant::now();
                let step = self
                    .read(move |connection| {
                        gather_some(connection, gathered, account, mailbox, from)
                    })
                    .await?;
                gathered = step.gathered;
                gathered.reached.insert(mailbox, step.next);
                told(step.looked);
                if gathered.building.is_full() {
                    self.publish(account, std::mem::take(&mut gathered)).await?;
                }
                pace.rest(began).await;
                if step.is_last {
                    break;
                }
                from = step.next;
            }
        }
        self.publish(account, gathered).await
    }

    /// Writes what was gathered, and says that it is indexed.
    async fn publish(&self, account: AccountId, gathered: Gathered) -> Result<()> {
        let Gathered { building, reached } = gathered;
        if building.documents.is_empty() {
            if reached.is_empty() {
                return Ok(());
            }
            return self
                .write(move |tx| move_marks(tx.connection, &reached))
                .await;
        }
        let (building, blocks) = spawn_blocking(move || {
            let blocks = building.blocks();
            (building, blocks)
        })
        .await
        .map_err(|error| Error::Unavailable(format!("indexing ended early: {error}")))?;
        let mut writing = SegmentWriting::begin(self, account).await?;
        writing.write(self, blocks).await?;
        let (id, octets) = writing.finish(self).await?;
        self.write(move |tx| {
            segment::make_ready(tx.connection, id, &building.messages(), octets)?;
            note_documents(tx.connection, account, &building.documents)?;
            move_marks(tx.connection, &reached)
        })
        .await
    }
}

/// A segment on its way to the database.
pub(super) struct SegmentWriting {
    id: i64,
    octets: usize,
    held: Vec<super::block::Block>,
    held_octets: usize,
}

impl SegmentWriting {
    pub(super) async fn begin(store: &Store, account: AccountId) -> Result<SegmentWriting> {
        let id = store
            .write(move |tx| segment::begin(tx.connection, account))
            .await?;
        Ok(SegmentWriting {
            id,
            octets: 0,
            held: Vec::new(),
            held_octets: 0,
        })
    }

    /// Takes blocks, and writes them when there are enough for a transaction.
    pub(super) async fn write(
        &mut self,
        store: &Store,
        blocks: Vec<super::block::Block>,
    ) -> Result<()> {
        for block in blocks {
            self.held_octets += block.1.len();
            self.held.push(block);
            if self.held_octets >= segment::WRITE_OCTETS_MAX {
                self.flush(store).await?;
            }
        }
        Ok(())
    }

    /// Writes the rest. Gives the segment's id and the octets of its blocks.
    pub(super) async fn finish(mut self, store: &Store) -> Result<(i64, usize)> {
        self.flush(store).await?;
        Ok((self.id, self.octets))
    }

    async fn flush(&mut self, store: &Store) -> Result<()> {
        let (id, held) = (self.id, std::mem::take(&mut self.held));
        let octets = std::mem::take(&mut self.held_octets);
        self.octets += octets;
        store
            .write_octets(octets, move |tx| {
                segment::write_blocks(tx.connection, id, &held)
            })
            .await
    }
}

/// What a round has read and not yet written.
#[derive(Default)]
struct Gathered {
    building: Building,
    /// Below which UID all entries of a mailbox are in it, or were indexed before.
    reached: BTreeMap<MailboxId, i64>,
}

struct Step {
    gathered: Gathered,
    /// The UID to go on with.
    next: i64,
    is_last: bool,
    looked: u64,
}

/// Reads some messages of a mailbox, from the UID `from` on.
fn gather_some(
    connection: &Connection,
    mut gathered: Gathered,
    account: AccountId,
    mailbox: MailboxId,
    from: i64,
) -> Result<Step> {
    let uid_next = connection
        .prepare_cached("SELECT uid_next FROM mailbox WHERE id = ?1")?
        .query_row([mailbox], |row| row.get(0))
        .optional()?;
    let (mut next, mut looked, mut octets) = (from, 0, 0);
    let sql = "SELECT uid, message, prefix FROM entry WHERE mailbox = ?1 AND uid >= ?2 ORDER BY uid LIMIT ?3";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![mailbox, from, STEP_MESSAGES])?;
    let mut reader = PieceReader::new(connection);
    while octets <= STEP_OCTETS && !gathered.building.is_full() {
        let Some(row) = rows.next()? else {
            // All are read, unless the limit has cut them off. A mailbox that is gone has no mark to move.
            let is_last = looked < STEP_MESSAGES as u64;
            return Ok(Step {
                gathered,
                next: uid_next.filter(|_| is_last).unwrap_or(next),
                is_last,
                looked,
            });
        };
        let (uid, message, prefix): (i64, _, _) = (row.get(0)?, row.get(1)?, row.get(2)?);
        octets += gather_one(
            connection,
            &mut reader,
            &mut gathered.building,
            account,
            message,
            prefix,
        )?;
        next = uid + 1;
        looked += 1;
    }
    Ok(Step {
        gathered,
        next,
        is_last: false,
        looked,
    })
}

/// Adds a message unless it is known. Gives the octets that were read.
fn gather_one(
    connection: &Connection,
    reader: &mut PieceReader<'_>,
    building: &mut Building,
    account: AccountId,
    message: MessageId,
    prefix: Vec<u8>,
) -> Result<u64> {
    let document = DocumentId::new(message, &prefix);
    if building.has(&document) || is_known(connection, account, document)? {
        return Ok(0);
    }
    match gather(connection, reader, message, prefix, &mut building.grams)? {
        Some(octets) => {
            building.add(document);
            Ok(octets)
        }
        // Only an entry without a message could be here, and there is none.
        None => Ok(0),
    }
}

fn is_known(connection: &Connection, account: AccountId, document: DocumentId) -> Result<bool> {
    let sql = "SELECT 1 FROM text_document WHERE message = ?1 AND account = ?2 AND prefix = ?3";
    let mut select = connection.prepare_cached(sql)?;
    Ok(select.exists(params![document.message, account, document.prefix])?)
}

/// A message that was removed meanwhile is forgotten already, and must not be noted again.
fn note_documents(
    connection: &Connection,
    account: AccountId,
    documents: &[DocumentId],
) -> Result<()> {
    let sql = "INSERT OR IGNORE INTO text_document (message, account, prefix)
               SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM message WHERE id = ?1)";
    let mut insert = connection.prepare_cached(sql)?;
    for document in documents {
        insert.execute(params![document.message, account, document.prefix])?;
    }
    Ok(())
}

fn move_marks(connection: &Connection, reached: &BTreeMap<MailboxId, i64>) -> Result<()> {
    let sql = "UPDATE mailbox SET indexed_next = max(indexed_next, ?2) WHERE id = ?1";
    let mut update = connection.prepare_cached(sql)?;
    for (mailbox, next) in reached {
        update.execute(params![mailbox, next])?;
    }
    Ok(())
}

fn accounts_waiting(connection: &Connection, least: u32) -> Result<Vec<AccountId>> {
    let sql = "SELECT DISTINCT account FROM mailbox WHERE uid_next > indexed_next AND uid_next - indexed_next >= ?1";
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map([least], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn mailboxes_waiting(connection: &Connection, account: AccountId) -> Result<Vec<(MailboxId, i64)>> {
    let sql = "SELECT id, indexed_next FROM mailbox WHERE account = ?1 AND uid_next > indexed_next";
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map([account], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn is_of_other_form(connection: &Connection) -> Result<bool> {
    let sql = "SELECT form <> ?1 FROM text_state";
    Ok(connection.query_row(sql, [form()], |row| row.get(0))?)
}

fn is_clearing(connection: &Connection) -> Result<bool> {
    Ok(connection.query_row("SELECT clearing FROM text_state", [], |row| row.get(0))?)
}

fn has_unready(connection: &Connection) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM text_segment WHERE NOT ready)";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Nothing is indexed any more; what there is has to be removed before anything is again.
fn give_up(connection: &Connection) -> Result<()> {
    connection.execute(
        "UPDATE mailbox SET indexed_next = 1 WHERE indexed_next > 1",
        [],
    )?;
    connection.execute("UPDATE text_segment SET ready = 0 WHERE ready", [])?;
    connection.execute("UPDATE text_state SET form = ?1, clearing = 1", [form()])?;
    Ok(())
}

/// Forgets some documents of an index that was given up; with the last of them it is clear.
fn forget_some(connection: &Connection) -> Result<()> {
    let sql = "DELETE FROM text_document WHERE (message, account, prefix) IN
               (SELECT message, account, prefix FROM text_document LIMIT ?1)";
    if connection.prepare_cached(sql)?.execute([FORGOTTEN])? == 0 {
        connection.execute("UPDATE text_state SET clearing = 0", [])?;
    }
    Ok(())
}
