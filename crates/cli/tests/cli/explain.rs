//! `secgroup explain`: one packet, and why.

use serde_json::Value;

use crate::support::{CAPTURES, Folder, LAB, WEB_SERVER, rule, secgroup, template, verdicts};

const STRANGER: &str = "tcp 203.0.113.7:40000 > 10.0.1.10:22";

#[test]
fn a_denied_packet_with_each_rule_and_what_would_let_it_in() {
    let place = ["--interface", "WebInterface", "--direction", "ingress"];
    let run = secgroup(&[&["explain", "--policy", LAB], &place[..], &[STRANGER]].concat()).code(0);
    let text = &run.stdout;
    assert!(
        text.starts_with(&format!(
            "{STRANGER}: deny\n\nWebInterface ingress: deny (no-rule)\n"
        )),
        "{text}"
    );
    let outcome = |rule: &str| {
        let line = text
            .lines()
            .skip(4)
            .find(|line| line.trim_start().starts_with(rule));
        let mut cells = line.unwrap().split("  ").map(str::trim);
        cells.find(|cell| cell.starts_with("fails on")).unwrap()
    };
    for (rule, fails_on) in [
        ("WebGroup.SecurityGroupIngress[0] ", "fails on port"),
        ("WebGroup.SecurityGroupIngress[1] ", "fails on family"),
        ("WebGroup.SecurityGroupIngress[5] ", "fails on source"),
        ("WebGroup.SecurityGroupIngress[6] ", "fails on protocol"),
    ] {
        assert_eq!(outcome(rule), fails_on, "{rule}");
    }
    assert!(
        text.contains("\n  2 egress rules: fails on direction\n"),
        "{text}"
    );
    assert!(
        text.contains("\nTo allow it, add to WebGroup: ingress tcp 22 from 203.0.113.7/32\n"),
        "{text}"
    );
}

#[test]
fn an_interface_is_named_by_id_or_address_or_found() {
    let by = |options: &[&str]| {
        secgroup(&[&["explain", "--policy", LAB], options, &[STRANGER]].concat())
            .code(0)
            .stdout
    };
    let by_id = by(&["--interface", "WebInterface"]);
    assert_eq!(by_id, by(&["--interface", "10.0.1.10"]));
    assert_eq!(
        by_id,
        by(&["--interface", "2001:db8:a::10", "--direction", "ingress"])
    );
    assert_eq!(by_id, by(&[]));
}

#[test]
fn a_packet_between_two_interfaces_is_explained_at_both() {
    let flow = "tcp 10.0.1.10:40000 > 10.0.2.10:8080";
    let run = secgroup(&["explain", "--policy", LAB, "--json", flow])
        .code(0)
        .json();
    let at = |index: usize, field: &str| run["places"][index][field].clone();
    assert_eq!(run["verdict"], "allow");
    assert_eq!(
        (at(0, "interface"), at(0, "direction")),
        ("WebInterface".into(), "egress".into())
    );
    assert_eq!(
        (at(1, "interface"), at(1, "direction")),
        ("AppInterface".into(), "ingress".into())
    );
    assert_eq!(at(1, "rule"), "AppGroup.SecurityGroupIngress[0]");
    assert_eq!(at(1, "reason"), "new");
    assert_eq!(at(1, "tracking")["tracked"], true);
    assert_eq!(at(1, "change")["change"], "remove");
    assert_eq!(run["places"].as_array().unwrap().len(), 2);
    // The answer returns by the connections.
    let back = run["answer"]["places"].as_array().unwrap();
    let back: Vec<_> = back
        .iter()
        .map(|at| {
            format!("{} {} {}", at["interface"], at["direction"], at["reason"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        back,
        [
            "AppInterface egress established",
            "WebInterface ingress established"
        ]
    );
}

#[test]
fn what_is_tracked_is_said_with_the_reason() {
    let explain = |flow: &str| secgroup(&["explain", "--policy", LAB, flow]).code(0).stdout;
    let http = explain("tcp 203.0.113.7:40000 > 10.0.1.10:80");
    assert!(
        http.contains("allow (untracked)") && http.contains("not tracked: "),
        "{http}"
    );
    let ssh = explain("tcp 198.51.100.7:40000 > 10.0.1.10:22");
    assert!(
        ssh.contains("allow (new)") && ssh.contains("  tracked: "),
        "{ssh}"
    );
    let ping = explain("icmp 8/0 198.51.100.7 > 10.0.1.10");
    assert!(ping.contains("ICMP queries are always tracked"), "{ping}");
    let always = [
        "explain",
        "--policy",
        LAB,
        "--always-track",
        "tcp 203.0.113.7:1 > 10.0.1.10:80",
    ];
    assert!(secgroup(&always).code(0).stdout.contains("allow (new)"));
}

#[test]
fn no_rule_turns_what_no_rule_decides() {
    let flow = "udp 10.0.1.10:5000 > 169.254.169.253:53";
    let document = secgroup(&["explain", "--policy", LAB, "--json", flow])
        .code(0)
        .json();
    let place = &document["places"][0];
    assert_eq!(place["reason"], "exempt");
    assert_eq!(
        place["exemption"],
        "the Amazon resolver (169.254.169.253, C17)"
    );
    assert_eq!(place["change"]["change"], "none");
}

#[test]
fn what_cannot_be_explained_says_what_can() {
    for (arguments, said) in [
        (
            vec!["--interface", "nope", STRANGER],
            "AppInterface, DbInterface, WebInterface",
        ),
        (
            vec!["tcp 192.0.2.1:1 > 192.0.2.2:2"],
            "--attach GROUP=ADDRESS",
        ),
        (
            vec!["tcp 192.0.2.1 10.0.1.10"],
            "'tcp 203.0.113.7:40000 > 10.0.1.10:22'",
        ),
        (vec!["tcp 192.0.2.1 > 10.0.1.10"], "192.0.2.1"),
        (vec!["--direction", "sideways", STRANGER], "ingress, egress"),
    ] {
        let run = secgroup(&[&["explain", "--policy", LAB], &arguments[..]].concat()).code(2);
        assert!(run.stderr.contains(said), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stdout, "");
    }
    secgroup(&["explain", "--policy", LAB]).code(2);
}

#[test]
fn a_flow_needs_no_quotes_but_for_the_shell() {
    let words = ["tcp", "203.0.113.7:40000", ">", "10.0.1.10:22"];
    let one = secgroup(&["explain", "--policy", LAB, STRANGER]).code(0);
    let several = secgroup(&[&["explain", "--policy", LAB], &words[..]].concat()).code(0);
    assert_eq!(one.stdout, several.stdout);
}

/// What is proposed, pasted into the template, does what it is proposed for.
#[test]
fn a_fragment_in_the_template_turns_the_verdict() {
    let folder = Folder::new();
    for flow in [
        STRANGER,
        "udp 203.0.113.7:500 > 10.0.1.10:4500",
        "icmp 13/0 203.0.113.7 > 10.0.1.10",
        "50 203.0.113.7 > 10.0.1.10",
        "tcp [2001:db8:ffff::1]:1 > [2001:db8:a::10]:22",
        "tcp 10.0.3.10:40000 > 203.0.113.7:443",
    ] {
        let verdict = |policy: &str| {
            let run = secgroup(&["explain", "--policy", policy, "--json", flow]);
            run.code(0).json()
        };
        let before = verdict(LAB);
        assert_eq!(before["verdict"], "deny", "{flow}");
        let change = &before["places"][0]["change"];
        let fragment = change["cloudformation"].as_str().unwrap();
        let fragment: String = fragment.lines().map(|line| format!("  {line}\n")).collect();
        let lab = std::fs::read_to_string(crate::support::root().join(LAB)).unwrap();
        let pasted = lab.replacen("\nResources:\n", &format!("\nResources:\n{fragment}"), 1);
        let after = verdict(&folder.file("pasted.yaml", pasted));
        assert_eq!(after["verdict"], "allow", "{flow}: {after:#}");
        assert_eq!(after["places"][0]["change"]["change"], "remove");
    }
}

/// The same as the replay says, for the first packet of each kind of verdict, in every capture that ships.
#[test]
fn a_packet_of_a_capture_as_the_replay_judges_it() {
    for capture in CAPTURES {
        let capture = format!("configs/captures/{capture}");
        let lines = verdicts(&["--policy", LAB, &capture]);
        let mut seen = std::collections::BTreeSet::new();
        for line in &lines {
            let kind = (line["reason"].to_string(), line["direction"].to_string());
            if !seen.insert(kind) {
                continue;
            }
            let packet = &line["packet"];
            let number = packet.to_string();
            let arguments = ["explain", "--policy", LAB, "--json", "--capture", &capture];
            let run = secgroup(&[&arguments[..], &["--packet", &number]].concat()).code(0);
            let told = run.json();
            let judged: Vec<_> = lines
                .iter()
                .filter(|line| line["packet"] == *packet)
                .collect();
            let places = told["places"].as_array().unwrap();
            let fields = [
                "interface",
                "direction",
                "verdict",
                "reason",
                "rule",
                "group",
            ];
            for (place, line) in places.iter().zip(&judged) {
                for field in fields {
                    assert_eq!(place[field], line[field], "{capture} {number}: {told:#}");
                }
            }
            let unjudged = judged
                .iter()
                .filter(|line| line["verdict"] == "none")
                .count();
            assert_eq!(places.len() + unjudged, judged.len(), "{capture} {number}");
            assert_eq!(told["packet"]["number"].to_string(), number);
            assert_eq!(told["packet"]["src"], judged[0]["src"]);
            assert_eq!(told["verdict"] == "none", unjudged > 0);
            let has_state =
                judged[0]["reason"] == "established" || judged[0]["reason"] == "related";
            let before = |place: &Value| !place["connection"]["before"].is_null();
            assert!(
                !has_state || before(&places[0]),
                "{capture} {number}: {told:#}"
            );
        }
    }
}

/// The handshake of the SSH connection of the capture, packet by packet.
#[test]
fn a_packet_meets_the_connection_that_those_before_it_left() {
    let lines = verdicts(&["--policy", LAB, WEB_SERVER]);
    let is_ssh = |line: &&Value| line["dport"] == 22 && line["reason"] == "new";
    let number = lines.iter().find(is_ssh).unwrap()["packet"]
        .as_u64()
        .unwrap();
    let explain = |number: u64| {
        let arguments = [
            "explain",
            "--policy",
            LAB,
            "--capture",
            WEB_SERVER,
            "--packet",
        ];
        secgroup(&[&arguments[..], &[&number.to_string()]].concat())
            .code(0)
            .stdout
    };
    let syn = explain(number);
    assert!(syn.starts_with(&format!("packet {number}, tcp ")), "{syn}");
    assert!(
        syn.contains("  opens a connection: tcp 10.0.1.10:22 < "),
        "{syn}"
    );
    assert!(
        syn.contains("\nIts answer, tcp syn+ack 10.0.1.10:22 > "),
        "{syn}"
    );
    let answer = explain(number + 1);
    assert!(answer.contains("allow (established)"), "{answer}");
    assert!(
        answer.contains(", syn-sent, 1 packet in, 0 out"),
        "{answer}"
    );
    assert!(
        answer.contains("  afterwards: tcp 10.0.1.10:22 < "),
        "{answer}"
    );
    assert!(
        answer.contains("No rule would change it: a tracked connection outlives"),
        "{answer}"
    );
}

/// A policy that changes on the way is in force for the packets behind the change.
#[test]
fn a_capture_may_have_several_policies() {
    let folder = Folder::new();
    let closed = folder.file(
        "closed.yaml",
        template("", &rule("tcp", (1, 1), "192.0.2.1/32")),
    );
    let lines = verdicts(&["--policy", LAB, WEB_SERVER]);
    let untracked = lines
        .iter()
        .rfind(|line| line["reason"] == "untracked")
        .unwrap();
    let number = untracked["packet"].to_string();
    let explain = [
        "explain",
        "--policy",
        LAB,
        "--json",
        "--capture",
        WEB_SERVER,
    ];
    let explain = [&explain[..], &["--packet", &number]].concat();
    let before = secgroup(&explain).code(0).json();
    assert_eq!(before["places"][0]["reason"], "untracked");
    let change = format!("0.001={closed}");
    let after = secgroup(&[&explain[..], &["--change-at", &change]].concat())
        .code(0)
        .json();
    assert_eq!(after["verdict"], "deny", "{after:#}");
}

#[test]
fn packets_that_are_not_there_and_contradictions() {
    let capture = ["explain", "--policy", LAB, "--capture", WEB_SERVER];
    let said = |more: &[&str]| secgroup(&[&capture[..], more].concat()).code(2).stderr;
    let stderr = said(&["--packet", "100000"]);
    assert!(
        stderr.contains("packets are numbered from 1, and there are"),
        "{stderr}"
    );
    said(&["--packet", "0"]);
    said(&[]);
    let stderr = said(&["--packet", "1", STRANGER]);
    assert!(stderr.contains("both name a packet"), "{stderr}");
    for arguments in [
        vec!["explain", STRANGER],
        vec!["explain", "--live", "--policy", LAB, STRANGER],
        vec!["explain", "--live", "--tcp", "loose", STRANGER],
        vec!["explain", "--policy", LAB, "--packet", "1"],
    ] {
        secgroup(&arguments).code(2);
    }
    let stderr = secgroup(&[
        "explain",
        "--live",
        "--socket",
        "/nonexistent/socket",
        STRANGER,
    ])
    .code(2)
    .stderr;
    assert!(stderr.contains("/nonexistent/socket"), "{stderr}");
}
