//! Threads: which messages of an account belong together (RFC 8474 §5.2, THREADID).
//!
//! A message belongs to the thread in which its Message-ID, or one of those it refers to, was met before: its own first,
//! then the nearest of the others. If there is none it begins a thread, which bears its id. All these Message-IDs are then
//! of that thread, so that a reply finds its thread whether or not what it answers has come.
//!
//! Nothing of this happens at arrival, which has no time for it: a message is put into its thread when somebody first asks,
//! in the transaction before the answer. There it stays: a message that would join two threads belongs to one of them, and
//! the other goes on.

use rusqlite::{Connection, OptionalExtension, params};

use crate::entry::{ENTRIES_MAX, runs};
use crate::mime::{EncodedIndex, MessageIndex, message_ids};
use crate::{AccountId, Error, MailboxId, MessageId, Result, Store, Uid, mailbox};

/// Messages whose headers are looked at in one read, and that are put into threads in one transaction.
const BATCH: usize = 500;
/// Message-IDs of one message that count: its own, and the nearest that it refers to.
const REFERENCES_MAX: usize = 50;

/// A thread: the id of the message that began it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId(pub MessageId);

/// What stands for a Message-ID.
type Digest = [u8; 16];

/// A message that is to be put into a thread.
struct Unthreaded {
    message: MessageId,
    /// Its own Message-ID, and those it refers to, the nearest first.
    digests: Vec<Digest>,
}

impl Store {
    /// The threads of up to [`ENTRIES_MAX`] entries, in the order asked.
    pub async fn threads(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        uids: &[Uid],
    ) -> Result<Vec<(Uid, ThreadId)>> {
        if uids.len() > ENTRIES_MAX {
            return Err(Error::Limit("messages in one call"));
        }
        let asked = uids.to_vec();
        let found = self
            .read(move |connection| {
                mailbox::require_owned(connection, account, mailbox)?;
                read_threads(connection, account, mailbox, &asked)
            })
            .await?;
        let unthreaded: Vec<MessageId> = found
            .iter()
            .filter(|(_, _, thread)| thread.is_none())
            .map(|(_, message, _)| *message)
            .collect();
        if unthreaded.is_empty() {
            let threaded = found
                .into_iter()
                .filter_map(|(uid, _, thread)| Some((uid, thread?)));
            return Ok(threaded.collect());
        }
        for batch in unthreaded.chunks(BATCH) {
            self.put_into_threads(account, batch.to_vec()).await?;
        }
        let asked = uids.to_vec();
        let found = self
            .read(move |connection| read_threads(connection, account, mailbox, &asked))
            .await?;
        let threaded = found
            .into_iter()
            .filter_map(|(uid, _, thread)| Some((uid, thread?)));
        Ok(threaded.collect())
    }

    /// The entries of a mailbox that belong to a thread, by UID. The first time in a mailbox it costs in proportion to its
    /// messages.
    pub async fn entries_of_thread(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        thread: ThreadId,
    ) -> Result<Vec<Uid>> {
        let mut after = 0;
        while let Some((batch, last)) = self
            .read(move |connection| unthreaded_after(connection, account, mailbox, after))
            .await?
        {
            self.put_into_threads(account, batch).await?;
            after = last;
        }
        self.read(move |connection| {
            mailbox::require_owned(connection, account, mailbox)?;
            let sql = "SELECT entry.uid FROM thread JOIN entry ON entry.message = thread.message
                       WHERE thread.account = ?1 AND thread.thread = ?3 AND entry.mailbox = ?2 ORDER BY entry.uid";
            let mut select = connection.prepare_cached(sql)?;
            let uids = select.query_map(params![account, mailbox, thread.0], |row| row.get(0))?;
            Ok(uids.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn put_into_threads(
        &self,
        account: AccountId,
        mut messages: Vec<MessageId>,
    ) -> Result<()> {
        // In the order of arrival, so that a thread bears the name of its first message wherever that is known.
        messages.sort_unstable();
        messages.dedup();
        let unthreaded = self
            .read(move |connection| {
                let read = |message| read_references(connection, message);
                messages.into_iter().map(read).collect::<Result<Vec<_>>>()
            })
            .await?;
        self.write(move |tx| {
            for message in &unthreaded {
                put_into_thread(tx.connection, account, message)?;
            }
            Ok(())
        })
        .await
    }
}

type Found = (Uid, MessageId, Option<ThreadId>);

fn read_threads(
    connection: &Connection,
    account: AccountId,
    mailbox: MailboxId,
    uids: &[Uid],
) -> Result<Vec<Found>> {
    let sql = "SELECT entry.uid, entry.message, thread.thread
               FROM entry LEFT JOIN thread ON thread.account = ?1 AND thread.message = entry.message
               WHERE entry.mailbox = ?2 AND entry.uid BETWEEN ?3 AND ?4 ORDER BY entry.uid";
    let mut select = connection.prepare_cached(sql)?;
    let mut found = Vec::with_capacity(uids.len());
    for (first, last) in runs(uids) {
        let rows = select.query_map(params![account, mailbox, first, last], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get::<_, Option<_>>(2)?.map(ThreadId),
            ))
        })?;
        for row in rows {
            found.push(row?);
        }
    }
    Ok(found)
}

/// Some messages of a mailbox that are in no thread yet, and the last UID looked at; `None` if there are no more.
fn unthreaded_after(
    connection: &Connection,
    account: AccountId,
    mailbox: MailboxId,
    after: i64,
) -> Result<Option<(Vec<MessageId>, i64)>> {
    mailbox::require_owned(connection, account, mailbox)?;
    let sql = "SELECT uid, message FROM entry WHERE mailbox = ?2 AND uid > ?3
               AND NOT EXISTS (SELECT 1 FROM thread WHERE thread.account = ?1 AND thread.message = entry.message)
               ORDER BY uid LIMIT ?4";
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map(params![account, mailbox, after, BATCH as i64], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let rows: Vec<(i64, MessageId)> = rows.collect::<rusqlite::Result<_>>()?;
    let last = rows.last().map(|(uid, _)| *uid);
    Ok(last.map(|last| (rows.into_iter().map(|(_, message)| message).collect(), last)))
}

fn read_references(connection: &Connection, message: MessageId) -> Result<Unthreaded> {
    let sql = "SELECT data FROM mime WHERE message = ?1";
    let mut select = connection.prepare_cached(sql)?;
    let data: Option<Vec<u8>> = select.query_row([message], |row| row.get(0)).optional()?;
    // A message that went meanwhile begins a thread of which nobody will hear.
    let digests = match data {
        Some(data) => digests_of(&EncodedIndex::new(data, 0).decode()?),
        None => Vec::new(),
    };
    Ok(Unthreaded { message, digests })
}

fn digests_of(index: &MessageIndex<'_>) -> Vec<Digest> {
    let envelope = index.envelope();
    let in_field = |text: Option<&str>| message_ids(text.unwrap_or_default());
    let own = in_field(envelope.message_id.as_deref()).into_iter().take(1);
    let answered = in_field(envelope.in_reply_to.as_deref());
    own.chain(answered)
        .chain(index.references.iter().rev().cloned())
        .take(REFERENCES_MAX)
        .map(|id| digest(&id))
        .collect()
}

fn digest(message_id: &str) -> Digest {
    let digest = *blake3::hash(message_id.as_bytes()).as_bytes();
    std::array::from_fn(|at| digest[at])
}

fn put_into_thread(
    connection: &Connection,
    account: AccountId,
    unthreaded: &Unthreaded,
) -> Result<()> {
    let thread = find_thread(connection, account, unthreaded)?.unwrap_or(unthreaded.message);
    // Another process may have been first: what it said holds.
    let sql = "INSERT INTO thread (account, message, thread) SELECT ?1, ?2, ?3
               WHERE EXISTS (SELECT 1 FROM message WHERE id = ?2) ON CONFLICT DO NOTHING";
    let added =
        connection
            .prepare_cached(sql)?
            .execute(params![account, unthreaded.message, thread])?;
    if added == 0 {
        return Ok(());
    }
    let sql = "INSERT INTO thread_reference (account, digest, thread) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let mut insert = connection.prepare_cached(sql)?;
    for digest in &unthreaded.digests {
        insert.execute(params![account, digest, thread])?;
    }
    Ok(())
}

fn find_thread(
    connection: &Connection,
    account: AccountId,
    unthreaded: &Unthreaded,
) -> Result<Option<MessageId>> {
    let sql = "SELECT thread FROM thread_reference WHERE account = ?1 AND digest = ?2";
    let mut select = connection.prepare_cached(sql)?;
    for digest in &unthreaded.digests {
        let found = select
            .query_row(params![account, digest], |row| row.get(0))
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
