//! Network namespaces: where a workload lives.
//!
//! A network namespace belongs to a *thread*, not to a process. So everything that has to happen
//! inside one happens on a thread of its own, which enters it, does the work and ends; the caller's
//! threads stay where they are. What is opened inside (a socket, a TAP device) belongs to that
//! namespace for ever and works from everywhere; a child that is started inside stays there.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;

use rustix::fs::fstat;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::live::route::Route;
use crate::live::sys::setup::leave_network;

/// Where `ip netns` keeps the namespaces that have names.
const NAMED: &str = "/run/netns";
/// The namespace of the calling thread.
const OWN: &str = "/proc/thread-self/ns/net";

/// A network namespace, kept alive for as long as this is.
#[derive(Clone)]
pub struct Netns {
    file: Arc<File>,
    path: PathBuf,
}

/// Why a namespace cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// There is none.
    #[error("there is no network namespace at {path}: {error}", path = .0.display(), error = .1)]
    Missing(PathBuf, io::Error),
    /// A name that cannot be one of a namespace.
    #[error("'{0}' cannot be the name of a network namespace: it is a file's name in {NAMED}")]
    Name(String),
    /// A file that is something else.
    #[error("{} is not a network namespace", .0.display())]
    NotOne(PathBuf),
    /// Not allowed.
    #[error(
        "using network namespaces needs CAP_SYS_ADMIN: run as root, or with \
         AmbientCapabilities=CAP_SYS_ADMIN CAP_NET_ADMIN CAP_NET_RAW in the unit"
    )]
    NotPermitted,
    /// Anything else.
    #[error("network namespace: {0}")]
    Io(#[from] io::Error),
}

impl Netns {
    /// The one that `ip netns` calls `name`.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn named(name: &str) -> Result<Self, NetnsError> {
        if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
            return Err(NetnsError::Name(name.to_owned()));
        }
        Self::at(&Path::new(NAMED).join(name))
    }

    /// The one of a running process.
    ///
    /// # Errors
    /// There is no such process.
    pub fn of_process(pid: u32) -> Result<Self, NetnsError> {
        Self::at(Path::new(&format!("/proc/{pid}/ns/net")))
    }

    /// The one that a file stands for.
    ///
    /// # Errors
    /// There is no such file.
    pub fn at(path: &Path) -> Result<Self, NetnsError> {
        match File::open(path) {
            Ok(file) => Ok(Self {
                file: Arc::new(file),
                path: path.to_owned(),
            }),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(NetnsError::NotPermitted)
            }
            Err(error) => Err(NetnsError::Missing(path.to_owned(), error)),
        }
    }

    /// The one of the calling thread.
    ///
    /// # Errors
    /// There is no `/proc`.
    pub fn current() -> Result<Self, NetnsError> {
        Self::at(Path::new(OWN))
    }

    /// A new one that has no name, with only its loopback device, which is up. It goes with the
    /// last that uses it: this value and its clones, processes and open devices in it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create_anonymous() -> Result<Self, NetnsError> {
        let mut made = on_a_thread(|| {
            leave_network().map_err(NetnsError::from_io)?;
            Route::new()?.set_up(LOOPBACK)?;
            Self::current()
        })??;
        // What it was called on a thread that is gone by now.
        made.path = PathBuf::from("(a new one)");
        Ok(made)
    }

    /// Runs `work` inside, on a thread of its own, and waits for it.
    ///
    /// # Errors
    /// It cannot be entered.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
        on_a_thread(|| {
            move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))
                .map_err(|error| match error {
                    rustix::io::Errno::INVAL => NetnsError::NotOne(self.path.clone()),
                    error => NetnsError::from_io(error.into()),
                })?;
            Ok(work())
        })?
    }

    /// Starts a program inside.
    ///
    /// It sees the files of this host, so its resolver is the one of `/etc/resolv.conf`. A
    /// parent-death signal set on `command` would come at once, as the thread that starts the
    /// program ends; do not set one.
    ///
    /// # Errors
    /// The namespace cannot be entered, or the program not be started.
    pub fn spawn(&self, command: &mut Command) -> Result<Child, NetnsError> {
        Ok(self.enter(|| command.spawn())??)
    }

    /// What tells this namespace from all others that are alive.
    pub(super) fn id(&self) -> io::Result<NetnsId> {
        let stat = fstat(&*self.file)?;
        Ok(NetnsId(stat.st_dev, stat.st_ino))
    }
}

/// The index that the loopback device has in every namespace.
const LOOPBACK: u32 = 1;

/// The identity of a namespace that is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NetnsId(u64, u64);

impl NetnsError {
    fn from_io(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::NotPermitted,
            _ => Self::Io(error),
        }
    }
}

impl fmt::Debug for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Netns({})", self.path.display())
    }
}

/// Runs `work` on a thread of its own, and waits for it. A panic in it is one of the caller.
fn on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, work)?;
        match thread.join() {
            Ok(value) => Ok(value),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_a_path() {
        for name in ["", ".", "..", "../self/ns/net", "a/b", "a\0b"] {
            let error = Netns::named(name).unwrap_err();
            assert!(matches!(error, NetnsError::Name(_)), "{name:?}: {error}");
        }
        let missing = Netns::named("secgroup-no-such-namespace").unwrap_err();
        assert!(
            missing
                .to_string()
                .contains("/run/netns/secgroup-no-such-namespace")
        );
    }
}
