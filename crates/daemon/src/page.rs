//! The live page: how the firewall is, in a browser.
//!
//! ```text
//!  browser ──GET /──► one page of HTML, which needs nothing else and tells nothing
//!          ──GET /ask?request="status"──► [Gate] ──► what the control socket answers, for requests that change nothing
//! ```
//!
//! There is no second protocol: the page asks for [`Request`]s and gets [`Answer`]s, as `secgroup status`, `flows` and `explain` do, and counts differences by
//! itself. Nothing is measured or kept for it that `secgroup top` does not look at as well.
//!
//! # Who may look
//!
//! On loopback no key is asked for, unless one is wanted: every user of this host may look. There [`PageServer`] answers to no name of others (DNS rebinding).
//!
//! Beyond loopback, `/ask` is for whoever signs it with an access key, as calls of the EC2 endpoint are signed: the check is the endpoint's ([`Gate`]), so `curl --aws-sigv4` and every
//! SDK can ask, too. The page itself is for everybody. It asks for a key, holds it in memory and signs in the browser (`page/sign.js`; what browsers have for that
//! they give only to pages that came over TLS). The secret is never sent.
//!
//! It is plain HTTP: whoever is between can read the answers, and can change the page, which is then no longer this one. On a network that is not trusted it belongs behind a
//! proxy that speaks TLS, or is reached by `ssh -L`.
//!
//! # What it may cost
//!
//! Requests are answered by one thread, one after the other. An answer for which workers are asked is good for half a second, and for twenty times as long as it took, for
//! everybody: however many look on, no more than a twentieth of the time goes to them. Explanations are made one by one, with a pause between two.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use secgroup_endpoint::{Asked, Gate, Page, PageServer, Pages, StartError};
use secgroup_report::{STYLE, content_security_policy};

use crate::control::{Operate, carry_out, check};
use crate::protocol::{Answer, ErrorCode, FlowsRequest, Request, Response, RulesRequest};

/// Flows and rules that are told at most at once.
const LINES_MAX: u32 = 1_000;
/// How long an answer is good for at least.
const FRESH: Duration = Duration::from_millis(500);
/// It is good for so many times as long as it took.
const SHARE: u32 = 20;
/// Answers that are kept: more than a page asks for.
const KEPT_MAX: usize = 8;
/// Between two explanations.
const PAUSE: Duration = Duration::from_millis(20);

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

const HEAD: &str = include_str!("page/head.html");
const BODY: &str = include_str!("page/body.html");
const OWN_STYLE: &str = include_str!("page/page.css");
/// One script of three parts: each defines a name that those behind it use.
const SCRIPT: &str = concat!(
    include_str!("page/sign.js"),
    include_str!("page/door.js"),
    include_str!("page/page.js")
);
/// Tells the page that a key is wanted, before it asks for anything.
const IS_KEYED: &str = "<meta name=\"secgroup-keys\" content=\"wanted\">\n";

/// Serves a running firewall as a page at this address: to every user of this host, or to whoever the gate lets in.
///
/// # Errors
/// In one line: it cannot be listened to, or others could and there is no gate.
pub fn serve(
    address: SocketAddr,
    operate: Arc<dyn Operate>,
    gate: Option<Arc<Gate>>,
) -> Result<PageServer, StartError> {
    if gate.is_none() && !address.ip().to_canonical().is_loopback() {
        return Err(StartError::Keyless(address));
    }
    let pages = Arc::new(Live::new(operate, gate.is_some()));
    let server = PageServer::start(address, PageServer::limits(), pages, gate)?;
    tracing::info!("the live page is at http://{}/", server.address());
    Ok(server)
}

struct Live {
    operate: Arc<dyn Operate>,
    html: String,
    policy: String,
    kept: Mutex<Vec<Kept>>,
}

/// An answer that is good for a while.
#[derive(Debug)]
struct Kept {
    request: Request,
    text: String,
    until: Instant,
}

impl Live {
    fn new(operate: Arc<dyn Operate>, is_keyed: bool) -> Self {
        let style = [STYLE, OWN_STYLE].concat();
        let policy = content_security_policy(&style, SCRIPT);
        Self {
            operate,
            policy: format!("{policy}; connect-src 'self'; frame-ancestors 'none'"),
            html: [
                HEAD,
                if is_keyed { IS_KEYED } else { "" },
                "<style>",
                &style,
                "</style></head><body>",
                BODY,
                "<script>",
                SCRIPT,
                "</script></body></html>\n",
            ]
            .concat(),
            kept: Mutex::default(),
        }
    }
}

impl Pages for Live {
    fn page(&self, asked: &Asked) -> Option<Page> {
        match asked.path.as_str() {
            "/" => Some(Page {
                policy: Some(self.policy.clone()),
                ..Page::new(HTML, self.html.clone())
            }),
            "/ask" => Some(Page::new(JSON, self.ask(&asked.query))),
            _ => None,
        }
    }

    fn is_open(&self, path: &str) -> bool {
        path == "/"
    }
}

impl Live {
    fn ask(&self, query: &str) -> String {
        match understand(query) {
            Ok(request) if is_shared(&request) => self.kept(request),
            Ok(request) => {
                thread::sleep(PAUSE);
                text(carry_out(request, &*self.operate))
            }
            Err(response) => text(*response),
        }
    }

    /// The answer to a request, a new one where the last is too old.
    fn kept(&self, request: Request) -> String {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        kept.retain(|answer| begun < answer.until);
        if let Some(answer) = kept.iter().find(|answer| answer.request == request) {
            return answer.text.clone();
        }
        let text = text(carry_out(request.clone(), &*self.operate));
        if kept.len() == KEPT_MAX {
            kept.remove(0);
        }
        let took = begun.elapsed();
        kept.push(Kept {
            request,
            text: text.clone(),
            until: begun + FRESH.max(took.saturating_mul(SHARE)),
        });
        text
    }
}

/// The request of a query, `request=` and its JSON, or what is wrong with it.
fn understand(query: &str) -> Result<Request, Box<Response>> {
    let bad = |message: String| Box::new(Response::error(ErrorCode::BadRequest, message));
    let parameters = form_urlencoded::parse(query.as_bytes());
    let mut requests = parameters.filter(|(name, _)| name == "request");
    let request = requests.next();
    let (_, request) = request
        .ok_or_else(|| bad("what is asked? For example: /ask?request=%22status%22".to_owned()))?;
    if requests.next().is_some() {
        // A signature does not say which comes first.
        return Err(bad("one request at a time".to_owned()));
    }
    let request =
        serde_json::from_str(&request).map_err(|error| bad(format!("not a request: {error}")))?;
    let refused = |message: &str| Err(Box::new(Response::error(ErrorCode::Forbidden, message)));
    match check(request)? {
        Request::Flows(FlowsRequest { limit, .. }) | Request::Rules(RulesRequest { limit })
            if limit > LINES_MAX =>
        {
            Err(bad(format!("the limit is {LINES_MAX} here")))
        }
        request @ (Request::Status
        | Request::Flows(_)
        | Request::Traffic(_)
        | Request::Denials(_)
        | Request::Rules(_)
        | Request::Explain(_)) => Ok(request),
        Request::Follow(_)
        | Request::Delete(_)
        | Request::Reload
        | Request::Stop
        | Request::Handover => {
            refused("here one may only look; 'secgroup' does the rest, over the control socket")
        }
    }
}

/// Whether its answer is the same for everybody who asks within a moment.
const fn is_shared(request: &Request) -> bool {
    !matches!(request, Request::Explain(_))
}

fn text(response: Response) -> String {
    serde_json::to_string(&Answer::new(response)).unwrap_or_else(|error| {
        // Maps with keys that are no strings would do it; there are none.
        tracing::error!(%error, "an answer has no JSON");
        String::new()
    })
}

#[cfg(test)]
mod signing;
#[cfg(test)]
mod tests;
