//! Between records and tables: each visitor does one thing with every table there is.

use std::collections::BTreeSet;

use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableHandle,
    WriteTransaction,
};
use secgroup_ec2::{Changes, Record, State, Visitor, visit_tables};

use crate::error::Fault;
use crate::schema::META;

/// Keys and records, as text.
type Table = TableDefinition<'static, &'static str, &'static [u8]>;

const fn table<R: Record>() -> Table {
    TableDefinition::new(R::TABLE)
}

/// Writes those records of `state` that are among `changes`.
pub(crate) fn write(
    transaction: &WriteTransaction,
    state: &State,
    changes: &Changes,
) -> Result<(), Fault> {
    visit_tables(&mut Write {
        transaction,
        state,
        changes,
    })
}

struct Write<'a> {
    transaction: &'a WriteTransaction,
    state: &'a State,
    changes: &'a Changes,
}

impl Visitor for Write<'_> {
    type Error = Fault;

    fn visit<R: Record>(&mut self) -> Result<(), Fault> {
        let mut changed = self.changes.of::<R>().map(|(key, _)| key).peekable();
        if changed.peek().is_none() {
            return Ok(());
        }
        let mut table = self.transaction.open_table(table::<R>())?;
        for key in changed {
            let text = R::key_text(key);
            match R::table(self.state).get(key) {
                Some(record) => table.insert(&*text, &*encode(key, record)?)?,
                None => table.remove(&*text)?,
            };
        }
        Ok(())
    }
}

/// Writes all of `state`, and nothing else stays.
pub(crate) fn replace(transaction: &WriteTransaction, state: &State) -> Result<(), Fault> {
    visit_tables(&mut Replace { transaction, state })
}

struct Replace<'a> {
    transaction: &'a WriteTransaction,
    state: &'a State,
}

impl Visitor for Replace<'_> {
    type Error = Fault;

    fn visit<R: Record>(&mut self) -> Result<(), Fault> {
        self.transaction.delete_table(table::<R>())?;
        let mut table = self.transaction.open_table(table::<R>())?;
        for (key, record) in R::table(self.state) {
            table.insert(&*R::key_text(key), &*encode(key, record)?)?;
        }
        Ok(())
    }
}

/// A record as JSON, which was read back: what cannot be read must not be acknowledged.
fn encode<R: Record>(key: &R::Key, record: &R) -> Result<Vec<u8>, Fault> {
    let text = R::key_text(key);
    let unkeepable = |fault: String| Fault::Unkeepable {
        record: format!("{}/{text}", R::TABLE),
        fault,
    };
    let json = serde_json::to_vec(record).map_err(|error| unkeepable(error.to_string()))?;
    let back: R = serde_json::from_slice(&json).map_err(|error| unkeepable(error.to_string()))?;
    if back != *record || R::parse_key(&text).as_ref() != Some(key) {
        return Err(unkeepable("it would be read as another one".to_owned()));
    }
    Ok(json)
}

/// Everything that the tables hold.
pub(crate) fn load(database: &Database) -> Result<State, Fault> {
    let transaction = database.begin_read()?;
    let mut load = Load {
        present: table_names(&transaction)?,
        transaction: &transaction,
        state: State::default(),
    };
    load.present.remove(META.name());
    visit_tables(&mut load)?;
    match load.present.first() {
        None => Ok(load.state),
        Some(unknown) => Err(Fault::Damaged(format!("it has a table `{unknown}`"))),
    }
}

struct Load<'a> {
    transaction: &'a ReadTransaction,
    /// Tables that nobody has read yet.
    present: BTreeSet<String>,
    state: State,
}

impl Visitor for Load<'_> {
    type Error = Fault;

    fn visit<R: Record>(&mut self) -> Result<(), Fault> {
        // A table is made when something is put into it.
        if !self.present.remove(R::TABLE) {
            return Ok(());
        }
        let kept = self.transaction.open_table(table::<R>())?;
        for entry in kept.iter()? {
            let (text, json) = entry?;
            let damaged =
                |fault: String| Fault::Damaged(format!("{}/{}: {fault}", R::TABLE, text.value()));
            let key = R::parse_key(text.value())
                .filter(|key| R::key_text(key) == text.value())
                .ok_or_else(|| damaged("this is no key".to_owned()))?;
            let record =
                serde_json::from_slice(json.value()).map_err(|error| damaged(error.to_string()))?;
            R::table_mut(&mut self.state).insert(key, record);
        }
        Ok(())
    }
}

/// Copies all tables as they are at one moment.
pub(crate) fn copy(from: &ReadTransaction, to: &WriteTransaction) -> Result<(), Fault> {
    for name in table_names(from)? {
        let table = TableDefinition::<&str, &[u8]>::new(&name);
        let mut copy = to.open_table(table)?;
        for entry in from.open_table(table)?.iter()? {
            let (key, value) = entry?;
            copy.insert(key.value(), value.value())?;
        }
    }
    Ok(())
}

fn table_names(transaction: &ReadTransaction) -> Result<BTreeSet<String>, Fault> {
    let tables = transaction.list_tables()?;
    Ok(tables.map(|table| table.name().to_owned()).collect())
}
