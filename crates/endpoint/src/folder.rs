//! The folder that the endpoint keeps its state in.
//!
//! | file | what |
//! |---|---|
//! | `endpoint.redb` | the state, transaction by transaction |
//! | `keys.toml` | access keys that were made on the first start |
//! | `endpoint.sock` | the owner's socket, while the endpoint runs |

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Root's user id.
const ROOT: u32 = 0;
/// Mode bits: group and others may write.
const WRITABLE: u32 = 0o022;

/// Why a folder cannot hold state.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made or looked at.
    #[error("cannot use {} for state: {error}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Others could put files there.
    #[error("others can change files in {} (user {owner}, mode {mode:04o}): chown it to the user that runs secgroup, and chmod go-w {}", path.display(), path.display())]
    Shared {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Its permissions.
        mode: u32,
    },
    /// There is no home to have a folder in.
    #[error(
        "there is no place for state: neither XDG_STATE_HOME nor HOME is set; name a folder, or keep nothing"
    )]
    Homeless,
}

/// A folder for state, which nobody else can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder(PathBuf);

impl StateFolder {
    /// Where state is kept if nothing is said: `/var/lib/secgroup` for root, `~/.local/state/secgroup` (or below `XDG_STATE_HOME`) for others.
    ///
    /// # Errors
    /// Neither root nor at home anywhere.
    pub fn default_path() -> Result<PathBuf, FolderError> {
        if rustix::process::geteuid().is_root() {
            return Ok(PathBuf::from("/var/lib/secgroup"));
        }
        let set = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let home = || set("HOME").map(|home| home.join(".local/state"));
        let states = set("XDG_STATE_HOME").or_else(home);
        states
            .map(|folder| folder.join("secgroup"))
            .ok_or(FolderError::Homeless)
    }

    /// Makes the folder if it is not there, for us alone.
    ///
    /// # Errors
    /// It cannot be made, or others could change what is in it.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |error| FolderError::Io {
            path: path.to_owned(),
            error,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
        let seen = fs::metadata(path).map_err(failed)?;
        let (owner, mode) = (seen.uid(), seen.mode() & 0o7777);
        let is_ours = owner == ROOT || owner == rustix::process::geteuid().as_raw();
        if !is_ours || mode & WRITABLE != 0 {
            return Err(FolderError::Shared {
                path: path.to_owned(),
                owner,
                mode,
            });
        }
        Ok(Self(path.to_owned()))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.0.join("endpoint.redb")
    }

    /// Keys that were made here.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys.toml")
    }

    /// The owner's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join("endpoint.sock")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_for_us_alone() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("a/b");
        let folder = StateFolder::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        assert_eq!(StateFolder::open(&path).unwrap(), folder);
        assert!(folder.store().starts_with(&path));
    }

    #[test]
    fn one_that_others_can_write_is_refused() {
        let outer = tempfile::tempdir().unwrap();
        for mode in [0o777, 0o770, 0o1777] {
            fs::set_permissions(outer.path(), fs::Permissions::from_mode(mode)).unwrap();
            let said = StateFolder::open(outer.path()).unwrap_err().to_string();
            assert!(said.contains(&format!("mode {mode:04o}")), "{said}");
        }
    }
}
