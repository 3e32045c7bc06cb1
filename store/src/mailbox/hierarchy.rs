//! Creating, renaming, removing and subscribing mailboxes (RFC 3501 §6.3.3 to §6.3.7).
//!
//! UIDVALIDITY comes from a counter of the account that only grows, so a name that is used
//! again never gets an old value, and RENAME may keep it.

use rusqlite::{Connection, params};

use super::name::superiors;
use super::{INBOX, MailboxInfo, SpecialUse, find, info, normal_name};
use crate::writer::Tx;
use crate::{AccountId, Error, MailboxId, Result, Store, annotation, expunge, sharing};

/// Mailboxes of one account.
const MAILBOXES_MAX: i64 = 10_000;
/// Subscriptions of one account.
const SUBSCRIPTIONS_MAX: i64 = 20_000;

impl Store {
    /// Creates a mailbox, and the names above it that are missing.
    pub async fn create_mailbox(
        &self,
        account: AccountId,
        name: &str,
        special_use: Option<SpecialUse>,
    ) -> Result<MailboxInfo> {
        let name = normal_name(name)?;
        self.write(move |tx| {
            if let Some(there) = find(tx.connection, account, &name)? {
                return revive(tx, account, &there, special_use);
            }
            create_superiors(tx, account, &name)?;
            let id = insert(tx, account, &name, special_use)?;
            info(tx.connection, account, id)
        })
        .await
    }

    /// Removes a mailbox with its messages. With inferiors, its name stays as a level (RFC 3501 §6.3.4).
    pub async fn delete_mailbox(&self, account: AccountId, name: &str) -> Result<()> {
        let mailbox = self.mailbox(account, name).await?;
        if mailbox.name == INBOX {
            return Err(Error::NotPermitted("INBOX cannot be removed"));
        }
        let inferiors = has_inferiors(mailbox.name.clone());
        if mailbox.no_select
            && self
                .read(move |connection| inferiors(connection, account))
                .await?
        {
            return Err(Error::HasChildren);
        }
        self.empty_mailbox(account, mailbox.id).await?;
        self.write(move |tx| {
            let mailbox = info(tx.connection, account, mailbox.id)?;
            while expunge::drop_entries(tx, account, mailbox.id)? > 0 {}
            tx.connection
                .execute("DELETE FROM mailbox WHERE id = ?1", [mailbox.id])?;
            if has_inferiors(mailbox.name.clone())(tx.connection, account)? {
                insert_level(tx, account, &mailbox.name)?;
            }
            tx.touched(account, mailbox.id);
            tx.touched_account(account);
            Ok(())
        })
        .await
    }

    /// Renames a mailbox with its inferiors. INBOX stays, and its messages move to the new
    /// name (RFC 3501 §6.3.5).
    pub async fn rename_mailbox(&self, account: AccountId, from: &str, to: &str) -> Result<()> {
        let from = normal_name(from).map_err(|_| Error::NotFound("mailbox"))?;
        let to = normal_name(to)?;
        if from == INBOX {
            return self.rename_inbox(account, to).await;
        }
        self.write(move |tx| {
            let mailbox = find(tx.connection, account, &from)?.ok_or(Error::NotFound("mailbox"))?;
            if find(tx.connection, account, &to)?.is_some() {
                return Err(Error::Exists("mailbox"));
            }
            if to
                .strip_prefix(&from)
                .is_some_and(|rest| rest.starts_with('/'))
            {
                return Err(Error::NotPermitted(
                    "a mailbox cannot become its own inferior",
                ));
            }
            create_superiors(tx, account, &to)?;
            rename_inferiors(tx.connection, account, &from, &to)?;
            tx.connection.execute(
                "UPDATE mailbox SET name = ?2 WHERE id = ?1",
                params![mailbox.id, to],
            )?;
            tx.touched(account, mailbox.id);
            tx.touched_account(account);
            Ok(())
        })
        .await
    }

    async fn rename_inbox(&self, account: AccountId, to: String) -> Result<()> {
        let inbox = self.mailbox(account, INBOX).await?;
        self.write(move |tx| {
            if find(tx.connection, account, &to)?.is_some() {
                return Err(Error::Exists("mailbox"));
            }
            create_superiors(tx, account, &to)?;
            let target = insert(tx, account, &to, None)?;
            // RFC 5464 §4.1: INBOX keeps its annotations, and the new mailbox gets them too.
            annotation::copy(tx.connection, inbox.id, target)?;
            crate::append::move_all(tx, account, inbox.id, target)
        })
        .await
    }

    /// Adds a name to the subscriptions; the mailbox need not exist (RFC 3501 §6.3.6).
    pub async fn subscribe(&self, account: AccountId, name: &str) -> Result<()> {
        let name = normal_name(name)?;
        self.write(move |tx| {
            subscribe(tx.connection, account, &name)?;
            tx.touched_account(account);
            Ok(())
        })
        .await
    }

    /// Takes a name from the subscriptions.
    pub async fn unsubscribe(&self, account: AccountId, name: &str) -> Result<()> {
        let name = normal_name(name)?;
        self.write(move |tx| {
            let sql = "DELETE FROM subscription WHERE account = ?1 AND name = ?2";
            if tx.connection.execute(sql, params![account, name])? == 0 {
                return Err(Error::NotFound("subscription"));
            }
            tx.touched_account(account);
            Ok(())
        })
        .await
    }

    /// All subscribed names, also those of mailboxes that are gone, sorted.
    pub async fn subscriptions(&self, account: AccountId) -> Result<Vec<String>> {
        self.read(move |connection| {
            let sql = "SELECT name FROM subscription WHERE account = ?1 ORDER BY name";
            let mut select = connection.prepare_cached(sql)?;
            Ok(select
                .query_map([account], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

/// The mailboxes of a new account, all subscribed.
pub(crate) fn create_initial(tx: &mut Tx<'_>, account: AccountId) -> Result<()> {
    let uses = SpecialUse::ALL
        .into_iter()
        .map(|special_use| (special_use.name(), Some(special_use)));
    for (name, special_use) in std::iter::once((INBOX, None)).chain(uses) {
        insert(tx, account, name, special_use)?;
        subscribe(tx.connection, account, name)?;
    }
    Ok(())
}

/// Removes all mailboxes of an account that is going; they should be nearly empty already.
pub(crate) fn remove_all(tx: &mut Tx<'_>, account: AccountId) -> Result<()> {
    let mut select = tx
        .connection
        .prepare("SELECT id FROM mailbox WHERE account = ?1")?;
    let ids: Vec<MailboxId> = select
        .query_map([account], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in ids {
        while expunge::drop_entries(tx, account, id)? > 0 {}
        tx.connection
            .execute("DELETE FROM mailbox WHERE id = ?1", [id])?;
        tx.touched(account, id);
    }
    Ok(())
}

fn insert(
    tx: &mut Tx<'_>,
    account: AccountId,
    name: &str,
    special_use: Option<SpecialUse>,
) -> Result<MailboxId> {
    let wanted = free_use(tx.connection, account, special_use)?;
    let sql = "SELECT count(*) FROM mailbox WHERE account = ?1";
    let count: i64 = tx.connection.query_row(sql, [account], |row| row.get(0))?;
    if count >= MAILBOXES_MAX {
        return Err(Error::Limit("mailboxes"));
    }
    let uid_validity = take_uid_validity(tx.connection, account)?;
    let sql =
        "INSERT INTO mailbox (account, name, uid_validity, special_use) VALUES (?1, ?2, ?3, ?4)";
    tx.connection
        .execute(sql, params![account, name, uid_validity, wanted])?;
    let id = MailboxId(tx.connection.last_insert_rowid());
    sharing::inherit(tx.connection, account, id, name)?;
    tx.touched_account(account);
    Ok(id)
}

/// The name of a special use that no mailbox of the account has yet.
fn free_use(
    connection: &Connection,
    account: AccountId,
    special_use: Option<SpecialUse>,
) -> Result<Option<&'static str>> {
    let wanted = special_use.map(SpecialUse::name);
    let sql = "SELECT EXISTS (SELECT 1 FROM mailbox WHERE account = ?1 AND special_use = ?2)";
    if connection.query_row(sql, params![account, wanted], |row| row.get(0))? {
        return Err(Error::Exists("mailbox of this special use"));
    }
    Ok(wanted)
}

fn take_uid_validity(connection: &Connection, account: AccountId) -> Result<u32> {
    let sql =
        "UPDATE account SET uid_validity = uid_validity + 1 WHERE id = ?1 RETURNING uid_validity";
    let mut update = connection.prepare_cached(sql)?;
    let mut rows = update.query([account])?;
    match rows.next()? {
        Some(row) => Ok(row.get(0)?),
        None => Err(Error::NotFound("account")),
    }
}

/// CREATE of a name that is only a level makes it a mailbox again, with a new UIDVALIDITY.
fn revive(
    tx: &mut Tx<'_>,
    account: AccountId,
    there: &MailboxInfo,
    special_use: Option<SpecialUse>,
) -> Result<MailboxInfo> {
    if !there.no_select {
        return Err(Error::Exists("mailbox"));
    }
    let wanted = free_use(tx.connection, account, special_use)?;
    let uid_validity = take_uid_validity(tx.connection, account)?;
    let sql = "UPDATE mailbox SET no_select = 0, uid_validity = ?2, special_use = ?3 WHERE id = ?1";
    tx.connection
        .execute(sql, params![there.id, uid_validity, wanted])?;
    tx.touched_account(account);
    info(tx.connection, account, there.id)
}

/// Puts in a name alone, in place of a removed mailbox with mailboxes below it. Its number is a new one: whoever had the
/// old one open must not find what a later CREATE of the name brings.
fn insert_level(tx: &mut Tx<'_>, account: AccountId, name: &str) -> Result<()> {
    let level = insert(tx, account, name, None)?;
    tx.connection
        .execute("UPDATE mailbox SET no_select = 1 WHERE id = ?1", [level])?;
    Ok(())
}

/// "If the server's hierarchy separator appears elsewhere in the name, the server SHOULD create
/// any superior hierarchical names that are needed" (RFC 3501 §6.3.3).
fn create_superiors(tx: &mut Tx<'_>, account: AccountId, name: &str) -> Result<()> {
    for superior in superiors(name) {
        if find(tx.connection, account, superior)?.is_none() {
            insert(tx, account, superior, None)?;
        }
    }
    Ok(())
}

fn rename_inferiors(
    connection: &Connection,
    account: AccountId,
    from: &str,
    to: &str,
) -> Result<()> {
    // All names that begin with `from/` lie between `from/` and `from0`: 0 follows / in ASCII.
    let sql = "UPDATE mailbox SET name = ?3 || substr(name, length(?2) + 1)
               WHERE account = ?1 AND name > ?2 || '/' AND name < ?2 || '0'";
    connection.execute(sql, params![account, from, to])?;
    Ok(())
}

fn has_inferiors(name: String) -> impl FnOnce(&Connection, AccountId) -> Result<bool> + Send {
    move |connection, account| {
        let sql = "SELECT EXISTS (SELECT 1 FROM mailbox WHERE account = ?1 AND name > ?2 || '/' AND name < ?2 || '0')";
        Ok(connection
            .prepare_cached(sql)?
            .query_row(params![account, name], |row| row.get(0))?)
    }
}

fn subscribe(connection: &Connection, account: AccountId, name: &str) -> Result<()> {
    let sql = "SELECT count(*) FROM subscription WHERE account = ?1";
    if connection.query_row(sql, [account], |row| row.get::<_, i64>(0))? >= SUBSCRIPTIONS_MAX {
        return Err(Error::Limit("subscriptions"));
    }
    let sql = "INSERT INTO subscription (account, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    connection.execute(sql, params![account, name])?;
    Ok(())
}
