//! A server of pages that are read and change nothing, on a listener of its own: metrics, the live page.
//!
//! Without a [`Gate`] it asks for no key, so it is for this host unless somebody chose otherwise; with one, a page that is not open to everybody is made only for a request
//! that is signed. A stranger is bounded as at the [endpoint](super::Endpoint), and more tightly: signatures are checked and pages made by one thread, one after the other, so
//! whoever asks all the time makes others wait for their page and disturbs nothing else.
//!
//! "This host" includes its browsers, and what these show comes from anywhere. A page of somebody else cannot read an answer of ours, unless its name is
//! made to mean 127.0.0.1 after it was loaded (DNS rebinding): then the browser takes us for its server. It still says by which name, so on
//! loopback no other is answered than those of loopback. What is served loads nothing, is shown in no frame and is taken for nothing but what it says it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use secgroup_model::ModelError;

use super::gate::Gate;
use super::http::{Reply, close};
use super::listen::{self, Desk};
use super::named;
use super::threads::Threads;
use super::{Limits, StartError};

/// Threads that move bytes.
const THREADS: usize = 1;
/// Threads that make pages.
const MAKERS: usize = 1;
const TEXT: &str = "text/plain; charset=utf-8";
/// How one says who one is (RFC 9110, section 11.6.1). No browser has a dialog for it.
const SCHEME: HeaderValue = HeaderValue::from_static("AWS4-HMAC-SHA256");
/// What a page may load, run and be shown in, unless it says so itself: nothing.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// Who makes pages.
pub trait Pages: Send + Sync + 'static {
    /// The page that is asked for; `None` where there is none. It may block.
    fn page(&self, asked: &Asked) -> Option<Page>;

    /// Whether what is at this path is for everybody, also where a [`Gate`] asks for keys.
    fn is_open(&self, _path: &str) -> bool {
        false
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// The path, such as `/metrics`, as it was sent: nothing is decoded.
    pub path: String,
    /// What stands behind the question mark, as it was sent.
    pub query: String,
    /// The media types that are wanted, as HTTP says them; empty where any is.
    pub accept: String,
}

impl Asked {
    fn of(head: &Parts) -> Self {
        let accept = head.headers.get_all(ACCEPT).iter();
        let accept: Vec<_> = accept.filter_map(|value| value.to_str().ok()).collect();
        Self {
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            accept: accept.join(", "),
        }
    }
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What its text is written in, as HTTP says it.
    pub media_type: &'static str,
    /// The text.
    pub text: String,
    /// What a browser may let it do (Content-Security-Policy); nothing where it is not said.
    pub policy: Option<String>,
}

impl Page {
    /// A page that does nothing.
    #[must_use]
    pub const fn new(media_type: &'static str, text: String) -> Self {
        Self {
            media_type,
            text,
            policy: None,
        }
    }
}

/// A server of pages that runs. It ends when it is dropped.
#[derive(Debug)]
pub struct PageServer {
    address: SocketAddr,
    threads: Threads,
}

impl PageServer {
    /// 32 connections, 16 of one source; heads of 16 KiB in 10 s and no bodies; a page must be taken within 30 s. Together they bound memory at 1 MiB, and a page for each connection.
    #[must_use]
    pub fn limits() -> Limits {
        Limits {
            connections: 32,
            per_source: 16,
            body: 0,
            head: 16 << 10,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            ..Limits::default()
        }
    }

    /// Begins to listen at `address`, and returns when whoever connects is answered. Port 0 is one that is free. Where there is a `gate`, pages that are not open are for whoever it
    /// lets in.
    ///
    /// # Errors
    /// The address cannot be had, or the kernel gives no more threads.
    pub fn start(
        address: SocketAddr,
        limits: Limits,
        pages: Arc<dyn Pages>,
        gate: Option<Arc<Gate>>,
    ) -> Result<Self, StartError> {
        let failed = |error| StartError::Listen { address, error };
        let (listener, bound) = listen::tcp(address).map_err(failed)?;
        let threads = Threads::start("pages", THREADS, MAKERS)?;
        let local = bound.ip().to_canonical().is_loopback().then_some(bound);
        let shelf = Shelf { pages, gate, local };
        threads
            .listen(listener, limits, Arc::new(shelf))
            .map_err(failed)?;
        Ok(Self {
            address: bound,
            threads,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for PageServer {
    fn drop(&mut self) {
        self.threads.stop();
        self.threads.join();
    }
}

/// Answers from pages.
struct Shelf {
    pages: Arc<dyn Pages>,
    gate: Option<Arc<Gate>>,
    /// Where it listens, if that is loopback.
    local: Option<SocketAddr>,
}

impl Desk for Shelf {
    async fn answer(
        self: Arc<Self>,
        source: SocketAddr,
        request: Request<Incoming>,
    ) -> Response<Reply> {
        let has_body = !request.body().is_end_stream();
        let mut response = self.look_up(source, request).await;
        if has_body {
            // It is not read, and would be taken for the next request.
            close(&mut response);
        }
        response
    }

    async fn refuse(self: Arc<Self>, source: SocketAddr) -> Response<Reply> {
        tracing::warn!(%source, "too many connections ask for pages");
        let mut response = said(
            StatusCode::SERVICE_UNAVAILABLE,
            "There are too many connections; try again.\n",
        );
        close(&mut response);
        response
    }
}

impl Shelf {
    async fn look_up(
        self: Arc<Self>,
        source: SocketAddr,
        request: Request<Incoming>,
    ) -> Response<Reply> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = said(
                StatusCode::METHOD_NOT_ALLOWED,
                "Pages are read: use GET or HEAD.\n",
            );
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            return response;
        }
        if let Some(address) = self.local
            && !named::this_host(&request)
        {
            let message = format!(
                "This is for this host alone, under a name of its loopback: http://{address} or http://localhost:{}\n",
                address.port()
            );
            return respond(StatusCode::MISDIRECTED_REQUEST, Page::new(TEXT, message));
        }
        let (head, _) = request.into_parts();
        let made = tokio::task::spawn_blocking(move || self.make(&head, source)).await;
        made.unwrap_or_else(|error| {
            tracing::error!(%error, "a page could not be made");
            said(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The page could not be made; the log says why.\n",
            )
        })
    }

    /// The page that is asked for, if it is for whoever asks. It may block.
    fn make(&self, head: &Parts, source: SocketAddr) -> Response<Reply> {
        let asked = Asked::of(head);
        if let Some(gate) = &self.gate
            && !self.pages.is_open(&asked.path)
            && let Err(error) = gate.admit(head, source)
        {
            return turned_away(&error);
        }
        match self.pages.page(&asked) {
            Some(page) => respond(StatusCode::OK, page),
            None => said(StatusCode::NOT_FOUND, "There is no such page.\n"),
        }
    }
}

/// That a request is not signed, or not as it should be: JSON, for a script to tell the one from the other.
fn turned_away(error: &ModelError) -> Response<Reply> {
    let told = serde_json::json!({ "error": { "code": error.code(), "message": error.message } });
    let mut response = respond(
        StatusCode::UNAUTHORIZED,
        Page::new("application/json", told.to_string()),
    );
    response.headers_mut().insert(WWW_AUTHENTICATE, SCHEME);
    response
}

fn said(status: StatusCode, text: &'static str) -> Response<Reply> {
    respond(status, Page::new(TEXT, text.to_owned()))
}

fn respond(status: StatusCode, page: Page) -> Response<Reply> {
    let mut response = Response::new(Full::from(Bytes::from(page.text)));
    *response.status_mut() = status;
    let fixed: [(HeaderName, &'static str); 4] = [
        (CONTENT_TYPE, page.media_type),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    let headers = response.headers_mut();
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policy = page.policy.map(HeaderValue::try_from);
    let policy = policy.and_then(Result::ok);
    let policy = policy.unwrap_or(HeaderValue::from_static(NOTHING));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
}
