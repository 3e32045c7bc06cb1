//! Secrets of the server itself, each made when it is first asked for: the key that signs rewritten sender addresses, say.
//!
//! All daemons of the machine get the same; a backup of the store has them too.

use std::io::Read;

use rusqlite::{OptionalExtension, params};

use crate::{PrivateKey, Result, Store};

/// Octets of a secret: as many as SHA-256 makes use of.
const SECRET_OCTETS: usize = 32;

impl Store {
    /// The secret of that name.
    pub async fn secret(&self, name: &'static str) -> Result<PrivateKey> {
        const SELECT: &str = "SELECT value FROM secret WHERE name = ?1";
        let found = self
            .read(move |connection| {
                Ok(connection
                    .query_row(SELECT, [name], |row| row.get(0))
                    .optional()?)
            })
            .await?;
        if let Some(octets) = found {
            return Ok(PrivateKey::new(octets));
        }
        let mut octets = vec![0; SECRET_OCTETS];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut octets)?;
        self.write(move |tx| {
            // Another process may have been quicker.
            let sql = "INSERT INTO secret (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            tx.connection.execute(sql, params![name, octets])?;
            let octets = tx.connection.query_row(SELECT, [name], |row| row.get(0))?;
            Ok(PrivateKey::new(octets))
        })
        .await
    }
}
