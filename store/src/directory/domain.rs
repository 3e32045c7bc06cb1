//! Local domains: those whose mail ends here.

use rusqlite::{OptionalExtension, params};

use crate::address::normal_domain;
use crate::timestamp::now_seconds;
use crate::{Address, Error, Result, Store};

/// A local domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Lower-case A-labels.
    pub name: String,
    /// Where mail for unknown users of the domain goes, if anywhere.
    pub catch_all: Option<Address>,
    /// Addresses of accounts in it.
    pub addresses: u64,
    /// Aliases in it.
    pub aliases: u64,
    /// Seconds since 1970.
    pub created: i64,
}

const SELECT: &str = "SELECT name, catch_all,
        (SELECT count(*) FROM address WHERE domain = domain.id),
        (SELECT count(DISTINCT address) FROM alias WHERE domain = domain.id),
        created
    FROM domain";

fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Domain> {
    Ok(Domain {
        name: row.get(0)?,
        catch_all: row.get(1)?,
        addresses: row.get::<_, i64>(2)? as u64,
        aliases: row.get::<_, i64>(3)? as u64,
        created: row.get(4)?,
    })
}

impl Store {
    /// Makes mail for `name` local.
    pub async fn add_domain(&self, name: &str) -> Result<Domain> {
        let name = normal_domain(name)?;
        let added = name.clone();
        self.write(move |tx| {
            let created = now_seconds();
            let sql = "INSERT INTO domain (name, created) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            match tx.connection.execute(sql, params![name, created])? {
                0 => Err(Error::Exists("domain")),
                _ => Ok(()),
            }
        })
        .await?;
        self.domain(&added).await
    }

    /// All local domains, by name.
    pub async fn domains(&self) -> Result<Vec<Domain>> {
        self.read(|connection| {
            let mut select = connection.prepare(&format!("{SELECT} ORDER BY name"))?;
            let domains = select
                .query_map([], from_row)?
                .collect::<rusqlite::Result<_>>()?;
            Ok(domains)
        })
        .await
    }

    /// One local domain.
    pub async fn domain(&self, name: &str) -> Result<Domain> {
        let name = normal_domain(name)?;
        self.read(move |connection| {
            let found = connection
                .query_row(&format!("{SELECT} WHERE name = ?1"), [name], from_row)
                .optional()?;
            found.ok_or(Error::NotFound("domain"))
        })
        .await
    }

    /// Whether mail for a domain, as somebody wrote it, ends here.
    pub async fn is_local_domain(&self, name: &str) -> Result<bool> {
        let Ok(name) = normal_domain(name) else {
            return Ok(false);
        };
        self.read(
            move |connection| match super::domain_id(connection, &name) {
                Ok(_) => Ok(true),
                Err(Error::NotFound(_)) => Ok(false),
                Err(error) => Err(error),
            },
        )
        .await
    }

    /// Removes a domain that holds no address and no alias any more, and its keys; `NotPermitted` otherwise.
    pub async fn remove_domain(&self, name: &str) -> Result<()> {
        let name = normal_domain(name)?;
        self.write(move |tx| {
            let id = super::domain_id(tx.connection, &name)?;
            let used = "SELECT EXISTS (SELECT 1 FROM address WHERE domain = ?1)
                            OR EXISTS (SELECT 1 FROM alias WHERE domain = ?1)";
            if tx.connection.query_row(used, [id], |row| row.get(0))? {
                return Err(Error::NotPermitted(
                    "the domain still has accounts or aliases; remove them first",
                ));
            }
            for sql in [
                "DELETE FROM signing_key WHERE domain = ?1",
                "DELETE FROM domain WHERE id = ?1",
            ] {
                tx.connection.execute(sql, [id])?;
            }
            Ok(())
        })
        .await
    }

    /// Chooses where mail for unknown users of the domain goes; `None`: it is refused.
    pub async fn set_catch_all(&self, name: &str, target: Option<&Address>) -> Result<()> {
        let (name, target) = (normal_domain(name)?, target.cloned());
        self.write(move |tx| {
            let id = super::domain_id(tx.connection, &name)?;
            tx.connection.execute(
                "UPDATE domain SET catch_all = ?2 WHERE id = ?1",
                params![id, target],
            )?;
            Ok(())
        })
        .await
    }
}
