//! What an account's clients are not offered, though the server has it: for a client that takes an extension up and
//! gets it wrong.
//!
//! The names are words to the store; what they mean is the protocol's business.

use rusqlite::params;

use crate::{AccountId, Error, Result, Store};

/// Names that one account can have hidden.
const HIDDEN_MAX: i64 = 200;

impl Store {
    /// The names of what is hidden from the account's clients, sorted.
    pub async fn hidden_capabilities(&self, account: AccountId) -> Result<Vec<String>> {
        self.read_briefly(|connection| {
            let sql = "SELECT name FROM hidden_capability WHERE account = ?1 ORDER BY name";
            let mut select = connection.prepare_cached(sql)?;
            let names = select.query_map([account], |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Hides something from the account's clients, from their next login on. Nothing changes if it is hidden already.
    pub async fn hide_capability(&self, account: AccountId, name: &str) -> Result<()> {
        let name = name.to_ascii_uppercase();
        self.write(move |tx| {
            let sql = "SELECT (SELECT count(*) FROM hidden_capability WHERE account = ?1) FROM account WHERE id = ?1";
            let hidden: i64 = match tx.connection.query_row(sql, [account], |row| row.get(0)) {
                Err(rusqlite::Error::QueryReturnedNoRows) => Err(Error::NotFound("account")),
                other => Ok(other?),
            }?;
            if hidden >= HIDDEN_MAX {
                return Err(Error::Limit("hidden capabilities of the account"));
            }
            let sql = "INSERT INTO hidden_capability (account, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            tx.connection.execute(sql, params![account, name])?;
            Ok(())
        })
        .await
    }

    /// Undoes [`Self::hide_capability`].
    pub async fn show_capability(&self, account: AccountId, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.write(move |tx| {
            let sql = "DELETE FROM hidden_capability WHERE account = ?1 AND name = ?2";
            match tx.connection.execute(sql, params![account, name])? {
                0 => Err(Error::NotFound("hidden capability")),
                _ => Ok(()),
            }
        })
        .await
    }
}
