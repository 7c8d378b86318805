//! `--report`: the page says what the JSON says, and is there whole or not at all.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use secgroup_testkit::browser::{self, Browser};
use serde_json::Value;

use crate::support::{CAPTURES, Folder, LAB, WEB_SERVER, root, secgroup, template};

/// The text of a page: tags away, entities read.
fn text(page: &str) -> String {
    let body = page.split_once("<body>").expect("a body").1;
    let body = body.split("<script>").next().unwrap_or_default();
    let pieces = body
        .split('<')
        .map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    let text = pieces.collect::<Vec<_>>().join(" ");
    let text = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text, |text, (entity, meant)| text.replace(entity, meant));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).expect("the page is there")
}

/// `1,234`.
fn grouped(count: &Value) -> String {
    let digits = count.as_u64().expect("a number").to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn totals_are_those_of_the_json() {
    let folder = Folder::new();
    let path = folder.path("page.html");
    for capture in CAPTURES {
        let capture = format!("configs/captures/{capture}");
        let judge = |more: &[&str]| {
            let mut arguments = vec!["replay", "--policy", LAB, "--json", &capture];
            arguments.extend(more);
            let mut report = secgroup(&arguments).code(0).json();
            let fields = report.as_object_mut().expect("an object");
            // How long it took, and by whom.
            fields.retain(|name, _| {
                ![
                    "elapsed_seconds",
                    "packets_per_second",
                    "one_worker_because",
                ]
                .contains(&name.as_str())
            });
            report
        };
        let plain = judge(&[]);
        let with_page = judge(&["--report", &path]);
        assert!(
            plain == with_page,
            "{capture}: a page changes what is found"
        );
        let page = read(&path);
        let shown = text(&page);
        for (name, key) in [
            ("allowed", "allowed"),
            ("denied", "denied"),
            ("no known interface", "no_interface"),
            ("not IP", "not_ip"),
        ] {
            let fate = &plain["packets"][key];
            let packets = grouped(&fate["packets"]);
            let plural = if packets == "1" { "" } else { "s" };
            let total = format!("{name}: {packets} packet{plural}");
            assert!(shown.contains(&total), "{capture}: no '{total}'");
            // The legend of the chart is the sum of what it draws.
            if packets != "0" {
                assert!(
                    shown.contains(&format!("{name} {packets} ")),
                    "{capture}: {name} {packets} is not drawn"
                );
            }
        }
        for verdict in plain["verdicts"].as_array().expect("verdicts") {
            let row = format!(
                "{} {} {}",
                verdict["verdict"].as_str().unwrap(),
                verdict["reason"].as_str().unwrap(),
                grouped(&verdict["packets"])
            );
            assert!(shown.contains(&row), "{capture}: no '{row}'");
        }
    }
}

#[test]
fn a_page_says_what_was_found_and_how() {
    let folder = Folder::new();
    let path = folder.path("page.html");
    let arguments = [
        "replay", "--policy", LAB, "--json", "--top", "100", "--report", &path, WEB_SERVER,
    ];
    let report = secgroup(&arguments).code(0).json();
    let shown = text(&read(&path));
    for flow in report["denied_flows"].as_array().unwrap() {
        let why = flow["why"].as_str().unwrap();
        assert!(shown.contains(why), "no '{why}'");
    }
    for rule in report["rules"]
        .as_array()
        .unwrap()
        .iter()
        .chain(report["unused_rules"].as_array().unwrap())
    {
        for field in ["rule", "allows", "description"] {
            let said = rule[field].as_str().unwrap_or_default();
            assert!(shown.contains(said), "no '{said}'");
        }
    }
    for said in [
        "wider than seen",
        "Never used",
        "Internet",
        &format!("secgroup replay --policy {LAB} --json --top 100 --report {path} {WEB_SERVER}"),
        concat!("secgroup ", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(shown.contains(said), "no '{said}'");
    }
    // The same replay gives the same page.
    let before = read(&path);
    secgroup(&arguments).code(0);
    assert!(read(&path) == before, "two pages of one replay differ");
}

#[test]
fn names_and_descriptions_are_only_text() {
    let folder = Folder::new();
    let path = folder.path("page.html");
    let replay = |description: &str, capture: &str| {
        let rule = format!(
            "{{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0, Description: '{description}'}}"
        );
        let policy = folder.file("web.yaml", template(&rule, ""));
        secgroup(&["replay", "--policy", &policy, "--report", &path, capture])
    };
    // EC2 takes no angle brackets, and neither do we; so there is nothing to show.
    replay("</script><script>alert(1)</script>", WEB_SERVER).code(2);
    assert!(!Path::new(&path).exists());
    // It does take what a page could mistake for them. What a file is called nobody can refuse.
    let capture = folder.path("<script>alert(2)<!--.pcap");
    std::fs::copy(root().join(WEB_SERVER), &capture).unwrap();
    let description = "&lt;script&gt;alert(3)&lt;/script&gt;";
    replay(description, &capture).code(0);
    let page = read(&path);
    assert_eq!(page.matches("<script").count(), 1, "ours");
    assert_eq!(page.matches("</script").count(), 1, "ours");
    let shown = text(&page);
    assert!(shown.contains(description), "{shown}");
    assert!(
        shown.contains("Replay of <script>alert(2)<!--.pcap"),
        "{shown}"
    );
}

#[test]
fn a_page_is_there_whole_or_not_at_all() {
    let folder = Folder::new();
    let path = folder.path("page.html");
    let before = folder.file("page.html", "the last one");
    // A replay that fails leaves the last page, and nothing beside it.
    let policy = folder.file("bad.yaml", "Resources: 7\n");
    secgroup(&["replay", "--policy", &policy, "--report", &path, WEB_SERVER]).code(2);
    assert_eq!(read(&before), "the last one");
    secgroup(&["replay", "--policy", LAB, "--report", &path, WEB_SERVER]).code(0);
    assert!(read(&path).starts_with("<!DOCTYPE html>"));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(
        mode & 0o137,
        0,
        "others may not read who talks to whom: {mode:o}"
    );
    let left = std::fs::read_dir(Path::new(&path).parent().unwrap())
        .unwrap()
        .count();
    assert_eq!(left, 2, "the page and the policy");
    let lost = secgroup(&[
        "replay",
        "--policy",
        LAB,
        "--report",
        &folder.path("no/page.html"),
        WEB_SERVER,
    ])
    .code(2);
    assert!(
        lost.stderr.contains("cannot write the report to"),
        "{}",
        lost.stderr
    );
    let over = secgroup(&[
        "replay", "--policy", LAB, "--report", WEB_SERVER, WEB_SERVER,
    ])
    .code(2);
    assert!(
        over.stderr.contains("--report would write over"),
        "{}",
        over.stderr
    );
    let terminal = secgroup(&["replay", "--policy", LAB, "--report", "-", WEB_SERVER]).code(2);
    assert!(
        terminal.stderr.contains("--report needs a file"),
        "{}",
        terminal.stderr
    );
    // A device stays one.
    secgroup(&[
        "replay",
        "--policy",
        LAB,
        "--report",
        "/dev/null",
        WEB_SERVER,
    ])
    .code(0);
    assert!(!Path::new("/dev/null").is_file());
}

#[test]
fn an_audit_and_a_difference_have_pages() {
    let folder = Folder::new();
    let (page, narrow) = (folder.path("page.html"), folder.path("narrow.yaml"));
    let audit = secgroup(&[
        "audit",
        "--policy",
        LAB,
        "--suggest",
        &narrow,
        "--json",
        "--report",
        &page,
        WEB_SERVER,
    ])
    .code(0)
    .json();
    let shown = text(&read(&page));
    for rule in audit["rules"].as_array().unwrap() {
        for proposed in rule["proposed"].as_array().unwrap().iter().take(8) {
            let proposed = proposed.as_str().unwrap();
            assert!(shown.contains(proposed), "no '{proposed}'");
        }
    }
    let wider = audit["rules"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| rule["finding"] == "wider")
        .count();
    assert!(
        shown.contains(&format!("Wider than seen {wider} ")),
        "{wider}"
    );
    assert!(shown.contains("Traffic over time"), "{shown}");

    let other = "configs/three-tier.yaml";
    let arguments = [
        "diff",
        LAB,
        other,
        "configs/captures/three-tier.pcapng",
        "--json",
        "--top",
        "100",
        "--report",
        &page,
    ];
    let difference = secgroup(&arguments).code(1).json();
    let shown = text(&read(&page));
    for place in difference["places"].as_array().unwrap() {
        for class in place["newly_denied"].as_array().unwrap() {
            let traffic = class["traffic"][0].as_str().unwrap();
            assert!(shown.contains(traffic), "no '{traffic}'");
        }
    }
    let count = grouped(&difference["captures"]["changed_flow_count"]);
    assert!(
        shown.contains(&format!("Flows that change {count} ")),
        "{count}"
    );
}

#[test]
fn a_browser_shows_a_replay() {
    if browser::skip("a_browser_shows_a_replay") {
        return;
    }
    let folder = Folder::new();
    let path = folder.path("page.html");
    let report = secgroup(&[
        "replay", "--policy", LAB, "--json", "--report", &path, WEB_SERVER,
    ])
    .code(0)
    .json();
    let browser = Browser::start(Path::new(&path).parent().unwrap());
    browser.resize(390, 844);
    browser.open(Path::new(&path));
    assert_eq!(browser.text("h1"), "Replay of web-server.pcap");
    let shown = browser.run("return [...document.querySelectorAll('.figure')].map(f => [f.children[0].innerText, f.children[1].innerText])");
    for (place, (name, key)) in [("Allowed", "allowed"), ("Denied", "denied")]
        .into_iter()
        .enumerate()
    {
        let figure = &shown[place + 1];
        assert_eq!(figure[0], name);
        assert_eq!(
            figure[1],
            grouped(&report["packets"][key]["packets"]).as_str()
        );
    }
    // SSH from the stranger.
    browser.type_into("#search", "192.0.2.66 :22");
    let rows = "return [...document.querySelectorAll('#denied tbody tr')].filter(row => row.offsetParent !== null).length";
    assert!(browser.run(rows).as_u64().unwrap() > 0);
    assert_eq!(
        browser.run("return document.documentElement.scrollWidth - window.innerWidth"),
        0
    );
    assert_eq!(browser.console(), [""; 0]);
    let asked: Vec<_> = browser
        .requests()
        .into_iter()
        .filter(|url| !url.starts_with("file:") && !url.starts_with("data:"))
        .collect();
    assert_eq!(asked, [""; 0]);
}
