//! The live page in a browser, while traffic flows: what is shown is what happens, and what strangers wrote is text.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use secgroup_testkit::tools;
use serde_json::{Value, json};

use crate::support::{
    Backend, I, Lab, O, Policy, Server, Setup, everything, get, live, never_connects, tcp,
};

/// Where it is, in the network namespace of the daemon.
const ADDRESS: &str = "127.0.0.1:9274";
const LISTEN: &str = "[page]\nlisten = \"127.0.0.1:9274\"";
/// What is said of a rule: with all that may be said which means something elsewhere.
const DESCRIPTION: &str = "ssh: $(of) {the} [office] && #1 = *!; +_.-/@,";

live! {
    fn what_is_shown_is_what_happens() {
        let is_there = tools::program("chromium").and_then(|_| tools::program("chromedriver"));
        let Some(python) = is_there.and_then(|_| tools::python("selenium")) else {
            return;
        };
        let lab = lab();
        let server = Server::new(&lab.instance, &format!("{I}:80"));
        let (here, there) = server.connection(&lab.outside);
        let client = there.local_addr().expect("it is connected").to_string();
        never_connects(&lab, &lab.outside, &lab.instance, &format!("{I}:22"));
        let seen = std::thread::scope(|scope| {
            scope.spawn(|| chat(&here, &there));
            let _end = Hangup(&here);
            let mut browser = lab.firewall.command(python.to_str().expect("a path of text"));
            browser
                .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/browser.py"))
                .arg(format!("http://{ADDRESS}/"))
                .arg(format!("tcp {client} > {I}:80"))
                .arg(format!("tcp {O}:50000 > {I}:22"))
                .arg(lab.daemon().process.id().to_string());
            tools::run(&mut browser, "")
        });
        let seen: Value = serde_json::from_str(&seen).expect("it is JSON");
        shows_what_happened(&seen, &client);
    }

    fn it_shows_no_more_than_it_should_and_changes_nothing() {
        let lab = lab();
        let ask = |path: &str, head: &[&str]| get(&lab.firewall, ADDRESS, path, head);
        let page = ask("/", &[]);
        assert_eq!(page.status, 200);
        assert!(page.head.contains("content-security-policy: default-src 'none';"), "{}", page.head);
        assert!(page.head.contains("x-content-type-options: nosniff"), "{}", page.head);
        assert_eq!(ask("/", &["Host: rebound.example:9274"]).status, 421);
        assert_eq!(ask("/ask?request=%22status%22", &["Host: rebound.example"]).status, 421);
        assert_eq!(ask("/../etc/passwd", &[]).status, 404);
        let told = |request: &Value| {
            let request: String = request.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect();
            let answer = ask(&format!("/ask?request={request}"), &[]);
            serde_json::from_str::<Value>(&answer.body).expect("it is JSON")
        };
        for request in [json!("stop"), json!("reload"), json!({ "delete": { "all": true } })] {
            assert_eq!(told(&request)["error"]["code"], "forbidden", "{request}");
        }
        let (over_http, over_socket) = (told(&json!("status")), lab.daemon().status());
        for part in ["version", "pid", "policy", "reloads"] {
            assert_eq!(over_http["status"][part], over_socket[part], "{part}");
        }
        let rules = told(&json!({ "rules": {} }));
        assert_eq!(rules["rules"], lab.daemon().ask(&json!({ "rules": {} }))["rules"]);
        assert_eq!(rules["rules"]["matched"], 4, "{rules:#}");
    }
}

/// Sends to and fro until somebody hangs up, or the firewall ends.
fn chat(mut here: &TcpStream, mut there: &TcpStream) {
    let mut buffer = [7; 4096];
    while here.write_all(&buffer).is_ok()
        && there.read_exact(&mut buffer).is_ok()
        && there.write_all(&buffer).is_ok()
        && here.read_exact(&mut buffer).is_ok()
    {}
}

/// Ends a connection when it is dropped, so that nobody goes on waiting at it.
struct Hangup<'a>(&'a TcpStream);

impl Drop for Hangup<'_> {
    fn drop(&mut self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// A web server for the host outside, and SSH for one who is not there.
fn lab() -> Lab {
    let web = format!("{O}/32");
    let rules = [
        tcp(80, &web),
        tcp(22, "198.51.100.7/32").described(DESCRIPTION),
    ];
    Lab::new(&Setup {
        backend: Backend::AfPacketSharded,
        top: LISTEN,
        interface: "allowance = 100",
        ..Setup::hosts(Policy::new(&rules, &everything()))
    })
}

fn shows_what_happened(seen: &Value, client: &str) {
    let has = |place: &str, wanted: &[&str]| {
        let rows = seen[place].as_array().expect("rows");
        let texts: Vec<_> = rows.iter().map(Value::to_string).collect();
        let fits = |text: &String| wanted.iter().all(|word| text.contains(word));
        assert!(texts.iter().any(fits), "{wanted:?} in {place}: {seen:#}");
    };
    let says = |place: &str, wanted: &[&str]| {
        let text = seen[place].as_str().expect("text");
        for word in wanted {
            assert!(text.contains(word), "{word:?} in {place}: {text}");
        }
    };
    has(
        "passing",
        &[client, &format!("{I}:80"), "tcp", "established", "bit/s"],
    );
    has("denied", &[O, &format!("{I}:22"), "no-rule", "ingress"]);
    has("rules", &["Group", "80", O]);
    has("rules", &[DESCRIPTION, "198.51.100.7/32"]);
    has("interfaces", &["open", "of 100", "bit/s"]);
    has("filtered", &[DESCRIPTION]);
    assert_eq!(
        seen["filtered"].as_array().map(Vec::len),
        Some(1),
        "{seen:#}"
    );
    assert_ne!(seen["figures"]["Allowed"], "0/s", "{seen:#}");
    says("allowed", &["allow", "established", "Connection: tcp"]);
    says(
        "explained",
        &[
            "deny",
            "no-rule",
            "fails on source",
            DESCRIPTION,
            "aws ec2 authorize-security-group-ingress",
        ],
    );
    says("explained_by_click", &["deny", "no-rule"]);
    says("nonsense", &["<img/src=x/onerror=alert(1)"]);
    says("ended", &["no answer"]);
    assert_eq!(seen["foreign"], 0, "{seen:#}");
    assert_eq!(seen["scrolls_sideways_on_a_phone"], false);
    assert_eq!(seen["console"], json!([]), "the browser complains");
}
