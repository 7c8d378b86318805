//! A file that is not there yet: it is written under another name, and gets its own when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{DeliveryError, cannot_write};

/// The owner writes, the group may read: flow logs say who talks to whom.
const MODE: u32 = 0o640;

/// A file under another name; it is removed unless it is published.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: PathBuf,
    written_as: PathBuf,
    is_published: bool,
}

impl Unfinished {
    /// One that is written beside its place, under a name with a dot in front.
    pub(super) fn beside(path: &Path) -> Result<(Self, File), DeliveryError> {
        let Some(name) = path.file_name() else {
            let source = io::Error::other("this is no name of a file");
            return Err(cannot_write(path, source));
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".unfinished");
        Self::create(path.to_owned(), path.with_file_name(hidden))
    }

    /// One that is written at another place of the same file system.
    pub(super) fn create(
        path: PathBuf,
        written_as: PathBuf,
    ) -> Result<(Self, File), DeliveryError> {
        let open = || {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(MODE)
                .open(&written_as)
        };
        let file = open().or_else(|error| {
            // Left behind by one that was killed; or a link that somebody put there, which is not followed.
            if error.kind() == io::ErrorKind::AlreadyExists {
                fs::remove_file(&written_as)?;
                return open();
            }
            Err(error)
        });
        let file = file.map_err(|source| cannot_write(&written_as, source))?;
        let unfinished = Self {
            path,
            written_as,
            is_published: false,
        };
        Ok((unfinished, file))
    }

    /// Where it will be.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it there, once it is on disk.
    pub(super) fn publish(mut self, file: &File) -> Result<(), DeliveryError> {
        let try_publish = || {
            file.sync_all()?;
            let folder = self
                .path
                .parent()
                .filter(|path| !path.as_os_str().is_empty());
            if let Some(folder) = folder {
                fs::create_dir_all(folder)?;
            }
            fs::rename(&self.written_as, &self.path)?;
            File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
        };
        let published = try_publish();
        self.is_published = published.is_ok();
        published.map_err(|source| cannot_write(&self.path, source))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_published {
            // Nothing more can be done about it.
            let _ = fs::remove_file(&self.written_as);
        }
    }
}
