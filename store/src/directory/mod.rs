//! Who has mail here: domains, accounts with their addresses and passwords, aliases.
//!
//! An address belongs to at most one account, and its domain must exist first. `resolve`
//! answers the question of every RCPT: where does mail for this address go?

pub(crate) mod account;
pub(crate) mod alias;
pub(crate) mod capability;
pub(crate) mod credential;
pub(crate) mod domain;
pub(crate) mod resolve;
pub(crate) mod signing_key;

use rusqlite::{Connection, OptionalExtension, params};

use crate::{AccountId, Address, Error, Result};

/// The row of a local domain.
fn domain_id(connection: &Connection, name: &str) -> Result<i64> {
    let found = connection
        .prepare_cached("SELECT id FROM domain WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    found.ok_or(Error::NotFound("domain"))
}

/// The account that an address is one of.
fn account_at(connection: &Connection, address: &str) -> Result<Option<AccountId>> {
    let found = connection
        .prepare_cached("SELECT account FROM address WHERE address = ?1")?
        .query_row([address], |row| row.get(0))
        .optional()?;
    Ok(found)
}

/// The account that an address is one of, or `NotFound`.
pub(crate) fn require_account(connection: &Connection, address: &Address) -> Result<AccountId> {
    account_at(connection, address.as_str())?.ok_or(Error::NotFound("account"))
}

/// Grows the account's version: sessions and caches that know an older one must ask again.
fn grow_version(connection: &Connection, account: AccountId) -> Result<()> {
    let mut update =
        connection.prepare_cached("UPDATE account SET version = version + 1 WHERE id = ?1")?;
    update.execute(params![account])?;
    Ok(())
}
