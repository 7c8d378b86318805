//! The live page: how the firewall is, in a browser of this host.
//!
//! ```text
//!  browser ──GET /──► one page of HTML, which needs nothing else
//!          ──GET /ask?request="status"──► what the control socket answers, for requests that change nothing
//! ```
//!
//! There is no second protocol: the page asks for [`Request`]s and gets [`Answer`]s, as `secgroup status`, `flows` and `explain` do, and counts differences by
//! itself. Nothing is measured or kept for it that `secgroup top` does not look at as well.
//!
//! # Who may look
//!
//! No key is asked for: every user of this host may look. So it listens on loopback alone, where [`PageServer`] answers to no name of others (DNS
//! rebinding). From elsewhere it is reached through what asks who is there: `ssh -L`, or a proxy.
//!
//! # What it may cost
//!
//! Requests are answered by one thread, one after the other. An answer for which workers are asked is good for half a second, and for twenty times as long as it took, for
//! everybody: however many look on, no more than a twentieth of the time goes to them. Explanations are made one by one, with a pause between two.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use secgroup_endpoint::{Asked, Page, PageServer, Pages, StartError};
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
const SCRIPT: &str = include_str!("page/page.js");

/// A running firewall as a page.
#[must_use]
pub fn of_daemon(operate: Arc<dyn Operate>) -> Arc<dyn Pages> {
    let style = [STYLE, OWN_STYLE].concat();
    let policy = content_security_policy(&style, SCRIPT);
    Arc::new(Live {
        operate,
        policy: format!("{policy}; connect-src 'self'; frame-ancestors 'none'"),
        html: [
            HEAD,
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
    })
}

/// Serves the page at this address.
///
/// # Errors
/// In one line: it cannot be listened to.
pub fn serve(address: SocketAddr, pages: Arc<dyn Pages>) -> Result<PageServer, StartError> {
    let server = PageServer::start(address, PageServer::limits(), pages)?;
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
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let request = parameters.find(|(name, _)| name == "request");
    let (_, request) = request
        .ok_or_else(|| bad("what is asked? For example: /ask?request=%22status%22".to_owned()))?;
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
mod tests;
