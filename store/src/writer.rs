//! The writer: the one thread of this process that changes the database.
//!
//! Callers send closures. The thread takes all that are waiting (up to the limits below; a moment later if they come in a stream),
//! runs each under a savepoint of its own inside one `BEGIN IMMEDIATE` transaction, commits
//! once, wakes the sessions, and only then answers them all: one fsync serves many callers, and `Ok` means that
//! the change is on disk. A closure that fails is rolled back alone; the others stand.
//!
//! Failure: if the commit fails (disk full, I/O error), every caller of the batch gets that
//! error and nothing of the batch remains. A closure that panics fails alone.
//!
//! Not here: what the closures do. They speak SQL in the modules named after mail's nouns.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::checkpoint::Checkpointer;
use crate::feed::{Changed, Feed, QUEUE, SERVER};
use crate::turn::Turnstile;
use crate::{AccountId, Error, MailboxId, Result};

/// Operations that may wait for the writer in one process; further callers wait to enqueue.
const WAITING_MAX: usize = 4096;
/// Operations in one transaction.
const BATCH_OPERATIONS_MAX: usize = 256;
/// Octets of message bodies in one transaction, after which no further operation is added.
const BATCH_OCTETS_MAX: usize = 16 * 1024 * 1024;
/// How long a transaction waits for more callers before it begins, if the one before had several: they come in a stream then, and a
/// transaction that serves more of them costs all of them less. Whoever is alone never waits.
const GATHER_TIME: Duration = Duration::from_micros(200);
/// How long operations are added to one transaction: others wait for the write lock meanwhile.
const BATCH_TIME_MAX: Duration = Duration::from_millis(20);

/// What an operation sees while it runs: the connection inside the transaction, and the list
/// of what it changed.
pub(crate) struct Tx<'a> {
    pub(crate) connection: &'a Connection,
    changed: &'a mut Changed,
}

impl Tx<'_> {
    /// Sessions on this mailbox shall be woken after the commit.
    pub(crate) fn touched(&mut self, account: AccountId, mailbox: MailboxId) {
        self.changed.insert((account, mailbox));
    }

    /// The outbound queue has work that it did not have before.
    pub(crate) fn touched_queue(&mut self) {
        self.changed.insert(QUEUE);
    }

    /// What all accounts see has changed.
    pub(crate) fn touched_server(&mut self) {
        self.changed.insert(SERVER);
    }

    /// The account, or its list of mailboxes, has changed.
    pub(crate) fn touched_account(&mut self, account: AccountId) {
        self.changed.insert((account, MailboxId(0)));
    }
}

/// An operation on its way. The two calls are made by the writer, in this order.
trait Operation: Send {
    /// Octets that it writes, roughly.
    fn octets(&self) -> usize;
    /// Runs it; true if its changes shall stay.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Tells the caller, now that the commit has succeeded or failed.
    fn answer(self: Box<Self>, commit: &Result<()>);
}

struct Pending<F, T> {
    closure: Option<F>,
    octets: usize,
    result: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<F, T> Operation for Pending<F, T>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T> + Send,
    T: Send,
{
    fn octets(&self) -> usize {
        self.octets
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let Some(closure) = self.closure.take() else {
            return false;
        };
        let result = catch_unwind(AssertUnwindSafe(|| closure(tx)));
        let result = result.unwrap_or_else(|_| {
            Err(Error::Unavailable(
                "an operation of the store panicked".into(),
            ))
        });
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, commit: &Result<()>) {
        let not_run = || Err(Error::Unavailable("the operation did not run".into()));
        let answer = match commit {
            Ok(()) => self.result.unwrap_or_else(not_run),
            // What failed on its own keeps its own reason.
            Err(error) => match self.result {
                Some(Err(own)) => Err(own),
                _ => Err(error.clone()),
            },
        };
        // A caller that went away does not want to know.
        let _ = self.reply.send(answer);
    }
}

/// A handle on the writer thread. The thread ends when the last handle is dropped.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Operation>>,
}

impl Writer {
    /// Starts the thread. `connection` becomes its own.
    pub(crate) fn start(
        connection: Connection,
        turnstile: Turnstile,
        checkpointer: Checkpointer,
        feed: Arc<Feed>,
    ) -> std::io::Result<Writer> {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let thread = WriterThread {
            connection,
            turnstile,
            checkpointer,
            feed,
        };
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || thread.run(waiting))?;
        Ok(Writer { queue })
    }

    /// Runs `closure` in a transaction; `Ok` once that is durable.
    pub(crate) async fn write<T, F>(&self, octets: usize, closure: F) -> Result<T>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let pending = Pending {
            closure: Some(closure),
            octets,
            result: None,
            reply,
        };
        let stopped = || Error::Unavailable("the store's writer has stopped".into());
        self.queue
            .send(Box::new(pending))
            .await
            .map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

type Waiting = mpsc::Receiver<Box<dyn Operation>>;
type Batch = Vec<Box<dyn Operation>>;

struct WriterThread {
    connection: Connection,
    turnstile: Turnstile,
    checkpointer: Checkpointer,
    feed: Arc<Feed>,
}

impl WriterThread {
    fn run(self, mut waiting: Waiting) {
        let mut in_company = false;
        while let Some(first) = waiting.blocking_recv() {
            if in_company {
                std::thread::sleep(GATHER_TIME);
            }
            let mut batch = vec![first];
            let mut changed = Changed::new();
            let commit = self.transact(&mut waiting, &mut batch, &mut changed);
            if let Err(error) = &commit {
                tracing::error!(%error, operations = batch.len(), "a transaction of the store failed");
            }
            // First the news, then the answers: a process may end as soon as it has its answer, and whoever hears of
            // a change by another way finds the wake-up already there.
            if commit.is_ok() && !changed.is_empty() {
                self.feed.publish(&changed);
            }
            in_company = batch.len() > 1;
            for operation in batch {
                operation.answer(&commit);
            }
            self.checkpointer.committed();
        }
    }

    /// One turn: begin, run all that wait, commit.
    fn transact(
        &self,
        waiting: &mut Waiting,
        batch: &mut Batch,
        changed: &mut Changed,
    ) -> Result<()> {
        let _turn = self.turnstile.wait()?;
        self.cached("BEGIN IMMEDIATE")?;
        let done = self
            .fill(waiting, batch, changed)
            .and_then(|()| self.commit(changed));
        if done.is_err() && !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        done
    }

    fn fill(&self, waiting: &mut Waiting, batch: &mut Batch, changed: &mut Changed) -> Result<()> {
        let deadline = Instant::now() + BATCH_TIME_MAX;
        let mut octets = 0;
        let mut next = 0;
        loop {
            octets += batch[next].octets();
            self.run_one(batch[next].as_mut(), changed)?;
            next += 1;
            let full = next >= BATCH_OPERATIONS_MAX
                || octets >= BATCH_OCTETS_MAX
                || Instant::now() >= deadline;
            if full {
                return Ok(());
            }
            match waiting.try_recv() {
                Ok(operation) => batch.push(operation),
                Err(_) => return Ok(()),
            }
        }
    }

    fn run_one(&self, operation: &mut dyn Operation, changed: &mut Changed) -> Result<()> {
        self.cached("SAVEPOINT operation")?;
        let mut own = Changed::new();
        let keep = operation.run(&mut Tx {
            connection: &self.connection,
            changed: &mut own,
        });
        if self.connection.is_autocommit() {
            // SQLite rolls the whole transaction back by itself on some I/O errors.
            return Err(Error::Unavailable(
                "the transaction was rolled back by the engine".into(),
            ));
        }
        if keep {
            changed.append(&mut own);
        } else {
            self.cached("ROLLBACK TO operation")?;
        }
        self.cached("RELEASE operation")
    }

    fn commit(&self, changed: &Changed) -> Result<()> {
        self.feed.record(&self.connection, changed)?;
        self.cached("COMMIT")
    }

    fn cached(&self, sql: &str) -> Result<()> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}
