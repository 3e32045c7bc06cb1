//! Grants: what owners of mailboxes allow others (RFC 4314).
//!
//! A user's rights are what `anyone` and he himself are granted, without what is taken away from `anyone` or from him (the
//! RFC's negative rights). The owner has all rights, and no entry in a list can change that.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Access, Rights, personalize};
use crate::mailbox::{self, MailboxInfo, normal_name, superiors};
use crate::{AccountId, Address, Error, MailboxId, Result, Store};

/// Entries in the list of one mailbox.
const GRANTS_MAX: i64 = 1000;
/// What stands for `anyone` in the table.
const ANYONE: AccountId = AccountId(0);

/// To whom something is granted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Grantee {
    /// Everybody who has an account here.
    Anyone,
    /// The account of that address.
    Account(Address),
}

/// One entry of a mailbox's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whom it concerns.
    pub grantee: Grantee,
    /// The rights are taken away, whatever gives them.
    pub negative: bool,
    /// The rights.
    pub rights: Rights,
}

/// Another's mailbox, as a user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Its owner's primary address.
    pub owner: Address,
    /// The access to it.
    pub access: Access,
    /// What the user may do there; never nothing.
    pub rights: Rights,
    /// The mailbox, with the user's own `\Seen` counted. Its name is the one that its owner knows.
    pub info: MailboxInfo,
}

impl Store {
    /// The mailbox of that name that belongs to the account with the primary address `owner`. To a user who has no right to
    /// it, it does not exist.
    pub async fn shared_mailbox(&self, user: AccountId, owner: &str, name: &str) -> Result<Shared> {
        let not_found = || Error::NotFound("mailbox");
        let name = normal_name(name).map_err(|_| not_found())?;
        self.read_briefly(|connection| {
            let (owner, address) = primary(connection, owner)?.ok_or_else(not_found)?;
            let info = mailbox::find(connection, owner, &name)?.ok_or_else(not_found)?;
            let access = Access::new(owner, user);
            if access.is_own() {
                return Err(not_found());
            }
            see(connection, access, address, info)?.ok_or_else(not_found)
        })
    }

    /// All mailboxes of others to which `user` has some right, by owner and name. Whether he may list or read one is said by
    /// its rights.
    pub async fn shared_mailboxes(&self, user: AccountId) -> Result<Vec<Shared>> {
        self.read(move |connection| {
            let sql = "SELECT DISTINCT mailbox.id, mailbox.account, account.address
                       FROM acl JOIN mailbox ON mailbox.id = acl.mailbox JOIN account ON account.id = mailbox.account
                       WHERE acl.account IN (?1, ?2) AND acl.negative = 0 AND mailbox.account <> ?1
                       ORDER BY account.address, mailbox.name";
            let mut select = connection.prepare_cached(sql)?;
            let found: Vec<(MailboxId, AccountId, Address)> = select
                .query_map(params![user, ANYONE], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })?
                .collect::<rusqlite::Result<_>>()?;
            let mut shared = Vec::with_capacity(found.len());
            for (id, owner, address) in found {
                let info = mailbox::info(connection, owner, id)?;
                shared.extend(see(connection, Access::new(owner, user), address, info)?);
            }
            Ok(shared)
        })
        .await
    }

    /// The rights to a mailbox.
    pub async fn rights(&self, access: Access, mailbox: MailboxId) -> Result<Rights> {
        self.read_briefly(|connection| rights_of(connection, access, mailbox))
    }

    /// The access to the account with the primary address `owner`, for a mailbox that is to be made under `name`; and the
    /// rights to the nearest mailbox above that name, none if there is none (RFC 4314 §4, CREATE).
    pub async fn rights_above(
        &self,
        user: AccountId,
        owner: &str,
        name: &str,
    ) -> Result<Option<(Access, Rights)>> {
        let name = normal_name(name)?;
        self.read_briefly(|connection| {
            let Some((owner, _)) = primary(connection, owner)?.filter(|(owner, _)| *owner != user)
            else {
                return Ok(None);
            };
            let access = Access::new(owner, user);
            let rights = match nearest_above(connection, owner, &name)? {
                Some(above) => rights_of(connection, access, above)?,
                None => Rights::NONE,
            };
            Ok(Some((access, rights)))
        })
    }

    /// The list of a mailbox, without its owner, who has all rights.
    pub async fn grants(&self, owner: AccountId, mailbox: MailboxId) -> Result<Vec<Grant>> {
        self.read(move |connection| {
            mailbox::require_owned(connection, owner, mailbox)?;
            let sql = "SELECT account.address, acl.negative, acl.rights FROM acl LEFT JOIN account ON account.id = acl.account
                       WHERE acl.mailbox = ?1 ORDER BY acl.account, acl.negative";
            let mut select = connection.prepare_cached(sql)?;
            let grants = select.query_map([mailbox], |row| {
                let address: Option<Address> = row.get(0)?;
                Ok(Grant {
                    grantee: address.map_or(Grantee::Anyone, Grantee::Account),
                    negative: row.get(1)?,
                    rights: Rights::from_bits(row.get(2)?),
                })
            })?;
            Ok(grants.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Changes the entry of `grantee` in the list of a mailbox: from the rights that stand there to what `change` makes of
    /// them. Without rights the entry goes.
    pub async fn set_grant(
        &self,
        owner: AccountId,
        mailbox: MailboxId,
        grantee: &Grantee,
        negative: bool,
        change: impl FnOnce(Rights) -> Rights + Send + 'static,
    ) -> Result<()> {
        let grantee = grantee.clone();
        self.write(move |tx| {
            mailbox::require_owned(tx.connection, owner, mailbox)?;
            let account = grantee_id(tx.connection, &grantee)?;
            if account == owner {
                return Err(Error::NotPermitted("the owner always has all rights"));
            }
            let key = (mailbox, account, negative);
            let before = granted(tx.connection, key)?;
            put_grant(tx.connection, key, change(before))?;
            // Sessions in the mailbox ask for their rights again, and lists of mailboxes have changed.
            tx.touched(owner, mailbox);
            match account == ANYONE {
                true => tx.touched_server(),
                false => tx.touched_account(account),
            }
            Ok(())
        })
        .await
    }
}

/// What the user sees of a mailbox, if he has any right to it.
fn see(
    connection: &Connection,
    access: Access,
    owner: Address,
    mut info: MailboxInfo,
) -> Result<Option<Shared>> {
    let rights = rights_of(connection, access, info.id)?;
    if rights == Rights::NONE {
        return Ok(None);
    }
    personalize(connection, access, &mut info)?;
    Ok(Some(Shared {
        owner,
        access,
        rights,
        info,
    }))
}

/// The account with this primary address.
fn primary(connection: &Connection, address: &str) -> Result<Option<(AccountId, Address)>> {
    let sql = "SELECT id, address FROM account WHERE address = ?1";
    let found = connection
        .prepare_cached(sql)?
        .query_row([address], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(found.optional()?)
}

/// The rights to a mailbox of the owner; `NotFound` if it is not his.
pub(crate) fn rights_of(
    connection: &Connection,
    access: Access,
    mailbox: MailboxId,
) -> Result<Rights> {
    mailbox::require_owned(connection, access.owner(), mailbox)?;
    if access.is_own() {
        return Ok(Rights::ALL);
    }
    let sql = "SELECT negative, rights FROM acl WHERE mailbox = ?1 AND account IN (?2, ?3)";
    let mut select = connection.prepare_cached(sql)?;
    let mut rows = select.query(params![mailbox, access.user(), ANYONE])?;
    let (mut given, mut taken) = (Rights::NONE, Rights::NONE);
    while let Some(row) = rows.next()? {
        let rights = Rights::from_bits(row.get(1)?);
        match row.get(0)? {
            true => taken = taken | rights,
            false => given = given | rights,
        }
    }
    Ok(given & !taken)
}

/// The rights to a mailbox, if all of `needed` are among them. What may not be looked up does not exist (RFC 4314 §6).
pub(crate) fn require(
    connection: &Connection,
    access: Access,
    mailbox: MailboxId,
    needed: Rights,
) -> Result<Rights> {
    let rights = rights_of(connection, access, mailbox)?;
    if rights.contains(needed) {
        Ok(rights)
    } else if rights.contains(Rights::LOOKUP) {
        Err(Error::Denied)
    } else {
        Err(Error::NotFound("mailbox"))
    }
}

/// Gives a new mailbox the list of the nearest one above it (RFC 4314 §4, CREATE).
pub(crate) fn inherit(
    connection: &Connection,
    owner: AccountId,
    mailbox: MailboxId,
    name: &str,
) -> Result<()> {
    if let Some(above) = nearest_above(connection, owner, name)? {
        let sql = "INSERT INTO acl (mailbox, account, negative, rights)
                   SELECT ?2, account, negative, rights FROM acl WHERE mailbox = ?1";
        connection
            .prepare_cached(sql)?
            .execute(params![above, mailbox])?;
    }
    Ok(())
}

fn nearest_above(
    connection: &Connection,
    owner: AccountId,
    name: &str,
) -> Result<Option<MailboxId>> {
    let above: Vec<&str> = superiors(name).collect();
    for name in above.into_iter().rev() {
        if let Some(found) = mailbox::find(connection, owner, name)? {
            return Ok(Some(found.id));
        }
    }
    Ok(None)
}

fn grantee_id(connection: &Connection, grantee: &Grantee) -> Result<AccountId> {
    match grantee {
        Grantee::Anyone => Ok(ANYONE),
        Grantee::Account(address) => crate::directory::require_account(connection, address),
    }
}

fn granted(connection: &Connection, key: (MailboxId, AccountId, bool)) -> Result<Rights> {
    let sql = "SELECT rights FROM acl WHERE mailbox = ?1 AND account = ?2 AND negative = ?3";
    let found: Option<i64> = connection
        .prepare_cached(sql)?
        .query_row(params![key.0, key.1, key.2], |row| row.get(0))
        .optional()?;
    Ok(found.map_or(Rights::NONE, Rights::from_bits))
}

fn put_grant(
    connection: &Connection,
    key: (MailboxId, AccountId, bool),
    rights: Rights,
) -> Result<()> {
    if rights == Rights::NONE {
        let sql = "DELETE FROM acl WHERE mailbox = ?1 AND account = ?2 AND negative = ?3";
        connection.execute(sql, params![key.0, key.1, key.2])?;
        return Ok(());
    }
    let sql = "SELECT count(*) FROM acl WHERE mailbox = ?1";
    if connection.query_row(sql, [key.0], |row| row.get::<_, i64>(0))? >= GRANTS_MAX {
        return Err(Error::Limit("entries in the access control list"));
    }
    let sql = "INSERT INTO acl (mailbox, account, negative, rights) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT DO UPDATE SET rights = excluded.rights";
    connection.execute(sql, params![key.0, key.1, key.2, rights.bits()])?;
    Ok(())
}
