//! Aliases: an address that stands for others, here or elsewhere.
//!
//! An alias may bear the address of an account. It then takes precedence, and may name
//! that address among its targets: "keep a copy and forward".

use rusqlite::params;

use super::domain_id;
use crate::{Address, Error, Result, Store};

/// Targets of one alias.
pub(super) const ALIAS_TARGETS_MAX: usize = 1000;

/// An alias with its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The address in a local domain.
    pub address: Address,
    /// Where its mail goes, sorted.
    pub targets: Vec<Address>,
}

impl Store {
    /// Adds targets to an alias, which need not exist before.
    pub async fn add_alias(&self, address: &Address, targets: &[Address]) -> Result<()> {
        let (address, targets) = (address.clone(), targets.to_vec());
        if targets.is_empty() {
            return Err(Error::Invalid("an alias needs a target".into()));
        }
        self.write(move |tx| {
            let domain = domain_id(tx.connection, address.domain())?;
            let sql = "INSERT INTO alias (address, target, domain) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            let mut insert = tx.connection.prepare(sql)?;
            let mut added = 0;
            for target in &targets {
                added += insert.execute(params![address, target, domain])?;
            }
            let count = tx.connection.query_row("SELECT count(*) FROM alias WHERE address = ?1", [&address], |row| row.get::<_, i64>(0))?;
            match added {
                0 => Err(Error::Exists("alias")),
                _ if count as usize > ALIAS_TARGETS_MAX => Err(Error::Limit("targets of the alias")),
                _ => Ok(()),
            }
        })
        .await
    }

    /// All aliases, by address.
    pub async fn aliases(&self) -> Result<Vec<Alias>> {
        self.read(|connection| {
            let mut select =
                connection.prepare("SELECT address, target FROM alias ORDER BY address, target")?;
            let mut rows = select.query([])?;
            let mut aliases: Vec<Alias> = Vec::new();
            while let Some(row) = rows.next()? {
                let (address, target): (Address, Address) = (row.get(0)?, row.get(1)?);
                match aliases.last_mut() {
                    Some(last) if last.address == address => last.targets.push(target),
                    _ => aliases.push(Alias {
                        address,
                        targets: vec![target],
                    }),
                }
            }
            Ok(aliases)
        })
        .await
    }

    /// Removes one target of an alias, or (`None`) the whole alias.
    pub async fn remove_alias(&self, address: &Address, target: Option<&Address>) -> Result<()> {
        let (address, target) = (address.clone(), target.cloned());
        self.write(move |tx| {
            let sql = "DELETE FROM alias WHERE address = ?1 AND (?2 IS NULL OR target = ?2)";
            match tx.connection.execute(sql, params![address, target])? {
                0 => Err(Error::NotFound("alias")),
                _ => Ok(()),
            }
        })
        .await
    }
}
