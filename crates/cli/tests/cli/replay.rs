//! `secgroup replay`: which policies, which interfaces, what is written where, and how it ends.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use secgroup_io::Capture;
use serde_json::Value;

use crate::support::{
    CAPTURES, Folder, LAB, WEB_SERVER, capture, fields, lines, root, rule, secgroup, secgroup_with,
    template, verdicts,
};
use secgroup_testkit::frame::{tcp, udp};

const DUMPS: [&str; 4] = [
    "configs/dumps/describe-network-interfaces.json",
    "configs/dumps/describe-security-groups.json",
    "configs/dumps/describe-subnets.json",
    "configs/dumps/describe-vpcs.json",
];

/// Two groups and no interface: `web` for HTTP, `Ssh` for SSH from one host.
const GROUPS: &str = "Resources:
  WebGroup:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupName: web
      GroupDescription: HTTP
      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0}]
  Ssh:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: SSH
      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 203.0.113.1/32}]
";

/// What the verdicts say about packets from `src` to port `port`.
fn reasons(lines: &[Value], src: &str, port: u16) -> BTreeSet<String> {
    let wanted = |line: &&Value| line["src"] == src && line["dport"] == port;
    let reason = |line: &Value| line["reason"].as_str().unwrap().to_owned();
    lines.iter().filter(wanted).map(reason).collect()
}

#[test]
fn several_policy_files_merge_whichever_way_they_are_given() {
    let options: Vec<_> = DUMPS.iter().flat_map(|file| ["--policy", file]).collect();
    let by_option = verdicts(&[&options[..], &[WEB_SERVER]].concat());
    let by_shell = verdicts(&[&["--policy"], &DUMPS[..], &[WEB_SERVER]].concat());
    assert_eq!(by_option, by_shell);
    assert_eq!(
        reasons(&by_option, "203.0.113.10", 80),
        ["untracked".to_owned()].into()
    );
}

#[test]
fn groups_are_attached_by_id_or_name_to_one_or_several_addresses() {
    let folder = Folder::new();
    let groups = folder.file("groups.yaml", GROUPS);
    let replay =
        |attach: &[&str]| verdicts(&[&["--policy", &groups], attach, &[WEB_SERVER]].concat());
    let web = replay(&["--attach", "web=10.0.1.10"]);
    assert_eq!(
        reasons(&web, "203.0.113.10", 80),
        ["untracked".to_owned()].into()
    );
    assert_eq!(
        reasons(&web, "203.0.113.1", 22),
        ["no-rule".to_owned()].into()
    );
    assert!(web.iter().any(|line| line["interface"] == "10.0.1.10"));
    assert_eq!(web, replay(&["--attach", "WebGroup=10.0.1.10"]));

    let both = replay(&["--attach", "WebGroup,Ssh=10.0.1.10,2001:db8:a::10"]);
    let tracked = ["established", "new"].map(str::to_owned);
    assert_eq!(reasons(&both, "203.0.113.1", 22), tracked.into());
    // One interface with two addresses, called by the first; no rule lets IPv6 in.
    assert_eq!(
        reasons(&both, "2001:db8:1::10", 80),
        ["no-rule".to_owned()].into()
    );
    let names: BTreeSet<_> = both
        .iter()
        .filter_map(|line| line["interface"].as_str())
        .collect();
    assert_eq!(names, BTreeSet::from(["10.0.1.10"]));

    let two = replay(&["--attach", "web=10.0.1.10", "--attach", "Ssh=10.0.2.10"]);
    let names: BTreeSet<_> = two
        .iter()
        .filter_map(|line| line["interface"].as_str())
        .collect();
    assert_eq!(names, BTreeSet::from(["10.0.1.10", "10.0.2.10"]));
}

#[test]
fn what_cannot_be_attached_is_said_with_what_could() {
    let cases = [
        ("nobody=10.9.9.9", "there are: AppGroup, DbGroup, WebGroup"),
        (
            "web=10.0.1.10",
            "10.0.1.10 is an address of WebInterface already",
        ),
        ("web", "such as 'web,ssh=10.0.1.10'"),
        ("web=10.0.0.0/8", "without a prefix length"),
    ];
    for (attach, said) in cases {
        let run = secgroup(&["replay", "--policy", LAB, "--attach", attach, WEB_SERVER]).code(2);
        assert!(run.stderr.contains(said), "{attach}: {}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn a_policy_without_interfaces_says_how_to_go_on() {
    let folder = Folder::new();
    let groups = folder.file("groups.yaml", GROUPS);
    let run = secgroup(&["replay", "--policy", &groups, WEB_SERVER]).code(0);
    assert!(
        run.stdout.contains("no network interfaces"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("--attach GROUP=ADDRESS"),
        "{}",
        run.stdout
    );
}

#[test]
fn parameters_of_templates_can_be_given() {
    let stranger = |parameters: &[&str]| {
        let lines = verdicts(&[&["--policy", LAB], parameters, &[WEB_SERVER]].concat());
        reasons(&lines, "192.0.2.66", 22)
    };
    assert_eq!(stranger(&[]), ["no-rule".to_owned()].into());
    let let_in = stranger(&["--parameter", "OfficeCidr=192.0.2.0/24"]);
    assert_eq!(let_in, ["established", "new"].map(str::to_owned).into());
}

#[test]
fn a_policy_change_keeps_tracked_connections_and_cuts_untracked_flows() {
    let folder = Folder::new();
    let (http, ssh) = (
        rule("tcp", (80, 80), "0.0.0.0/0"),
        rule("tcp", (22, 22), "203.0.113.0/24"),
    );
    let all = rule("'-1'", (-1, -1), "0.0.0.0/0");
    let before = folder.file("before.yaml", template(&format!("{http}, {ssh}"), &all));
    let nothing = rule("tcp", (1, 1), "192.0.2.1/32");
    let after = folder.file("after.yaml", template(&nothing, &all));
    let (client, web, shell) = ("203.0.113.7:40000", "10.0.1.10:80", "10.0.1.10:22");
    let file = folder.file(
        "c.pcap",
        capture(&[
            (0.0, tcp(client, web, "S", b"")),
            (0.1, tcp(client, shell, "S", b"")),
            (0.2, tcp(shell, client, "SA", b"")),
            (0.3, tcp(client, shell, "A", b"")),
            (12.49, tcp(client, web, "A", b"")),
            (12.5, tcp(client, web, "A", b"")),
            (12.6, tcp(client, shell, "PA", b"hello")),
        ]),
    );
    let change = format!("12.5={after}");
    let said = [
        "--policy",
        &before,
        "--change-at",
        &change,
        "--change-grace",
        "0",
        &file,
    ];
    assert_eq!(
        fields(&verdicts(&said), &["reason"]),
        [
            "untracked",
            "new",
            "established",
            "established",
            "untracked",
            "no-rule",
            "established"
        ]
    );
    let report = secgroup(&[&["replay", "--json"], &said[..]].concat())
        .code(0)
        .json();
    assert_eq!(report["changes"][0]["first_packet"], 6);
    assert_eq!(report["changes"][0]["after_seconds"], 12.5);
    assert_eq!(report["changes"][0]["files"], serde_json::json!([after]));
}

#[test]
fn a_change_is_bad_usage_where_its_time_or_its_policy_is() {
    for (change, said) in [
        (format!("soon={LAB}"), "'soon' is not a number of seconds"),
        (LAB.to_owned(), "is not SECONDS=FILE"),
        ("3=".to_owned(), "the file after '=' is missing"),
        ("3=nowhere.yaml".to_owned(), "cannot read nowhere.yaml"),
    ] {
        let run = secgroup(&[
            "replay",
            "--policy",
            LAB,
            "--change-at",
            &change,
            WEB_SERVER,
        ])
        .code(2);
        assert!(run.stderr.contains(said), "{change}: {}", run.stderr);
    }
}

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
fn fail_on_deny_fails_on_a_denied_packet_only() {
    let folder = Folder::new();
    let policy = template(&rule("tcp", (80, 80), "0.0.0.0/0"), "");
    let policy = folder.file("p.yaml", policy);
    let open = tcp("203.0.113.7:40000", "10.0.1.10:80", "S", b"");
    let nobodys = udp("203.0.113.7:40000", "203.0.113.8:53", b"");
    let closed = tcp("203.0.113.7:40000", "10.0.1.10:81", "S", b"");
    let good = folder.file("good.pcap", capture(&[(0.0, open.clone()), (0.1, nobodys)]));
    let bad = folder.file("bad.pcap", capture(&[(0.0, open), (0.1, closed)]));
    for (file, asked, code) in [(&good, true, 0), (&bad, true, 1), (&bad, false, 0)] {
        let asked: &[&str] = if asked { &["--fail-on-deny"] } else { &[] };
        secgroup(&[&["replay", "--policy", &policy], asked, &[file]].concat()).code(code);
    }
}

#[test]
fn an_address_in_two_vpcs_needs_the_vpc() {
    let folder = Folder::new();
    let of_vpc = |vpc: &str, port: i32| {
        template(&rule("tcp", (port, port), "0.0.0.0/0"), "").replace("vpc-0123456789abcdef0", vpc)
    };
    let one = folder.file("one.yaml", of_vpc("vpc-00000000000000001", 80));
    let two = folder.file("two.yaml", of_vpc("vpc-00000000000000002", 81));
    let frame = tcp("203.0.113.7:40000", "10.0.1.10:80", "S", b"");
    let file = folder.file("c.pcap", capture(&[(0.0, frame)]));
    let run = secgroup(&["replay", "--policy", &one, "--policy", &two, &file]).code(2);
    assert!(
        run.stderr.contains("10.0.1.10 is an address of both"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("--vpc"), "{}", run.stderr);
    for (vpc, reason) in [
        ("vpc-00000000000000001", "untracked"),
        ("vpc-00000000000000002", "no-rule"),
    ] {
        let lines = verdicts(&["--policy", &one, "--policy", &two, "--vpc", vpc, &file]);
        assert_eq!(fields(&lines, &["reason"]), [reason], "{vpc}");
    }
    let run = secgroup(&["replay", "--policy", &one, "--vpc", "vpc-9", &file]).code(2);
    assert!(
        run.stderr.contains("vpc-00000000000000001"),
        "{}",
        run.stderr
    );
}

#[test]
fn captures_are_read_from_standard_input_compressed_or_not() {
    for name in CAPTURES {
        let path = format!("configs/captures/{name}");
        let from_file = secgroup(&["replay", "--policy", LAB, "--verdicts", "-", &path]).code(0);
        let bytes = fs::read(root().join(&path)).unwrap();
        let arguments = ["replay", "--policy", LAB, "--verdicts", "-", "-"];
        let from_stdin = secgroup_with(&arguments, &bytes).code(0);
        assert_eq!(from_file.stdout, from_stdin.stdout, "{name}");
    }
    let run = secgroup(&["replay", "--policy", LAB, "-", "-"]).code(2);
    assert!(run.stderr.contains("only once"), "{}", run.stderr);
}

#[test]
fn several_captures_are_one_stream_and_lines_say_which() {
    let (one, other) = (
        "configs/captures/other-protocols.pcap",
        "configs/captures/ipv6.pcap.zst",
    );
    let both = verdicts(&["--policy", LAB, one, other]);
    let alone = [
        verdicts(&["--policy", LAB, one]),
        verdicts(&["--policy", LAB, other]),
    ];
    assert_eq!(both.len(), alone[0].len() + alone[1].len());
    assert!(alone.iter().flatten().all(|line| line["capture"].is_null()));
    for line in &both {
        let number = line["packet"].as_u64().unwrap();
        let file = if number <= 20 { one } else { other };
        assert_eq!(line["capture"], file);
    }
    assert_eq!(both.last().unwrap()["packet"], 20 + 45);
}

#[test]
fn a_damaged_capture_is_used_up_to_the_damage() {
    let folder = Folder::new();
    let bytes = fs::read(root().join(WEB_SERVER)).unwrap();
    let cut = folder.file("cut.pcap", &bytes[..bytes.len() / 2]);
    let run = secgroup(&["replay", "--policy", LAB, "--verdicts", "-", &cut]).code(2);
    let whole = verdicts(&["--policy", LAB, WEB_SERVER]);
    let part = lines(&run.stdout);
    assert!(part.len() > 50 && part.len() < whole.len());
    assert_eq!(part, whole[..part.len()]);
    let last = part.last().unwrap()["packet"].as_u64().unwrap();
    let error = run
        .stderr
        .lines()
        .find(|line| line.starts_with("error: "))
        .unwrap();
    assert!(error.contains(&cut), "{error}");
    assert!(
        error.contains("byte ") && error.contains(&format!("after {last} packets")),
        "{error}"
    );
    assert!(run.stderr.contains("ended early"), "{}", run.stderr);

    // The captures after it are read all the same, and an input error weighs more than a denial.
    let run = secgroup(&[
        "replay",
        "--policy",
        LAB,
        "--fail-on-deny",
        "--json",
        &cut,
        WEB_SERVER,
    ]);
    let report = run.code(2).json();
    assert_eq!(report["captures"][1]["packets"], 199);
    assert!(
        report["captures"][0]["error"]
            .as_str()
            .unwrap()
            .contains("truncated")
    );
}

#[test]
fn what_is_no_capture_is_refused_by_name() {
    let folder = Folder::new();
    let text = folder.file(
        "notes.txt",
        "not a capture at all, but long enough to look like one",
    );
    let empty = folder.file("empty.pcap", "");
    let missing = folder.path("missing.pcap");
    for (file, said) in [
        (&text, "not a capture"),
        (&empty, "empty"),
        (&missing, "cannot open"),
    ] {
        let run = secgroup(&["replay", "--policy", LAB, file]).code(2);
        assert!(
            run.stderr.contains(&**file) && run.stderr.contains(said),
            "{}",
            run.stderr
        );
    }
    let run = secgroup(&["replay", "--policy", LAB, LAB]).code(2);
    assert!(run.stderr.contains("no capture"), "{}", run.stderr);
    secgroup(&["replay", WEB_SERVER]).code(2);
    secgroup(&["replay", "--policy", LAB]).code(2);
    secgroup(&["replay", "--policy", LAB, "--nonsense", WEB_SERVER]).code(2);
    secgroup::<&str>(&[]).code(2);
}

#[test]
fn every_fault_of_a_policy_is_told_and_nothing_is_replayed() {
    let folder = Folder::new();
    let faulty = template(
        "{IpProtocol: tcp, FromPort: 80, ToPort: 79, CidrIp: 0.0.0.0/0}, \
         {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 10.0.0.300/32}",
        "",
    );
    let policy = folder.file("faulty.yaml", faulty);
    let run = secgroup(&["replay", "--policy", &policy, WEB_SERVER]).code(2);
    assert_eq!(run.stdout, "");
    let errors = run.stderr.lines().filter(|line| line.starts_with("error"));
    assert_eq!(errors.count(), 2, "{}", run.stderr);
    assert!(run.stderr.contains("10.0.0.300/32"), "{}", run.stderr);
    assert!(
        run.stderr.contains(&format!("{policy}:7:")),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .ends_with("The policy has 2 errors; nothing was done.\n"),
        "{}",
        run.stderr
    );
}
