//! `secgroup explain`: one packet, and why.

use crate::support::{LAB, secgroup};

const STRANGER: &str = "tcp 203.0.113.7:40000 > 10.0.1.10:22";

#[test]
fn a_denied_packet_with_each_rule_and_what_would_let_it_in() {
    let place = ["--interface", "WebInterface", "--direction", "ingress"];
    let run = secgroup(&[&["explain", "--policy", LAB], &place[..], &[STRANGER]].concat()).code(0);
    let text = &run.stdout;
    assert!(
        text.starts_with("WebInterface ingress: deny (no-rule)\n"),
        "{text}"
    );
    let outcome = |rule: &str| {
        let table = text.split("Rules considered").nth(1).unwrap();
        let line = table
            .lines()
            .find(|line| line.trim_start().starts_with(rule));
        let mut cells = line.unwrap().split("  ").map(str::trim);
        cells.find(|cell| cell.starts_with("fails on")).unwrap()
    };
    for (rule, fails_on) in [
        ("WebGroup.SecurityGroupIngress[0] ", "fails on port"),
        ("WebGroup.SecurityGroupIngress[1] ", "fails on peer, port"),
        ("WebGroup.SecurityGroupIngress[5] ", "fails on peer"),
        (
            "WebGroup.SecurityGroupIngress[6] ",
            "fails on peer, protocol",
        ),
    ] {
        assert_eq!(outcome(rule), fails_on, "{rule}");
    }
    assert!(
        !text.contains("Egress"),
        "rules of the other direction have no say: {text}"
    );
    let change = text.lines().last().unwrap();
    assert!(
        change.contains("WebGroup") && change.contains("tcp 22 from 203.0.113.7/32"),
        "{change}"
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
    let at = |index: usize, field: &str| run[index][field].clone();
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
    assert_eq!(run.as_array().unwrap().len(), 2);
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
    assert_eq!(document[0]["reason"], "exempt");
    assert_eq!(document[0]["change"]["change"], "none");
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
