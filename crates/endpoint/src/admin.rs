//! The owner's socket: what is done to the state as a whole, by whoever may read its files anyway.
//!
//! HTTP with JSON over a Unix socket beside the state. The socket belongs to the server's user alone, and whoever connects must be that user or root all
//! the same: the kernel says who it is. There are no signatures: who can connect could as well stop the server and change its files.
//!
//! | request | does |
//! |---|---|
//! | `GET /counters` | answers with how often what was called |
//! | `GET /export` | answers with the state as one JSON document |
//! | `POST /import` | replaces the state by such a document, on disk and in force when it is answered |
//! | `POST /backup` | `{"path": …}`: copies the store to a new file |
//! | `GET /stacks` | what stacks there are |
//! | `POST /stacks/plan` | tells what deploying or deleting a stack would do ([`StackWish`](crate::stacks::StackWish)) |
//! | `POST /stacks/apply` | does it |
//!
//! A fault is answered with a status of 400 or more and `{"error": …}`.

mod client;
mod routes;
mod socket;

use std::sync::Arc;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Response, StatusCode};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};

pub use self::client::{AdminClient, AdminError};
pub(crate) use self::socket::AdminSocket;
use crate::server::{Reply, Shared, connection, until};

/// Clients at once.
const CLIENTS: usize = 8;
/// The greatest document, in bytes: a state of some 100,000 rules.
const BODY_MAX: usize = 64 << 20;

/// What a route answers: a status, and a document.
pub(crate) struct Answered {
    status: StatusCode,
    body: Vec<u8>,
}

impl Answered {
    /// A document of JSON.
    fn document(document: &impl serde::Serialize) -> Self {
        match serde_json::to_vec(document) {
            Ok(body) => Self {
                status: StatusCode::OK,
                body,
            },
            Err(error) => Self::error(StatusCode::INTERNAL_SERVER_ERROR, error),
        }
    }

    /// What is wrong, in one line.
    fn error(status: StatusCode, message: impl std::fmt::Display) -> Self {
        let body = serde_json::json!({ "error": message.to_string() });
        let body = body.to_string().into_bytes();
        Self { status, body }
    }
}

/// Takes clients until `stopped`.
pub(crate) async fn serve(
    listener: UnixListener,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    let free = Arc::new(Semaphore::new(CLIENTS));
    loop {
        // Those beyond the limit wait in the kernel: they are the owner's.
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = until(&mut stopped) => return,
        };
        match accepted {
            Ok((stream, _)) if is_owner(&stream) => {
                let (limits, stopped) = (shared.limits.clone(), stopped.clone());
                let shared = Arc::clone(&shared);
                let answer = move |request| answer(Arc::clone(&shared), request);
                tokio::spawn(connection(stream, permit, limits, stopped, answer));
            }
            Ok(_) => tracing::warn!("somebody else's program connected to the owner's socket"),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection to the owner's socket");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

/// Whether it is our user, or root, at the other end.
fn is_owner(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    let peer = stream.peer_cred().map(|peer| peer.uid());
    peer.is_ok_and(|peer| peer == own || peer == 0)
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Response<Reply> {
    let (head, body) = request.into_parts();
    let answered = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => {
            let body: Bytes = body.to_bytes();
            // Routes wait for the disk and the data plane.
            let answered = tokio::task::spawn_blocking(move || {
                routes::answer(&shared.service, &head.method, head.uri.path(), &body)
            });
            answered.await.unwrap_or_else(|error| {
                tracing::error!(%error, "a request of the owner panicked");
                Answered::error(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "an internal error has occurred",
                )
            })
        }
        Err(error) => Answered::error(StatusCode::BAD_REQUEST, error),
    };
    let mut response = Response::new(Full::from(answered.body));
    *response.status_mut() = answered.status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, crate::server::JSON);
    response
}
