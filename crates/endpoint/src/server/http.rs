//! One request: from its head to its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::http::HeaderName;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use secgroup_api::{Answer, error_answer};
use secgroup_model::{ErrorCode, ModelError};

use super::Shared;
use super::request::{self, Arrived};

/// What goes out as a body: all of it at once.
pub(crate) type Reply = Full<Bytes>;

/// The media type of answers (E8).
const XML: HeaderValue = HeaderValue::from_static("text/xml;charset=UTF-8");
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Where clients look for the name of a request that was answered.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Answers a request of the API, or for the health of the server.
pub(super) async fn answer(
    shared: Arc<Shared>,
    source: SocketAddr,
    request: Request<Incoming>,
) -> Response<Reply> {
    let begun = Instant::now();
    let request_id = shared.service.random().uuid();
    if request.uri().path() == "/health" && matches!(*request.method(), Method::GET | Method::HEAD)
    {
        return health();
    }
    let (head, body) = request.into_parts();
    let outcome = match check_target(&head) {
        Ok(()) => read(body, &shared).await,
        Err(refused) => Err(refused),
    };
    let answer = match outcome {
        Ok(body) => call(shared, head, body, request_id.clone(), source).await,
        Err(Refused { status, error }) => {
            let answer = Answer {
                status,
                ..error_answer(&error, &request_id)
            };
            let code = error.code();
            tracing::info!(request_id, %source, code, duration_us = micros(begun), "request refused");
            shared
                .service
                .counters()
                .count(crate::Counters::NO_ACTION, code);
            let mut response = respond(answer, &request_id);
            // What was not read of the request would be taken for the next one.
            close(&mut response);
            return response;
        }
    };
    respond(answer, &request_id)
}

/// Answers that there are too many connections.
pub(super) async fn refuse(shared: Arc<Shared>, source: SocketAddr) -> Response<Reply> {
    let request_id = shared.service.random().uuid();
    tracing::warn!(request_id, %source, "too many connections");
    let error = ModelError::new(
        ErrorCode::RequestLimitExceeded,
        format!(
            "Request limit exceeded. There are {} connections already, or {} from where you are.",
            shared.limits.connections, shared.limits.per_source
        ),
    );
    let mut response = respond(error_answer(&error, &request_id), &request_id);
    close(&mut response);
    response
}

/// A request that is not for the API to answer.
struct Refused {
    status: u16,
    error: ModelError,
}

impl Refused {
    fn new(status: u16, code: ErrorCode, message: impl Into<String>) -> Self {
        let error = ModelError::new(code, message);
        Self { status, error }
    }
}

fn check_target(head: &Parts) -> Result<(), Refused> {
    if head.uri.path() != "/" {
        return Err(Refused::new(
            404,
            ErrorCode::InvalidAction,
            "There is nothing at this path: requests go to /.",
        ));
    }
    if !matches!(head.method, Method::GET | Method::POST) {
        return Err(Refused::new(
            405,
            ErrorCode::InvalidAction,
            "Requests are made with GET or POST.",
        ));
    }
    Ok(())
}

/// Reads a body whole, in time.
async fn read(body: Incoming, shared: &Shared) -> Result<Bytes, Refused> {
    let limits = &shared.limits;
    let too_large = || {
        let message = format!(
            "The body of a request is at most {} bytes long.",
            limits.body
        );
        Refused::new(413, ErrorCode::InvalidParameterValue, message)
    };
    // Whoever says beforehand that it is too much need not send it.
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > limits.body {
        return Err(too_large());
    }
    let body = Limited::new(body, limits.body).collect();
    match tokio::time::timeout(limits.body_time, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => {
            let message = format!("The body cannot be read: {error}");
            Err(Refused::new(400, ErrorCode::InvalidParameterValue, message))
        }
        Err(_) => {
            let message = format!(
                "The body did not come within {} s.",
                limits.body_time.as_secs()
            );
            Err(Refused::new(408, ErrorCode::RequestExpired, message))
        }
    }
}

/// Makes the call where it may block.
async fn call(
    shared: Arc<Shared>,
    head: Parts,
    body: Bytes,
    request_id: String,
    source: SocketAddr,
) -> Answer {
    let id = request_id.clone();
    let answered = tokio::task::spawn_blocking(move || {
        let arrived = Arrived {
            head: &head,
            body: &body,
            source,
            request_id: &id,
        };
        request::answer(&shared, &arrived)
    });
    answered.await.unwrap_or_else(|error| {
        // It panicked: the state is as it was, since an edit that is dropped takes itself back.
        tracing::error!(request_id, %error, "a call panicked");
        let error = ModelError::new(ErrorCode::InternalError, "An internal error has occurred");
        error_answer(&error, &request_id)
    })
}

fn respond(answer: Answer, request_id: &str) -> Response<Reply> {
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, XML);
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-store"),
    );
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// `/health`: that it answers, and which version does.
fn health() -> Response<Reply> {
    let body = serde_json::json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") });
    let mut response = Response::new(Full::from(body.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// Says that the connection ends with this answer.
pub(super) fn close(response: &mut Response<Reply>) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
}

pub(super) fn micros(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}
