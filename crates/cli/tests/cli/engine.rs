//! What each option of the engine changes, on captures of a few packets, and on the same with the
//! default beside it.

use secgroup_testkit::frame::{patch_l4, pong, quote, tcp, udp};

use crate::support::{
    Folder, LAB, WEB_SERVER, capture, fields, rule, secgroup, template, verdicts,
};

const CLIENT: &str = "203.0.113.7:40000";
const SHELL: &str = "10.0.1.10:22";

/// The world, as rules say it.
const WORLD: &str = "0.0.0.0/0";
const ALL: (i32, i32) = (-1, -1);

/// The reasons that a replay of `frames` gives under these rules with these options.
fn reasons(
    (ingress, egress): (&str, &str),
    frames: &[(f64, Vec<u8>)],
    options: &[&str],
) -> Vec<String> {
    let folder = Folder::new();
    let policy = folder.file("policy.yaml", template(ingress, egress));
    let file = folder.file("capture.pcap", capture(frames));
    fields(
        &verdicts(&[&["--policy", &policy], options, &[&file]].concat()),
        &["reason"],
    )
}

/// SSH in from everybody; nothing that matters out, so that every flow is tracked.
fn ssh_only() -> (String, String) {
    (
        rule("tcp", (22, 22), WORLD),
        rule("tcp", (1, 1), "192.0.2.1/32"),
    )
}

/// Everything out, nothing that matters in: what goes out is tracked.
fn out_only() -> (String, String) {
    (
        rule("tcp", (1, 1), "192.0.2.1/32"),
        rule("'-1'", ALL, WORLD),
    )
}

fn with(
    (ingress, egress): &(String, String),
    frames: &[(f64, Vec<u8>)],
    options: &[&str],
) -> Vec<String> {
    reasons((ingress, egress), frames, options)
}

#[test]
fn loose_tcp_opens_connections_in_their_middle() {
    let frames = [
        (0.0, tcp(CLIENT, SHELL, "A", b"")),
        (0.1, tcp(SHELL, CLIENT, "A", b"")),
    ];
    assert_eq!(
        with(&ssh_only(), &frames, &[]),
        ["invalid-state", "no-rule"]
    );
    assert_eq!(
        with(&ssh_only(), &frames, &["--tcp", "strict"]),
        ["invalid-state", "no-rule"]
    );
    assert_eq!(
        with(&ssh_only(), &frames, &["--tcp", "loose"]),
        ["new", "established"]
    );
}

#[test]
fn start_grace_opens_connections_in_their_middle_for_a_while() {
    let frames = [
        (0.0, tcp("203.0.113.7:1000", SHELL, "A", b"")),
        (10.0, tcp("203.0.113.7:1001", SHELL, "A", b"")),
        (10.1, tcp("203.0.113.7:1002", SHELL, "A", b"")),
        (10.2, tcp("203.0.113.7:1001", SHELL, "A", b"")),
    ];
    let strict = ["invalid-state"; 4];
    assert_eq!(with(&ssh_only(), &frames, &[]), strict);
    let graceful = ["new", "new", "invalid-state", "established"];
    assert_eq!(
        with(&ssh_only(), &frames, &["--start-grace", "10"]),
        graceful
    );
}

#[test]
fn change_grace_keeps_flows_that_were_untracked() {
    let folder = Folder::new();
    let all_out = rule("'-1'", ALL, WORLD);
    let untracked = folder.file(
        "before.yaml",
        template(&rule("tcp", (80, 80), WORLD), &all_out),
    );
    let narrowed = rule("tcp", (80, 80), "203.0.113.0/24");
    let tracked = folder.file("after.yaml", template(&narrowed, &all_out));
    let web = "10.0.1.10:80";
    let frames = [
        (0.0, tcp(CLIENT, web, "S", b"")),
        (1.0, tcp(web, CLIENT, "SA", b"")),
        (2.0, tcp(CLIENT, web, "A", b"")),
        (3.0, tcp(web, CLIENT, "PA", b"x")),
    ];
    let file = folder.file("capture.pcap", capture(&frames));
    let change = format!("1.5={tracked}");
    let replay = |options: &[&str]| {
        let policy = ["--policy", &untracked, "--change-at", &change];
        fields(
            &verdicts(&[&policy, options, &[&file]].concat()),
            &["reason"],
        )
    };
    assert_eq!(
        replay(&[]),
        ["untracked", "untracked", "new", "established"]
    );
    let without = replay(&["--change-grace", "0"]);
    assert_eq!(
        without,
        ["untracked", "untracked", "invalid-state", "invalid-state"]
    );
}

#[test]
fn related_icmp_errors_can_be_left_to_the_rules() {
    let asked = udp("10.0.1.10:5000", "203.0.113.7:53", b"?");
    let error = quote(&asked, 3, 3, "203.0.113.7");
    let frames = [(0.0, asked), (0.1, error)];
    assert_eq!(with(&out_only(), &frames, &[]), ["new", "related"]);
    assert_eq!(
        with(&out_only(), &frames, &["--no-icmp-related"]),
        ["new", "no-rule"]
    );
}

#[test]
fn checksums_are_verified_where_asked() {
    let damaged = patch_l4(tcp(CLIENT, SHELL, "S", b""), 16, &[0xde, 0xad]);
    let frames = [(0.0, damaged), (0.1, tcp(CLIENT, SHELL, "S", b""))];
    assert_eq!(with(&ssh_only(), &frames, &[]), ["new", "established"]);
    let verified = with(&ssh_only(), &frames, &["--verify-checksums"]);
    assert_eq!(verified, ["malformed", "new"]);
}

#[test]
fn exemptions_can_be_taken_away() {
    let frames = [(0.0, udp("10.0.1.10:5000", "169.254.169.253:53", b"?"))];
    assert_eq!(with(&ssh_only(), &frames, &[]), ["exempt"]);
    assert_eq!(
        with(&ssh_only(), &frames, &["--no-exemptions"]),
        ["no-rule"]
    );
}

#[test]
fn the_link_local_allowance_can_be_set_and_lifted() {
    let ask = || udp("10.0.1.10:5000", "169.254.169.253:53", b"?");
    let burst: Vec<_> = (0..1100).map(|n| (f64::from(n) / 2000.0, ask())).collect();
    let exceeded = |options: &[&str]| {
        let reasons = with(&ssh_only(), &burst, options);
        reasons
            .iter()
            .filter(|reason| *reason == "link-local-exceeded")
            .count()
    };
    assert_eq!(exceeded(&[]), 1100 - 1024);
    assert_eq!(exceeded(&["--link-local-pps", "100"]), 1000);
    assert_eq!(exceeded(&["--link-local-pps", "0"]), 0);
}

#[test]
fn flows_can_be_tracked_whatever_the_rules() {
    let rules = (rule("tcp", (80, 80), WORLD), rule("'-1'", ALL, WORLD));
    let web = "10.0.1.10:80";
    let frames = [
        (0.0, tcp("203.0.113.7:1", web, "S", b"")),
        (0.1, tcp("198.51.100.7:1", web, "S", b"")),
    ];
    assert_eq!(with(&rules, &frames, &[]), ["untracked", "untracked"]);
    assert_eq!(with(&rules, &frames, &["--always-track"]), ["new", "new"]);
    let one = with(&rules, &frames, &["--always-track=203.0.113.0/24"]);
    assert_eq!(one, ["new", "untracked"]);
    let both = with(
        &rules,
        &frames,
        &["--always-track=203.0.113.0/24,198.51.100.7/32"],
    );
    assert_eq!(both, ["new", "new"]);
}

#[test]
fn an_interface_has_an_allowance_of_connections() {
    let ask = |port: u16| udp(&format!("10.0.1.10:{port}"), "203.0.113.7:53", b"?");
    let frames = [
        (0.0, ask(5000)),
        (0.1, ask(5001)),
        (0.2, ask(5000)),
        (40.0, ask(5002)),
    ];
    assert_eq!(
        with(&out_only(), &frames, &[]),
        ["new", "new", "established", "new"]
    );
    let one = with(&out_only(), &frames, &["--allowance", "1"]);
    // After 30 s without a packet the first has made room.
    assert_eq!(one, ["new", "table-full", "established", "new"]);
}

#[test]
fn the_table_has_a_size() {
    let ask = |port: u16| udp(&format!("10.0.1.10:{port}"), "203.0.113.7:53", b"?");
    let frames: Vec<_> = (5000..5100).map(|port| (0.0, ask(port))).collect();
    let full = |options: &[&str]| {
        let reasons = with(&out_only(), &frames, options);
        reasons
            .iter()
            .filter(|reason| *reason == "table-full")
            .count()
    };
    assert_eq!(full(&[]), 0);
    assert_eq!(full(&["--connections", "64"]), 36);
}

#[test]
fn idle_udp_flows_time_out_as_set() {
    let (local, dns) = ("10.0.1.10:5000", "203.0.113.7:53");
    let frames = [(0.0, udp(local, dns, b"?")), (45.0, udp(dns, local, b"!"))];
    assert_eq!(with(&out_only(), &frames, &[]), ["new", "no-rule"]);
    assert_eq!(
        with(&out_only(), &frames, &["--udp-timeout", "60"]),
        ["new", "established"]
    );
}

#[test]
fn idle_udp_streams_time_out_as_set() {
    let (local, peer) = ("10.0.1.10:5000", "203.0.113.7:53");
    let frames = [
        (0.0, udp(local, peer, b"?")),
        (1.0, udp(peer, local, b"!")),
        (2.0, udp(local, peer, b"?")),
        (3.0, udp(peer, local, b"!")),
        (103.0, udp(peer, local, b"!")),
    ];
    assert_eq!(with(&out_only(), &frames, &[])[4], "established");
    assert_eq!(
        with(&out_only(), &frames, &["--udp-stream-timeout", "60"])[4],
        "no-rule"
    );
}

#[test]
fn idle_tcp_connections_time_out_as_set() {
    let frames = [
        (0.0, tcp(CLIENT, SHELL, "S", b"")),
        (0.1, tcp(SHELL, CLIENT, "SA", b"")),
        (0.2, tcp(CLIENT, SHELL, "A", b"")),
        (400.0, tcp(CLIENT, SHELL, "PA", b"x")),
    ];
    assert_eq!(with(&ssh_only(), &frames, &[])[3], "established");
    let timeout = ["--tcp-established-timeout", "350"];
    assert_eq!(with(&ssh_only(), &frames, &timeout)[3], "invalid-state");
}

#[test]
fn a_reply_needs_a_rule_of_its_own_without_a_query() {
    let rules = (
        rule("icmp", (8, -1), WORLD),
        rule("tcp", (1, 1), "192.0.2.1/32"),
    );
    let frames = [(0.0, pong("10.0.1.10", "203.0.113.7", 7, 1))];
    assert_eq!(with(&rules, &frames, &[]), ["no-rule"]);
}

#[test]
fn values_out_of_range_are_bad_usage_with_the_range() {
    for (option, value, said) in [
        ("--tcp-established-timeout", "59", "from 60 to 432000"),
        ("--tcp-established-timeout", "432001", "from 60 to 432000"),
        ("--udp-timeout", "61", "from 30 to 60"),
        ("--udp-stream-timeout", "-1", "from 60 to 180"),
        ("--start-grace", "-1", "from 0 up"),
        ("--start-grace", "NaN", "from 0 up"),
        ("--connections", "0", "0"),
        ("--tcp", "lax", "strict, loose"),
        ("--link-local-pps", "many", "many"),
    ] {
        let run = secgroup(&["replay", "--policy", LAB, option, value, WEB_SERVER]).code(2);
        assert!(
            run.stderr.contains(said),
            "{option} {value}: {}",
            run.stderr
        );
    }
}
