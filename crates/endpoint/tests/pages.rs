//! Pages behind a gate, as those who ask for them over the network see it: with an access key, with none, and with one that is not right.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secgroup_api::{HttpRequest, Signing};
use secgroup_endpoint::{
    AccessKey, Asked, Gate, Keys, Page, PageServer, Pages, Random, StartError,
};
use secgroup_model::AccountId;

/// How long anything may take before a test has failed.
const DEADLINE: Duration = Duration::from_secs(60);

/// A page for everybody and one that is not, which is counted when it is made.
#[derive(Default)]
struct Shown {
    secrets: AtomicU32,
}

impl Pages for Shown {
    fn page(&self, asked: &Asked) -> Option<Page> {
        match asked.path.as_str() {
            "/" => Some(Page::new("text/plain", "for everybody".to_owned())),
            "/ask" => {
                self.secrets.fetch_add(1, Ordering::Relaxed);
                Some(Page::new("text/plain", format!("told: {}", asked.query)))
            }
            _ => None,
        }
    }

    fn is_open(&self, path: &str) -> bool {
        path == "/"
    }
}

struct Bench {
    server: PageServer,
    shown: Arc<Shown>,
    gate: Arc<Gate>,
    key: AccessKey,
}

impl Bench {
    /// A server for one key, which `change` makes of a new one.
    fn start(change: impl FnOnce(AccessKey) -> AccessKey) -> Self {
        let random = Random::new().unwrap();
        let key = change(AccessKey::generate(
            &AccountId::new("123456789012"),
            &random,
        ));
        let (shown, gate) = (
            Arc::new(Shown::default()),
            Arc::new(Gate::new(Keys::from_iter([key.clone()]))),
        );
        let server = serve(Arc::clone(&shown), Some(Arc::clone(&gate))).unwrap();
        Self {
            server,
            shown,
            gate,
            key,
        }
    }

    /// A question that is right; tests make one thing of it wrong.
    fn question(&self) -> Question<'_> {
        Question {
            signing: Signing {
                key_id: &self.key.id,
                secret: &self.key.secret,
                region: "eu-central-1",
                service: "ec2",
                time: Timestamp::now(),
            },
            target: "/ask?request=%22status%22",
            host: self.server.address().to_string(),
            token: self.key.session_token.as_deref(),
        }
    }

    fn ask(&self, text: &str) -> String {
        answer(self.server.address(), text)
    }

    /// The code with which a question is turned away.
    #[track_caller]
    fn refused(&self, text: &str) -> String {
        let told = self.ask(text);
        assert!(told.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{told}");
        assert!(
            told.contains("www-authenticate: AWS4-HMAC-SHA256\r\n"),
            "{told}"
        );
        let (_, body) = told.split_once("\r\n\r\n").unwrap();
        let error: serde_json::Value = serde_json::from_str(body).unwrap();
        error["error"]["code"].as_str().unwrap().to_owned()
    }

    fn refusals(&self) -> Vec<(&'static str, u64)> {
        let counts = self.gate.refusals().into_iter();
        counts.map(|count| (count.code, count.calls)).collect()
    }
}

fn serve(shown: Arc<Shown>, gate: Option<Arc<Gate>>) -> Result<PageServer, StartError> {
    PageServer::start(
        ([127, 0, 0, 1], 0).into(),
        PageServer::limits(),
        shown,
        gate,
    )
}

struct Question<'a> {
    signing: Signing<'a>,
    target: &'a str,
    host: String,
    token: Option<&'a str>,
}

impl Question<'_> {
    /// It as bytes, signed.
    fn signed(&self, method: &str) -> String {
        let (path, query) = self.target.split_once('?').unwrap();
        let date = self.signing.date();
        let mut headers: Vec<(&str, &[u8])> = vec![
            ("host", self.host.as_bytes()),
            ("x-amz-date", date.as_bytes()),
        ];
        let token = self.token.map(|token| ("x-amz-security-token", token));
        headers.extend(token.map(|(name, token)| (name, token.as_bytes())));
        let request = HttpRequest {
            method,
            path,
            query,
            headers: &headers,
            body: &[],
        };
        let authorization = self.signing.authorization(&request).unwrap();
        let token = token.map(|(name, token)| format!("{name}: {token}\r\n"));
        let (target, host, token) = (self.target, &self.host, token.unwrap_or_default());
        format!(
            "{method} {target} HTTP/1.1\r\nhost: {host}\r\nx-amz-date: {date}\r\n{token}authorization: {authorization}\r\nconnection: close\r\n\r\n"
        )
    }

    fn unsigned(&self) -> String {
        let (target, host) = (self.target, &self.host);
        format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")
    }
}

/// What is answered to one request over a connection of its own.
fn answer(server: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn data_is_for_whoever_signs_and_the_rest_for_everybody() {
    let bench = Bench::start(|key| key);
    let open = Question {
        target: "/",
        ..bench.question()
    };
    let told = bench.ask(&open.unsigned());
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
    let told = bench.ask(&bench.question().signed("GET"));
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
    assert!(told.ends_with("told: request=%22status%22"), "{told}");
    let told = bench.ask(&bench.question().signed("HEAD"));
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
    let nothing = Question {
        target: "/nothing?",
        ..bench.question()
    };
    let told = bench.ask(&nothing.signed("GET"));
    assert!(told.starts_with("HTTP/1.1 404 "), "{told}");
    assert_eq!(bench.refusals(), []);
}

#[test]
fn a_key_that_may_only_read_will_do() {
    let bench = Bench::start(AccessKey::read_only);
    let told = bench.ask(&bench.question().signed("GET"));
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
}

#[test]
fn what_is_not_signed_as_it_should_be_is_refused_and_counted_and_nothing_is_made() {
    let bench = Bench::start(|key| key);
    let right = bench.question();
    let other = Signing {
        secret: "a secret that is another one",
        ..right.signing
    };
    let unknown = Signing {
        key_id: "AKIAUNKNOWNUNKNOWN00",
        ..right.signing
    };
    let with = |signing| Question {
        signing,
        ..bench.question()
    };
    let minutes = |minutes| {
        with(Signing {
            time: Timestamp::now() + SignedDuration::from_mins(minutes),
            ..right.signing
        })
    };
    for (text, code) in [
        (right.unsigned(), "MissingAuthenticationToken"),
        (with(other).signed("GET"), "AuthFailure"),
        (with(unknown).signed("GET"), "AuthFailure"),
        (minutes(-6).signed("GET"), "RequestExpired"),
        (minutes(6).signed("GET"), "RequestExpired"),
        // What was signed is something else than what is asked.
        (
            right.signed("GET").replace("status", "rules"),
            "AuthFailure",
        ),
        (right.signed("HEAD").replace("HEAD ", "GET "), "AuthFailure"),
        (
            with(Signing {
                service: "s3",
                ..right.signing
            })
            .signed("GET"),
            "SignatureDoesNotMatch",
        ),
        (
            right.signed("GET").replace("AWS4-HMAC-SHA256 ", "Bearer "),
            "IncompleteSignature",
        ),
        // A path that is not there is no exception, and neither is another spelling of one that is open.
        (
            right.unsigned().replace("/ask", "/nothing"),
            "MissingAuthenticationToken",
        ),
        (
            right.unsigned().replace("/ask", "//"),
            "MissingAuthenticationToken",
        ),
    ] {
        assert_eq!(bench.refused(&text), code, "{text}");
    }
    let told = |signing| bench.ask(&with(signing).signed("GET"));
    let body = |told: String| told.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    assert_eq!(body(told(other)), body(told(unknown)));
    assert_eq!(bench.shown.secrets.load(Ordering::Relaxed), 0);
    let counted = [
        ("AuthFailure", 6),
        ("IncompleteSignature", 1),
        ("MissingAuthenticationToken", 3),
        ("RequestExpired", 2),
        ("SignatureDoesNotMatch", 1),
    ];
    assert_eq!(bench.refusals(), counted);
}

#[test]
fn a_key_with_a_session_token_needs_it() {
    let bench = Bench::start(|key| AccessKey {
        session_token: Some("a-token-of-a-session".to_owned()),
        ..key
    });
    let told = bench.ask(&bench.question().signed("GET"));
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
    let without = Question {
        token: None,
        ..bench.question()
    };
    assert_eq!(bench.refused(&without.signed("GET")), "AuthFailure");
}

#[test]
fn on_loopback_a_signature_is_no_way_around_the_name() {
    let bench = Bench::start(|key| key);
    let rebound = Question {
        host: "rebound.example".to_owned(),
        ..bench.question()
    };
    let told = bench.ask(&rebound.signed("GET"));
    assert!(told.starts_with("HTTP/1.1 421 "), "{told}");
}

#[test]
fn without_a_gate_nothing_is_asked() {
    let shown = Arc::new(Shown::default());
    let server = serve(Arc::clone(&shown), None).unwrap();
    let told = answer(
        server.address(),
        "GET /ask?x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
    );
    assert!(told.ends_with("told: x"), "{told}");
}
