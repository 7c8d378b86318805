//! The union of rules and whose rule it is (A9 to A26, C1 to C15), and time.

use super::world::{Policy, World};
use crate::Settings;

/// Whether these rules let a packet pass.
fn allows(rules: &[&str], packet: &str) -> bool {
    let reason = World::new(&Policy::of(rules)).sees(packet);
    assert!(
        matches!(reason, "new" | "untracked" | "no-rule"),
        "{reason}"
    );
    reason != "no-rule"
}

const IN_TCP: &str = "in tcp S 198.51.100.7:40000 > 10.0.0.5:22";

#[test]
fn a12_ports_are_destination_ports_in_both_directions() {
    for (ports, expected) in [
        ("22", true),
        ("21", false),
        ("23", false),
        ("20-22", true),
        ("22-30", true),
        ("0-65535", true),
    ] {
        let inbound = format!("in tcp {ports} 198.51.100.0/24");
        assert_eq!(allows(&[&inbound], IN_TCP), expected, "{inbound}");
        let outbound = format!("out tcp {ports} 198.51.100.0/24");
        let packet = "out tcp S 10.0.0.5:40000 > 198.51.100.7:22";
        assert_eq!(allows(&[&outbound], packet), expected, "{outbound}");
        let source = "out tcp S 10.0.0.5:22 > 198.51.100.7:40000";
        assert_eq!(
            allows(&[&outbound], source),
            ports == "0-65535",
            "{outbound}"
        );
    }
}

#[test]
fn a5_protocols() {
    let packets = [
        ("tcp", "in tcp S 198.51.100.7:40000 > 10.0.0.5:22"),
        ("udp", "in udp 198.51.100.7:40000 > 10.0.0.5:22"),
        ("icmp", "in icmp 8/0 7 198.51.100.7 > 10.0.0.5"),
        ("47", "in 47 198.51.100.7 > 10.0.0.5"),
        ("132", "in 132 198.51.100.7 > 10.0.0.5"),
    ];
    let rules = [
        ("tcp", "in tcp 22 198.51.100.0/24"),
        ("udp", "in udp 22 198.51.100.0/24"),
        ("icmp", "in icmp all 198.51.100.0/24"),
        ("47", "in 47 198.51.100.0/24"),
        ("132", "in 132 198.51.100.0/24"),
    ];
    for (protocol, packet) in packets {
        for (of_rule, rule) in rules {
            assert_eq!(
                allows(&[rule], packet),
                protocol == of_rule,
                "{rule}: {packet}"
            );
        }
        assert!(allows(&["in -1 198.51.100.0/24"], packet), "A11: {packet}");
        assert!(!allows(&["out -1 198.51.100.0/24"], packet), "C1: {packet}");
        assert!(!allows(&["in -1 ::/0"], packet), "C14: {packet}");
    }
}

#[test]
fn a15_icmp_type_and_code() {
    for (rule, message, expected) in [
        ("all", "8/0", true),
        ("all", "3/4", true),
        ("8", "8/0", true),
        ("8", "8/5", true),
        ("8", "0/0", false),
        ("3/4", "3/4", true),
        ("3/4", "3/3", false),
        ("3/4", "4/0", false),
        ("8/8", "8/0", false), // A17
    ] {
        let of_icmp = format!("in icmp {rule} 198.51.100.0/24");
        let packet = format!("in icmp {message} 7 198.51.100.7 > 10.0.0.5");
        assert_eq!(
            allows(&[&of_icmp], &packet),
            expected,
            "{of_icmp}: {packet}"
        );
        let of_icmpv6 = format!("in icmpv6 {rule} 2001:db8::/64");
        let packet = format!("in icmpv6 {message} 7 2001:db8::1 > 2001:db8::5");
        assert_eq!(
            allows(&[&of_icmpv6], &packet),
            expected,
            "{of_icmpv6}: {packet}"
        );
        // A19: accepted, but matches nothing.
        let of_icmp = format!("in icmp {rule} 2001:db8::/64");
        assert!(!allows(&[&of_icmp], &packet), "{of_icmp}: {packet}");
    }
}

#[test]
fn a26_prefix_lists_by_their_current_version() {
    let policy = |entries: &[&str]| Policy::of(&["in tcp 22 pl-1"]).prefix_list("pl-1", entries);
    let mut world = World::new(&policy(&["192.0.2.0/24", "198.51.100.0/25"]));
    assert_eq!(world.sees(IN_TCP), "new");
    assert_eq!(
        world.sees("in tcp S 198.51.100.200:40000 > 10.0.0.5:22"),
        "no-rule"
    );
    world.change(&policy(&["192.0.2.0/24"]));
    assert_eq!(
        world.sees("in tcp S 198.51.100.7:40001 > 10.0.0.5:22"),
        "no-rule",
        "live"
    );
    world.change(&Policy::of(&["in tcp 22 pl-1"]));
    assert_eq!(
        world.sees("in tcp S 192.0.2.1:40001 > 10.0.0.5:22"),
        "no-rule",
        "unknown list"
    );
}

#[test]
fn c6_to_c9_a_group_stands_for_the_private_addresses_of_its_members() {
    let rules = ["in -1 sg-1", "in tcp 22 sg-2"];
    let alone = Policy::of(&rules).group("sg-2", &[]);
    let with = |groups: &[&str]| {
        alone.clone().interface(
            "eni-2",
            &[
                "198.51.100.7",
                "10.0.0.77",
                "2001:db8::77",
                "198.51.100.128/28",
            ],
            groups,
        )
    };
    let from = |source: &str| format!("in tcp S {source}:40000 > 10.0.0.5:22");
    let mut world = World::new(&alone);
    assert_eq!(world.sees(&from("198.51.100.7")), "no-rule");
    assert_eq!(world.sees(&from("10.0.0.5")), "new", "C9: itself");
    // C8: membership is live.
    world.change(&with(&["sg-2"]));
    let mut left = world.clone();
    for source in ["198.51.100.7", "10.0.0.77", "198.51.100.143"] {
        assert_eq!(world.sees(&from(source)), "new", "{source}");
    }
    assert_eq!(
        world.sees("in tcp S [2001:db8::77]:40000 > [2001:db8::5]:22"),
        "new"
    );
    assert_eq!(world.sees(&from("198.51.100.144")), "no-rule");
    assert_eq!(
        world.sees("in tcp S 198.51.100.7:40000 > 10.0.0.5:23"),
        "no-rule"
    );
    left.change(&with(&["sg-3"]));
    assert_eq!(left.sees(&from("198.51.100.7")), "no-rule");
    left.change(&with(&["sg-3", "sg-1"]));
    assert_eq!(left.sees("in 47 198.51.100.7 > 10.0.0.5"), "new");
}

#[test]
fn b28_stale_references_match_nothing() {
    for (rule, vpc, expected) in [
        ("in tcp 22 sg-2", "vpc-1", true),
        ("in tcp 22 sg-2!active", "vpc-2", true),
        ("in tcp 22 sg-2", "vpc-2", false), // nothing connects the VPCs
        ("in tcp 22 sg-2!pending", "vpc-2", false),
        ("in tcp 22 sg-2!gone", "vpc-2", false),
        ("in tcp 22 sg-3", "vpc-1", false), // deleted, whoever still names it
    ] {
        let policy = Policy::of(&[rule])
            .group("sg-2", &[])
            .group_in("sg-2", vpc)
            .interface("eni-2", &["198.51.100.7"], &["sg-2", "sg-3"]);
        assert_eq!(
            World::new(&policy).sees(IN_TCP) == "new",
            expected,
            "{rule}"
        );
    }
}

#[test]
fn the_first_match_is_the_rule_that_is_named() {
    let policy = Policy::default()
        .group(
            "sg-a",
            &["in tcp 80 198.51.100.0/24", "in tcp 22 198.51.100.0/24"],
        )
        .group(
            "sg-b",
            &["in tcp 22 198.51.100.7/32", "in -1 198.51.100.0/24"],
        )
        .interface("eni-1", &["10.0.0.5"], &["sg-b", "sg-a"]);
    let mut world = World::new(&policy);
    let mut named = |packet: &str| {
        let judgement = world.judge(packet);
        let rule = judgement
            .rule
            .map(|(group, rule)| format!("{group} {rule}"));
        (judgement.outcome.as_str(), rule)
    };
    assert_eq!(named(IN_TCP), ("new", Some("sg-b sg-b/0".to_owned())));
    let other = "in tcp S 198.51.100.8:40000 > 10.0.0.5:22";
    assert_eq!(named(other), ("new", Some("sg-b sg-b/1".to_owned())));
    // The answer has the rule that admitted the connection.
    let answer = "out tcp SA 10.0.0.5:22 > 198.51.100.7:40000";
    assert_eq!(
        named(answer),
        ("established", Some("sg-b sg-b/0".to_owned()))
    );
    let denied = "out tcp S 10.0.0.5:40000 > 198.51.100.7:22";
    assert_eq!(named(denied), ("no-rule", None));
}

#[test]
fn d3_interfaces_have_connections_of_their_own() {
    let policy = Policy::of(&["out -1 0.0.0.0/0"]).interface("eni-2", &["10.0.0.5"], &["sg-1"]);
    let mut world = World::new(&policy);
    assert_eq!(world.sees("out udp 10.0.0.5:1 > 192.0.2.1:53"), "new");
    let (direction, bytes) = super::frames::packet("in udp 192.0.2.1:53 > 10.0.0.5:1");
    let other = secgroup_model::NetworkInterfaceId::new("eni-2");
    let len = u32::try_from(bytes.len()).unwrap();
    assert_eq!(
        world
            .judge_at(&other, direction, &bytes, len)
            .outcome
            .as_str(),
        "no-rule"
    );
}

#[test]
fn d29_to_d33_idle_times() {
    // One-way UDP never becomes a stream, and each packet renews.
    let mut world = World::new(&Policy::of(&["out udp 53 0.0.0.0/0"]));
    let (out, back) = (
        "out udp 10.0.0.5:1 > 192.0.2.1:53",
        "in udp 192.0.2.1:53 > 10.0.0.5:1",
    );
    assert_eq!(world.sees(out), "new");
    for _ in 0..5 {
        assert_eq!(world.wait(30.0).sees(out), "established");
    }
    assert_eq!(world.states(), ["UDP"]);
    assert_eq!(world.wait(30.0).sees(back), "established");
    assert_eq!(world.states(), ["UDP"]);
    assert_eq!(world.wait(30.0).sees(back), "established");
    assert_eq!(world.states(), ["UDP_STREAM"]);
    world.wait(180.0).now += 1;
    assert_eq!(world.sees(back), "no-rule");
}

#[test]
fn a_clock_that_steps_back_is_held() {
    let mut world = World::new(&Policy::of(&["out udp 53 0.0.0.0/0"]));
    let (out, back) = (
        "out udp 10.0.0.5:1 > 192.0.2.1:53",
        "in udp 192.0.2.1:53 > 10.0.0.5:1",
    );
    world.wait(100.0);
    assert_eq!(world.sees(out), "new");
    world.now -= 50_000_000_000;
    assert_eq!(world.sees(back), "established");
    // It was renewed at the latest time seen, not at the time it was said to be.
    assert_eq!(world.wait(80.0).sees(back), "established");
    world.wait(30.0).now += 1;
    assert_eq!(world.sees(back), "no-rule");
}

#[test]
fn a_malformed_packet_does_not_move_the_clock() {
    let mut world = World::new(&Policy::of(&["out udp 53 0.0.0.0/0"]));
    let (out, back) = (
        "out udp 10.0.0.5:1 > 192.0.2.1:53",
        "in udp 192.0.2.1:53 > 10.0.0.5:1",
    );
    assert_eq!(world.sees(out), "new");
    world.wait(1000.0);
    assert_eq!(world.sees_bytes("in", &[0x45]), "malformed");
    world.now -= 1_000_000_000_000;
    assert_eq!(world.sees(back), "established");
}

#[test]
fn reasons_are_written_as_the_reports_write_them() {
    use crate::{AllowReason, DenyReason, Outcome, UnjudgedReason};
    let written: Vec<&str> = [
        Outcome::Allow(AllowReason::Established),
        Outcome::Allow(AllowReason::Related),
        Outcome::Allow(AllowReason::New),
        Outcome::Allow(AllowReason::Untracked),
        Outcome::Allow(AllowReason::Exempt),
        Outcome::Deny(DenyReason::NoRule),
        Outcome::Deny(DenyReason::InvalidState),
        Outcome::Deny(DenyReason::Malformed),
        Outcome::Deny(DenyReason::Fragment),
        Outcome::Deny(DenyReason::Spoofed),
        Outcome::Deny(DenyReason::TableFull),
        Outcome::Deny(DenyReason::LinkLocalExceeded),
        Outcome::Unjudged(UnjudgedReason::NoInterface),
        Outcome::Unjudged(UnjudgedReason::NotIp),
    ]
    .map(Outcome::as_str)
    .to_vec();
    assert_eq!(
        written.join(" "),
        "established related new untracked exempt no-rule invalid-state malformed fragment \
         spoofed table-full link-local-exceeded no-interface not-ip"
    );
}

#[test]
fn settings_of_single_interfaces() {
    let id = secgroup_model::NetworkInterfaceId::new("eni-1");
    let own = crate::InterfaceSettings {
        always_track: crate::AlwaysTrack::All,
        ..crate::InterfaceSettings::default()
    };
    let settings = Settings {
        interfaces: [(id, own)].into(),
        ..Settings::default()
    };
    let policy = Policy::of(&["in -1 0.0.0.0/0", "out -1 0.0.0.0/0"]).interface(
        "eni-2",
        &["10.0.0.5"],
        &["sg-1"],
    );
    let mut world = World::with(&policy, settings);
    assert_eq!(world.sees(IN_TCP), "new");
    let (direction, bytes) = super::frames::packet(IN_TCP);
    let other = secgroup_model::NetworkInterfaceId::new("eni-2");
    let len = u32::try_from(bytes.len()).unwrap();
    assert_eq!(
        world
            .judge_at(&other, direction, &bytes, len)
            .outcome
            .as_str(),
        "untracked"
    );
}
