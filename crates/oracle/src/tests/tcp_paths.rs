//! TCP without a connection: strict, loose, grace, tuple reuse (D37 to D41, D23).

use std::time::Duration;

use super::world::{Policy, World};
use crate::{AlwaysTrack, InterfaceSettings, Settings};

/// Only tracked paths, in both directions.
const TRACKED: [&str; 2] = [
    "in tcp 22 198.51.100.0/24",
    "out tcp 0-65535 198.51.100.0/24",
];
const IN: &str = "198.51.100.7:40000 > 10.0.0.5:22";
const OUT: &str = "10.0.0.5:22 > 198.51.100.7:40000";

fn loose() -> Settings {
    Settings {
        strict: false,
        ..Settings::default()
    }
}

#[test]
fn d37_strict_opens_with_a_syn_only() {
    let mut world = World::new(&Policy::of(&TRACKED));
    for flags in ["A", "SA", "FA", "R", "RA", "AP"] {
        assert_eq!(
            world.sees(&format!("in tcp {flags} {IN}")),
            "invalid-state",
            "{flags}"
        );
    }
    assert!(world.states().is_empty());
    assert_eq!(world.sees(&format!("in tcp S {IN}")), "new");
}

#[test]
fn d37_no_rule_comes_before_the_state() {
    let mut world = World::new(&Policy::of(&[]));
    assert_eq!(world.sees(&format!("in tcp A {IN}")), "no-rule");
    assert_eq!(world.sees(&format!("in tcp SF {IN}")), "no-rule");
}

#[test]
fn step_9_what_is_picked_up_and_as_what() {
    for (flags, state) in [
        ("A", "ESTABLISHED"),
        ("AP", "ESTABLISHED"),
        ("FA", "FIN_WAIT"),
        ("R", "CLOSE"),
        ("RA", "CLOSE"),
        ("SA", "SYN_RECV"),
        ("S", "SYN_SENT"),
    ] {
        let mut world = World::with(&Policy::of(&TRACKED), loose());
        assert_eq!(
            world.sees(&format!("in tcp {flags} {IN}")),
            "new",
            "{flags}"
        );
        assert_eq!(world.states(), [state], "{flags}");
    }
    let mut world = World::with(&Policy::of(&TRACKED), loose());
    for flags in ["-", "SF", "SR", "F", "FRA"] {
        assert_eq!(
            world.sees(&format!("in tcp {flags} {IN}")),
            "invalid-state",
            "{flags}"
        );
    }
}

#[test]
fn step_9_a_syn_ack_makes_the_other_end_the_originator() {
    let mut world = World::with(&Policy::of(&TRACKED), loose());
    assert_eq!(world.sees(&format!("in tcp SA {IN}")), "new");
    // Only an ACK of the originator establishes.
    assert_eq!(world.sees(&format!("in tcp A {IN}")), "established");
    assert_eq!(world.states(), ["SYN_RECV"]);
    assert_eq!(world.sees(&format!("out tcp A {OUT}")), "established");
    assert_eq!(world.states(), ["ESTABLISHED"]);
}

#[test]
fn step_9_a_picked_up_fin_is_its_senders() {
    let mut world = World::with(&Policy::of(&TRACKED), loose());
    assert_eq!(world.sees(&format!("in tcp FA {IN}")), "new");
    assert_eq!(world.sees(&format!("in tcp A {IN}")), "established");
    assert_eq!(world.states(), ["FIN_WAIT"]);
    assert_eq!(world.sees(&format!("out tcp A {OUT}")), "established");
    assert_eq!(world.states(), ["CLOSE_WAIT"]);
}

#[test]
fn d39_grace_after_the_start() {
    let settings = Settings {
        start_grace: Duration::from_secs(10),
        ..Settings::default()
    };
    let ack = format!("in tcp A {IN}");
    // The world's clock is at 1 s.
    let mut world = World::with(&Policy::of(&TRACKED), settings);
    let mut late = world.clone();
    assert_eq!(
        world.wait(9.0).sees(&ack),
        "new",
        "at the end of the window"
    );
    late.wait(9.0).now += 1;
    assert_eq!(late.sees(&ack), "invalid-state", "a nanosecond later");
}

#[test]
fn d23_grace_after_a_change_keeps_a_flow_that_becomes_tracked() {
    let settings = Settings {
        change_grace: Duration::from_secs(10),
        ..Settings::default()
    };
    let open = Policy::of(&["in tcp 22 0.0.0.0/0", "out -1 0.0.0.0/0"]);
    let narrowed = Policy::of(&["in tcp 22 198.51.100.0/24", "out -1 0.0.0.0/0"]);
    let mut world = World::with(&open, settings);
    assert_eq!(world.sees(&format!("in tcp S {IN}")), "untracked");
    assert_eq!(world.sees(&format!("out tcp SA {OUT}")), "untracked");
    assert_eq!(world.sees(&format!("in tcp A {IN}")), "untracked");
    world.change(&narrowed);
    let mut late = world.clone();
    assert_eq!(world.sees(&format!("in tcp AP {IN}")), "new");
    assert_eq!(world.states(), ["ESTABLISHED"]);
    assert_eq!(world.sees(&format!("out tcp A {OUT}")), "established");
    late.wait(10.0).now += 1;
    assert_eq!(late.sees(&format!("in tcp AP {IN}")), "invalid-state");
}

#[test]
fn a_grace_of_zero_length_is_none() {
    let mut world = World::new(&Policy::of(&TRACKED));
    world.now = 0;
    assert_eq!(
        world.sees(&format!("in tcp A {IN}")),
        "invalid-state",
        "at the start"
    );
    world.change(&Policy::of(&TRACKED));
    assert_eq!(
        world.sees(&format!("in tcp A {IN}")),
        "invalid-state",
        "at a change"
    );
}

#[test]
fn d24_case_5_on_a_live_flow() {
    let settings = Settings {
        change_grace: Duration::from_secs(10),
        ..Settings::default()
    };
    let open = Policy::of(&["in tcp 22 0.0.0.0/0", "out -1 0.0.0.0/0"]);
    let mut world = World::with(&open, settings);
    assert_eq!(world.sees(&format!("in tcp S {IN}")), "untracked");
    world.change(&Policy::of(&["in tcp 22 0.0.0.0/0"]));
    assert_eq!(world.sees(&format!("out tcp A {OUT}")), "no-rule");
    assert_eq!(world.sees(&format!("in tcp A {IN}")), "new");
    assert_eq!(world.sees(&format!("out tcp A {OUT}")), "established");
}

#[test]
fn d22_a_tracked_connection_stays_tracked() {
    let open = Policy::of(&["in tcp 22 0.0.0.0/0", "out -1 0.0.0.0/0"]);
    let mut world = World::new(&Policy::of(&TRACKED));
    assert_eq!(world.sees(&format!("in tcp S {IN}")), "new");
    world.change(&open);
    assert_eq!(world.sees(&format!("in tcp S {IN}")), "established");
    assert_eq!(world.states(), ["SYN_SENT"]);
}

#[test]
fn d40_a_tuple_is_reopened_only_by_a_rule() {
    for (close, state) in [(vec!["R"], "CLOSE"), (vec!["A", "FA"], "TIME_WAIT")] {
        let mut world = World::new(&Policy::of(&TRACKED));
        assert_eq!(world.sees(&format!("in tcp S {IN}")), "new");
        assert_eq!(world.sees(&format!("out tcp SA {OUT}")), "established");
        for flags in close {
            assert_eq!(world.sees(&format!("in tcp {flags} {IN}")), "established");
        }
        if state == "TIME_WAIT" {
            assert_eq!(world.sees(&format!("out tcp FA {OUT}")), "established");
            assert_eq!(world.sees(&format!("in tcp A {IN}")), "established");
        }
        assert_eq!(world.states(), [state]);
        let mut revoked = world.clone();
        let mut opened = world.clone();

        assert_eq!(world.sees(&format!("in tcp S {IN}")), "new");
        assert_eq!(world.states(), ["SYN_SENT"]);

        // Denied: the entry stays as it was.
        revoked.change(&Policy::of(&["out tcp 0-65535 198.51.100.0/24"]));
        assert_eq!(revoked.sees(&format!("in tcp S {IN}")), "no-rule");
        assert_eq!(revoked.states(), [state]);
        assert_eq!(revoked.sees(&format!("in tcp A {IN}")), "established");

        // Untracked: likewise.
        opened.change(&Policy::of(&["in tcp 22 0.0.0.0/0", "out -1 0.0.0.0/0"]));
        assert_eq!(opened.sees(&format!("in tcp S {IN}")), "untracked");
        assert_eq!(opened.states(), [state]);
    }
}

#[test]
fn d40_a_reopened_connection_has_the_rule_and_the_originator_of_the_new_one() {
    let mut world = World::new(&Policy::of(&TRACKED));
    assert_eq!(world.sees(&format!("in tcp S {IN}")), "new");
    assert_eq!(world.sees(&format!("in tcp R {IN}")), "established");
    let judgement = world.judge(&format!("out tcp S {OUT}"));
    assert_eq!(judgement.outcome.as_str(), "new");
    assert_eq!(judgement.rule.unwrap().1.as_str(), "sg-1/1");
    assert_eq!(world.sees(&format!("in tcp SA {IN}")), "established");
    assert_eq!(world.states(), ["SYN_RECV"]);
}

#[test]
fn d41_a_repeated_syn_does_not_live_for_ever() {
    let mut world = World::new(&Policy::of(&TRACKED));
    assert_eq!(world.sees(&format!("in tcp S {IN}")), "new");
    for _ in 0..6 {
        assert_eq!(
            world.wait(20.0).sees(&format!("in tcp S {IN}")),
            "established"
        );
    }
    world.now += 1;
    assert_eq!(
        world.sees(&format!("in tcp S {IN}")),
        "new",
        "judged by the rules again"
    );
}

#[test]
fn d38_untracked_paths_never_check_the_state() {
    let mut world = World::new(&Policy::of(&["in tcp 22 0.0.0.0/0", "out -1 0.0.0.0/0"]));
    for flags in ["S", "SA", "A", "FA", "R", "-", "SF", "SR", "FUP", "SFRA"] {
        assert_eq!(
            world.sees(&format!("in tcp {flags} {IN}")),
            "untracked",
            "{flags}"
        );
    }
    assert!(world.states().is_empty());
}

#[test]
fn step_8_only_a_syn_without_ack_is_surely_an_initiator() {
    // A reply of an untracked inbound flow looks like an outbound one that would be tracked (D18).
    let mut world = World::new(&Policy::of(&["in tcp 22 0.0.0.0/0", "out -1 0.0.0.0/0"]));
    for flags in ["SA", "A", "FA", "R", "-", "SFA"] {
        assert_eq!(
            world.sees(&format!("out tcp {flags} {OUT}")),
            "untracked",
            "{flags}"
        );
    }
    assert_eq!(world.sees(&format!("out tcp S {OUT}")), "new");
    assert_eq!(
        world.sees("out tcp SF 10.0.0.5:22 > 198.51.100.7:40001"),
        "invalid-state"
    );
    // UDP has no such flag: the reply of an untracked query is untracked.
    let mut world = World::new(&Policy::of(&["in udp 53 0.0.0.0/0", "out -1 0.0.0.0/0"]));
    assert_eq!(
        world.sees("out udp 10.0.0.5:53 > 198.51.100.7:40000"),
        "untracked"
    );
    assert_eq!(
        world.sees("out udp 10.0.0.5:54 > 198.51.100.7:40000"),
        "new"
    );
}

#[test]
fn d12_automatically_tracked() {
    let policy = Policy::of(&["in -1 0.0.0.0/0", "out -1 0.0.0.0/0"]);
    let with = |always_track| {
        let interface = InterfaceSettings {
            always_track,
            ..InterfaceSettings::default()
        };
        World::with(
            &policy,
            Settings {
                interface,
                ..Settings::default()
            },
        )
    };
    let ranges = vec!["198.51.100.0/24".parse().unwrap()];
    for (always_track, near, far) in [
        (AlwaysTrack::None, "untracked", "untracked"),
        (AlwaysTrack::All, "new", "new"),
        (AlwaysTrack::Peers(ranges), "new", "untracked"),
    ] {
        let mut world = with(always_track);
        assert_eq!(
            world.sees("in tcp S 198.51.100.7:40000 > 10.0.0.5:22"),
            near
        );
        assert_eq!(world.sees("in tcp S 203.0.113.7:40000 > 10.0.0.5:22"), far);
        assert_eq!(world.sees("out udp 10.0.0.5:40000 > 198.51.100.7:53"), near);
        assert_eq!(world.sees("out udp 10.0.0.5:40000 > 203.0.113.7:53"), far);
    }
}

#[test]
fn d29_the_interfaces_own_timeout_holds_from_the_next_packet() {
    let fast = Policy::of(&TRACKED).with("eni-1", |eni| {
        eni.tracking.tcp_established = Some(Duration::from_secs(350))
    });
    let mut world = World::new(&Policy::of(&TRACKED));
    assert_eq!(world.sees(&format!("in tcp S {IN}")), "new");
    assert_eq!(world.sees(&format!("out tcp SA {OUT}")), "established");
    assert_eq!(world.sees(&format!("in tcp A {IN}")), "established");
    world.change(&fast);
    assert_eq!(
        world.wait(1000.0).sees(&format!("in tcp A {IN}")),
        "established",
        "D34"
    );
    let mut late = world.clone();
    assert_eq!(
        world.wait(350.0).sees(&format!("in tcp A {IN}")),
        "established"
    );
    late.wait(350.0).now += 1;
    assert_eq!(late.sees(&format!("in tcp A {IN}")), "invalid-state");
}
