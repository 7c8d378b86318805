//! `secgroup audit`: what captures say about a policy, and the narrowest one that does the same.

use std::fs;

use serde_json::Value;

use crate::support::{
    CAPTURES, Folder, LAB, WEB_SERVER, capture, rule, secgroup, template, verdicts,
};

fn rule_of<'a>(json: &'a Value, id: &str) -> &'a Value {
    let mut rules = json["rules"].as_array().unwrap().iter();
    rules.find(|rule| rule["rule"] == id).unwrap()
}

/// Packet, direction and whether it is denied, of each verdict.
fn denials(policy: &str, capture: &str) -> Vec<(Value, Value, Value)> {
    verdicts(&["--policy", policy, capture])
        .into_iter()
        .map(|line| {
            let verdict = line["verdict"].clone();
            (line["packet"].clone(), line["direction"].clone(), verdict)
        })
        .collect()
}

/// The suggestion of each capture that ships, and of all of them, replayed by itself.
#[test]
fn a_suggestion_gives_every_packet_that_ships_its_verdict() {
    let folder = Folder::new();
    let paths = CAPTURES.map(|capture| format!("configs/captures/{capture}"));
    let mut sets: Vec<Vec<&str>> = paths.iter().map(|path| vec![path.as_str()]).collect();
    sets.push(paths.iter().map(String::as_str).collect());
    for captures in sets {
        let suggestion = folder.path("narrow.yaml");
        let typed = [
            &["audit", "--json", "--policy", LAB, "--suggest", &suggestion],
            &captures[..],
        ];
        let json = secgroup(&typed.concat()).code(0).json();
        let told = &json["suggestion"];
        assert_eq!(told["exact"], true, "{captures:?}: {told}");
        assert!(
            told["rules_after"].as_u64() > Some(0),
            "{captures:?}: {told}"
        );
        if let [one] = captures[..] {
            assert_eq!(denials(&suggestion, one), denials(LAB, one), "{one}");
        }
        // Nothing is in it that was not in the policy, but for the rule that keeps CloudFormation
        // from adding one.
        let difference = secgroup(&["diff", "--json", LAB, &suggestion])
            .code(1)
            .json();
        for place in difference["places"].as_array().unwrap() {
            for class in place["newly_allowed"].as_array().unwrap() {
                assert_eq!(
                    class["ranges"],
                    serde_json::json!(["127.0.0.1/32"]),
                    "{captures:?}"
                );
            }
        }
        for one in ["vanished", "appeared", "settings"] {
            assert_eq!(difference[one], serde_json::json!([]), "{captures:?}");
        }
    }
}

#[test]
fn rules_are_told_with_hits_and_what_would_do() {
    let json = secgroup(&["audit", "--json", "--policy", LAB, WEB_SERVER])
        .code(0)
        .json();
    let replayed = secgroup(&["replay", "--json", "--policy", LAB, WEB_SERVER])
        .code(0)
        .json();
    for hit in replayed["rules"].as_array().unwrap() {
        let told = rule_of(&json, hit["rule"].as_str().unwrap());
        assert_eq!(told["packets"], hit["packets"], "{hit}");
    }
    let of_gre = rule_of(&json, "WebGroup.SecurityGroupIngress[8]");
    assert_eq!(
        (&of_gre["finding"], &of_gre["packets"]),
        (&"unused".into(), &0.into())
    );
    let ssh = rule_of(&json, "WebGroup.SecurityGroupIngress[4]");
    assert_eq!(ssh["finding"], "wider");
    let proposed = ssh["proposed"].as_array().unwrap();
    assert!(proposed.iter().all(|rule| {
        rule.as_str()
            .unwrap()
            .starts_with("tcp 22 from 198.51.100.")
    }));

    let text = secgroup(&["audit", "--policy", LAB, WEB_SERVER])
        .code(0)
        .stdout;
    for words in [
        "Rules by group",
        "never used",
        "wider than seen",
        "answers only",
        "The narrowest policy",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

/// Traffic of a test: TCP segments by flags, at a tenth of a second each.
fn traffic(segments: &[(&str, &str, &str)]) -> Vec<u8> {
    let frames: Vec<_> = (0_u32..)
        .zip(segments)
        .map(|(at, (src, dst, flags))| {
            (
                f64::from(at) / 10.0,
                secgroup_testkit::frame::tcp(src, dst, flags, b""),
            )
        })
        .collect();
    capture(&frames)
}

/// A connection that was there before the capture passes untracked only: the rules that leave it
/// untracked stay open to everybody, and whole.
#[test]
fn a_rule_stays_wide_where_an_untracked_connection_needs_it() {
    let folder = Folder::new();
    let everything = rule("\"-1\"", (-1, -1), "0.0.0.0/0");
    let web = rule("tcp", (80, 90), "0.0.0.0/0");
    let policy = folder.file("open.yaml", template(&web, &everything));
    let (client, server) = ("203.0.113.7:40000", "10.0.1.10:80");
    let whole = [
        (client, server, "S"),
        (server, client, "SA"),
        (client, server, "A"),
    ];
    let handshake = folder.file("whole.pcap", traffic(&whole));
    let json = secgroup(&["audit", "--json", "--policy", &policy, &handshake])
        .code(0)
        .json();
    let ingress = rule_of(&json, "Group.SecurityGroupIngress[0]");
    assert_eq!(
        ingress["proposed"],
        serde_json::json!(["tcp 80 from 203.0.113.7/32"])
    );
    assert_eq!(json["suggestion"]["now_tracked"]["packets"], 3);
    assert_eq!(
        rule_of(&json, "Group.SecurityGroupEgress[0]")["finding"],
        "answers-only"
    );

    let middle = folder.file("middle.pcap", traffic(&whole[2..]));
    let json = secgroup(&["audit", "--json", "--policy", &policy, &middle])
        .code(0)
        .json();
    let ingress = rule_of(&json, "Group.SecurityGroupIngress[0]");
    assert_eq!(
        ingress["proposed"],
        serde_json::json!(["tcp 80 from 0.0.0.0/0"])
    );
    assert!(
        ingress["because"].as_str().unwrap().contains("untracked"),
        "{ingress}"
    );
    let egress = rule_of(&json, "Group.SecurityGroupEgress[0]");
    assert_eq!(egress["finding"], "kept");
    assert_eq!(json["suggestion"]["exact"], true);
}

#[test]
fn denials_that_look_wrong_and_ports_open_to_everybody_are_told() {
    let folder = Folder::new();
    let ssh = rule("tcp", (22, 22), "0.0.0.0/0");
    let policy = folder.file("ssh.yaml", template(&ssh, ""));
    let (app, stranger, host) = ("10.0.2.5:41000", "203.0.113.7:41000", "10.0.1.10:5432");
    let segments = [
        (app, host, "S"),
        (app, host, "S"),
        (app, host, "S"),
        (stranger, host, "S"),
        (stranger, host, "S"),
    ];
    let asked = folder.file("asked.pcap", traffic(&segments));
    let json = secgroup(&["audit", "--json", "--policy", &policy, &asked])
        .code(0)
        .json();
    let denied = json["denied"].as_array().unwrap();
    assert_eq!(denied.len(), 1, "a stranger is no finding: {json}");
    assert_eq!(
        (&denied[0]["peer"], &denied[0]["traffic"]),
        (&"10.0.2.5".into(), &"tcp 5432".into())
    );
    assert_eq!(
        denied[0]["looks"],
        serde_json::json!(["internal address", "repeated 3 times"])
    );
    assert_eq!(json["denied_service_count"], 2);
    assert_eq!(json["open"][0]["beyond"], serde_json::json!(["tcp 22"]));
    let usual = [
        "audit", "--json", "--usual", "tcp/22", "--policy", &policy, &asked,
    ];
    let json = secgroup(&usual).code(0).json();
    assert_eq!(json["open"], serde_json::json!([]));
}

#[test]
fn bad_usage_and_input_end_with_2_and_write_nothing() {
    let folder = Folder::new();
    let suggestion = folder.path("narrow.yaml");
    for (arguments, said) in [
        (vec!["--policy", LAB, "-"], "write it to a file"),
        (vec!["--policy", LAB], "CAPTURE"),
        (
            vec!["--policy", LAB, "--suggest", LAB, WEB_SERVER],
            "would write over",
        ),
        (
            vec!["--policy", LAB, "--suggest", &suggestion, "missing.pcap"],
            "missing.pcap",
        ),
        (
            vec!["--policy", LAB, "--usual", "icmp/8", WEB_SERVER],
            "icmp/8",
        ),
    ] {
        let run = secgroup(&[&["audit"], &arguments[..]].concat()).code(2);
        assert!(run.stderr.contains(said), "{arguments:?}: {}", run.stderr);
    }
    assert!(
        !fs::exists(&suggestion).unwrap(),
        "what was not read whole is no ground for advice"
    );
}
