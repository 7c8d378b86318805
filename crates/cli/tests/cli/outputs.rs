//! `secgroup replay`: what is written where.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use secgroup_io::Capture;
use secgroup_testkit::capture::Pcap;
use secgroup_testkit::frame::{patch_ip, tcp};
use serde_json::Value;

use crate::support::{CAPTURES, Folder, LAB, WEB_SERVER, capture, root, secgroup, verdicts};

#[test]
fn verdict_lines_have_the_fields_that_are_documented() {
    let common = [
        "packet",
        "time",
        "interface",
        "direction",
        "src",
        "dst",
        "protocol",
        "length",
    ];
    let verdict = ["verdict", "reason", "rule", "group"];
    let reasons = [
        (
            "allow",
            vec!["established", "related", "new", "untracked", "exempt"],
        ),
        (
            "deny",
            vec![
                "no-rule",
                "invalid-state",
                "malformed",
                "fragment",
                "spoofed",
                "table-full",
            ],
        ),
        ("none", vec!["no-interface", "not-ip"]),
    ];
    for name in CAPTURES {
        for line in verdicts(&["--policy", LAB, &format!("configs/captures/{name}")]) {
            let mut expected: Vec<&str> = common.to_vec();
            let in_between: &[&str] = match line["protocol"].as_str() {
                Some("tcp" | "udp") if line["sport"].is_u64() => &["sport", "dport"],
                Some("icmp" | "icmpv6") if line["icmp_type"].is_u64() => {
                    &["icmp_type", "icmp_code"]
                }
                _ => &[],
            };
            expected.splice(7..7, in_between.iter().copied());
            expected.extend(verdict);
            if line["reason"] == "not-ip" {
                expected.push("detail");
            }
            let keys: Vec<_> = line.as_object().unwrap().keys().collect();
            assert_eq!(keys, expected, "{line}");
            let word = |field: &str| line[field].as_str().unwrap();
            let (_, known) = reasons
                .iter()
                .find(|(verdict, _)| *verdict == word("verdict"))
                .unwrap();
            assert!(known.contains(&word("reason")), "{line}");
            assert_eq!(
                line["interface"].is_null(),
                word("verdict") == "none",
                "{line}"
            );
            assert_eq!(line["rule"].is_null(), line["group"].is_null(), "{line}");
        }
    }
}

#[test]
fn verdict_lines_go_to_a_file_or_to_standard_output_and_the_report_beside_them() {
    let folder = Folder::new();
    let file = folder.path("verdicts.jsonl");
    let to_file = secgroup(&["replay", "--policy", LAB, "--verdicts", &file, WEB_SERVER]).code(0);
    assert!(to_file.stdout.contains("199 packets"), "{}", to_file.stdout);
    assert_eq!(to_file.stderr, "");
    let to_stdout = secgroup(&["replay", "--policy", LAB, "--verdicts", "-", WEB_SERVER]).code(0);
    assert!(
        to_stdout.stderr.contains("199 packets"),
        "{}",
        to_stdout.stderr
    );
    assert_eq!(to_stdout.stdout, fs::read_to_string(&file).unwrap());
    // The time is what the capture says, to the last digit.
    let first = to_stdout.stdout.lines().next().unwrap();
    assert!(
        first.starts_with(r#"{"packet":1,"time":1795228832.677066,"#),
        "{first}"
    );

    let both = secgroup(&[
        "replay",
        "--policy",
        LAB,
        "--verdicts",
        "-",
        "--json",
        WEB_SERVER,
    ]);
    assert!(both.code(2).stderr.contains("both want standard output"));
}

/// Number, time and bytes of each packet of a capture.
fn packets(path: &Path) -> Vec<(u64, Vec<u8>)> {
    let mut capture = Capture::open(path).unwrap();
    let mut packets = Vec::new();
    while let Some(record) = capture.next().unwrap() {
        packets.push((record.time.as_nanos(), record.data.to_vec()));
    }
    packets
}

#[test]
fn allowed_and_denied_packets_and_the_unjudged_ones_are_the_whole_capture() {
    let folder = Folder::new();
    for extension in ["pcap", "pcapng"] {
        for name in CAPTURES {
            let allowed = folder.path(&format!("allowed.{extension}"));
            let denied = folder.path(&format!("denied.{extension}"));
            let input = format!("configs/captures/{name}");
            let writing = ["--write-allowed", &allowed, "--write-denied", &denied];
            let lines = verdicts(&[&["--policy", LAB], &writing[..], &[&input]].concat());
            // A packet is denied where one interface denies it, whatever the other says.
            let numbers = |verdict: &str| {
                let with = |line: &&Value| line["verdict"] == verdict;
                let numbers = lines
                    .iter()
                    .filter(with)
                    .map(|line| line["packet"].as_u64().unwrap());
                numbers.collect::<BTreeSet<_>>()
            };
            let denials = numbers("deny");
            let allows = &numbers("allow") - &denials;
            let all = packets(&root().join(&input));
            let pick = |numbers: &BTreeSet<u64>| {
                let picked = numbers
                    .iter()
                    .map(|number| all[usize::try_from(*number).unwrap() - 1].clone());
                picked.collect::<Vec<_>>()
            };
            assert_eq!(
                packets(Path::new(&allowed)),
                pick(&allows),
                "{name} {extension}"
            );
            assert_eq!(
                packets(Path::new(&denied)),
                pick(&denials),
                "{name} {extension}"
            );
            let judged = allows.len() + denials.len() + numbers("none").len();
            assert_eq!(judged, all.len(), "{name}");
        }
    }
}

#[test]
fn the_format_of_written_packets_follows_the_name() {
    let folder = Folder::new();
    for (name, magic) in [
        ("a.pcap", [0x4d, 0x3c, 0xb2, 0xa1]),
        ("a.pcapng", [0x0a, 0x0d, 0x0d, 0x0a]),
        ("a.out", [0x0a, 0x0d, 0x0d, 0x0a]),
    ] {
        let path = folder.path(name);
        secgroup(&[
            "replay",
            "--policy",
            LAB,
            "--write-denied",
            &path,
            WEB_SERVER,
        ])
        .code(0);
        assert_eq!(fs::read(&path).unwrap()[..4], magic, "{name}");
    }
}

#[test]
fn an_output_never_replaces_an_input_or_another_output() {
    let folder = Folder::new();
    let bytes = fs::read(root().join(WEB_SERVER)).unwrap();
    let input = folder.file("c.pcap", &bytes);
    let policy = folder.file("p.yaml", fs::read(root().join(LAB)).unwrap());
    let other = folder.path("other");
    for options in [
        ["--verdicts", &input, "--top", "1"],
        ["--write-allowed", &input, "--top", "1"],
        ["--write-denied", &policy, "--top", "1"],
        ["--verdicts", &other, "--write-denied", &other],
    ] {
        let run = secgroup(&[&["replay", "--policy", &policy], &options[..], &[&input]].concat());
        assert!(run.code(2).stderr.contains("name"), "{options:?}");
    }
    assert_eq!(fs::read(&input).unwrap(), bytes);
    assert!(!Path::new(&other).exists());
    let run = secgroup(&[
        "replay",
        "--policy",
        LAB,
        "--write-allowed",
        "/",
        WEB_SERVER,
    ])
    .code(2);
    assert!(run.stderr.contains('/'), "{}", run.stderr);
}

#[test]
fn the_json_document_counts_what_the_lines_say() {
    let report = secgroup(&["replay", "--policy", LAB, "--json", WEB_SERVER])
        .code(0)
        .json();
    let lines = verdicts(&["--policy", LAB, WEB_SERVER]);
    let count = |value: &Value| value["packets"].as_u64().unwrap();
    let fates = report["packets"].as_object().unwrap().values();
    assert_eq!(fates.map(count).sum::<u64>(), 199);
    assert_eq!(count(&report["total"]), 199);
    assert_eq!(count(&report["captures"][0]), 199);
    for verdict in report["verdicts"].as_array().unwrap() {
        let same = lines
            .iter()
            .filter(|line| line["reason"] == verdict["reason"]);
        assert_eq!(same.count() as u64, count(verdict), "{verdict}");
    }
    for interface in report["interfaces"].as_array().unwrap() {
        for verdict in interface["verdicts"].as_array().unwrap() {
            let same = lines.iter().filter(|line| {
                let fields = ["interface", "direction"];
                fields.iter().all(|f| line[*f] == interface[*f])
                    && line["reason"] == verdict["reason"]
            });
            assert_eq!(same.count() as u64, count(verdict), "{interface}");
        }
    }
    for rule in report["rules"].as_array().unwrap() {
        let same = lines.iter().filter(|line| line["rule"] == rule["rule"]);
        assert_eq!(same.count() as u64, count(rule), "{rule}");
    }
    // Every rule of the policy is in one of the two lists.
    let listed = |name: &str| report[name].as_array().unwrap().len();
    assert_eq!((listed("rules"), listed("unused_rules")), (10, 5));
    let flow = &report["denied_flows"][0];
    assert_eq!(
        (count(flow), &flow["src"], &flow["dport"]),
        (16, &"192.0.2.66".into(), &22.into())
    );
    assert!(
        flow["why"].as_str().unwrap().contains("but for its peer"),
        "{flow}"
    );
}

#[test]
fn top_says_how_many_denied_flows_are_listed() {
    for (top, listed) in [("0", 0), ("3", 3), ("1000", 16)] {
        let report = [
            "replay", "--policy", LAB, "--json", "--top", top, WEB_SERVER,
        ];
        let report = secgroup(&report).code(0).json();
        assert_eq!(report["denied_flows"].as_array().unwrap().len(), listed);
        assert_eq!(report["denied_flow_count"], 16);
    }
}

#[test]
fn what_was_not_judged_is_said_with_the_file() {
    let folder = Folder::new();
    let frame = tcp("203.0.113.7:40000", "10.0.1.10:80", "S", b"");
    let radio = Pcap::micro().link(127).file(&[(0, &frame)]);
    let radio = folder.file("radio.pcap", radio);
    let report = secgroup(&["replay", "--policy", LAB, "--json", &radio])
        .code(0)
        .json();
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(
        warning.starts_with(&format!("{radio}: ")) && warning.contains("127"),
        "{warning}"
    );
    assert_eq!(report["packets"]["not_ip"]["packets"], 1);

    let many = vec![&*radio; 103];
    let run = secgroup(&[&["replay", "--policy", LAB], &many[..]].concat()).code(0);
    let warnings: Vec<_> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with("warning: "))
        .collect();
    assert_eq!(warnings.len(), 101);
    assert_eq!(warnings[100], "warning: 3 more warnings are not shown");
}

#[test]
fn a_malformed_frame_of_nobody_is_denied_at_no_interface() {
    let folder = Folder::new();
    let frame = tcp("203.0.113.7:40000", "203.0.113.8:80", "S", b"");
    // A version that is neither 4 nor 6.
    let file = folder.file("c.pcap", capture(&[(0.0, patch_ip(frame, 0, &[0x35]))]));
    let line = &verdicts(&["--policy", LAB, &file])[0];
    assert_eq!(
        (&line["verdict"], &line["reason"]),
        (&"deny".into(), &"malformed".into())
    );
    assert!(
        line["interface"].is_null() && line["direction"].is_null(),
        "{line}"
    );
    assert!(line["detail"].is_string(), "{line}");
    let text = secgroup(&["replay", "--policy", LAB, &file]).code(0).stdout;
    let row = text
        .lines()
        .find(|line| line.contains("(none known)"))
        .unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells, ["(none", "known)", "-", "0", "1", "malformed", "1"]);
    assert!(text.starts_with(&format!("{file}: 1 packet\n")), "{text}");
}
