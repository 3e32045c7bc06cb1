//! Annotations of mailboxes and of the server (RFC 5464): named values that clients keep here.
//!
//! A private one belongs to the user who made it, a shared one to all who may see the mailbox. Private annotations use the
//! allowance of their user, shared ones that of the mailbox's owner. Names are compared in lower case.
//!
//! Not here: which names mean something by themselves, and who may change what. That is the protocol's.

use rusqlite::{Connection, params};

use crate::mailbox::row::OpenRow;
use crate::sharing::Access;
use crate::{AccountId, Error, MailboxId, Result, Store, mailbox};

/// Octets in the value of an annotation; RFC 5464 §4.1 wants 1024 at least.
pub const ANNOTATION_OCTETS_MAX: usize = 16 * 1024;
/// Octets in the name of an annotation.
pub const ANNOTATION_NAME_OCTETS_MAX: usize = 256;
/// Annotations of one mailbox, or of the server, private to one user or shared; RFC 5464 §4.1 wants 10 at least.
const ANNOTATIONS_MAX: i64 = 100;
/// Octets of all values that use the allowance of one account.
const ALLOWANCE_OCTETS: i64 = 8 * 1024 * 1024;

/// Whose an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One user's.
    Private,
    /// Of all.
    Shared,
}

/// An annotation, or with no value the lack of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// Whose.
    pub scope: Scope,
    /// Its name in lower case, beginning with `/`, without the scope.
    pub name: String,
    /// Its value.
    pub value: Option<Vec<u8>>,
}

impl Store {
    /// All annotations of a mailbox, or of the server, that the user can see, private ones first.
    pub async fn annotations(
        &self,
        access: impl Into<Access>,
        mailbox: Option<MailboxId>,
    ) -> Result<Vec<Annotation>> {
        let access = access.into();
        self.read(move |connection| {
            if let Some(mailbox) = mailbox {
                mailbox::require_owned(connection, access.owner(), mailbox)?;
            }
            let sql = "SELECT account, name, value FROM annotation
                       WHERE mailbox = ?1 AND account IN (0, ?2) ORDER BY account = 0, name";
            let mut select = connection.prepare_cached(sql)?;
            let found = select.query_map(params![key(mailbox), access.user()], read)?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// What the user sees of the annotations of all mailboxes of `owner`, or of the server: in no particular order.
    pub async fn all_annotations(
        &self,
        user: AccountId,
        owner: Option<AccountId>,
    ) -> Result<Vec<(MailboxId, Annotation)>> {
        self.read(move |connection| {
            let mailboxes = match owner {
                Some(_) => "SELECT id FROM mailbox WHERE account = ?2",
                None => "SELECT 0 WHERE ?2 IS NULL",
            };
            let sql = format!(
                "SELECT account, name, value, mailbox FROM annotation
                 WHERE mailbox IN ({mailboxes}) AND account IN (0, ?1)"
            );
            let mut select = connection.prepare_cached(&sql)?;
            let found =
                select.query_map(params![user, owner], |row| Ok((row.get(3)?, read(row)?)))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Sets and removes annotations of a mailbox, or of the server: all of them, or none. A change of those of a mailbox gives it a new
    /// mod-sequence (RFC 7162 §3.2).
    pub async fn annotate(
        &self,
        access: impl Into<Access>,
        mailbox: Option<MailboxId>,
        changes: Vec<Annotation>,
    ) -> Result<()> {
        let access = access.into();
        self.write(move |tx| {
            if let Some(mailbox) = mailbox {
                mailbox::require_owned(tx.connection, access.owner(), mailbox)?;
            }
            let mut changed = false;
            for change in &changes {
                changed |= put(tx.connection, access, mailbox, change)?;
                match (change.scope, mailbox) {
                    (Scope::Private, _) => tx.touched_account(access.user()),
                    (Scope::Shared, Some(mailbox)) => tx.touched(access.owner(), mailbox),
                    (Scope::Shared, None) => tx.touched_server(),
                }
            }
            if let Some(mailbox) = mailbox.filter(|_| changed) {
                OpenRow::open(tx.connection, access.owner(), mailbox)?.close(tx)?;
            }
            Ok(())
        })
        .await
    }
}

/// Reads account, name and value.
fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Annotation> {
    let scope = match row.get::<_, i64>(0)? {
        0 => Scope::Shared,
        _ => Scope::Private,
    };
    Ok(Annotation {
        scope,
        name: row.get(1)?,
        value: Some(row.get(2)?),
    })
}

/// The server's annotations stand under mailbox 0, which no mailbox has.
fn key(mailbox: Option<MailboxId>) -> MailboxId {
    mailbox.unwrap_or(MailboxId(0))
}

/// True if something has changed.
fn put(
    connection: &Connection,
    access: Access,
    mailbox: Option<MailboxId>,
    change: &Annotation,
) -> Result<bool> {
    let (account, owner) = match (change.scope, mailbox) {
        (Scope::Private, _) => (access.user(), access.user()),
        (Scope::Shared, Some(_)) => (AccountId(0), access.owner()),
        (Scope::Shared, None) => (AccountId(0), AccountId(0)),
    };
    let name = change.name.to_ascii_lowercase();
    let Some(value) = &change.value else {
        let sql = "DELETE FROM annotation WHERE mailbox = ?1 AND account = ?2 AND name = ?3";
        let removed = connection.execute(sql, params![key(mailbox), account, name])?;
        return Ok(removed > 0);
    };
    if value.len() > ANNOTATION_OCTETS_MAX || name.len() > ANNOTATION_NAME_OCTETS_MAX {
        return Err(Error::Limit("octets in the annotation"));
    }
    let sql =
        "INSERT INTO annotation (mailbox, account, name, owner, value) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT DO UPDATE SET value = excluded.value WHERE value <> excluded.value";
    let put = connection.execute(sql, params![key(mailbox), account, name, owner, value])?;
    check_room(connection, key(mailbox), account, owner)?;
    Ok(put > 0)
}

/// Gives a mailbox all annotations of another.
pub(crate) fn copy(connection: &Connection, from: MailboxId, to: MailboxId) -> Result<()> {
    let sql = "INSERT INTO annotation (mailbox, account, name, owner, value)
               SELECT ?2, account, name, owner, value FROM annotation WHERE mailbox = ?1";
    connection.execute(sql, params![from, to])?;
    Ok(())
}

/// Looks after the change, which is undone if there was no room.
fn check_room(
    connection: &Connection,
    mailbox: MailboxId,
    account: AccountId,
    owner: AccountId,
) -> Result<()> {
    let sql = "SELECT count(*) FROM annotation WHERE mailbox = ?1 AND account = ?2";
    let count: i64 = connection.query_row(sql, params![mailbox, account], |row| row.get(0))?;
    let sql = "SELECT coalesce(sum(length(value)), 0) FROM annotation WHERE owner = ?1";
    let octets: i64 = connection.query_row(sql, [owner], |row| row.get(0))?;
    if count > ANNOTATIONS_MAX || octets > ALLOWANCE_OCTETS {
        return Err(Error::Limit("annotations"));
    }
    Ok(())
}
