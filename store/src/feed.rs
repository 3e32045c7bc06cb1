//! The change feed: who changed, told to sessions in this process and in others.
//!
//! Every commit appends a row for each mailbox that it changed. After the commit the
//! sessions of this process are woken at once through `watch` channels; the other processes
//! get a one-byte datagram on their Unix socket in `wake/`, read the feed from where they
//! were, and wake their own sessions. A lost datagram is caught by a slow poll.
//!
//! A wake-up says that something changed, not what: the session asks `changes_since`.
//! Spurious wake-ups are possible, lost ones are not.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rusqlite::{Connection, params};
use tokio::sync::watch;

use crate::{AccountId, MailboxId, Result, reader};

/// How long a lost wake-up can stay unnoticed.
const POLL_SECONDS: u64 = 5;
/// Rows of the feed that are kept for processes that lag behind. One that lags further wakes all its sessions.
const KEPT_CHANGES: i64 = 10_000;

/// What a transaction changed. Mailbox 0 stands for the account itself.
pub(crate) type Changed = BTreeSet<(AccountId, MailboxId)>;

/// What stands for the outbound queue among what changed: no account has this number.
pub(crate) const QUEUE: (AccountId, MailboxId) = (AccountId(0), MailboxId(0));

/// What stands for what all accounts see, such as the server's annotations: no account has this number.
pub(crate) const SERVER: (AccountId, MailboxId) = (AccountId(-1), MailboxId(0));

pub(crate) struct Feed {
    origin: i64,
    wake: PathBuf,
    /// Bound to `own`; only the listener reads it.
    socket: UnixDatagram,
    /// Never blocks: a full buffer over there means that the process is about to wake anyway.
    sender: UnixDatagram,
    own: PathBuf,
    mailboxes: Watches<MailboxId>,
    accounts: Watches<AccountId>,
    all: watch::Sender<u64>,
}

impl Feed {
    /// Binds this process's socket. `origin` tells the processes apart in the feed.
    pub(crate) fn open(wake: PathBuf, origin: i64) -> io::Result<Arc<Feed>> {
        let own = wake.join(format!("{:016x}", origin as u64));
        let socket = UnixDatagram::bind(&own)?;
        let sender = UnixDatagram::unbound()?;
        sender.set_nonblocking(true)?;
        let (mailboxes, accounts) = (Watches::default(), Watches::default());
        Ok(Arc::new(Feed {
            origin,
            wake,
            socket,
            sender,
            own,
            mailboxes,
            accounts,
            all: watch::Sender::new(0),
        }))
    }

    /// Starts the thread that listens for other processes. It ends with the feed.
    pub(crate) fn listen(self: &Arc<Feed>, database: &Path) -> Result<()> {
        let connection = reader::open(database)?;
        let seen = newest(&connection)?;
        let socket = self.socket.try_clone()?;
        socket.set_read_timeout(Some(Duration::from_secs(POLL_SECONDS)))?;
        let listener = Listener {
            feed: Arc::downgrade(self),
            socket,
            connection,
            seen,
        };
        std::thread::Builder::new()
            .name("store-feed".into())
            .spawn(move || listener.run())?;
        Ok(())
    }

    pub(crate) fn watch_mailbox(&self, mailbox: MailboxId) -> watch::Receiver<u64> {
        self.mailboxes.subscribe(mailbox)
    }

    pub(crate) fn watch_queue(&self) -> watch::Receiver<u64> {
        self.accounts.subscribe(QUEUE.0)
    }

    pub(crate) fn watch_server(&self) -> watch::Receiver<u64> {
        self.accounts.subscribe(SERVER.0)
    }

    pub(crate) fn watch_account(&self, account: AccountId) -> watch::Receiver<u64> {
        self.accounts.subscribe(account)
    }

    /// Changes after each commit that changed anything.
    pub(crate) fn watch_all(&self) -> watch::Receiver<u64> {
        self.all.subscribe()
    }

    /// Appends to the feed, inside the writer's transaction.
    pub(crate) fn record(&self, connection: &Connection, changed: &Changed) -> Result<()> {
        if changed.is_empty() {
            return Ok(());
        }
        let mut insert = connection
            .prepare_cached("INSERT INTO change (origin, account, mailbox) VALUES (?1, ?2, ?3)")?;
        for (account, mailbox) in changed {
            insert.execute(params![self.origin, account, mailbox])?;
        }
        let newest = connection.last_insert_rowid();
        if newest % 1000 < changed.len() as i64 {
            connection
                .prepare_cached("DELETE FROM change WHERE seq <= ?1")?
                .execute([newest - KEPT_CHANGES])?;
        }
        Ok(())
    }

    /// Wakes everybody, after the commit.
    pub(crate) fn publish(&self, changed: &Changed) {
        self.wake_sessions(changed.iter().copied());
        self.wake_processes();
    }

    fn wake_sessions(&self, changed: impl Iterator<Item = (AccountId, MailboxId)>) {
        let mut some = false;
        for (account, mailbox) in changed {
            self.mailboxes.bump(mailbox);
            self.accounts.bump(account);
            some = true;
        }
        if some {
            self.all.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    fn wake_processes(&self) {
        let Ok(sockets) = std::fs::read_dir(&self.wake) else {
            return;
        };
        for socket in sockets
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| *path != self.own)
        {
            self.send_wake(&socket);
        }
    }

    fn send_wake(&self, socket: &Path) {
        match self.sender.send_to(b"!", socket) {
            // Nobody listens there any more.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                drop(std::fs::remove_file(socket))
            }
            _ => {}
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.own);
    }
}

/// The thread that reads what other processes changed.
struct Listener {
    feed: Weak<Feed>,
    socket: UnixDatagram,
    connection: Connection,
    seen: i64,
}

impl Listener {
    fn run(mut self) {
        let mut datagram = [0u8; 16];
        loop {
            let _ = self.socket.recv(&mut datagram);
            let Some(feed) = self.feed.upgrade() else {
                return;
            };
            if let Err(error) = self.catch_up(&feed) {
                tracing::error!(%error, "cannot read the store's change feed");
            }
        }
    }

    fn catch_up(&mut self, feed: &Feed) -> Result<()> {
        let mut select = self.connection.prepare_cached(
            "SELECT seq, account, mailbox, origin FROM change WHERE seq > ?1 ORDER BY seq",
        )?;
        let mut rows = select.query([self.seen])?;
        let mut changed = Changed::new();
        let mut seen = self.seen;
        while let Some(row) = rows.next()? {
            let seq: i64 = row.get(0)?;
            if seq > seen + 1 {
                // Rows in between were removed before this process came round to them.
                feed.mailboxes.bump_all();
                feed.accounts.bump_all();
            }
            seen = seq;
            if row.get::<_, i64>(3)? != feed.origin {
                changed.insert((row.get(1)?, row.get(2)?));
            }
        }
        self.seen = seen;
        feed.wake_sessions(changed.into_iter());
        Ok(())
    }
}

fn newest(connection: &Connection) -> Result<i64> {
    Ok(
        connection.query_row("SELECT coalesce(max(seq), 0) FROM change", [], |row| {
            row.get(0)
        })?,
    )
}

/// Who waits for what. A channel lives as long as somebody has its receiver.
struct Watches<K>(Mutex<HashMap<K, watch::Sender<u64>>>);

impl<K> Default for Watches<K> {
    fn default() -> Self {
        Watches(Mutex::new(HashMap::new()))
    }
}

impl<K: Hash + Eq + Copy> Watches<K> {
    fn subscribe(&self, key: K) -> watch::Receiver<u64> {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody waits for any more go when the table would have to grow.
        if senders.len() == senders.capacity() {
            senders.retain(|_, sender| sender.receiver_count() > 0);
        }
        senders
            .entry(key)
            .or_insert_with(|| watch::Sender::new(0))
            .subscribe()
    }

    fn bump(&self, key: K) {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = senders.get(&key) else {
            return;
        };
        if sender.receiver_count() == 0 {
            senders.remove(&key);
            return;
        }
        sender.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn bump_all(&self) {
        let senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sender in senders.values() {
            sender.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}
