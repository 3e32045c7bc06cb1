//! What a user has read in a mailbox that is not his own: his `\Seen`.
//!
//! An owner's `\Seen` is a flag of the entry. Another user's is kept here, in runs of UIDs that he marked together: a
//! mailbox marked as read is one row. A run bears the mod-sequence of its transaction, so that for this user, and for him
//! alone, a message has changed when he last marked it; for all others it has not. How many messages he has seen is counted
//! in `reader` in the same transactions, so that his unseen ones cost nothing to tell.
//!
//! Runs of expunged UIDs stay until the mailbox goes: a UID never comes again.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::entry::{STATE, runs, state_from_row};
use crate::sharing::Access;
use crate::{AccountId, EntryState, Flags, MailboxId, ModSeq, Result, Uid};

/// A mailbox and somebody who reads it without owning it.
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) mailbox: MailboxId,
    pub(crate) user: AccountId,
}

/// UIDs that were marked together.
#[derive(Clone, Copy)]
struct Run {
    first: Uid,
    last: Uid,
    modseq: ModSeq,
    seen: bool,
}

const RUN: &str =
    "SELECT first, last, modseq, seen FROM reading WHERE mailbox = ?1 AND account = ?2";

fn run_from_row(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        first: row.get(0)?,
        last: row.get(1)?,
        modseq: row.get(2)?,
        seen: row.get(3)?,
    })
}

impl Run {
    /// The state as the reader sees it.
    fn show(run: Option<&Run>, state: &mut EntryState) {
        state.flags = state.flags & !Flags::SEEN;
        if let Some(run) = run {
            state.modseq = state.modseq.max(run.modseq);
            if run.seen {
                state.flags |= Flags::SEEN;
            }
        }
    }
}

impl Reader {
    /// Whoever reads a mailbox that is not his own.
    pub(crate) fn of(access: Access, mailbox: MailboxId) -> Option<Reader> {
        (!access.is_own()).then_some(Reader {
            mailbox,
            user: access.user(),
        })
    }

    /// Turns all entries of the mailbox, by UID, into what the reader sees.
    pub(crate) fn show_all(self, connection: &Connection, states: &mut [EntryState]) -> Result<()> {
        let mut select = connection.prepare_cached(&format!("{RUN} ORDER BY first"))?;
        let runs: Vec<Run> = select
            .query_map(params![self.mailbox, self.user], run_from_row)?
            .collect::<rusqlite::Result<_>>()?;
        let mut runs = runs.iter().peekable();
        for state in states {
            while runs.next_if(|run| run.last < state.uid).is_some() {}
            let run = runs.peek().filter(|run| run.first <= state.uid);
            Run::show(run.copied(), state);
        }
        Ok(())
    }

    /// The same for some entries.
    pub(crate) fn show(self, connection: &Connection, states: &mut [EntryState]) -> Result<()> {
        for state in states {
            Run::show(self.run_at(connection, state.uid)?.as_ref(), state);
        }
        Ok(())
    }

    /// Adds to `changed`, by UID, the entries that this reader has marked later than `since`.
    pub(crate) fn add_marked(
        self,
        connection: &Connection,
        since: ModSeq,
        changed: &mut Vec<EntryState>,
    ) -> Result<()> {
        let mut marked = connection.prepare_cached(&format!("{RUN} AND modseq > ?3"))?;
        let mut select = connection.prepare_cached(&format!(
            "{STATE} WHERE mailbox = ?1 AND uid BETWEEN ?2 AND ?3"
        ))?;
        let mut rows = marked.query(params![self.mailbox, self.user, since])?;
        while let Some(row) = rows.next()? {
            let run = run_from_row(row)?;
            let values = params![self.mailbox, run.first, run.last];
            for state in select.query_map(values, state_from_row)? {
                changed.push(state?);
            }
        }
        changed.sort_unstable_by_key(|state| state.uid);
        changed.dedup_by_key(|state| state.uid);
        Ok(())
    }

    /// Marks messages that are there, ascending, as seen or not seen. The caller has made sure that they were not so before.
    pub(crate) fn mark(
        self,
        connection: &Connection,
        uids: &[Uid],
        seen: bool,
        modseq: ModSeq,
    ) -> Result<()> {
        for (first, last) in runs(uids) {
            let run = Run {
                first,
                last,
                modseq,
                seen,
            };
            self.cut(connection, run)?;
            self.insert(connection, run)?;
        }
        let count = uids.len() as i64;
        self.count(connection, if seen { count } else { -count })
    }

    /// Takes the UIDs of `run` out of the runs that are there; what is left of them stays as it was.
    fn cut(self, connection: &Connection, run: Run) -> Result<()> {
        // Runs are apart from each other: only the last that begins before can reach in.
        let before = connection
            .prepare_cached(&format!("{RUN} AND first < ?3 ORDER BY first DESC LIMIT 1"))?
            .query_row(params![self.mailbox, self.user, run.first], run_from_row)
            .optional()?
            .filter(|before| before.last >= run.first);
        let mut select =
            connection.prepare_cached(&format!("{RUN} AND first BETWEEN ?3 AND ?4"))?;
        let mut found: Vec<Run> = select
            .query_map(
                params![self.mailbox, self.user, run.first, run.last],
                run_from_row,
            )?
            .collect::<rusqlite::Result<_>>()?;
        found.extend(before);
        for old in found {
            self.delete(connection, old)?;
            let (left, right) = (run.first.value() - 1, run.last.value().checked_add(1));
            if let Some(last) = Uid::new(left).filter(|last| *last >= old.first) {
                self.insert(connection, Run { last, ..old })?;
            }
            if let Some(first) = right.and_then(Uid::new).filter(|first| *first <= old.last) {
                self.insert(connection, Run { first, ..old })?;
            }
        }
        Ok(())
    }

    fn insert(self, connection: &Connection, run: Run) -> Result<()> {
        let sql = "INSERT INTO reading (mailbox, account, first, last, modseq, seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        connection.prepare_cached(sql)?.execute(params![
            self.mailbox,
            self.user,
            run.first,
            run.last,
            run.modseq,
            run.seen
        ])?;
        Ok(())
    }

    fn delete(self, connection: &Connection, run: Run) -> Result<()> {
        let sql = "DELETE FROM reading WHERE mailbox = ?1 AND account = ?2 AND first = ?3";
        connection
            .prepare_cached(sql)?
            .execute(params![self.mailbox, self.user, run.first])?;
        Ok(())
    }

    fn count(self, connection: &Connection, seen: i64) -> Result<()> {
        let sql = "INSERT INTO reader (mailbox, account, seen) VALUES (?1, ?2, ?3)
                   ON CONFLICT DO UPDATE SET seen = seen + excluded.seen";
        connection
            .prepare_cached(sql)?
            .execute(params![self.mailbox, self.user, seen])?;
        Ok(())
    }

    fn run_at(self, connection: &Connection, uid: Uid) -> Result<Option<Run>> {
        let sql = format!("{RUN} AND first <= ?3 ORDER BY first DESC LIMIT 1");
        let found = connection
            .prepare_cached(&sql)?
            .query_row(params![self.mailbox, self.user, uid], run_from_row)
            .optional()?;
        Ok(found.filter(|run| run.last >= uid))
    }
}

/// Messages are gone: nobody has seen them any more.
pub(crate) fn forget(connection: &Connection, mailbox: MailboxId, gone: &[Uid]) -> Result<()> {
    let mut select = connection.prepare_cached("SELECT account FROM reader WHERE mailbox = ?1")?;
    let users: Vec<AccountId> = select
        .query_map([mailbox], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for user in users {
        let reader = Reader { mailbox, user };
        let mut seen = 0;
        for uid in gone {
            seen += i64::from(reader.run_at(connection, *uid)?.is_some_and(|run| run.seen));
        }
        if seen > 0 {
            reader.count(connection, -seen)?;
        }
    }
    Ok(())
}
