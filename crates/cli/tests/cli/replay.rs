//! `secgroup replay`: which policies, which interfaces, which captures, and how it ends.

use std::collections::BTreeSet;
use std::fs;

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
    let device = ["--attach-device", "web=nodevice0"];
    let run = secgroup(&[&["replay", "--policy", LAB], &device[..], &[WEB_SERVER]].concat());
    assert!(
        run.stderr.contains("no device 'nodevice0'; there are: "),
        "{}",
        run.stderr
    );
    run.code(2);
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
        run.stderr.contains("10.0.1.10 belongs to both"),
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
