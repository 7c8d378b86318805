//! The file that access keys stand in.
//!
//! ```toml
//! [[key]]
//! id = "AKIAIOSFODNN7EXAMPLE"
//! secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
//! account = "123456789012"
//! access = "read-only"        # or "full", which it is where nothing is said
//! session_token = "…"         # requests must bring it; none by default
//! ```
//!
//! Who can read the file can sign as anybody in it, and who can write it can let himself in. So it must belong to us or root, and be closed to group and others; what is
//! looked at is the open file, which is the one that is read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use secgroup_model::AccountId;

use super::{AccessKey, Keys};
use crate::folder::FolderError;
use crate::random::{NoRandomness, Random};

/// A file of keys is at most this long, in bytes.
const LENGTH_MAX: u64 = 1 << 20;
/// Mode bits: group and others may do something.
const SHARED: u32 = 0o077;
/// Root's user id.
const ROOT: u32 = 0;

/// Why there are no keys. Says what to do, and never a secret.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It cannot be read or written.
    #[error("cannot {verb} the keys in {}: {error}", path.display())]
    Io {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Others may read or write it.
    #[error("{} holds secrets, and others may read or write it (mode {mode:04o}): chmod 600 {}", path.display(), path.display())]
    Shared {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is somebody else's.
    #[error("{} holds secrets, and belongs to user {owner}: chown it to the user that runs secgroup", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// It is no file of keys.
    #[error("{} is no file of access keys: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// None can be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// They cannot be kept where they are to be.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

impl KeysError {
    /// Whether the file is not there.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

/// The file as it is written.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    key: Vec<AccessKey>,
}

impl Keys {
    /// Reads a file of keys.
    ///
    /// # Errors
    /// It is not there, not closed to others, or no file of keys; or has none.
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        let text = read(path)?;
        let syntax = |message| KeysError::Syntax {
            path: path.to_owned(),
            message,
        };
        // The parser's own words for a fault would show the line, and a secret in it.
        let document: Document = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                1 + text
                    .bytes()
                    .take(span.start)
                    .filter(|byte| *byte == b'\n')
                    .count()
            });
            syntax(format!("line {line}: {}", first_line(error.message())))
        })?;
        let mut keys = Self::default();
        for (place, key) in document.key.into_iter().enumerate() {
            let place = place + 1;
            if let Some(fault) = key.fault() {
                return Err(syntax(format!("key {place}: {fault}")));
            }
            if keys.get(&key.id).is_some() {
                return Err(syntax(format!(
                    "key {place}: the id {} is there twice",
                    key.id
                )));
            }
            keys.add(key);
        }
        if keys.is_empty() {
            return Err(syntax("it has no [[key]]".to_owned()));
        }
        Ok(keys)
    }

    /// The keys of a file that secgroup keeps itself: where it is not there, or an account of `accounts` has no key in it, new ones are made and
    /// written. Answers with all keys, and with those that are new.
    ///
    /// # Errors
    /// As [`read`](Self::read), or it cannot be written.
    pub fn keep(
        path: &Path,
        accounts: &[AccountId],
        random: &Random,
    ) -> Result<(Self, Self), KeysError> {
        let mut keys = match Self::read(path) {
            Err(error) if error.is_absent() => Self::default(),
            read => read?,
        };
        let known = keys.accounts();
        let missing: Vec<_> = accounts
            .iter()
            .filter(|a| !known.contains(a))
            .cloned()
            .collect();
        let new = Self::generate(&missing, random);
        if !new.is_empty() {
            for key in new.iter() {
                keys.add(key.clone());
            }
            keys.write(path)?;
        }
        Ok((keys, new))
    }

    /// Writes the file whole, or not at all: beside it first, then in its place.
    pub(super) fn write(&self, path: &Path) -> Result<(), KeysError> {
        self.try_write(path).map_err(|error| KeysError::Io {
            verb: "write",
            path: path.to_owned(),
            error,
        })
    }

    fn try_write(&self, path: &Path) -> io::Result<()> {
        let document = Document {
            key: self.iter().cloned().collect(),
        };
        let text = toml::to_string(&document).map_err(io::Error::other)?;
        let beside = path.with_extension("new");
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(
            b"# Access keys of secgroup. Whoever reads this can sign as anybody in it.\n\n",
        )?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        // The name is on disk when its folder is.
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    }
}

/// The text of a file that nobody else may read.
fn read(path: &Path) -> Result<String, KeysError> {
    let failed = |error| KeysError::Io {
        verb: "read",
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if owner != ROOT && owner != rustix::process::geteuid().as_raw() {
        let path = path.to_owned();
        return Err(KeysError::Owner { path, owner });
    }
    if mode & SHARED != 0 {
        let path = path.to_owned();
        return Err(KeysError::Shared { path, mode });
    }
    let mut text = String::new();
    let length = file.take(LENGTH_MAX + 1).read_to_string(&mut text);
    if length.map_err(failed)? as u64 > LENGTH_MAX {
        return Err(KeysError::Syntax {
            path: path.to_owned(),
            message: format!("it is longer than {LENGTH_MAX} bytes"),
        });
    }
    Ok(text)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
