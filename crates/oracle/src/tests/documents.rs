//! D14, D15, D16 and D58 of the semantics, line by line.

use super::world::{Policy, World};

/// The group of the documentation's worked example (D14).
const D14: [&str; 6] = [
    "in tcp 22 203.0.113.1/32",
    "in tcp 80 0.0.0.0/0",
    "in tcp 80 ::/0",
    "in icmp all 0.0.0.0/0",
    "out -1 0.0.0.0/0",
    "out -1 ::/0",
];

/// The group of D14 without some of its rules.
fn d14_without(removed: &[&str]) -> Policy {
    let rules: Vec<&str> = D14
        .into_iter()
        .filter(|rule| !removed.contains(rule))
        .collect();
    Policy::of(&rules)
}

/// Whether the flow that a packet opens is tracked, shown by the reason and by the table.
fn is_tracked(policy: &Policy, packet: &str) -> bool {
    let mut world = World::new(policy);
    let reason = world.sees(packet);
    let tracked = match reason {
        "new" => true,
        "untracked" => false,
        _ => panic!("{packet}: {reason}"),
    };
    assert_eq!(world.states().len(), usize::from(tracked), "{packet}");
    tracked
}

#[test]
fn d14_the_worked_example() {
    let ssh = "in tcp S 203.0.113.1:40000 > 10.0.0.5:22";
    let http = "in tcp S 198.51.100.7:40000 > 10.0.0.5:80";
    let http6 = "in tcp S [2001:db8::1]:40000 > [2001:db8::5]:80";
    let ping = "in icmp 8/0 7 198.51.100.7 > 10.0.0.5";

    let whole = d14_without(&[]);
    assert!(is_tracked(&whole, ssh), "case 1");
    assert!(!is_tracked(&whole, http), "case 2");
    assert!(!is_tracked(&whole, http6), "case 3");
    assert!(is_tracked(&whole, ping), "case 4");
    assert!(
        is_tracked(&whole, "out icmp 8/0 7 10.0.0.5 > 8.8.8.8"),
        "case 4, outbound"
    );

    let no_ipv4_egress = d14_without(&["out -1 0.0.0.0/0"]);
    assert!(is_tracked(&no_ipv4_egress, http), "case 5");
    assert!(is_tracked(&no_ipv4_egress, ssh), "case 5, port 22");
    assert!(
        !is_tracked(&no_ipv4_egress, http6),
        "case 5 says nothing of IPv6"
    );

    let no_ipv6_egress = d14_without(&["out -1 ::/0"]);
    assert!(is_tracked(&no_ipv6_egress, http6), "case 6");
    assert!(
        !is_tracked(&no_ipv6_egress, http),
        "case 6 says nothing of IPv4"
    );
}

#[test]
fn d14_the_answers_of_an_untracked_flow_are_untracked_too() {
    let mut world = World::new(&d14_without(&[]));
    assert_eq!(
        world.sees("in tcp S 198.51.100.7:40000 > 10.0.0.5:80"),
        "untracked"
    );
    assert_eq!(
        world.sees("out tcp SA 10.0.0.5:80 > 198.51.100.7:40000"),
        "untracked"
    );
    assert_eq!(
        world.sees("in tcp A 198.51.100.7:40000 > 10.0.0.5:80"),
        "untracked"
    );
    assert_eq!(
        world.sees("out tcp AP 10.0.0.5:80 > 198.51.100.7:40000"),
        "untracked"
    );
    assert!(world.states().is_empty());
}

#[test]
fn d15_removing_the_rule_cuts_an_untracked_connection() {
    for narrowed in [
        vec!["out -1 0.0.0.0/0"],
        vec!["out -1 0.0.0.0/0", "in tcp 22 192.0.2.0/24"],
    ] {
        let mut world = World::new(&Policy::of(&["in tcp 22 0.0.0.0/0", "out -1 0.0.0.0/0"]));
        assert_eq!(
            world.sees("in tcp S 203.0.113.1:40000 > 10.0.0.5:22"),
            "untracked"
        );
        assert_eq!(
            world.sees("out tcp SA 10.0.0.5:22 > 203.0.113.1:40000"),
            "untracked"
        );
        assert_eq!(
            world.sees("in tcp A 203.0.113.1:40000 > 10.0.0.5:22"),
            "untracked"
        );
        world.change(&Policy::of(&narrowed));
        assert_eq!(
            world.sees("in tcp AP 203.0.113.1:40000 > 10.0.0.5:22"),
            "no-rule"
        );
    }
}

#[test]
fn d15_removing_the_rule_spares_a_tracked_connection() {
    let mut world = World::new(&Policy::of(&[
        "in tcp 22 203.0.113.0/24",
        "out -1 0.0.0.0/0",
    ]));
    assert_eq!(
        world.sees("in tcp S 203.0.113.1:40000 > 10.0.0.5:22"),
        "new"
    );
    assert_eq!(
        world.sees("out tcp SA 10.0.0.5:22 > 203.0.113.1:40000"),
        "established"
    );
    assert_eq!(
        world.sees("in tcp A 203.0.113.1:40000 > 10.0.0.5:22"),
        "established"
    );
    world.change(&Policy::of(&["in tcp 22 192.0.2.0/24", "out -1 0.0.0.0/0"]));
    assert_eq!(
        world.sees("in tcp AP 203.0.113.1:40000 > 10.0.0.5:22"),
        "established"
    );
    assert_eq!(
        world.sees("out tcp AP 10.0.0.5:22 > 203.0.113.1:40000"),
        "established"
    );
}

#[test]
fn d16_derived_cases() {
    let out_443 = "out tcp S 10.0.0.5:50000 > 192.0.2.1:443";
    let in_80 = "in tcp S 198.51.100.7:40000 > 10.0.0.5:80";
    let all = ["in -1 0.0.0.0/0", "out -1 0.0.0.0/0"];
    let rows: &[(&[&str], &str, bool)] = &[
        // Default custom group.
        (&["out -1 0.0.0.0/0"], out_443, true),
        (
            &["out -1 0.0.0.0/0"],
            "out udp 10.0.0.5:50000 > 192.0.2.1:53",
            true,
        ),
        (
            &["in tcp 0-65535 0.0.0.0/0", "out tcp 443 0.0.0.0/0"],
            out_443,
            false,
        ),
        (
            &["in tcp 0-65535 0.0.0.0/0", "out tcp 443 0.0.0.0/0"],
            in_80,
            true,
        ),
        (
            &["in tcp 80 0.0.0.0/0", "out tcp 0-65535 0.0.0.0/0"],
            in_80,
            false,
        ),
        (
            &["in udp 53 0.0.0.0/0", "out tcp 0-65535 0.0.0.0/0"],
            "in udp 198.51.100.7:40000 > 10.0.0.5:53",
            true,
        ),
        (&all, in_80, false),
        (&all, out_443, false),
        (&all, "in udp 198.51.100.7:40000 > 10.0.0.5:53", false),
        (&all, "out udp 10.0.0.5:50000 > 192.0.2.1:53", false),
        (&all, "in icmp 8/0 7 198.51.100.7 > 10.0.0.5", true),
        (&all, "out 47 10.0.0.5 > 192.0.2.9", true),
        (
            &["in tcp 1024-65535 0.0.0.0/0", "out -1 0.0.0.0/0"],
            out_443,
            true,
        ),
        (&["in tcp 80 0.0.0.0/0", "out -1 ::/0"], in_80, true),
    ];
    for (rules, packet, tracked) in rows {
        assert_eq!(
            is_tracked(&Policy::of(rules), packet),
            *tracked,
            "{rules:?} {packet}"
        );
    }
    // Default group: the peer is a group.
    let member = Policy::of(&["in -1 sg-1", "out -1 0.0.0.0/0"]).interface(
        "eni-2",
        &["198.51.100.7"],
        &["sg-1"],
    );
    assert!(is_tracked(&member, in_80));
}

#[test]
fn d10_what_does_not_open_to_everyone() {
    let in_80 = "in tcp S 198.51.100.7:40000 > 10.0.0.5:80";
    let rows: [&[&str]; 5] = [
        &["in tcp 80 pl-all", "out -1 0.0.0.0/0"],
        &["in tcp 80 0.0.0.0/0", "out -1 pl-all"],
        &[
            "in tcp 80 0.0.0.0/1",
            "in tcp 80 128.0.0.0/1",
            "out -1 0.0.0.0/0",
        ],
        &[
            "in tcp 80 0.0.0.0/0",
            "out tcp 0-1023 0.0.0.0/0",
            "out tcp 1024-65535 0.0.0.0/0",
        ],
        &["in tcp 80 0.0.0.0/0", "out udp 0-65535 0.0.0.0/0"],
    ];
    for rules in rows {
        let policy = Policy::of(rules).prefix_list("pl-all", &["0.0.0.0/0"]);
        assert!(is_tracked(&policy, in_80), "{rules:?}");
    }
}

#[test]
fn d9_the_rules_of_all_groups_count_together() {
    let policy = Policy::default()
        .group("sg-a", &["in tcp 80 0.0.0.0/0"])
        .group("sg-b", &["out -1 0.0.0.0/0"])
        .interface("eni-1", &["10.0.0.5"], &["sg-a", "sg-b"]);
    assert!(!is_tracked(
        &policy,
        "in tcp S 198.51.100.7:40000 > 10.0.0.5:80"
    ));
}

#[test]
fn d58_1_a_tracked_connection_outlives_its_rule() {
    let mut world = World::new(&d14_without(&[]));
    assert_eq!(
        world.sees("in tcp S 203.0.113.1:40000 > 10.0.0.5:22"),
        "new"
    );
    world.change(&d14_without(&["in tcp 22 203.0.113.1/32"]));
    assert_eq!(
        world.sees("in tcp S 203.0.113.1:40000 > 10.0.0.5:22"),
        "established"
    );
    assert_eq!(
        world.sees("out tcp SA 10.0.0.5:22 > 203.0.113.1:40000"),
        "established"
    );
    assert_eq!(
        world.sees("in tcp A 203.0.113.1:40000 > 10.0.0.5:22"),
        "established"
    );
    assert_eq!(
        world.sees("in tcp S 203.0.113.1:40001 > 10.0.0.5:22"),
        "no-rule"
    );
}

#[test]
fn d58_2_an_untracked_connection_does_not() {
    let mut world = World::new(&d14_without(&[]));
    assert_eq!(
        world.sees("in tcp S 198.51.100.7:40000 > 10.0.0.5:80"),
        "untracked"
    );
    assert!(world.states().is_empty(), "the allowance is unchanged");
    world.change(&d14_without(&["in tcp 80 0.0.0.0/0"]));
    assert_eq!(
        world.sees("in tcp AP 198.51.100.7:40000 > 10.0.0.5:80"),
        "no-rule"
    );
}

#[test]
fn d58_2_the_outbound_reply_still_passes_and_is_useless() {
    let settings = crate::Settings {
        change_grace: std::time::Duration::from_secs(30),
        ..crate::Settings::default()
    };
    let mut world = World::with(&d14_without(&[]), settings);
    assert_eq!(
        world.sees("in tcp S 198.51.100.7:40000 > 10.0.0.5:80"),
        "untracked"
    );
    world.change(&d14_without(&["in tcp 80 0.0.0.0/0"]));
    for _ in 0..2 {
        assert_eq!(
            world.sees("in tcp AP 198.51.100.7:40000 > 10.0.0.5:80"),
            "no-rule"
        );
        assert_eq!(
            world.sees("out tcp AP 10.0.0.5:80 > 198.51.100.7:40000"),
            "untracked"
        );
    }
    assert!(world.states().is_empty(), "it lets nobody in again");
}

#[test]
fn d58_3_no_rule() {
    let mut world = World::new(&d14_without(&[]));
    assert_eq!(
        world.sees("in tcp S 198.51.100.7:40000 > 10.0.0.5:22"),
        "no-rule"
    );
}

#[test]
fn d58_4_ping_and_an_unsolicited_reply() {
    let mut world = World::new(&d14_without(&[]));
    assert_eq!(world.sees("out icmp 8/0 7 10.0.0.5 > 8.8.8.8"), "new");
    assert_eq!(
        world.sees("in icmp 0/0 7 8.8.8.8 > 10.0.0.5"),
        "established"
    );
    assert_eq!(world.sees("in icmp 0/0 8 8.8.8.8 > 10.0.0.5"), "new");
    assert_eq!(
        world.states(),
        ["ICMP"],
        "the unsolicited reply opened nothing"
    );
    world.change(&d14_without(&["in icmp all 0.0.0.0/0"]));
    assert_eq!(
        world.sees("in icmp 0/0 7 8.8.8.8 > 10.0.0.5"),
        "established"
    );
    assert_eq!(world.sees("in icmp 0/0 8 8.8.8.8 > 10.0.0.5"), "no-rule");
}

#[test]
fn d58_5_and_6_without_ipv4_egress() {
    let mut world = World::new(&d14_without(&["out -1 0.0.0.0/0"]));
    assert_eq!(
        world.sees("in tcp S 198.51.100.7:40000 > 10.0.0.5:80"),
        "new"
    );
    assert_eq!(
        world.sees("out tcp SA 10.0.0.5:80 > 198.51.100.7:40000"),
        "established"
    );
    assert_eq!(
        world.sees("out tcp S 10.0.0.5:50000 > 1.1.1.1:443"),
        "no-rule"
    );
    assert_eq!(
        world.sees("in tcp S [2001:db8::1]:40000 > [2001:db8::5]:80"),
        "untracked"
    );
}

#[test]
fn d58_7_gre_for_600_seconds() {
    let mut world = World::new(&Policy::of(&["out -1 0.0.0.0/0"]));
    assert_eq!(world.sees("out 47 10.0.0.5 > 192.0.2.9"), "new");
    assert_eq!(
        world.wait(600.0).sees("in 47 192.0.2.9 > 10.0.0.5"),
        "established"
    );
    assert_eq!(world.sees("in 47 192.0.2.10 > 10.0.0.5"), "no-rule");
    assert_eq!(world.sees("in 50 192.0.2.9 > 10.0.0.5"), "no-rule");
    assert_eq!(
        world.wait(601.0).sees("in 47 192.0.2.9 > 10.0.0.5"),
        "no-rule"
    );
}

#[test]
fn d58_8_udp_and_udp_streams() {
    let (out, back) = (
        "out udp 10.0.0.5:50000 > 192.0.2.53:53",
        "in udp 192.0.2.53:53 > 10.0.0.5:50000",
    );
    let policy = Policy::of(&["out -1 0.0.0.0/0"]);
    let mut world = World::new(&policy);
    assert_eq!(world.sees(out), "new");
    assert_eq!(world.wait(29.0).sees(back), "established");
    assert_eq!(world.wait(31.0).sees(back), "no-rule");

    let mut world = World::new(&policy);
    assert_eq!(world.sees(out), "new");
    assert_eq!(world.sees(back), "established");
    assert_eq!(world.sees(out), "established");
    assert_eq!(world.states(), ["UDP"]);
    assert_eq!(world.sees(back), "established");
    assert_eq!(world.states(), ["UDP_STREAM"]);
    assert_eq!(world.wait(179.0).sees(back), "established");
    assert_eq!(world.wait(181.0).sees(back), "no-rule");
}

#[test]
fn d58_9_the_resolver_is_never_filtered_and_others_are() {
    let policy = Policy::of(&[]).network("10.0.0.0/16", "10.0.0.0/24");
    let mut world = World::new(&policy);
    assert_eq!(world.sees("out udp 10.0.0.5:50000 > 10.0.0.2:53"), "exempt");
    assert_eq!(world.sees("in udp 10.0.0.2:53 > 10.0.0.5:50000"), "exempt");
    assert_eq!(world.sees("out udp 10.0.0.5:50000 > 8.8.8.8:53"), "no-rule");
}
