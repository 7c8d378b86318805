//! Whole runs: policy changes in time, and what the report says of rules.

use secgroup_model::{GroupId, Inventory};
use secgroup_replay::{Change, Plan, Report, run};
use secgroup_testkit::capture::Pcap;
use secgroup_testkit::frame;

use crate::support::{policy, seconds};

/// Replays frames at whole seconds under one policy and, from `after` seconds on, another.
fn replayed(frames: &[(u64, Vec<u8>)], first: Inventory, after: u64, second: Inventory) -> Report {
    let start = 1_700_000_000;
    let at = |(second, frame): &(u64, Vec<u8>)| ((start + second) * 1_000_000_000, frame.clone());
    let frames: Vec<_> = frames.iter().map(at).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frames.pcap");
    std::fs::write(&path, Pcap::nano().file(&frames)).unwrap();
    let plan = Plan {
        changes: vec![Change {
            after: seconds(after),
            files: Vec::new(),
            policy: second.into(),
        }],
        ..Plan::new(vec![path], first)
    };
    run(plan, &mut |_| {}).unwrap()
}

#[test]
fn a_change_is_made_when_it_is_due_not_when_the_next_packet_comes() {
    let open = "i ingress tcp 22 from 0.0.0.0/0\n i egress all to 0.0.0.0/0";
    let narrow = "i ingress tcp 22 from 203.0.113.0/24\n i egress all to 0.0.0.0/0";
    let ack = frame::tcp("203.0.113.7:1000", "10.0.0.10:22", "A", b"");
    // 400 s after the change the 300 s in which the flow could have been taken over are gone.
    let frames = [(0, ack.clone()), (500, ack)];
    let report = replayed(&frames, policy(open), 100, policy(narrow));
    assert_eq!(report.packets.denied.packets, 1, "{:?}", report.verdicts);
    assert_eq!(report.changes[0].first_packet, Some(2));
}

#[test]
fn what_is_not_ip_does_not_move_the_clock() {
    let rules = "i ingress tcp 22 from 203.0.113.0/24";
    let frames = [
        (0, frame::tcp("203.0.113.7:1000", "10.0.0.10:22", "S", b"")),
        (1000, frame::arp("10.0.0.10", "10.0.0.1")),
        (
            20,
            frame::tcp("10.0.0.10:22", "203.0.113.7:1000", "SA", b""),
        ),
    ];
    let report = replayed(&frames, policy(rules), 10, policy(rules));
    assert_eq!(report.packets.denied.packets, 0, "{:?}", report.verdicts);
}

#[test]
fn unused_rules_are_those_of_attached_groups() {
    let first = policy("i ingress tcp 22 from 203.0.113.0/24\n j ingress tcp 23 from 0.0.0.0/0");
    let mut second = first.clone();
    for interface in second.interfaces.values_mut() {
        interface.groups = vec![GroupId::new("j")];
    }
    let ping = frame::ping("203.0.113.7", "10.0.0.10", 1, 1);
    let report = replayed(&[(0, ping.clone()), (2, ping)], first, 1, second);
    let groups: Vec<_> = report
        .unused_rules
        .iter()
        .map(|rule| rule.group.as_str())
        .collect();
    assert_eq!(groups, ["j"]);
}
