//! Accounts: who can log in, which addresses are theirs, how much they may keep.

use std::io::Read;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::credential::{self, NewCredential};
use super::{account_at, domain_id, grow_version, require_account};
use crate::mailbox;
use crate::timestamp::now_seconds;
use crate::{AccountId, Address, Error, Result, Store};

/// Octets of an account's SCRAM salt (RFC 7677 §4 wants random; RFC 5802 leaves the length).
const SCRAM_SALT_OCTETS: usize = 16;
/// PBKDF2 iterations of new accounts; RFC 7677 §4 asks for 4096 at least.
const SCRAM_ITERATIONS: u32 = 10_000;
/// Addresses of one account.
const ADDRESSES_MAX: usize = 1000;

/// An account as the administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// The primary address, which is also the user name.
    pub address: Address,
    /// All its own addresses, the primary one too, sorted.
    pub addresses: Vec<Address>,
    /// No log-in; mail for it is still taken.
    pub disabled: bool,
    /// May set quotas and the server's annotations by IMAP.
    pub admin: bool,
    /// How much it may keep.
    pub quota: Quota,
    /// Octets of its messages; a message in two mailboxes counts twice.
    pub used_octets: u64,
    /// Its messages.
    pub used_messages: u64,
    /// Seconds since 1970.
    pub created: i64,
}

/// How much an account may keep; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Octets of all messages.
    pub octets: Option<u64>,
    /// Messages.
    pub messages: Option<u64>,
}

/// What a new account starts with.
#[derive(Debug, Clone, Default)]
pub struct NewAccount {
    /// How much it may keep.
    pub quota: Quota,
}

/// What SCRAM needs of an account before the password is known. One salt serves all its passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScramParameters {
    /// Random octets.
    pub salt: Vec<u8>,
    /// PBKDF2 iterations.
    pub iterations: u32,
}

const SELECT: &str = "SELECT id, address, disabled, quota_octets, quota_messages, used_octets, used_messages, created, admin FROM account";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Account> {
    let unsigned = |value: Option<i64>| value.map(|number| number as u64);
    Ok(Account {
        id: row.get(0)?,
        address: row.get(1)?,
        addresses: Vec::new(),
        disabled: row.get(2)?,
        quota: Quota {
            octets: unsigned(row.get(3)?),
            messages: unsigned(row.get(4)?),
        },
        used_octets: row.get::<_, i64>(5)? as u64,
        used_messages: row.get::<_, i64>(6)? as u64,
        created: row.get(7)?,
        admin: row.get(8)?,
    })
}

fn with_addresses(connection: &Connection, mut account: Account) -> Result<Account> {
    let mut select = connection
        .prepare_cached("SELECT address FROM address WHERE account = ?1 ORDER BY address")?;
    account.addresses = select
        .query_map([account.id], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(account)
}

impl Store {
    /// Makes an account without a password, with INBOX and the special-use mailboxes, all subscribed.
    pub async fn add_account(&self, address: &Address, new: NewAccount) -> Result<AccountId> {
        let address = address.clone();
        let salt = random_salt()?;
        self.write(move |tx| {
            domain_id(tx.connection, address.domain())?;
            let id = insert(tx.connection, &address, new.quota, &salt)?;
            claim_address(tx.connection, id, &address)?;
            mailbox::create_initial(tx, id)?;
            tx.touched_account(id);
            Ok(id)
        })
        .await
    }

    /// All accounts, by address.
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        self.read(|connection| {
            let mut select = connection.prepare(&format!("{SELECT} ORDER BY address"))?;
            let accounts = select
                .query_map([], from_row)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            accounts
                .into_iter()
                .map(|account| with_addresses(connection, account))
                .collect()
        })
        .await
    }

    /// The account that `address` is one of.
    pub async fn account(&self, address: &Address) -> Result<Account> {
        let address = address.clone();
        self.read(move |connection| {
            let id = require_account(connection, &address)?;
            let account =
                connection.query_row(&format!("{SELECT} WHERE id = ?1"), [id], from_row)?;
            with_addresses(connection, account)
        })
        .await
    }

    /// The account of this number.
    pub async fn account_by_id(&self, id: AccountId) -> Result<Account> {
        self.read(move |connection| {
            let found = connection
                .query_row(&format!("{SELECT} WHERE id = ?1"), [id], from_row)
                .optional()?;
            with_addresses(connection, found.ok_or(Error::NotFound("account"))?)
        })
        .await
    }

    /// Removes an account with all its mail. Messages that others share stay theirs.
    pub async fn remove_account(&self, account: AccountId) -> Result<()> {
        for name in self
            .mailboxes(account)
            .await?
            .into_iter()
            .map(|info| info.id)
        {
            self.empty_mailbox(account, name).await?;
        }
        self.write(move |tx| {
            mailbox::remove_all(tx, account)?;
            for table in [
                "address",
                "credential",
                "subscription",
                "hidden_capability",
                "thread",
                "thread_reference",
            ] {
                tx.connection.execute(
                    &format!("DELETE FROM {table} WHERE account = ?1"),
                    [account],
                )?;
            }
            match tx
                .connection
                .execute("DELETE FROM account WHERE id = ?1", [account])?
            {
                0 => Err(Error::NotFound("account")),
                _ => {
                    tx.touched_account(account);
                    Ok(())
                }
            }
        })
        .await
    }

    /// Forbids, or allows again, to log in.
    pub async fn set_disabled(&self, account: AccountId, disabled: bool) -> Result<()> {
        self.update_account(account, move |connection| {
            let sql = "UPDATE account SET disabled = ?2, version = version + 1 WHERE id = ?1";
            Ok(connection.execute(sql, params![account, disabled])?)
        })
        .await
    }

    /// Makes an administrator of the account, or takes that away.
    pub async fn set_admin(&self, account: AccountId, admin: bool) -> Result<()> {
        self.update_account(account, move |connection| {
            let sql = "UPDATE account SET admin = ?2 WHERE id = ?1";
            Ok(connection.execute(sql, params![account, admin])?)
        })
        .await
    }

    /// Changes how much the account may keep.
    pub async fn set_quota(&self, account: AccountId, quota: Quota) -> Result<()> {
        let signed = |value: Option<u64>| value.map(|number| number.min(i64::MAX as u64) as i64);
        let (octets, messages) = (signed(quota.octets), signed(quota.messages));
        self.update_account(account, move |connection| {
            let sql = "UPDATE account SET quota_octets = ?2, quota_messages = ?3 WHERE id = ?1";
            Ok(connection.execute(sql, params![account, octets, messages])?)
        })
        .await
    }

    async fn update_account<F>(&self, account: AccountId, update: F) -> Result<()>
    where
        F: FnOnce(&Connection) -> Result<usize> + Send + 'static,
    {
        self.write(move |tx| {
            if update(tx.connection)? == 0 {
                return Err(Error::NotFound("account"));
            }
            tx.touched_account(account);
            Ok(())
        })
        .await
    }

    /// Gives the account one more address; its domain must be local.
    pub async fn add_address(&self, account: AccountId, address: &Address) -> Result<()> {
        let address = address.clone();
        self.write(move |tx| claim_address(tx.connection, account, &address))
            .await
    }

    /// Takes an address from the account; the primary one stays.
    pub async fn remove_address(&self, account: AccountId, address: &Address) -> Result<()> {
        let address = address.clone();
        self.write(move |tx| {
            let sql = "SELECT address FROM account WHERE id = ?1";
            let primary: Option<Address> = tx
                .connection
                .query_row(sql, [account], |row| row.get(0))
                .optional()?;
            if primary.as_ref() == Some(&address) {
                return Err(Error::NotPermitted(
                    "the primary address goes only with its account",
                ));
            }
            let sql = "DELETE FROM address WHERE address = ?1 AND account = ?2";
            match tx.connection.execute(sql, params![address, account])? {
                0 => Err(Error::NotFound("address")),
                _ => Ok(()),
            }
        })
        .await
    }

    /// What is needed to derive SCRAM keys for a new password of the account.
    pub async fn scram_parameters(&self, account: AccountId) -> Result<ScramParameters> {
        self.read(move |connection| {
            let sql = "SELECT scram_salt, scram_iterations FROM account WHERE id = ?1";
            let parameters = |row: &Row<'_>| {
                Ok(ScramParameters {
                    salt: row.get(0)?,
                    iterations: row.get(1)?,
                })
            };
            connection
                .query_row(sql, [account], parameters)
                .optional()?
                .ok_or(Error::NotFound("account"))
        })
        .await
    }

    /// Sets the account's password. Its app passwords stay.
    pub async fn set_password(&self, account: AccountId, new: NewCredential) -> Result<()> {
        self.write(move |tx| {
            credential::replace(tx.connection, account, "", &new)?;
            grow_version(tx.connection, account)?;
            tx.touched_account(account);
            Ok(())
        })
        .await
    }
}

fn insert(
    connection: &Connection,
    address: &Address,
    quota: Quota,
    salt: &[u8],
) -> Result<AccountId> {
    let signed = |value: Option<u64>| value.map(|number| number.min(i64::MAX as u64) as i64);
    let now = now_seconds();
    let sql = "INSERT INTO account (address, quota_octets, quota_messages, scram_salt, scram_iterations, uid_validity, created)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let values = params![
        address,
        signed(quota.octets),
        signed(quota.messages),
        salt,
        SCRAM_ITERATIONS,
        now,
        now
    ];
    match connection.execute(sql, values)? {
        0 => Err(Error::Exists("account")),
        _ => Ok(AccountId(connection.last_insert_rowid())),
    }
}

fn claim_address(connection: &Connection, account: AccountId, address: &Address) -> Result<()> {
    let domain = domain_id(connection, address.domain())?;
    if account_at(connection, address.as_str())?.is_some() {
        return Err(Error::Exists("address"));
    }
    let count = connection.query_row(
        "SELECT count(*) FROM address WHERE account = ?1",
        [account],
        |row| row.get::<_, i64>(0),
    )?;
    if count as usize >= ADDRESSES_MAX {
        return Err(Error::Limit("addresses of the account"));
    }
    let sql = "INSERT INTO address (address, domain, account) VALUES (?1, ?2, ?3)";
    connection.execute(sql, params![address, domain, account])?;
    Ok(())
}

fn random_salt() -> Result<Vec<u8>> {
    let mut salt = vec![0u8; SCRAM_SALT_OCTETS];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut salt)?;
    Ok(salt)
}
