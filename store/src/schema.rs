//! The schema: an append-only list of migrations.
//!
//! The database's `user_version` says how many have run. All that are missing run in one
//! transaction; before the first of them changes an existing store, a copy of the whole is
//! made beside it (`store.db.before-schema-N`). A schema from the future is refused.
//!
//! A migration that has been released is never edited: a change is a new file.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::OpenError;

/// Every migration, oldest first. The position, from 1, is the schema's number.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
    include_str!("schema/0007.sql"),
    include_str!("schema/0008.sql"),
    include_str!("schema/0009.sql"),
    include_str!("schema/0010.sql"),
    include_str!("schema/0011.sql"),
    include_str!("schema/0012.sql"),
    include_str!("schema/0013.sql"),
];

/// The newest schema that this program knows.
pub(crate) const NEWEST: u32 = MIGRATIONS.len() as u32;

/// Brings the database to the newest schema. `dir` is only for messages.
pub(crate) fn migrate(
    connection: &mut Connection,
    database: &Path,
    dir: &Path,
) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Failed {
        dir: dir.to_owned(),
        reason: error.to_string(),
    };
    let found = version(connection).map_err(failed)?;
    if found > NEWEST {
        return Err(OpenError::NewerSchema {
            found,
            known: NEWEST,
        });
    }
    if found == NEWEST {
        return Ok(());
    }
    if found > 0 {
        back_up(connection, database, found).map_err(failed)?;
    }
    // Two processes may start at once: whoever gets the lock second finds nothing left to do.
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let found = version(&transaction).map_err(failed)?;
    for migration in &MIGRATIONS[found.min(NEWEST) as usize..] {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction
        .pragma_update(None, "user_version", NEWEST)
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// A consistent copy, also while others read. An older copy of the same schema is replaced.
fn back_up(connection: &Connection, database: &Path, found: u32) -> rusqlite::Result<()> {
    let copy = format!("{}.before-schema-{}", database.display(), found + 1);
    if Path::new(&copy).exists() {
        std::fs::remove_file(&copy)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    }
    connection.execute("VACUUM INTO ?1", [copy]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_is_refused() {
        let mut connection = Connection::open_in_memory().expect("in memory");
        connection
            .pragma_update(None, "user_version", NEWEST + 1)
            .expect("pragma");
        let refused = migrate(&mut connection, Path::new("store.db"), Path::new("."));
        assert!(matches!(refused, Err(OpenError::NewerSchema { .. })));
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let mut connection = Connection::open_in_memory().expect("in memory");
        migrate(&mut connection, Path::new("store.db"), Path::new(".")).expect("first");
        migrate(&mut connection, Path::new("store.db"), Path::new(".")).expect("second");
        assert_eq!(version(&connection).expect("version"), NEWEST);
    }
}
