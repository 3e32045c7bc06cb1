//! The mailbox store: accounts, mailboxes, messages, the outbound queue and the change feed.
//!
//! One SQLite database in WAL mode, shared by all daemons of the machine, and the only
//! place of the project that speaks SQL. The calls are `async`, speak of mail, and return
//! when what they promise is durable. Nothing here knows a protocol: no tag, no reply, no code.
//!
//! The directory of a store:
//! ```text
//! store.db, store.db-wal, store.db-shm   the database
//! locks/      whose turn it is to write, to sweep and to index, which version is running, POP3's maildrop locks
//! wake/       a socket for each process that listens for changes
//! ```
//!
//! Where to read on: `writer` (how a change becomes durable), `reader`, `feed`
//! (how others learn of it), `schema/` (the tables), then the nouns: `directory`,
//! `mailbox`, `entry`, `draft`, `accept`, `queue`, `text` (the full-text index), `check`.

mod accept;
mod address;
mod annotation;
mod append;
mod change;
mod check;
mod checkpoint;
mod content;
mod directory;
mod draft;
mod entry;
mod error;
mod expunge;
mod feed;
mod flags;
mod greylist;
mod identity;
mod journal;
mod mailbox;
mod maildrop;
pub mod mime;
mod open;
mod open_message;
mod piece;
mod queue;
mod ranking;
mod reader;
mod report;
mod roll;
mod saved_roll;
mod schema;
mod secret;
mod sharing;
mod snapshot;
mod survey;
mod sweep;
mod text;
mod thread;
mod timestamp;
mod transport;
mod turn;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

pub use accept::{
    Acceptance, Accepted, BodyKind, Filing, FilingTarget, Relay, Schedule, TlsDemand,
};
pub use address::{Address, normal_domain};
pub use annotation::{ANNOTATION_NAME_OCTETS_MAX, ANNOTATION_OCTETS_MAX, Annotation, Scope};
pub use append::{Appended, Appending, Copied, Missing};
pub use change::Changes;
pub use check::{Fault, Progress};
pub use content::ContentId;
pub use directory::account::{Account, NewAccount, Quota, ScramParameters};
pub use directory::alias::Alias;
pub use directory::credential::{AppPassword, Credential, Login, NewCredential, ScramKeys};
pub use directory::domain::Domain;
pub use directory::resolve::{Resolution, ResolvedAccount};
pub use directory::signing_key::{
    KeyState, NewSigningKey, PrivateKey, SigningAlgorithm, SigningKey,
};
pub use draft::{Draft, Sealed};
pub use entry::{ENTRIES_MAX, Entry, EntryState, Indexes, READ_OCTETS_MAX, Stored};
pub use error::{Error, OpenError, Result};
pub use flags::{FlagChange, FlagOperation, Flags, KEYWORD_OCTETS_MAX, KEYWORDS_MAX, Keywords};
pub use greylist::Patience;
pub use identity::{
    AccountId, CredentialId, MailboxId, MessageId, ModSeq, RelayId, Uid, UidValidity,
};
pub use journal::{JournalLine, Trace};
pub use mailbox::{MailboxInfo, SpecialUse, is_mailbox_name};
pub use maildrop::MaildropLock;
pub use open_message::OpenMessage;
pub use queue::{
    DueDestination, Handled, LEASED_RECIPIENTS_MAX, Leased, LeasedRecipient, Lessee, Outcome,
    QueueAction, QueueFilter, Queued, QueuedRecipient, RelayState, Settlement,
};
pub use ranking::Ranking;
pub use report::day::Day;
pub use report::dmarc_count::DmarcCount;
pub use report::received::{KeptReport, ReceivedReport, ReportKind};
pub use roll::Roll;
pub use sharing::{Access, Destination, Grant, Grantee, Rights, Shared};
pub use snapshot::{Snapshot, SnapshotMode};
pub use survey::Surveyed;
pub use text::{Candidates, IndexProgress, IndexStatus, Indexing, TextTest};
pub use thread::ThreadId;
pub use timestamp::Timestamp;
pub use transport::host_tls::{HostTls, TlsSeen};
pub use transport::sts_policy::StsPolicy;
pub use transport::tls_session::{TlsPolicy, TlsSessionFailure, TlsSessions};

use crate::feed::Feed;
use crate::identity::MessageIds;
use crate::reader::Readers;
use crate::writer::{Tx, Writer};

/// What the operator may choose about a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// Make the store if there is none.
    pub create: bool,
    /// What separates a user's name from the tag of a sub-address (`user+tag`); empty: no sub-addresses.
    pub subaddress_separator: String,
    /// Connections that read at the same time.
    pub readers: usize,
    /// Days for which the journal of a message is kept.
    pub journal_days: u32,
    /// Seconds for which a message is kept after its last entry went, or after it was last read by someone who was in the
    /// midst of serving it. Longer than a client may take for what is sent between two reads.
    pub linger_seconds: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            create: false,
            subaddress_separator: "+".into(),
            readers: 4,
            journal_days: 30,
            linger_seconds: 300,
        }
    }
}

/// An open store. Cheap to clone; the last clone closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    options: Options,
    readers: Readers,
    writer: Writer,
    feed: Arc<Feed>,
    message_ids: MessageIds,
    remembered: snapshot::Remembered,
    rankings: ranking::Rankings,
    /// Held as long as the store is open; see `open::VersionLock`.
    _version: open::VersionLock,
}

impl Store {
    /// A channel that changes after each commit, of any process, that touched the mailbox.
    pub fn watch_mailbox(&self, mailbox: MailboxId) -> tokio::sync::watch::Receiver<u64> {
        self.inner.feed.watch_mailbox(mailbox)
    }

    /// A channel that changes after each commit, of any process, that touched the account or one of its mailboxes.
    pub fn watch_account(&self, account: AccountId) -> tokio::sync::watch::Receiver<u64> {
        self.inner.feed.watch_account(account)
    }

    /// A channel that changes after each commit, of any process, that touched what all accounts see: annotations of the
    /// server, and what is granted to anyone.
    pub fn watch_server(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.feed.watch_server()
    }

    /// A channel that changes after each commit, of any process, that gave the outbound queue work.
    pub fn watch_queue(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.feed.watch_queue()
    }

    /// Reads in one transaction on a blocking thread.
    pub(crate) async fn read<T, F>(&self, closure: F) -> Result<T>
    where
        F: FnOnce(&rusqlite::Connection) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.inner.readers.read(closure).await
    }

    /// Reads a few rows in one transaction on the calling thread; see `reader`.
    pub(crate) fn read_briefly<T>(
        &self,
        closure: impl FnOnce(&rusqlite::Connection) -> Result<T>,
    ) -> Result<T> {
        self.inner.readers.read_briefly(closure)
    }

    /// Changes something; durable when it returns `Ok`.
    pub(crate) async fn write<T, F>(&self, closure: F) -> Result<T>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.inner.writer.write(0, closure).await
    }

    /// The same, for an operation that writes many octets.
    pub(crate) async fn write_octets<T, F>(&self, octets: usize, closure: F) -> Result<T>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.inner.writer.write(octets, closure).await
    }
}
