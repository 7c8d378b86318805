//! The live page beyond loopback: whoever has an access key looks from another host, in a browser or with `curl`, and nobody else does.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secgroup_testkit::netns::{Namespace, veth};
use secgroup_testkit::tools;
use serde_json::{Value, json};

use crate::support::{Lab, Policy, Setup, get, live};

/// Where the page is, for the host of whoever looks.
const ADDRESS: &str = "192.0.2.1:9274";
const LISTEN: &str = "[page]\nlisten = \"192.0.2.1:9274\"\nkeys = \"page-keys.toml\"\n\n[metrics]\nlisten = \"127.0.0.1:9273\"";
const STATUS: &str = "/ask?request=%22status%22";

live! {
    fn whoever_has_a_key_looks_from_another_host() {
        let is_there = tools::program("chromium").and_then(|_| tools::program("chromedriver"));
        let Some(python) = is_there.and_then(|_| tools::python("selenium")) else {
            return;
        };
        let (lab, viewer) = lab();
        let (id, secret) = key(&lab);
        let mut browser = viewer.command(python.to_str().expect("a path of text"));
        browser
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/browser_key.py"))
            .args([&format!("http://{ADDRESS}/"), &id, &secret])
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let seen: Value = serde_json::from_str(&tools::run(&mut browser, "")).expect("it is JSON");
        is_for_whoever_has_a_key(&seen);
        // What was wrong with a key three times, and with a clock once, is counted.
        let told = get(&lab.firewall, "127.0.0.1:9273", "/metrics", &[]).body;
        for line in [
            "secgroup_page_refusals_total{code=\"AuthFailure\"} 3",
            "secgroup_page_refusals_total{code=\"RequestExpired\"} 1",
        ] {
            assert!(told.contains(line), "{line} in {told}");
        }
    }

    fn nobody_else_is_told_anything() {
        let (mut lab, viewer) = lab();
        let (id, secret) = key(&lab);
        let page = get(&viewer, ADDRESS, "/", &[]);
        assert_eq!(page.status, 200);
        assert!(!page.body.contains(&id) && !page.body.contains(&secret), "it is the same for everybody");
        let refused = get(&viewer, ADDRESS, STATUS, &[]);
        assert_eq!(refused.status, 401, "{refused:?}");
        assert!(refused.head.contains("www-authenticate: aws4-hmac-sha256"), "{}", refused.head);
        lab.daemon_mut().logs("without a right signature");
        let (from_curl, status) = curl(&viewer, &format!("{id}:{secret}"));
        assert_eq!(status, "200", "{from_curl}");
        let from_curl: Value = serde_json::from_str(&from_curl).expect("it is JSON");
        assert_eq!(from_curl["status"]["pid"], json!(lab.daemon().process.id()));
        assert_eq!(curl(&viewer, &format!("{id}:{secret}x")).1, "401");
        // The next start goes by the same keys.
        lab.end(rustix::process::Signal::TERM);
        lab.start();
        assert_eq!(key(&lab), (id.clone(), secret.clone()));
        assert_eq!(curl(&viewer, &format!("{id}:{secret}")).1, "200");
        assert!(!lab.daemon().log().contains(&secret));
    }
}

/// A firewall with a cable to a host of its operator, which is no part of what it filters.
fn lab() -> (Lab, Namespace) {
    let mut lab = Lab::prepare(&Setup {
        top: LISTEN,
        ..Setup::hosts(Policy::of_aws())
    });
    let viewer = Namespace::new("v");
    veth((&lab.firewall, "office0"), (&viewer, "eth0"));
    for (host, device, address) in [
        (&lab.firewall, "office0", "192.0.2.1/24"),
        (&viewer, "eth0", "192.0.2.2/24"),
    ] {
        host.ip(&format!("addr add {address} dev {device}"));
        host.ip(&format!("link set {device} up"));
    }
    lab.start();
    (lab, viewer)
}

/// The key that was made: its id and its secret, for nobody but its owner.
fn key(lab: &Lab) -> (String, String) {
    let path = lab.folder().join("page-keys.toml");
    let mode = std::fs::metadata(&path).expect("it was made").permissions();
    assert_eq!(mode.mode() & 0o7777, 0o600);
    let text = std::fs::read_to_string(&path).expect("it is ours");
    assert!(text.contains("access = \"read-only\""), "{text}");
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(" = "));
        let (_, value) = lines.find(|(known, _)| *known == name).expect(name);
        value.trim_matches('"').to_owned()
    };
    (value("id"), value("secret"))
}

/// What `curl`, which signs by itself, is told with this key, and the status.
fn curl(host: &Namespace, key: &str) -> (String, String) {
    let mut curl = host.command("curl");
    curl.args(["--silent", "--write-out", "\n%{http_code}"])
        .args(["--aws-sigv4", "aws:amz:us-east-1:ec2", "--user", key])
        .arg(format!("http://{ADDRESS}{STATUS}"));
    let told = tools::run(&mut curl, "");
    let (body, status) = told.rsplit_once('\n').expect("a status");
    (body.to_owned(), status.to_owned())
}

fn is_for_whoever_has_a_key(seen: &Value) {
    for moment in ["locked", "locked_again"] {
        assert_eq!(seen[moment], json!(["theme", "unlock"]), "{seen:#}");
    }
    assert_eq!(seen["asked_unasked"], 0, "it waits for a key");
    assert_eq!(seen["has_crypto"], false, "it signs by itself here");
    assert_eq!(
        seen["inputs"],
        json!({ "id": ["text", "username"], "secret": ["password", "current-password"] })
    );
    let refused = "The key is not known here, or the secret is wrong.";
    assert_eq!(seen["refused"], json!([refused, refused, refused]));
    assert_eq!(seen["asked_for_refused"], 3, "one question for each key");
    assert_eq!(
        seen["interfaces"].as_array().map(Vec::len),
        Some(1),
        "{seen:#}"
    );
    let is_open = |id: &str| {
        seen["open"]
            .as_array()
            .is_some_and(|ids| ids.contains(&json!(id)))
    };
    assert!(
        is_open("interfaces") && is_open("forget") && !is_open("unlock"),
        "{seen:#}"
    );
    let explained = seen["explained"].as_str().expect("text");
    assert!(explained.contains("deny"), "{explained}");
    assert_eq!(seen["stored"], json!([0, [], ""]), "it is in memory alone");
    assert_eq!(seen["forgotten"], json!([["theme", "unlock"], [], 0]));
    assert_ne!(seen["signed"], 0);
    assert_eq!(seen["secret_sent"], 0, "{seen:#}");
    assert_eq!(seen["console"], json!([]), "the browser complains");
}
