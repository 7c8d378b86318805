//! The socket file: made for its owner alone, and never taken from a daemon that is alive.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

/// Clients that may wait to be accepted.
const BACKLOG: i32 = 16;

/// The socket on which clients are heard. Its file goes when it is dropped; the lock file beside it stays, since whoever waits
/// for the lock must not be left with the lock of a file that is gone.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Locked for as long as the daemon lives; the kernel unlocks it however it dies.
    _lock: File,
}

/// Why nobody can be heard.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another daemon is alive.
    #[error("secgroup is running already, pid {pid}, on {}; 'secgroup stop' ends it", path.display())]
    Running {
        /// Its process; as it wrote it down.
        pid: String,
        /// The socket.
        path: PathBuf,
    },
    /// Another program listens there.
    #[error("{} belongs to another program, pid {pid}; choose another path for the control socket", path.display())]
    Taken {
        /// Its process.
        pid: i32,
        /// The socket.
        path: PathBuf,
    },
    /// Something is there that is no socket.
    #[error("{} is there and is no socket; remove it, or choose another path for the control socket", .0.display())]
    NotASocket(PathBuf),
    /// Others could put a socket of theirs in its place.
    #[error("{} may be written by others; 'chmod go-w' it, or choose another path for the control socket", .0.display())]
    OpenFolder(PathBuf),
    /// The system does not let us.
    #[error("cannot {what} {}: {error}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl ControlSocket {
    /// Makes the socket file at `path`, and its folder where there is none.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn listen(path: &Path) -> Result<Self, ListenError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        make_folder(folder)?;
        let lock = lock(path)?;
        clear_stale(path)?;
        let listener =
            bind(path).map_err(|error| failed("listen on", path)(io::Error::from(error)))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(super) const fn listener(&self) -> &UnixListener {
        &self.listener
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Where it is gone already there is nothing to do.
        let _ = fs::remove_file(&self.path);
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ListenError {
    let path = path.to_owned();
    move |error| ListenError::Io { what, path, error }
}

fn make_folder(folder: &Path) -> Result<(), ListenError> {
    /// Write permission of the group and of others; only the owner may rename or delete.
    const OTHERS_WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed("make the folder", folder))?;
    let mode = fs::metadata(folder)
        .map_err(failed("look at the folder", folder))?
        .mode();
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        return Err(ListenError::OpenFolder(folder.to_owned()));
    }
    Ok(())
}

/// Takes the lock that says that a daemon is alive, and writes down which.
fn lock(socket: &Path) -> Result<File, ListenError> {
    let path = PathBuf::from(format!("{}.lock", socket.display()));
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(&path)
        .map_err(failed("open the lock file", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // It is only for a person to read; the lock itself is what counts.
            let _ = file.take(20).read_to_string(&mut pid);
            let known = pid.trim().parse::<u32>().is_ok();
            return Err(ListenError::Running {
                pid: if known { pid.trim() } else { "unknown" }.to_owned(),
                path: socket.to_owned(),
            });
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(failed("write to the lock file", &path))?;
    Ok(file)
}

/// Removes a socket that nobody answers; with the lock held, no other daemon does the same.
fn clear_stale(path: &Path) -> Result<(), ListenError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at", path)(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ListenError::NotASocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    if let Ok(stream) = UnixStream::connect(path) {
        let pid =
            sockopt::socket_peercred(&stream).map_or(0, |peer| peer.pid.as_raw_nonzero().get());
        let path = path.to_owned();
        return Err(ListenError::Taken { pid, path });
    }
    fs::remove_file(path).map_err(failed("remove", path))
}

/// Between `bind` and `listen` nobody can connect yet, so the file is closed to others in time.
fn bind(path: &Path) -> rustix::io::Result<UnixListener> {
    let address = SocketAddrUnix::new(path)?;
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    rustix::net::bind(&socket, &address)?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(|error| {
        rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO)
    })?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}
