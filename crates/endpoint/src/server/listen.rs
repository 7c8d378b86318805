//! Connections: how many there are, and how long they live.
//!
//! A stranger without a key must not keep others out. So one source has only so many ([`Seats`]), an answer must be read ([`Progress`]), and
//! a connection ends after some requests and some time, whoever has it: clients connect again, and wait for their turn like others.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};

use super::http::Reply;
use super::progress::Progress;
use super::seats::Seats;
use super::{Limits, http};

/// Connections beyond the limit that are told so; those beyond these are closed without a word.
const REFUSALS: usize = 64;
/// How long nothing is accepted after that failed: where descriptors ran out, some may be free then.
const PAUSE: Duration = Duration::from_millis(100);
/// Headers that a request may have.
const HEADERS_MAX: usize = 100;

/// Listens, and says on which port.
pub(super) fn tcp(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Who answers what comes over connections.
pub(super) trait Desk: Send + Sync + 'static {
    /// Answers a request of `source`.
    fn answer(
        self: Arc<Self>,
        source: SocketAddr,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Reply>> + Send;

    /// Answers that there are too many connections, of all or of `source`.
    fn refuse(self: Arc<Self>, source: SocketAddr) -> impl Future<Output = Response<Reply>> + Send;
}

/// Takes connections until `stopped`.
pub(super) async fn serve(
    listener: tokio::net::TcpListener,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
    desk: Arc<impl Desk>,
) {
    let seats = Seats::new(limits.connections, limits.per_source);
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = until(&mut stopped) => return,
        };
        let (stream, source) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Answers are written whole: waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let (desk, stopped, limits) = (Arc::clone(&desk), stopped.clone(), limits.clone());
        if let Some(seat) = seats.take(source.ip()) {
            let answer = move |request| Arc::clone(&desk).answer(source, request);
            tokio::spawn(connection(stream, seat, limits, stopped, answer));
        } else if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
            let answer = move |_| Arc::clone(&desk).refuse(source);
            tokio::spawn(connection(stream, permit, limits, stopped, answer));
        }
    }
}

/// Answers the requests of one connection, one after the other, until it ends, has had its share, or the server ends: then the request under way is still
/// answered. `_held` is given back with it.
pub(crate) async fn connection<S, H, F>(
    stream: S,
    _held: H,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
    answer: impl Fn(Request<Incoming>) -> F,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Response<Reply>>,
{
    let left = Cell::new(limits.requests);
    let answer = service_fn(move |request| {
        left.set(left.get().saturating_sub(1));
        let is_last = left.get() == 0;
        let answer = answer(request);
        async move {
            let mut response = answer.await;
            if is_last {
                http::close(&mut response);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head)
        .max_headers(HEADERS_MAX)
        .serve_connection(
            TokioIo::new(Progress::new(stream, limits.write_time)),
            answer,
        );
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = until(&mut stopped) => None,
        () = tokio::time::sleep(limits.life) => None,
    };
    let ended = match ended {
        Some(ended) => Ok(ended),
        None => {
            connection.as_mut().graceful_shutdown();
            let grace = limits.body_time.saturating_add(limits.write_time);
            tokio::time::timeout(grace, connection).await
        }
    };
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection ended early"),
        Err(_) => tracing::debug!("a connection had its time, and was cut"),
    }
}

/// Waits until the server is to end.
pub(crate) async fn until(stopped: &mut watch::Receiver<bool>) {
    // Where the sender is gone, so is the server.
    drop(stopped.wait_for(|stopped| *stopped).await);
}
