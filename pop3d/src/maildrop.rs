//! The maildrop: an INBOX as it was at login, locked against other POP3 sessions, with marks for deletion.
//!
//! Opening it takes the lock and a snapshot; message numbers are positions in that snapshot and never move
//! (RFC 1939 §4). Deleting marks; [`Maildrop::commit`] removes what is marked in one transaction, and
//! consuming the maildrop in any other way removes nothing (RFC 1939 §6). Mail that arrives later is not seen
//! until the next login. The lock keeps out other POP3 sessions only: IMAP may expunge a message meanwhile,
//! which is then answered as [`Reject::Gone`] while the other numbers stay.
//!
//! Flags are not touched: fetching does not make a message \Seen, and a login does not take \Recent away from
//! an IMAP client.

use bytes::Bytes;
use store::{AccountId, MailboxId, MaildropLock, OpenMessage, SnapshotMode, Store, Uid};

use crate::grammar::command::MessageNumber;
use crate::grammar::reply::{Totals, UniqueId};
use crate::limits::{CHUNK_OCTETS, ENTRIES_BATCH};
use crate::read_ahead::ReadAhead;
use crate::reject::Reject;

/// The one mailbox that POP3 knows.
const INBOX: &str = "INBOX";

/// A locked INBOX.
pub struct Maildrop {
    mailbox: Inbox,
    uid_validity: u32,
    messages: Vec<Message>,
    unmarked: Totals,
    read_ahead: ReadAhead,
    /// Released when this is dropped, or when the process dies.
    _lock: MaildropLock,
}

/// Where messages are read.
pub struct Inbox {
    store: Store,
    account: AccountId,
    mailbox: MailboxId,
}

/// A message that is being sent.
pub struct Rest {
    store: Store,
    message: OpenMessage,
    read: u64,
    octets: u64,
}

impl Rest {
    /// The next octets, at most [`CHUNK_OCTETS`]; none at the end.
    pub async fn chunk(&mut self) -> Result<Bytes, Reject> {
        let end = self.octets.min(self.read + CHUNK_OCTETS);
        if self.read >= end {
            return Ok(Bytes::new());
        }
        let chunk = self.store.read_open(&self.message, self.read..end).await?;
        self.read += chunk.len() as u64;
        Ok(chunk)
    }
}

/// One message of the snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    uid: Uid,
    octets: u64,
    marked: bool,
}

impl Message {
    /// A message that is not marked.
    pub fn new(uid: Uid, octets: u64) -> Self {
        Message {
            uid,
            octets,
            marked: false,
        }
    }

    /// Its UID.
    pub fn uid(&self) -> Uid {
        self.uid
    }

    /// Its size.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Whether QUIT will remove it.
    pub fn is_marked(&self) -> bool {
        self.marked
    }
}

impl Inbox {
    /// The first octets of several messages, as many of each as asked for. Messages that are gone are left out.
    pub async fn read_beginnings(
        &self,
        wanted: Vec<(Uid, u64)>,
    ) -> Result<Vec<(Uid, Bytes)>, Reject> {
        let ranges = wanted
            .into_iter()
            .map(|(uid, octets)| (uid, 0..octets))
            .collect();
        Ok(self
            .store
            .read_many(self.account, self.mailbox, ranges)
            .await?)
    }
}

impl Maildrop {
    /// Locks the account's INBOX and takes the snapshot.
    pub async fn open(store: Store, account: AccountId) -> Result<Self, Reject> {
        let lock = store.lock_maildrop(account).await?.ok_or(Reject::InUse)?;
        let info = store.mailbox(account, INBOX).await?;
        let snapshot = store
            .snapshot(account, info.id, SnapshotMode::ReadOnly)
            .await?;
        let uids: Vec<Uid> = snapshot.entries.iter().map(|entry| entry.uid).collect();
        let mut messages = Vec::with_capacity(uids.len());
        for batch in uids.chunks(ENTRIES_BATCH) {
            let entries = store.entries(account, info.id, batch).await?;
            messages.extend(
                entries
                    .iter()
                    .map(|entry| Message::new(entry.uid, entry.size)),
            );
        }
        Ok(Maildrop {
            uid_validity: info.uid_validity.0,
            unmarked: totals(&messages),
            messages,
            read_ahead: ReadAhead::default(),
            mailbox: Inbox {
                store,
                account,
                mailbox: info.id,
            },
            _lock: lock,
        })
    }

    /// Number and size of the messages that are not marked.
    pub fn totals(&self) -> Totals {
        self.unmarked
    }

    /// The messages that are not marked, from the given number on: number, size, name for ever.
    pub fn unmarked(&self) -> impl Iterator<Item = (MessageNumber, u64, UniqueId)> {
        (1..)
            .zip(&self.messages)
            .filter(|(_, message)| !message.marked)
            .map(|(number, message)| {
                (
                    MessageNumber(number),
                    message.octets,
                    self.unique_id(message),
                )
            })
    }

    /// The size of one message, and its name for ever.
    pub fn message(&self, number: MessageNumber) -> Result<(u64, UniqueId), Reject> {
        let message = self.messages[self.position(number)?];
        Ok((message.octets, self.unique_id(&message)))
    }

    /// Marks a message for deletion.
    pub fn mark(&mut self, number: MessageNumber) -> Result<(), Reject> {
        let position = self.position(number)?;
        let message = &mut self.messages[position];
        message.marked = true;
        self.unmarked.messages -= 1;
        self.unmarked.octets -= message.octets;
        Ok(())
    }

    /// Takes all marks away.
    pub fn unmark_all(&mut self) {
        self.messages
            .iter_mut()
            .for_each(|message| message.marked = false);
        self.unmarked = totals(&self.messages);
    }

    /// The first octets of a message, at most [`CHUNK_OCTETS`]. Reads further messages with it when the
    /// client seems to fetch one after the other.
    pub async fn beginning(&mut self, number: MessageNumber) -> Result<Bytes, Reject> {
        let position = self.position(number)?;
        self.read_ahead
            .beginning(&self.mailbox, &self.messages, position)
            .await
    }

    /// What of a message lies behind its first `read` octets; nothing if they are all of it. From now on it can be read to its end,
    /// though somebody may expunge the message.
    pub async fn rest(&self, number: MessageNumber, read: usize) -> Result<Option<Rest>, Reject> {
        let message = self.messages[self.position(number)?];
        let read = read as u64;
        if read >= message.octets {
            return Ok(None);
        }
        let Inbox {
            store,
            account,
            mailbox,
        } = &self.mailbox;
        Ok(Some(Rest {
            message: store.open_message(*account, *mailbox, message.uid).await?,
            store: store.clone(),
            read,
            octets: message.octets,
        }))
    }

    /// Removes the marked messages, all or none, and gives up the lock. Returns how many were removed.
    pub async fn commit(self) -> Result<u64, Reject> {
        let marked: Vec<Uid> = self
            .messages
            .iter()
            .filter(|message| message.marked)
            .map(|message| message.uid)
            .collect();
        if marked.is_empty() {
            return Ok(0);
        }
        let Inbox {
            store,
            account,
            mailbox,
        } = &self.mailbox;
        let removed = store
            .expunge_at_once(*account, *mailbox, &marked)
            .await
            .map_err(Reject::NotRemoved)?;
        Ok(removed.len() as u64)
    }

    fn unique_id(&self, message: &Message) -> UniqueId {
        UniqueId {
            uid_validity: self.uid_validity,
            uid: message.uid.value(),
        }
    }

    /// The position of a message that is there and not marked.
    fn position(&self, number: MessageNumber) -> Result<usize, Reject> {
        let position = usize::try_from(number.0)
            .ok()
            .and_then(|number| number.checked_sub(1))
            .ok_or(Reject::NoSuchMessage)?;
        match self.messages.get(position) {
            None => Err(Reject::NoSuchMessage),
            Some(message) if message.marked => Err(Reject::Marked),
            Some(_) => Ok(position),
        }
    }
}

fn totals(messages: &[Message]) -> Totals {
    Totals {
        messages: messages.len(),
        octets: messages.iter().map(|message| message.octets).sum(),
    }
}
