//! The file of a store: made whole or not at all, ours alone, in one process.
//!
//! A database that is being made is not one yet. So a new file is filled under another name, and gets its own when all of it is on disk: whatever
//! happens on the way, a path never names half a store.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Builder, Database};

use crate::StoreError;
use crate::error::Fault;

/// Root's user id.
const ROOT: u32 = 0;
/// Mode bits: group and others may write.
const WRITABLE: u32 = 0o022;
/// Owner only: tags and descriptions are nobody else's business.
const MODE: u32 = 0o600;
/// Pages that are kept in memory, in bytes. The state is in memory anyway.
const CACHE_BYTES: usize = 8 << 20;

/// Opens the database at `path`, after a look at every page of it.
pub(crate) fn open(path: &Path) -> Result<Database, StoreError> {
    let failed = |error| StoreError::Io {
        verb: "open",
        path: path.to_owned(),
        error,
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        // A pipe must not keep us waiting.
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(failed)?;
    let seen = file.metadata().map_err(failed)?;
    if !seen.is_file() {
        let path = path.to_owned();
        return Err(StoreError::NoFile { path });
    }
    let (owner, mode) = (seen.uid(), seen.mode() & 0o7777);
    let is_ours = owner == ROOT || owner == rustix::process::geteuid().as_raw();
    if !is_ours || mode & WRITABLE != 0 {
        return Err(StoreError::Shared {
            path: path.to_owned(),
            owner,
            mode,
        });
    }
    if seen.len() == 0 {
        let fault = Fault::Damaged("it is empty".to_owned());
        return Err(fault.reading(path));
    }
    database(file, true).map_err(|fault| fault.reading(path))
}

fn database(file: File, check: bool) -> Result<Database, Fault> {
    let database = Builder::new()
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(check)
        .create_with_backend(FileBackend::new(file)?)?;
    Ok(database)
}

/// Makes a database that `fill` puts something in. It gets its name when all of it is on disk.
///
/// # Errors
/// `Exists` where the name is taken: nothing is replaced.
pub(crate) fn create(
    path: &Path,
    fill: impl FnOnce(&Database) -> Result<(), Fault>,
) -> Result<(), StoreError> {
    let beside = beside(path);
    let made = make(path, &beside, fill);
    // Under its own name or not, it is not needed under this one.
    let _ = fs::remove_file(&beside);
    made
}

fn make(
    path: &Path,
    beside: &Path,
    fill: impl FnOnce(&Database) -> Result<(), Fault>,
) -> Result<(), StoreError> {
    let failed = |error| StoreError::Io {
        verb: "create",
        path: path.to_owned(),
        error,
    };
    match fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(beside)
        .map_err(failed)?;
    let database = database(file, false).map_err(|fault| fault.writing(path))?;
    fill(&database).map_err(|fault| fault.writing(path))?;
    drop(database);
    let sync = |file: io::Result<File>| file.and_then(|file| file.sync_all()).map_err(failed);
    sync(File::open(beside))?;
    // Unlike a rename, a link replaces nothing.
    fs::hard_link(beside, path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => StoreError::Exists {
            path: path.to_owned(),
        },
        _ => failed(error),
    })?;
    // The name is on disk when its folder is.
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    sync(File::open(folder.unwrap_or_else(|| Path::new("."))))
}

/// A name in the same folder that no other process uses.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}
