//! Why a store cannot be used, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// At most this many faults are told at once.
const FAULTS_TOLD: usize = 5;

/// Why a store cannot be opened, written or copied. One line, which says what to do where that is not plain.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system does not let us.
    #[error("cannot {verb} {}: {error}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A pipe, a device, a folder.
    #[error("{} is not a file", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// Somebody else could have changed it.
    #[error("others can change {} (user {owner}, mode {mode:04o}): chown it to the user that runs secgroup, and chmod 600 it", path.display())]
    Shared {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Its permissions.
        mode: u32,
    },
    /// A backup does not replace anything.
    #[error("{} is there already: name another file", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another process has it.
    #[error("{} is in use by another process: deploy, export and back up through that one, or stop it first", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A later version of secgroup wrote it.
    #[error("{} has version {found} of the tables, and this secgroup knows up to {known}: use a newer secgroup, or a backup from before", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The latest that is known here.
        known: u32,
    },
    /// It is no store, or was changed by something else than a store.
    #[error("{} is damaged: {fault}; put a backup in its place", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// Its records do not fit together.
    #[error("{} holds a state that cannot be: {}; put a backup in its place, or export it, put that right, and import it", path.display(), told(faults))]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// What is wrong, a sentence each.
        faults: Vec<String>,
    },
    /// A record would not be the same when it is read again. Nothing was written.
    #[error("{record} cannot be kept: {fault}")]
    Unkeepable {
        /// The table and the key.
        record: String,
        /// Why not.
        fault: String,
    },
    /// A transaction failed. Whether it is on disk is known when the file is opened the next time.
    #[error("cannot write {}: {error}; see to the disk and start again", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: redb::Error,
    },
}

/// The first few of `faults`, and how many more there are.
pub(crate) fn told(faults: &[String]) -> String {
    let mut text = faults
        .iter()
        .take(FAULTS_TOLD)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("; ");
    if let Some(more @ 1..) = faults.len().checked_sub(FAULTS_TOLD) {
        text += &format!("; and {more} more");
    }
    text
}

/// What goes wrong inside of a file, before it is known which.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database says no.
    Database(redb::Error),
    /// Something is there that should not be.
    Damaged(String),
    /// Something cannot be written.
    Unkeepable { record: String, fault: String },
    /// The version is a later one.
    Newer { found: u32, known: u32 },
}

macro_rules! from_database {
    ($($error:ty),*) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Self::Database(error.into())
            }
        })*
    };
}

from_database!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError
);

impl Fault {
    /// What it means for a file that is being read.
    pub(crate) fn reading(self, path: &Path) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Database(redb::Error::DatabaseAlreadyOpen) => StoreError::InUse { path },
            // An error of the system has a number; others are made by the database, of what it found.
            Self::Database(redb::Error::Io(error)) if error.raw_os_error().is_some() => {
                StoreError::Io {
                    verb: "read",
                    path,
                    error,
                }
            }
            Self::Database(error) => StoreError::Damaged {
                path,
                fault: error.to_string(),
            },
            Self::Damaged(fault) => StoreError::Damaged { path, fault },
            Self::Newer { found, known } => StoreError::Newer { path, found, known },
            Self::Unkeepable { record, fault } => StoreError::Unkeepable { record, fault },
        }
    }

    /// What it means for a file that is being written.
    pub(crate) fn writing(self, path: &Path) -> StoreError {
        match self {
            Self::Database(error) => StoreError::Write {
                path: path.to_owned(),
                error,
            },
            other => other.reading(path),
        }
    }
}
