//! Connections: how many there are, and how long they live.

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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::http::Reply;
use super::{Limits, Shared, http};

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

/// Takes connections until `stopped`.
pub(super) async fn serve(
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    let free = Arc::new(Semaphore::new(shared.limits.connections));
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
        let (shared, stopped) = (Arc::clone(&shared), stopped.clone());
        let limits = shared.limits.clone();
        if let Ok(permit) = Arc::clone(&free).try_acquire_owned() {
            let answer = move |request| http::answer(Arc::clone(&shared), source, request);
            tokio::spawn(connection(stream, permit, limits, stopped, answer));
        } else if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
            let answer = move |_| http::refuse(Arc::clone(&shared), source);
            tokio::spawn(connection(stream, permit, limits, stopped, answer));
        }
    }
}

/// Answers the requests of one connection, one after the other, until it ends or the server does: then the request under way is still answered.
pub(crate) async fn connection<S, F>(
    stream: S,
    _permit: OwnedSemaphorePermit,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
    answer: impl Fn(Request<Incoming>) -> F,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Response<Reply>>,
{
    let answer = service_fn(|request| {
        let answer = answer(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = until(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Waits until the server is to end.
pub(crate) async fn until(stopped: &mut watch::Receiver<bool>) {
    // Where the sender is gone, so is the server.
    drop(stopped.wait_for(|stopped| *stopped).await);
}
