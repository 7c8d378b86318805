use redb::ReadableDatabase;
use redb::backends::InMemoryBackend;

use super::*;

const OLD: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("old");
const NEW: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("new");

fn database(version: &str) -> Database {
    let database = Database::builder()
        .create_with_backend(InMemoryBackend::new())
        .unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(META)
        .unwrap()
        .insert(SCHEMA, version.as_bytes())
        .unwrap();
    transaction
        .open_table(OLD)
        .unwrap()
        .insert("a", b"1".as_slice())
        .unwrap();
    transaction.commit().unwrap();
    database
}

fn rename(transaction: &WriteTransaction) -> Result<(), Fault> {
    Ok(transaction.rename_table(OLD, NEW)?)
}

fn fail(_: &WriteTransaction) -> Result<(), Fault> {
    Err(Fault::Damaged("by design".to_owned()))
}

/// The value of `a`, and the version.
fn seen(database: &Database, table: TableDefinition<'_, &str, &[u8]>) -> Option<(String, u32)> {
    let text =
        |value: redb::AccessGuard<'_, &[u8]>| String::from_utf8(value.value().to_vec()).unwrap();
    let reading = database.begin_read().unwrap();
    let a = reading
        .open_table(table)
        .ok()?
        .get("a")
        .unwrap()
        .map(text)?;
    let version = reading
        .open_table(META)
        .unwrap()
        .get(SCHEMA)
        .unwrap()
        .map(text)?;
    Some((a, version.parse().unwrap()))
}

#[test]
fn an_old_file_is_brought_up_to_date_once() {
    let database = database("1");
    for _ in 0..2 {
        migrate_by(&database, &[rename]).unwrap();
        assert_eq!(seen(&database, NEW), Some(("1".to_owned(), 2)));
        assert_eq!(seen(&database, OLD), None);
    }
}

#[test]
fn only_the_steps_that_lack_are_taken() {
    let database = database("2");
    migrate_by(&database, &[fail, rename]).unwrap();
    assert_eq!(seen(&database, NEW), Some(("1".to_owned(), 3)));
}

#[test]
fn a_step_that_fails_leaves_the_file_as_it_was() {
    let database = database("1");
    assert!(migrate_by(&database, &[rename, fail]).is_err());
    assert_eq!(seen(&database, OLD), Some(("1".to_owned(), 1)));
}

#[test]
fn a_newer_file_is_refused() {
    let fault = migrate(&database("2"))
        .unwrap_err()
        .reading("a.redb".as_ref());
    assert_eq!(
        fault.to_string(),
        "a.redb has version 2 of the tables, and this secgroup knows up to 1: use a newer secgroup, or a backup from before"
    );
}

#[test]
fn what_is_no_version_is_damage() {
    for text in ["", "0", "-1", "one", "99999999999"] {
        assert!(
            matches!(migrate(&database(text)), Err(Fault::Damaged(_))),
            "{text}"
        );
    }
}
