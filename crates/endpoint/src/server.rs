//! The server: HTTP/1.1 for whoever has a key, and the owner's socket.
//!
//! ```text
//!  listener ──► connection (at most so many) ──► request: head, body (in time, not too large) ──► blocking thread
//!                                                                                                   signature, call
//! ```
//!
//! The server's own threads only move bytes. A signature takes a processor some time, a call takes a lock and waits for the disk and the data plane: both happen on
//! threads that may block, at most [`BLOCKING_THREADS`] of them; who comes when all are busy waits.
//!
//! A stranger can use up nothing but his share: connections are counted, of all and of each source, and those too many are told so; heads and bodies
//! have a greatest length and a time in which they must be sent, answers one in which they must be read; and no connection is for good.

mod http;
mod limits;
mod listen;
mod progress;
mod request;
mod seats;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::admin::{self, AdminSocket};
use crate::keys::Keys;
use crate::service::Service;

pub(crate) use self::http::{JSON, Reply};
pub use self::limits::Limits;
pub(crate) use self::listen::{connection, until};

/// Threads that move bytes.
const THREADS: usize = 2;
/// Threads that check signatures and make calls.
const BLOCKING_THREADS: usize = 16;
/// How long calls that are under way may take to end.
const ENDING: Duration = Duration::from_secs(10);

/// What a server needs to know.
#[derive(Debug)]
pub struct Options {
    /// Where to listen; port 0 is one that is free.
    pub listen: SocketAddr,
    /// Who may call.
    pub keys: Keys,
    /// Whether an operator chose these keys. Without that, only this host is listened to.
    pub keys_are_configured: bool,
    /// The owner's socket, if there is to be one.
    pub admin: Option<PathBuf>,
    /// How much one may ask for.
    pub limits: Limits,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Others could call, and nobody chose the keys.
    #[error(
        "{0} can be reached from other hosts, and the access keys were not chosen by anybody: name a file of keys (--keys), or listen on 127.0.0.1"
    )]
    Exposed(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The socket cannot be had.
    #[error("cannot listen on {}: {error}", path.display())]
    Admin {
        /// The socket.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// No threads.
    #[error("cannot start the endpoint's threads: {0}")]
    Threads(io::Error),
}

/// What connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) service: Arc<Service>,
    pub(crate) keys: Keys,
    pub(crate) limits: Limits,
}

/// A server that runs. It ends when it is dropped.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    /// `true` when it is to end.
    stop: watch::Sender<bool>,
    runtime: Option<Runtime>,
    /// Taken away when the server is.
    admin: Option<AdminSocket>,
}

impl Endpoint {
    /// Begins to listen, and returns when whoever connects is answered.
    ///
    /// # Errors
    /// The addresses cannot be had, or may not be listened to with these keys.
    pub fn start(options: Options, service: Arc<Service>) -> Result<Self, StartError> {
        // An IPv4 address that is written as one of IPv6 is what it stands for.
        let is_local = options.listen.ip().to_canonical().is_loopback();
        if !is_local && !options.keys_are_configured {
            return Err(StartError::Exposed(options.listen));
        }
        let (listener, address) =
            listen::tcp(options.listen).map_err(|error| StartError::Listen {
                address: options.listen,
                error,
            })?;
        let admin = options.admin.map(|path| {
            AdminSocket::bind(&path).map_err(|error| StartError::Admin { path, error })
        });
        let admin = admin.transpose()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("endpoint")
            .enable_io()
            .enable_time()
            .build()
            .map_err(StartError::Threads)?;
        let shared = Arc::new(Shared {
            service,
            keys: options.keys,
            limits: options.limits,
        });
        let (stop, stopped) = watch::channel(false);
        spawn(&runtime, listener, Arc::clone(&shared), stopped.clone())
            .map_err(|error| StartError::Listen { address, error })?;
        if let Some(admin) = &admin {
            let listener = admin.listener().and_then(|listener| {
                let _inside = runtime.enter();
                tokio::net::UnixListener::from_std(listener)
            });
            let listener = listener.map_err(|error| StartError::Admin {
                path: admin.path().to_owned(),
                error,
            })?;
            runtime.spawn(admin::serve(listener, shared, stopped));
        }
        Ok(Self {
            address,
            stop,
            runtime: Some(runtime),
            admin,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, and waits for calls that are under way.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.stop.send(true);
        drop(self.admin.take());
        if let Some(runtime) = self.runtime.take() {
            // Connections hold a receiver each; the sender hears when the last one is gone.
            let closed = self.stop.closed();
            let _ = runtime.block_on(async { tokio::time::timeout(ENDING, closed).await });
            runtime.shutdown_timeout(ENDING);
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(
    runtime: &Runtime,
    listener: TcpListener,
    shared: Arc<Shared>,
    stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let _inside = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    runtime.spawn(listen::serve(listener, shared, stopped));
    Ok(())
}
