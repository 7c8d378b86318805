//! The file of a page (`--report`). It gets its name when it is whole: who looks at it while a replay runs sees the last one.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use secgroup_report::{Page, html};

use crate::Failure;

/// The owner writes, the group may read: a page says who talks to whom.
const MODE: u32 = 0o640;

/// A page that is to be written. What cannot be written is said when it is made, before a long replay.
pub(crate) struct PageFile {
    path: PathBuf,
    file: File,
    /// Its name until it is whole; a device has only its own.
    beside: Option<PathBuf>,
}

impl PageFile {
    /// A page at `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        Self::open(path).map_err(|error| cannot_write(path, &error))
    }

    fn open(path: &Path) -> io::Result<Self> {
        // What a link points to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let is_device = fs::metadata(&path).is_ok_and(|known| !known.is_file());
        if is_device {
            let file = OpenOptions::new().write(true).open(&path)?;
            return Ok(Self {
                path,
                file,
                beside: None,
            });
        }
        let name = path
            .file_name()
            .ok_or_else(|| io::Error::other("this is no name of a file"))?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(".unfinished");
        let beside = path.with_file_name(hidden);
        let open = || {
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(MODE)
                .open(&beside)
        };
        let file = open().or_else(|error| {
            // Left behind by one that was killed; or a link that somebody put there, which is not followed.
            if error.kind() == ErrorKind::AlreadyExists {
                fs::remove_file(&beside)?;
                return open();
            }
            Err(error)
        })?;
        Ok(Self {
            path,
            file,
            beside: Some(beside),
        })
    }

    /// Writes it, whole or not at all.
    pub(crate) fn write(mut self, page: &Page) -> Result<(), Failure> {
        let written = self.publish(page);
        written.map_err(|error| cannot_write(&self.path, &error))
    }

    fn publish(&mut self, page: &Page) -> io::Result<()> {
        self.file.write_all(html(page).as_bytes())?;
        if let Some(beside) = self.beside.take() {
            let renamed = self
                .file
                .sync_all()
                .and_then(|()| fs::rename(&beside, &self.path));
            if renamed.is_err() {
                self.beside = Some(beside);
            }
            renamed?;
        }
        Ok(())
    }
}

impl Drop for PageFile {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // Nothing more can be done about it.
            let _ = fs::remove_file(beside);
        }
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    format!("cannot write the report to {}: {error}", path.display()).into()
}
