//! Whether a file may be believed: nobody but root and the user who runs secgroup can change it.
//!
//! Who can write a policy decides what the firewall lets through, and who can write a folder decides which file is found
//! there. So every step of the way is looked at, from `/` on, symbolic links followed as the kernel follows them:
//!
//! | thing | belongs to | others may not |
//! |---|---|---|
//! | the file | root or us | write it |
//! | a folder on the way | root or us | write it, unless it is sticky as `/tmp` is: there nobody removes what is another's |
//! | a symbolic link on the way | root or us | (its mode means nothing) |
//!
//! The group of the mode bits is that of access control lists, too: where there is one, they show what it grants at most.
//! Between this look and the reading of the file, only root and we could have changed what was looked at.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::way::{LINKS_MAX, Way};

/// Root's user id.
const ROOT: u32 = 0;
/// Mode bits: group and others may write.
const WRITABLE: u32 = 0o022;
/// Mode bit: only its owner removes or renames a file of this folder.
const STICKY: u32 = 0o1000;

/// Why a file is not believed. Says, in one line, what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// It cannot be looked at.
    #[error("cannot look at {}: {error}", path.display())]
    Unseen {
        /// What.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It is a pipe, a device, a folder.
    #[error("{} is not a file; write its contents to one", path.display())]
    NoFile {
        /// What.
        path: PathBuf,
    },
    /// It belongs to somebody else.
    #[error("{what} {} belongs to user {owner}, who could change {consequence}: chown {} {}", path.display(), if *link { "-h root" } else { "root" }, quoted(path))]
    Owner {
        /// What.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// What it is.
        what: &'static str,
        /// What its owner could change.
        consequence: &'static str,
        /// It is a symbolic link.
        link: bool,
    },
    /// Others may write it.
    #[error("{what} {} can be written by others (mode {:04o}), who could change {consequence}: chmod go-w {}", path.display(), mode & 0o7777, quoted(path))]
    Writable {
        /// What.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// What it is.
        what: &'static str,
        /// What others could change.
        consequence: &'static str,
    },
    /// Symbolic links that lead to each other.
    #[error("{} leads through more than {LINKS_MAX} symbolic links; name the file itself", path.display())]
    Links {
        /// The path as it was given.
        path: PathBuf,
    },
}

/// Whether the file at `path` may be believed by this process.
///
/// # Errors
/// What is wrong first, on the way from `/`.
pub fn check(path: &Path) -> Result<(), Distrust> {
    let unseen = |error| Distrust::Unseen {
        path: path.to_owned(),
        error,
    };
    let absolute = std::path::absolute(path).map_err(unseen)?;
    walk(&absolute, rustix::process::geteuid().as_raw(), &look)
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    kind: Kind,
    owner: u32,
    mode: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
    Link(PathBuf),
    Other,
}

/// Looks at a path of this host, without following it.
fn look(path: &Path) -> io::Result<Seen> {
    let metadata = fs::symlink_metadata(path)?;
    let kind = metadata.file_type();
    let kind = if kind.is_symlink() {
        Kind::Link(fs::read_link(path)?)
    } else if kind.is_dir() {
        Kind::Folder
    } else if kind.is_file() {
        Kind::File
    } else {
        Kind::Other
    };
    Ok(Seen {
        kind,
        owner: metadata.uid(),
        mode: metadata.mode(),
    })
}

/// Follows `path`, which is absolute, from `/` to the file, and judges each thing on the way.
fn walk(path: &Path, user: u32, look: &dyn Fn(&Path) -> io::Result<Seen>) -> Result<(), Distrust> {
    let see = |path: &Path| {
        look(path).map_err(|error| Distrust::Unseen {
            path: path.to_owned(),
            error,
        })
    };
    let mut way = Way::to(path);
    judge(way.at(), &see(way.at())?, user)?;
    while let Some(name) = way.step() {
        let next = way.at().join(&name);
        let seen = see(&next)?;
        judge(&next, &seen, user)?;
        match seen.kind {
            Kind::Link(target) => {
                if !way.follow(&target) {
                    let path = path.to_owned();
                    return Err(Distrust::Links { path });
                }
            }
            Kind::File if way.is_at_end() => return Ok(()),
            Kind::File | Kind::Folder | Kind::Other => way.enter(name),
        }
    }
    let path = way.at().to_owned();
    Err(Distrust::NoFile { path })
}

/// Judges one thing on the way.
fn judge(path: &Path, seen: &Seen, user: u32) -> Result<(), Distrust> {
    let (what, consequence) = match seen.kind {
        Kind::File => ("file", "what is allowed"),
        Kind::Folder => ("folder", "which file is found there"),
        Kind::Link(_) => ("link", "which file it leads to"),
        Kind::Other => {
            let path = path.to_owned();
            return Err(Distrust::NoFile { path });
        }
    };
    let path = || path.to_owned();
    let is_link = matches!(seen.kind, Kind::Link(_));
    if seen.owner != ROOT && seen.owner != user {
        return Err(Distrust::Owner {
            path: path(),
            owner: seen.owner,
            what,
            consequence,
            link: is_link,
        });
    }
    let is_sticky = seen.kind == Kind::Folder && seen.mode & STICKY != 0;
    if seen.mode & WRITABLE != 0 && !is_link && !is_sticky {
        return Err(Distrust::Writable {
            path: path(),
            mode: seen.mode,
            what,
            consequence,
        });
    }
    Ok(())
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%=".contains(c);
    if text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
