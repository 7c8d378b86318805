use std::sync::atomic::{AtomicU64, Ordering};

use secgroup_analysis::Explained;
use serde_json::{Value, json};

use super::*;
use crate::control::{Followers, Following};
use crate::protocol::{
    DenialPage, DenialsRequest, ExplainRequest, FlowPage, FlowQuery, FlowsRequest, ReloadOutcome,
    RulePage, RulesRequest, StatusDocument, TrafficPage, TrafficRequest,
};

/// A firewall that counts how often it is asked, and that nothing may change.
#[derive(Default)]
struct Fake {
    asked: AtomicU64,
}

impl Fake {
    fn count(&self) -> u64 {
        self.asked.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Operate for Fake {
    fn status(&self) -> StatusDocument {
        panic!("it has none");
    }

    fn flows(&self, request: &FlowsRequest) -> Result<FlowPage, String> {
        assert!(request.limit <= LINES_MAX);
        Ok(FlowPage {
            matched: self.count(),
            flows: Vec::new(),
        })
    }

    fn traffic(&self, _: &TrafficRequest) -> Result<TrafficPage, String> {
        Ok(TrafficPage::default())
    }

    fn rules(&self, _: &RulesRequest) -> RulePage {
        RulePage::default()
    }

    fn denials(&self, request: &DenialsRequest) -> DenialPage {
        DenialPage {
            untold: request.limit.into(),
            ..DenialPage::default()
        }
    }

    fn explain(&self, request: &ExplainRequest) -> Result<Explained, String> {
        Err(format!("{} and {}", request.flow, self.count()))
    }

    fn follow(&self, _: &FlowQuery) -> Following {
        Followers::default().add(FlowQuery::default())
    }

    fn delete(&self, _: &FlowQuery) -> Result<u64, String> {
        panic!("it was changed");
    }

    fn reload(&self) -> ReloadOutcome {
        panic!("it was changed");
    }

    fn stop(&self, _: bool) -> Result<(), String> {
        panic!("it was changed");
    }
}

fn ask(pages: &dyn Pages, query: &str) -> Value {
    let asked = Asked {
        path: "/ask".to_owned(),
        query: query.to_owned(),
        ..Asked::default()
    };
    let page = pages.page(&asked).unwrap();
    assert_eq!((page.media_type, page.policy), (JSON, None));
    serde_json::from_str(&page.text).unwrap()
}

/// The answer to a request, as the page of a browser writes it.
fn request(pages: &dyn Pages, request: &Value) -> Value {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("request", &request.to_string());
    ask(pages, &query.finish())
}

fn pages() -> Arc<dyn Pages> {
    keyed(false)
}

fn keyed(is_keyed: bool) -> Arc<dyn Pages> {
    Arc::new(Live::new(Arc::new(Fake::default()), is_keyed))
}

#[test]
fn answers_are_those_of_the_control_socket() {
    let pages = pages();
    assert_eq!(
        request(&*pages, &json!({ "denials": { "limit": 7 } })),
        json!({ "version": 1, "denials": { "told": 0, "untold": 7, "flows": [] } })
    );
    assert_eq!(
        request(&*pages, &json!({ "rules": {} })),
        json!({ "version": 1, "rules": { "generation": 0, "matched": 0, "rules": [] } })
    );
    let flow = "tcp 192.0.2.1:1 > 192.0.2.2:2";
    let explained = request(&*pages, &json!({ "explain": { "flow": flow } }));
    assert_eq!(explained["error"]["message"], format!("{flow} and 1"));
}

#[test]
fn an_answer_is_good_for_everybody_who_asks_within_a_moment_and_an_explanation_for_nobody_else() {
    let pages = pages();
    let flows = |limit: u32| {
        request(&*pages, &json!({ "flows": { "limit": limit } }))["flows"]["matched"].clone()
    };
    // Whether a moment has passed between two of them is not for a test to say: at worst there is a new answer, never one to another question.
    let (first, other) = (flows(1), flows(2));
    assert_eq!((&first, &other), (&json!(1), &json!(2)));
    for limit in 3..=3 + 2 * u32::try_from(KEPT_MAX).unwrap() {
        assert_eq!(flows(limit), json!(limit), "what is kept is bounded");
    }
    let explain = || {
        request(
            &*pages,
            &json!({ "explain": { "flow": "tcp 192.0.2.1:1 > 192.0.2.2:2" } }),
        )
    };
    assert_ne!(explain(), explain());
}

#[test]
fn nothing_can_be_changed() {
    let pages = pages();
    for request in [
        json!("reload"),
        json!("stop"),
        json!("handover"),
        json!({ "delete": { "all": true } }),
        json!({ "follow": {} }),
    ] {
        let answer = self::request(&*pages, &request);
        assert_eq!(answer["error"]["code"], "forbidden", "{request}: {answer}");
    }
}

#[test]
fn what_is_no_request_is_refused() {
    let pages = pages();
    for (query, expected) in [
        ("", "what is asked?"),
        ("reqest=%22status%22", "what is asked?"),
        ("request=", "not a request"),
        ("request=%ff%00", "not a request"),
        ("request=%22restart%22", "unknown variant"),
        (
            "request=%22status%22&request=%22status%22",
            "one request at a time",
        ),
        (
            "request={\"flows\":{\"limit\":1001}}",
            "the limit is 1000 here",
        ),
        (
            "request={\"rules\":{\"limit\":1001}}",
            "the limit is 1000 here",
        ),
        (
            "request={\"flows\":{\"filter\":{\"prot\":22}}}",
            "unknown field",
        ),
        ("request={\"explain\":{\"flow\":\"tcp\"}}", "tcp"),
    ] {
        let answer = ask(&*pages, query);
        assert_eq!(answer["error"]["code"], "bad-request", "{query}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{query}: {message}");
    }
    // Deep enough to end the stack of whoever reads it by recursion without a limit.
    let deep = format!("request={}", "[".repeat(10_000));
    assert_eq!(ask(&*pages, &deep)["error"]["code"], "bad-request");
}

/// One document: nothing is loaded, and what runs is named by its hash.
#[test]
fn the_page_needs_nothing_else() {
    let pages = pages();
    let asked = |path: &str| Asked {
        path: path.to_owned(),
        ..Asked::default()
    };
    let page = pages.page(&asked("/")).unwrap();
    assert_eq!(pages.page(&asked("/page.js")), None);
    assert_eq!(pages.page(&asked("/sign.js")), None);
    let policy = page.policy.unwrap();
    for part in [
        "default-src 'none'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "script-src 'sha256-",
        "style-src 'sha256-",
        "base-uri 'none'",
        "form-action 'none'",
    ] {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let text = page.text;
    assert!(text.starts_with("<!DOCTYPE html>") && text.ends_with("</html>\n"));
    for loads in [
        " src=",
        "@import",
        "url(",
        "<link rel=\"stylesheet",
        "innerHTML",
        "//cdn",
        "http:",
    ] {
        let found: Vec<_> = text.lines().filter(|line| line.contains(loads)).collect();
        let harmless =
            |line: &&str| !line.contains("www.w3.org/2000/svg") && !line.contains("data:,");
        let found: Vec<_> = found.into_iter().filter(harmless).collect();
        assert!(found.is_empty(), "{loads}: {found:?}");
    }
    assert_eq!(text.matches("<script>").count(), 1);
    assert_eq!(text.matches("<style>").count(), 1);
}

/// Where keys are asked for, the page is all that everybody gets, and it says so to itself.
#[test]
fn nothing_but_the_page_is_for_everybody() {
    let [plain, keyed] = [false, true].map(keyed);
    for (path, is_open) in [
        ("/", true),
        ("/ask", false),
        ("/ask/", false),
        ("//", false),
        ("", false),
        ("/nothing", false),
    ] {
        assert_eq!(keyed.is_open(path), is_open, "{path}");
    }
    let asked = Asked {
        path: "/".to_owned(),
        ..Asked::default()
    };
    let [plain, keyed] = [plain, keyed].map(|pages| pages.page(&asked).unwrap());
    assert_eq!(keyed.policy, plain.policy);
    assert_eq!(keyed.text.replace(IS_KEYED, ""), plain.text);
    assert_ne!(keyed.text, plain.text);
}

#[test]
fn nobody_listens_beyond_loopback_without_keys() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let started = serve(address.parse().unwrap(), Arc::new(Fake::default()), None);
        assert!(matches!(started, Err(StartError::Keyless(_))), "{address}");
    }
    let loopback = "[::ffff:127.0.0.1]:0".parse().unwrap();
    assert!(serve(loopback, Arc::new(Fake::default()), None).is_ok());
}
