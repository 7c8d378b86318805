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

mod gate;
mod http;
mod limits;
mod listen;
mod named;
mod pages;
mod progress;
mod request;
mod seats;
mod threads;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response};

use self::listen::Desk;
use self::threads::Threads;
use crate::admin::{self, AdminSocket};
use crate::keys::Keys;
use crate::service::Service;

pub use self::gate::Gate;
pub(crate) use self::http::{JSON, Reply};
pub use self::limits::Limits;
pub(crate) use self::listen::{connection, until};
pub use self::pages::{Asked, Page, PageServer, Pages};

/// Threads that move bytes.
const THREADS: usize = 2;
/// Threads that check signatures and make calls.
const BLOCKING_THREADS: usize = 16;

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
    /// Others could read pages, and there are no keys to ask them for.
    #[error(
        "{0} can be reached from other hosts, and there are no access keys to ask them for: name a file of keys, or listen on 127.0.0.1"
    )]
    Keyless(SocketAddr),
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

impl Desk for Shared {
    async fn answer(
        self: Arc<Self>,
        source: SocketAddr,
        request: Request<Incoming>,
    ) -> Response<Reply> {
        http::answer(self, source, request).await
    }

    async fn refuse(self: Arc<Self>, source: SocketAddr) -> Response<Reply> {
        http::refuse(self, source).await
    }
}

/// A server that runs. It ends when it is dropped.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    threads: Threads,
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
        let threads = Threads::start("endpoint", THREADS, BLOCKING_THREADS)?;
        let shared = Arc::new(Shared {
            service,
            keys: options.keys,
            limits: options.limits,
        });
        threads
            .listen(listener, shared.limits.clone(), Arc::clone(&shared))
            .map_err(|error| StartError::Listen { address, error })?;
        if let Some(admin) = &admin {
            let listener = admin.listener().and_then(|listener| {
                let _inside = threads.enter();
                tokio::net::UnixListener::from_std(listener)
            });
            let listener = listener.map_err(|error| StartError::Admin {
                path: admin.path().to_owned(),
                error,
            })?;
            threads.spawn(|stopped| admin::serve(listener, shared, stopped));
        }
        Ok(Self {
            address,
            threads,
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
        self.threads.stop();
        drop(self.admin.take());
        self.threads.join();
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.end();
    }
}
