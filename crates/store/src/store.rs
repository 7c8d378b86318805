//! A state on disk.

use std::fmt;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase};
use secgroup_ec2::{Changes, State, invariants};

use crate::error::Fault;
use crate::{StoreError, file, schema, tables};

/// A file that follows the state of an endpoint. Several threads may use it; whoever changes the state and commits does so one
/// change at a time, in the order in which they happened.
pub struct Store {
    path: PathBuf,
    database: Database,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store at `path`, or makes a new one there, for us alone; answers with what it holds, `None` for nothing.
    ///
    /// # Errors
    /// The file is somebody else's, in use, of a newer version, damaged, or holds what cannot be.
    pub fn open(path: &Path) -> Result<(Self, Option<State>), StoreError> {
        let (store, state) = Self::open_unchecked(path)?;
        let faults = invariants::check(&state);
        if !faults.is_empty() {
            let path = path.to_owned();
            return Err(StoreError::Inconsistent { path, faults });
        }
        let state = (state != State::default()).then_some(state);
        Ok((store, state))
    }

    /// What a store holds, whether it fits together or not: for a person who puts it right.
    ///
    /// # Errors
    /// There is no file, or one that [`open`](Self::open) refuses for another reason.
    pub fn salvage(path: &Path) -> Result<State, StoreError> {
        let database = file::open(path)?;
        let read = schema::migrate(&database).and_then(|()| tables::load(&database));
        read.map_err(|fault| fault.reading(path))
    }

    /// Looks at all of a file, which no process may have open: every page, every record, and how they fit together.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and that there is no file.
    pub fn check(path: &Path) -> Result<(), StoreError> {
        let faults = invariants::check(&Self::salvage(path)?);
        if faults.is_empty() {
            return Ok(());
        }
        let path = path.to_owned();
        Err(StoreError::Inconsistent { path, faults })
    }

    /// Writes `changes`, of which `state` is the outcome, in one transaction. They are on disk when this returns.
    ///
    /// # Errors
    /// Nothing is written of a record that could not be read again. Where the disk fails, no more can be written until the
    /// store is opened again; only then it is known whether this transaction is on it.
    pub fn commit(&self, state: &State, changes: &Changes) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.write(|transaction| tables::write(transaction, state, changes))
    }

    /// Writes all of `state` in the place of what there is, in one transaction.
    ///
    /// # Errors
    /// Those of [`commit`](Self::commit).
    pub fn replace(&self, state: &State) -> Result<(), StoreError> {
        self.write(|transaction| tables::replace(transaction, state))
    }

    /// Writes a copy, which is a store of its own, to a new file. It has the state after some commit, while others go on.
    ///
    /// # Errors
    /// `Exists` for a file that is there already; it cannot be written.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let read = self.database.begin_read();
        let snapshot = read.map_err(|error| Fault::from(error).reading(&self.path))?;
        file::create(to, |copy| {
            let transaction = copy.begin_write()?;
            tables::copy(&snapshot, &transaction)?;
            Ok(transaction.commit()?)
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open_unchecked(path: &Path) -> Result<(Self, State), StoreError> {
        if !path.exists() {
            let made = file::create(path, |database| {
                let transaction = database.begin_write()?;
                schema::mark(&transaction)?;
                Ok(transaction.commit()?)
            });
            match made {
                // Somebody else was faster.
                Ok(()) | Err(StoreError::Exists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let database = file::open(path)?;
        let read = schema::migrate(&database).and_then(|()| tables::load(&database));
        let state = read.map_err(|fault| fault.reading(path))?;
        let path = path.to_owned();
        Ok((Self { path, database }, state))
    }

    /// One transaction: all that `work` writes, or nothing.
    fn write(
        &self,
        work: impl FnOnce(&redb::WriteTransaction) -> Result<(), Fault>,
    ) -> Result<(), StoreError> {
        let written = || -> Result<(), Fault> {
            let transaction = self.database.begin_write()?;
            work(&transaction)?;
            Ok(transaction.commit()?)
        };
        written().map_err(|fault| fault.writing(&self.path))
    }
}
