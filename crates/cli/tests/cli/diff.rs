//! `secgroup diff`: what two policies would do differently, of all traffic and on captures.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::{
    CAPTURES, Folder, LAB, root, rule, secgroup, secgroup_with, template, verdicts,
};

const WIDER_OFFICE: [&str; 2] = ["198.51.100.0/24", "198.51.96.0/20"];

/// The policy of the captures with one thing in another way.
fn lab_with(folder: &Folder, [before, after]: [&str; 2]) -> String {
    let lab = fs::read_to_string(root().join(LAB)).unwrap();
    assert!(lab.contains(before), "{before}");
    folder.file("after.yaml", lab.replacen(before, after, 1))
}

#[test]
fn a_policy_does_not_differ_from_itself() {
    let run = secgroup(&["diff", LAB, LAB]).code(0);
    assert_eq!(run.stdout, "No difference.\n");
    let json = secgroup(&[
        "diff",
        "--json",
        LAB,
        LAB,
        "configs/captures/web-server.pcap",
    ])
    .code(0);
    let json = json.json();
    assert_eq!(json["differs"], false);
    assert_eq!(json["captures"]["changed_flow_count"], 0);
    assert_eq!(json["captures"]["packets"], 199);
}

#[test]
fn classes_are_told_by_traffic_peer_and_rule() {
    let folder = Folder::new();
    let after = lab_with(&folder, WIDER_OFFICE);
    let run = secgroup(&["diff", LAB, &after]).code(1);
    let rules = [4, 6, 8]
        .map(|at| format!("WebGroup.SecurityGroupIngress[{at}]"))
        .join(", ");
    let line = run.stdout.lines().nth(2).unwrap();
    let cells: Vec<_> = line
        .split("  ")
        .map(str::trim)
        .filter(|c| !c.is_empty())
        .collect();
    assert_eq!(
        cells,
        [
            "newly allowed",
            "ingress",
            "tcp 22, icmp type 8, protocol 47",
            "from 198.51.96.0/20 except 198.51.100.0/24",
            &rules,
        ]
    );
    let summary = "1 newly allowed, 0 newly denied, 0 now tracked, 0 now untracked";
    assert!(
        run.stdout
            .ends_with(&format!("Classes of new flows: {summary}\n")),
        "{}",
        run.stdout
    );

    let json = secgroup(&["diff", "--json", &after, LAB]).code(1).json();
    let class = &json["places"][0]["newly_denied"][0];
    assert_eq!(json["places"][0]["at"], serde_json::json!(["WebInterface"]));
    assert_eq!(class["family"], "IPv4");
    assert_eq!(class["traffic"].as_array().unwrap().len(), 3);
    // 198.51.96.0/20 without the fifth of its sixteen /24s.
    let ranges = [
        "198.51.96.0/22",
        "198.51.101.0/24",
        "198.51.102.0/23",
        "198.51.104.0/21",
    ];
    assert_eq!(class["ranges"], serde_json::json!(ranges));
    assert!(json.get("captures").is_none());
}

/// The flows of `diff` are those whose verdict lines differ between two replays.
#[test]
fn flows_on_captures_are_where_two_replays_differ() {
    let folder = Folder::new();
    let after = lab_with(&folder, ["CidrIp: 0.0.0.0/0", "CidrIp: 192.0.2.0/24"]);
    let mut changed = 0;
    for capture in CAPTURES {
        let path = format!("configs/captures/{capture}");
        let by_place = |policy: &str| -> BTreeMap<_, _> {
            let lines = verdicts(&["--policy", policy, &path]).into_iter();
            lines
                .map(|line| {
                    let place = ["packet", "interface", "direction"].map(|f| line[f].to_string());
                    (place, line["verdict"] == "deny")
                })
                .collect()
        };
        let (old, new) = (by_place(LAB), by_place(&after));
        let denied = |of: &BTreeMap<_, bool>, not_of: &BTreeMap<_, bool>| {
            of.iter()
                .filter(|(place, denied)| **denied && !not_of[*place])
                .count()
        };
        let json = secgroup(&["diff", "--json", LAB, &after, &path])
            .code(1)
            .json();
        let told = |field: &str| json["captures"][field]["packets"].as_u64().unwrap();
        assert_eq!(told("newly_denied"), denied(&new, &old) as u64, "{capture}");
        assert_eq!(
            told("newly_allowed"),
            denied(&old, &new) as u64,
            "{capture}"
        );
        let flows = json["captures"]["changed_flows"].as_array().unwrap();
        let sum = |field: &str| -> u64 {
            flows
                .iter()
                .map(|flow| flow[field]["packets"].as_u64().unwrap())
                .sum()
        };
        assert_eq!(sum("newly_denied"), told("newly_denied"), "{capture}");
        changed += flows.len();
    }
    assert!(changed > 0, "no capture has a flow that changes");
}

#[test]
fn a_flow_is_told_with_both_verdicts() {
    let folder = Folder::new();
    let after = lab_with(&folder, ["CidrIp: 0.0.0.0/0", "CidrIp: 192.0.2.0/24"]);
    let capture = "configs/captures/web-server.pcap";
    let run = secgroup(&["diff", LAB, &after, "--top", "1", capture]).code(1);
    let flow = run
        .stdout
        .lines()
        .find(|line| line.contains("203.0.113.10:"))
        .unwrap();
    for words in [
        "newly denied",
        "WebInterface ingress",
        "> 10.0.1.10:80",
        "allow (untracked) by WebGroup.SecurityGroupIngress[0]",
        "deny (no-rule): WebGroup.SecurityGroupIngress[0]",
    ] {
        assert!(flow.contains(words), "{words}: {flow}");
    }
    // From a pipe, too.
    let bytes = fs::read(root().join(capture)).unwrap();
    let piped = secgroup_with(&["diff", "--json", LAB, &after, "-"], &bytes)
        .code(1)
        .json();
    let named = secgroup(&["diff", "--json", LAB, &after, capture])
        .code(1)
        .json();
    assert_eq!(
        piped["captures"]["changed_flows"],
        named["captures"]["changed_flows"]
    );
}

#[test]
fn policies_may_be_folders_and_have_files_in_common() {
    let folder = Folder::new();
    let ssh = |cidr: &str| template(&rule("tcp", (22, 22), cidr), "");
    let (old, new) = (ssh("10.0.0.0/8"), ssh("10.0.0.0/9"));
    for (name, text) in [("old", old), ("new", new)] {
        fs::create_dir(folder.path(name)).unwrap();
        folder.file(&format!("{name}/policy.yaml"), text);
        folder.file(&format!("{name}/notes.txt"), "not a policy");
    }
    let [old, new] = ["old", "new"].map(|name| folder.path(name));
    let other = template(&rule("udp", (53, 53), "10.0.0.0/8"), "");
    let other = other
        .replace("  Group:\n", "  Other:\n")
        .replace("!Ref Group", "!Ref Other");
    let other = other.replace("  Interface:\n", "  OtherInterface:\n");
    let common = folder.file("common.yaml", other.replace("10.0.1.10", "10.0.1.11"));
    let json = secgroup(&["diff", "--json", &old, &new, "--with", &common])
        .code(1)
        .json();
    let places = json["places"].as_array().unwrap();
    assert_eq!(places.len(), 1, "{json}");
    assert_eq!(
        places[0]["newly_denied"][0]["ranges"],
        serde_json::json!(["10.128.0.0/9"])
    );
    assert_eq!(
        places[0]["newly_denied"][0]["peers"][0]["except"][0]["peer"],
        "10.0.0.0/9"
    );
    let empty = folder.path("empty");
    fs::create_dir(&empty).unwrap();
    let refused = secgroup(&["diff", &empty, &new]).code(2);
    assert!(
        refused.stderr.contains("has no policy"),
        "{}",
        refused.stderr
    );
}

#[test]
fn what_decides_beside_the_rules_is_told() {
    let folder = Folder::new();
    let policy = template(&rule("tcp", (22, 22), "10.0.0.0/8"), "");
    let old = folder.file("old.yaml", &policy);
    let forwarder = policy.replace("GroupSet:", "SourceDestCheck: false\n      GroupSet:");
    let new = folder.file("new.yaml", forwarder);
    let json = secgroup(&["diff", "--json", &old, &new]).code(1).json();
    assert_eq!(json["places"], Value::Array(Vec::new()));
    assert_eq!(json["settings"][0]["setting"], "source/destination check");
    assert_eq!(
        (&json["settings"][0]["old"], &json["settings"][0]["new"]),
        (&"on".into(), &"off".into())
    );
    let text = secgroup(&["diff", &old, &new]).code(1).stdout;
    assert!(text.contains("Beside the rules"), "{text}");
}

#[test]
fn bad_usage_and_input_end_with_2() {
    for (arguments, said) in [
        (vec![LAB], "<NEW>"),
        (vec![LAB, "missing.yaml"], "missing.yaml"),
        (vec![LAB, LAB, LAB], "compares two policies"),
        (vec![LAB, LAB, "-", "-"], "only once"),
        (vec![LAB, LAB, "missing.pcap"], "missing.pcap"),
        (vec![LAB, LAB, "--vpc", "vpc-none"], "vpc-none"),
    ] {
        let run = secgroup(&[&["diff"], &arguments[..]].concat()).code(2);
        assert!(run.stderr.contains(said), "{arguments:?}: {}", run.stderr);
    }
}
