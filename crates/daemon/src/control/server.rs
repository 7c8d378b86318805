//! Accepts clients, and lets each speak on a thread of its own.

use std::collections::HashMap;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;

use super::line::{Lines, line_of};
use super::{ControlSocket, Operate, session};
use crate::protocol::{Answer, ErrorCode, Response};

/// Clients at once; more are told that the daemon is busy.
pub const MAX_CLIENTS: usize = 16;

/// How long the daemon, when it ends, waits for clients whose requests are being carried out.
const FAREWELL: Duration = Duration::from_millis(500);

/// How long nobody is accepted after that failed: for want of files, which must not keep a core busy.
const RESPITE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// How long a client that is turned away has to take the reason; it fits the socket's buffer.
const REFUSAL: Duration = Duration::from_millis(100);

/// Hears clients until it is stopped or dropped.
///
/// To be stopped last: whoever asked the daemon to end takes the end of his connection for its end.
#[derive(Debug)]
pub struct Server {
    acceptor: Option<JoinHandle<()>>,
    /// Closed to wake the acceptor for good.
    wake: Option<UnixStream>,
    clients: Arc<Clients>,
}

impl Server {
    /// Begins to hear the clients of `socket`.
    ///
    /// # Errors
    /// Where there can be no more threads or files.
    pub fn start(socket: ControlSocket, operate: Arc<dyn Operate>) -> io::Result<Self> {
        let (wake, stop) = UnixStream::pair()?;
        let clients = Arc::new(Clients::default());
        let theirs = Arc::clone(&clients);
        let acceptor = thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || accept_all(&socket, &stop, &theirs, &operate))?;
        Ok(Self {
            acceptor: Some(acceptor),
            wake: Some(wake),
            clients,
        })
    }

    /// Hears nobody any more: clients are cut off, the socket file is removed.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(acceptor) = self.acceptor.take() {
            // It had nothing to say even where it panicked.
            let _ = acceptor.join();
        }
        self.clients.cut_off(FAREWELL);
    }
}

/// Accepts clients until `stop` is closed at its other end.
fn accept_all(
    socket: &ControlSocket,
    stop: &UnixStream,
    clients: &Arc<Clients>,
    operate: &Arc<dyn Operate>,
) {
    loop {
        let mut ready = [
            PollFd::new(stop, PollFlags::IN),
            PollFd::new(socket.listener(), PollFlags::IN),
        ];
        match poll(&mut ready, None) {
            Ok(_) if !ready[0].revents().is_empty() => return,
            // A signal woke us.
            Ok(0) | Err(_) => continue,
            Ok(_) => {}
        }
        match socket.listener().accept() {
            Ok((stream, _)) => admit(stream, clients, operate),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a client of the control socket");
                // Whether or not it was woken: the loop looks.
                let _ = poll(&mut [PollFd::new(stop, PollFlags::IN)], Some(&RESPITE));
            }
        }
    }
}

/// Gives a client a thread, or tells it why not.
fn admit(stream: UnixStream, clients: &Arc<Clients>, operate: &Arc<dyn Operate>) {
    if let Err(user) = may_speak(&stream) {
        tracing::warn!(user, "a client of the control socket was refused");
        let message = "only root and the user that secgroup runs as may speak to it";
        return refuse(stream, ErrorCode::Forbidden, message);
    }
    let Ok(Some(client)) = Clients::enter(clients, &stream) else {
        let message = format!("{MAX_CLIENTS} clients are connected already; try again later");
        return refuse(stream, ErrorCode::Busy, &message);
    };
    let operate = Arc::clone(operate);
    let spawned = thread::Builder::new()
        .name("control client".to_owned())
        .spawn(move || {
            session::serve(stream, operate.as_ref());
            drop(client);
        });
    if let Err(error) = spawned {
        tracing::warn!(%error, "cannot start a thread for a client of the control socket");
    }
}

/// Whether the client is root or the daemon's own user; otherwise who it is, as far as is known.
fn may_speak(stream: &UnixStream) -> Result<(), String> {
    let peer = socket_peercred(stream).map_err(|error| error.to_string())?;
    if peer.uid.is_root() || peer.uid == geteuid() {
        return Ok(());
    }
    Err(peer.uid.as_raw().to_string())
}

fn refuse(stream: UnixStream, code: ErrorCode, message: &str) {
    // A socket that was accepted from a listener that never waits does wait by itself.
    if let Ok(line) = line_of(&Answer::new(Response::error(code, message))) {
        // Who does not even listen to the reason is gone.
        let _ = Lines::new(stream).write(&line, REFUSAL);
    }
}

/// Who is connected.
#[derive(Debug, Default)]
struct Clients {
    open: Mutex<Open>,
    /// Somebody went.
    left: Condvar,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    streams: HashMap<u64, UnixStream>,
}

impl Clients {
    /// One more client, where there is room.
    fn enter(this: &Arc<Self>, stream: &UnixStream) -> io::Result<Option<Client>> {
        let stream = stream.try_clone()?;
        let mut open = this.lock();
        if open.streams.len() >= MAX_CLIENTS {
            return Ok(None);
        }
        let number = open.next;
        open.next += 1;
        open.streams.insert(number, stream);
        Ok(Some(Client {
            number,
            clients: Arc::clone(this),
        }))
    }

    /// Ends every connection, and waits a little for what is being carried out.
    fn cut_off(&self, patience: Duration) {
        let open = self.lock();
        for stream in open.streams.values() {
            // Gone already is as good.
            let _ = stream.shutdown(Shutdown::Both);
        }
        let busy = |open: &mut Open| !open.streams.is_empty();
        drop(self.left.wait_timeout_while(open, patience, busy));
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client that is connected, for as long as this lives: also where its thread panics.
#[derive(Debug)]
struct Client {
    number: u64,
    clients: Arc<Clients>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.clients.lock().streams.remove(&self.number);
        self.clients.left.notify_all();
    }
}
