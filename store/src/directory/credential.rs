//! Passwords, as hashes and SCRAM keys: the account's own and its app passwords.
//!
//! The store keeps what it is given and verifies nothing; deriving and verifying is
//! `daemon`'s. `Debug` of these types shows no secret.

use std::fmt;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{account_at, grow_version};
use crate::timestamp::now_seconds;
use crate::{AccountId, Address, CredentialId, Error, Result, Store};

/// App passwords of one account.
const APP_PASSWORDS_MAX: i64 = 100;
/// Octets in the name of an app password.
const APP_PASSWORD_NAME_OCTETS_MAX: usize = 128;
/// How exact the time of last use is; each note of it is a write.
const USED_SECONDS: i64 = 3600;

/// The keys of SCRAM-SHA-256 (RFC 5802 §3), derived with the account's salt.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// StoredKey
    pub stored_key: [u8; 32],
    /// ServerKey
    pub server_key: [u8; 32],
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramKeys(…)")
    }
}

/// A password to be stored.
#[derive(Clone)]
pub struct NewCredential {
    /// Argon2id, as a PHC string.
    pub password_hash: String,
    /// For SCRAM; without them the password works with PLAIN and LOGIN only.
    pub scram: Option<ScramKeys>,
}

impl fmt::Debug for NewCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewCredential(…)")
    }
}

/// A stored password.
#[derive(Clone)]
pub struct Credential {
    /// Its number.
    pub id: CredentialId,
    /// The name of an app password; `None` for the account's own.
    pub name: Option<String>,
    /// Argon2id, as a PHC string.
    pub password_hash: String,
    /// For SCRAM.
    pub scram: Option<ScramKeys>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// All that is needed to verify a log-in.
#[derive(Debug, Clone)]
pub struct Login {
    /// The account.
    pub account: AccountId,
    /// Its primary address.
    pub address: Address,
    /// Must not log in.
    pub disabled: bool,
    /// Grows when a credential or `disabled` changes.
    pub version: u64,
    /// SCRAM's salt, one for all passwords of the account.
    pub scram_salt: Vec<u8>,
    /// SCRAM's iterations.
    pub scram_iterations: u32,
    /// The account's password first, then its app passwords.
    pub credentials: Vec<Credential>,
}

/// An app password as the administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPassword {
    /// Chosen by the user: the device, usually.
    pub name: String,
    /// Seconds since 1970.
    pub created: i64,
    /// Last use, within an hour; seconds since 1970.
    pub used: Option<i64>,
}

impl Store {
    /// What is known of the user `name`, which is any address of an account. `None`: no such user.
    pub async fn login(&self, name: &str) -> Result<Option<Login>> {
        let Ok(address) = Address::parse(name) else {
            return Ok(None);
        };
        self.read(move |connection| {
            let Some(account) = account_at(connection, address.as_str())? else {
                return Ok(None);
            };
            login_of(connection, account).map(Some)
        })
        .await
    }

    /// The account's version: see [`Login::version`]. `None` when it is gone or disabled.
    pub async fn account_version(&self, account: AccountId) -> Result<Option<u64>> {
        self.read(move |connection| {
            let sql = "SELECT version FROM account WHERE id = ?1 AND NOT disabled";
            let version = connection
                .prepare_cached(sql)?
                .query_row([account], |row| row.get::<_, i64>(0))
                .optional()?;
            Ok(version.map(|version| version as u64))
        })
        .await
    }

    /// Notes that a credential was used; at most once an hour something is written.
    pub async fn touch_credential(&self, id: CredentialId) -> Result<()> {
        let now = now_seconds();
        let sql = "SELECT coalesce(used, 0) FROM credential WHERE id = ?1";
        let used = self
            .read(move |connection| {
                Ok(connection
                    .query_row(sql, [id], |row| row.get::<_, i64>(0))
                    .optional()?)
            })
            .await?;
        if used.is_none_or(|used| used + USED_SECONDS > now) {
            return Ok(());
        }
        self.write(move |tx| {
            tx.connection.execute(
                "UPDATE credential SET used = ?2 WHERE id = ?1",
                params![id, now],
            )?;
            Ok(())
        })
        .await
    }

    /// Adds a password that can be taken back alone.
    pub async fn add_app_password(
        &self,
        account: AccountId,
        name: &str,
        new: NewCredential,
    ) -> Result<()> {
        let name = name.trim().to_owned();
        if name.is_empty()
            || name.len() > APP_PASSWORD_NAME_OCTETS_MAX
            || name.chars().any(char::is_control)
        {
            return Err(Error::Invalid(
                "an app password needs a name of 1 to 128 octets".into(),
            ));
        }
        self.write(move |tx| {
            let sql =
                "SELECT count(*), coalesce(sum(name = ?2), 0) FROM credential WHERE account = ?1";
            let (count, same): (i64, i64) =
                tx.connection
                    .query_row(sql, params![account, name], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })?;
            if same > 0 {
                return Err(Error::Exists("app password"));
            }
            if count > APP_PASSWORDS_MAX {
                return Err(Error::Limit("app passwords"));
            }
            replace(tx.connection, account, &name, &new)?;
            grow_version(tx.connection, account)
        })
        .await
    }

    /// The account's app passwords, by name.
    pub async fn app_passwords(&self, account: AccountId) -> Result<Vec<AppPassword>> {
        self.read(move |connection| {
            let sql = "SELECT name, created, used FROM credential WHERE account = ?1 AND name <> '' ORDER BY name";
            let mut select = connection.prepare(sql)?;
            let from_row = |row: &Row<'_>| Ok(AppPassword { name: row.get(0)?, created: row.get(1)?, used: row.get(2)? });
            Ok(select.query_map([account], from_row)?.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Takes an app password back.
    pub async fn remove_app_password(&self, account: AccountId, name: &str) -> Result<()> {
        let name = name.trim().to_owned();
        self.write(move |tx| {
            let sql = "DELETE FROM credential WHERE account = ?1 AND name = ?2 AND name <> ''";
            if tx.connection.execute(sql, params![account, name])? == 0 {
                return Err(Error::NotFound("app password"));
            }
            grow_version(tx.connection, account)?;
            tx.touched_account(account);
            Ok(())
        })
        .await
    }
}

/// Stores a password under its name, in place of one that is there.
pub(super) fn replace(
    connection: &Connection,
    account: AccountId,
    name: &str,
    new: &NewCredential,
) -> Result<()> {
    let known: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM account WHERE id = ?1)",
        [account],
        |row| row.get(0),
    )?;
    if !known {
        return Err(Error::NotFound("account"));
    }
    let (stored, server) = new
        .scram
        .as_ref()
        .map(|keys| (keys.stored_key, keys.server_key))
        .unzip();
    connection.execute(
        "DELETE FROM credential WHERE account = ?1 AND name = ?2",
        params![account, name],
    )?;
    let sql = "INSERT INTO credential (account, name, password_hash, stored_key, server_key, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.execute(
        sql,
        params![
            account,
            name,
            new.password_hash,
            stored,
            server,
            now_seconds()
        ],
    )?;
    Ok(())
}

fn login_of(connection: &Connection, account: AccountId) -> Result<Login> {
    let sql = "SELECT address, disabled, version, scram_salt, scram_iterations FROM account WHERE id = ?1";
    let mut login = connection
        .prepare_cached(sql)?
        .query_row([account], |row| {
            Ok(Login {
                account,
                address: row.get(0)?,
                disabled: row.get(1)?,
                version: row.get::<_, i64>(2)? as u64,
                scram_salt: row.get(3)?,
                scram_iterations: row.get(4)?,
                credentials: Vec::new(),
            })
        })?;
    let sql = "SELECT id, name, password_hash, stored_key, server_key FROM credential WHERE account = ?1 ORDER BY name";
    let mut select = connection.prepare_cached(sql)?;
    login.credentials = select
        .query_map([account], credential_from_row)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(login)
}

fn credential_from_row(row: &Row<'_>) -> rusqlite::Result<Credential> {
    let name: String = row.get(1)?;
    let scram = match (row.get(3)?, row.get(4)?) {
        (Some(stored_key), Some(server_key)) => Some(ScramKeys {
            stored_key,
            server_key,
        }),
        _ => None,
    };
    Ok(Credential {
        id: row.get(0)?,
        name: (!name.is_empty()).then_some(name),
        password_hash: row.get(2)?,
        scram,
    })
}
