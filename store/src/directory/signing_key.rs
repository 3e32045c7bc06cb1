//! The keys that sign a domain's mail (DKIM, RFC 6376): several for each domain, each under a selector of its own.
//!
//! ```text
//! next ──rotate──► signing ──rotate──► retired ──remove──► (gone)
//! ```
//!
//! `next` is for the time until the world's DNS knows a new key, `retired` for that in which mail signed by an old one is
//! still on its way. Not here: making keys and signing; the store keeps octets.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, Row, params};

use super::domain_id;
use crate::address::normal_domain;
use crate::timestamp::now_seconds;
use crate::{Error, Result, Store};

/// Keys of one domain.
const KEYS_MAX: i64 = 20;

/// A key of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The domain, as lower-case A-labels.
    pub domain: String,
    /// Under which name of the domain the public key is found.
    pub selector: String,
    /// What kind of key.
    pub algorithm: SigningAlgorithm,
    /// PKCS #8.
    pub private_key: PrivateKey,
    /// Whether it signs.
    pub state: KeyState,
    /// Seconds since 1970.
    pub created: i64,
}

/// A key that is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSigningKey {
    /// Under which name of the domain the public key will be found.
    pub selector: String,
    /// What kind of key.
    pub algorithm: SigningAlgorithm,
    /// PKCS #8.
    pub private_key: PrivateKey,
}

/// Octets that are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(Vec<u8>);

impl PrivateKey {
    /// Takes a key in.
    pub fn new(octets: Vec<u8>) -> PrivateKey {
        PrivateKey(octets)
    }

    /// The octets, for the one who signs.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

/// The algorithms of DKIM that we sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// `rsa-sha256` (RFC 8301)
    RsaSha256,
    /// `ed25519-sha256` (RFC 8463)
    Ed25519Sha256,
}

impl SigningAlgorithm {
    const ALL: [SigningAlgorithm; 2] =
        [SigningAlgorithm::RsaSha256, SigningAlgorithm::Ed25519Sha256];

    /// The name in a signature's `a=`.
    pub fn name(self) -> &'static str {
        match self {
            SigningAlgorithm::RsaSha256 => "rsa-sha256",
            SigningAlgorithm::Ed25519Sha256 => "ed25519-sha256",
        }
    }
}

impl FromSql for SigningAlgorithm {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        named(&SigningAlgorithm::ALL, SigningAlgorithm::name, value)
    }
}

/// Where a key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Made, and not used yet.
    Next,
    /// In use.
    Signing,
    /// No longer used.
    Retired,
}

impl KeyState {
    const ALL: [KeyState; 3] = [KeyState::Next, KeyState::Signing, KeyState::Retired];

    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            KeyState::Next => "next",
            KeyState::Signing => "signing",
            KeyState::Retired => "retired",
        }
    }
}

impl FromSql for KeyState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        named(&KeyState::ALL, KeyState::name, value)
    }
}

/// The one of `all` that a column names.
fn named<T: Copy>(all: &[T], name: fn(T) -> &'static str, value: ValueRef<'_>) -> FromSqlResult<T> {
    let text = value.as_str()?;
    let found = all.iter().find(|one| name(**one) == text);
    found.copied().ok_or(FromSqlError::InvalidType)
}

impl Store {
    /// Keeps new keys of a domain: in use at once if the domain has none that are, or else next in turn. Gives their state.
    pub async fn add_signing_keys(
        &self,
        domain: &str,
        keys: Vec<NewSigningKey>,
    ) -> Result<KeyState> {
        let name = normal_domain(domain)?;
        self.write(move |tx| {
            let domain = domain_id(tx.connection, &name)?;
            let state = match count(tx.connection, domain, Some(KeyState::Signing))? {
                0 => KeyState::Signing,
                _ if count(tx.connection, domain, Some(KeyState::Next))? > 0 => {
                    return Err(Error::Exists("next key of the domain"));
                }
                _ => KeyState::Next,
            };
            if count(tx.connection, domain, None)? + keys.len() as i64 > KEYS_MAX {
                return Err(Error::Limit("keys of the domain"));
            }
            keys.iter()
                .try_for_each(|key| insert(tx.connection, domain, key, state))?;
            Ok(state)
        })
        .await
    }

    /// All keys of a domain, or (`None`) of all domains, the oldest of each domain first.
    pub async fn signing_keys(&self, domain: Option<&str>) -> Result<Vec<SigningKey>> {
        let name = domain.map(normal_domain).transpose()?;
        self.read(move |connection| {
            let sql =
                "SELECT domain.name, selector, algorithm, private_key, state, signing_key.created
                       FROM signing_key JOIN domain ON domain.id = signing_key.domain
                       WHERE ?1 IS NULL OR domain.name = ?1 ORDER BY domain.name, signing_key.id";
            let mut select = connection.prepare_cached(sql)?;
            let keys = select.query_map([name], from_row)?;
            Ok(keys.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// The next keys of a domain take the place of those that sign.
    pub async fn rotate_signing_keys(&self, domain: &str) -> Result<()> {
        let name = normal_domain(domain)?;
        self.write(move |tx| {
            let domain = domain_id(tx.connection, &name)?;
            if count(tx.connection, domain, Some(KeyState::Next))? == 0 {
                return Err(Error::NotFound("next key of the domain"));
            }
            let sql = "UPDATE signing_key SET state = ?3 WHERE domain = ?1 AND state = ?2";
            for (from, to) in [
                (KeyState::Signing, KeyState::Retired),
                (KeyState::Next, KeyState::Signing),
            ] {
                tx.connection
                    .execute(sql, params![domain, from.name(), to.name()])?;
            }
            Ok(())
        })
        .await
    }

    /// Removes a key that does not sign; `NotPermitted` for one that does.
    pub async fn remove_signing_key(&self, domain: &str, selector: &str) -> Result<()> {
        let (name, selector) = (normal_domain(domain)?, selector.to_owned());
        self.write(move |tx| {
            let domain = domain_id(tx.connection, &name)?;
            let sql = "DELETE FROM signing_key WHERE domain = ?1 AND selector = ?2 AND state <> ?3";
            let values = params![domain, selector, KeyState::Signing.name()];
            if tx.connection.execute(sql, values)? > 0 {
                return Ok(());
            }
            let sql =
                "SELECT EXISTS (SELECT 1 FROM signing_key WHERE domain = ?1 AND selector = ?2)";
            let exists = tx
                .connection
                .query_row(sql, params![domain, selector], |row| row.get(0))?;
            Err(match exists {
                true => Error::NotPermitted("the key is in use; rotate first"),
                false => Error::NotFound("key"),
            })
        })
        .await
    }
}

fn count(connection: &Connection, domain: i64, state: Option<KeyState>) -> Result<i64> {
    let sql = "SELECT count(*) FROM signing_key WHERE domain = ?1 AND (?2 IS NULL OR state = ?2)";
    let values = params![domain, state.map(KeyState::name)];
    Ok(connection.query_row(sql, values, |row| row.get(0))?)
}

fn insert(
    connection: &Connection,
    domain: i64,
    key: &NewSigningKey,
    state: KeyState,
) -> Result<()> {
    let sql = "INSERT INTO signing_key (domain, selector, algorithm, private_key, state, created)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
    let values = params![
        domain,
        key.selector,
        key.algorithm.name(),
        key.private_key.reveal(),
        state.name(),
        now_seconds()
    ];
    match connection.execute(sql, values)? {
        0 => Err(Error::Exists("selector")),
        _ => Ok(()),
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<SigningKey> {
    Ok(SigningKey {
        domain: row.get(0)?,
        selector: row.get(1)?,
        algorithm: row.get(2)?,
        private_key: PrivateKey(row.get(3)?),
        state: row.get(4)?,
        created: row.get(5)?,
    })
}
