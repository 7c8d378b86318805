//! Which version of the tables a file has, and how an old one becomes a new one.

use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};

use crate::error::Fault;

/// What is true of the whole file.
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Its version, in decimal digits.
const SCHEMA: &str = "schema";

/// Makes the next version of the tables out of the one before.
type Step = fn(&WriteTransaction) -> Result<(), Fault>;

/// The n-th of them makes version n + 2 out of n + 1.
const STEPS: &[Step] = &[];

/// Writes the current version into a new file.
pub(crate) fn mark(transaction: &WriteTransaction) -> Result<(), Fault> {
    mark_as(transaction, latest(STEPS))
}

/// Brings a file up to date, in one transaction; one that is so is not written.
pub(crate) fn migrate(database: &Database) -> Result<(), Fault> {
    migrate_by(database, STEPS)
}

fn migrate_by(database: &Database, steps: &[Step]) -> Result<(), Fault> {
    let transaction = database.begin_write()?;
    let (found, known) = (version(&transaction)?, latest(steps));
    if found > known {
        return Err(Fault::Newer { found, known });
    }
    if found == known {
        transaction.abort()?;
        return Ok(());
    }
    for step in steps.iter().skip(found.saturating_sub(1) as usize) {
        step(&transaction)?;
    }
    mark_as(&transaction, known)?;
    transaction.commit()?;
    Ok(())
}

fn latest(steps: &[Step]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX - 1) + 1
}

fn mark_as(transaction: &WriteTransaction, version: u32) -> Result<(), Fault> {
    let mut meta = transaction.open_table(META)?;
    meta.insert(SCHEMA, version.to_string().as_bytes())?;
    Ok(())
}

fn version(transaction: &WriteTransaction) -> Result<u32, Fault> {
    let meta = transaction.open_table(META)?;
    let Some(value) = meta.get(SCHEMA)? else {
        return Err(Fault::Damaged("it is not a store of secgroup".to_owned()));
    };
    let text = String::from_utf8_lossy(value.value());
    match text.parse() {
        Ok(version @ 1..) => Ok(version),
        _ => Err(Fault::Damaged(format!("`{text}` is no version"))),
    }
}

#[cfg(test)]
mod tests;
