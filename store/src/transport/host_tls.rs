//! What hosts were seen to do: one that has done TLS is not given mail in the clear lightly.

use rusqlite::{Connection, OptionalExtension, params};

use crate::timestamp::now_seconds;
use crate::{Result, Store};

/// How long a host is remembered after it was last seen to do TLS.
const REMEMBERED_DAYS: i64 = 60;
/// Old hosts removed at each change.
const FORGET_BATCH: i64 = 16;

const DAY_SECONDS: i64 = 86_400;

/// What is known of a host that did TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostTls {
    /// When it did last, seconds since 1970.
    pub seen: i64,
    /// When it first did not after that.
    pub clear_since: Option<i64>,
}

/// What has just been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsSeen {
    /// A handshake that succeeded.
    Encrypted,
    /// STARTTLS not offered, or a handshake that failed.
    Clear,
}

impl Store {
    /// What is known of a host; None: it was not seen to do TLS lately.
    pub async fn host_tls(&self, host: &str) -> Result<Option<HostTls>> {
        let host = host.to_owned();
        self.read(move |connection| {
            let sql = "SELECT seen, clear_since FROM host_tls WHERE host = ?1 AND seen > ?2";
            let mut select = connection.prepare_cached(sql)?;
            let found = select.query_row(params![host, oldest()], |row| {
                Ok(HostTls {
                    seen: row.get(0)?,
                    clear_since: row.get(1)?,
                })
            });
            Ok(found.optional()?)
        })
        .await
    }

    /// Remembers what was seen. A host that was never seen to do TLS is not remembered for not doing it.
    pub async fn note_host_tls(&self, seen: Vec<(String, TlsSeen)>) -> Result<()> {
        self.write(move |tx| {
            for (host, seen) in &seen {
                note(tx.connection, host, *seen)?;
            }
            let sql = "DELETE FROM host_tls WHERE host IN
                (SELECT host FROM host_tls WHERE seen <= ?1 ORDER BY seen LIMIT ?2)";
            let mut delete = tx.connection.prepare_cached(sql)?;
            delete.execute(params![oldest(), FORGET_BATCH])?;
            Ok(())
        })
        .await
    }

    /// Forgets a host: it does TLS no more.
    pub async fn forget_host_tls(&self, host: &str) -> Result<()> {
        let host = host.to_owned();
        self.write(move |tx| {
            let sql = "DELETE FROM host_tls WHERE host = ?1";
            tx.connection.prepare_cached(sql)?.execute([host])?;
            Ok(())
        })
        .await
    }
}

fn note(connection: &Connection, host: &str, seen: TlsSeen) -> Result<()> {
    let sql = match seen {
        TlsSeen::Encrypted => {
            "INSERT INTO host_tls (host, seen) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET seen = ?2, clear_since = NULL"
        }
        TlsSeen::Clear => {
            "UPDATE host_tls SET clear_since = ?2 WHERE host = ?1 AND clear_since IS NULL"
        }
    };
    connection
        .prepare_cached(sql)?
        .execute(params![host, now_seconds()])?;
    Ok(())
}

fn oldest() -> i64 {
    now_seconds() - REMEMBERED_DAYS * DAY_SECONDS
}
