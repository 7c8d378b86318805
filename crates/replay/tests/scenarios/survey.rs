//! What a picture is drawn from: it adds up to what is counted, and connections are those of the moment.

use std::path::PathBuf;

use secgroup_datapath::Reason;
use secgroup_model::Inventory;
use secgroup_replay::{Plan, Report, Survey, run};
use secgroup_testkit::capture::Pcap;
use secgroup_testkit::frame;

use crate::support::policy;

fn plan(captures: Vec<PathBuf>, policy: Inventory, survey: bool) -> Plan {
    Plan {
        survey,
        top: 1,
        ..Plan::new(captures, policy)
    }
}

/// Replays frames at seconds.
fn surveyed(rules: &str, frames: &[(u64, Vec<u8>)]) -> (Report, Survey) {
    let at = |(second, frame): &(u64, Vec<u8>)| {
        ((1_700_000_000 + second) * 1_000_000_000, frame.clone())
    };
    let frames: Vec<_> = frames.iter().map(at).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frames.pcap");
    std::fs::write(&path, Pcap::nano().file(&frames)).unwrap();
    let mut report = run(plan(vec![path], policy(rules), true), &mut |_| {}).unwrap();
    let survey = report.survey.take().unwrap();
    (report, *survey)
}

const SSH: &str = "i ingress tcp 22 from 203.0.113.0/24\n i ingress tcp 3000-4000 from 0.0.0.0/0";

fn syn(from: &str, port: u16) -> Vec<u8> {
    frame::tcp(from, &format!("10.0.0.10:{port}"), "S", b"")
}

#[test]
fn connections_are_those_of_the_moment() {
    // A half-open connection lives for 120 s. What is not IP lets no time pass.
    let frames = [
        (0, syn("203.0.113.7:1000", 22)),
        (1, syn("203.0.113.7:1001", 22)),
        (100, frame::arp("10.0.0.10", "10.0.0.1")),
        (500, syn("203.0.113.7:1002", 22)),
        (501, syn("192.0.2.66:1003", 22)),
    ];
    let (report, survey) = surveyed(SSH, &frames);
    let tracked: Vec<_> = survey
        .moments
        .iter()
        .filter_map(|moment| moment.tracked)
        .collect();
    assert_eq!(tracked.first(), Some(&2), "{tracked:?}");
    assert_eq!(tracked.last(), Some(&1), "{tracked:?}");
    assert_eq!(report.tracked_connections, 1);
    assert!(
        (survey.seconds - 4.0).abs() < 1e-6,
        "501 s in less than 240 stretches: {}",
        survey.seconds
    );
}

#[test]
fn stretches_and_conversations_add_up() {
    let mut frames: Vec<_> = (0..300)
        .map(|n| (n * 7, syn(&format!("203.0.113.7:{}", 2000 + n), 22)))
        .collect();
    frames.extend((0..50).map(|n| (n * 41, syn("192.0.2.66:7", 22))));
    frames.push((3, frame::arp("10.0.0.10", "10.0.0.1")));
    frames.push((4, frame::tcp("192.0.2.1:1", "192.0.2.2:2", "S", b"")));
    let (report, survey) = surveyed(SSH, &frames);
    let sum = |of: fn(&secgroup_replay::Fates) -> u64| {
        survey
            .moments
            .iter()
            .map(|moment| of(&moment.packets))
            .sum::<u64>()
    };
    let fates = &report.packets;
    assert_eq!(sum(|f| f.allowed.packets), fates.allowed.packets);
    assert_eq!(sum(|f| f.allowed.bytes), fates.allowed.bytes);
    assert_eq!((sum(|f| f.denied.packets), fates.denied.packets), (50, 50));
    assert_eq!(
        (sum(|f| f.no_interface.packets), sum(|f| f.not_ip.packets)),
        (1, 1)
    );
    for verdict in &report.verdicts {
        let place = Reason::ALL
            .iter()
            .position(|reason| reason.as_str() == verdict.reason)
            .unwrap();
        let counted: u64 = survey
            .moments
            .iter()
            .map(|moment| moment.verdicts[place])
            .sum();
        assert_eq!(counted, verdict.volume.packets, "{}", verdict.reason);
    }
    let [only] = &*survey.conversations else {
        panic!("{:?}", survey.conversations);
    };
    assert_eq!(only.from, "Internet");
    assert_eq!(
        (only.allowed.packets, only.denied.packets, only.opened),
        (300, 50, 300)
    );
}

#[test]
fn a_rule_is_wide_where_less_would_have_done() {
    let frames = [(0, syn("203.0.113.7:1000", 3306))];
    let (report, survey) = surveyed(SSH, &frames);
    let used = survey.wide(&report.rules[0]).expect("wider than seen");
    assert_eq!(used.narrower, ["tcp 3306 from 203.0.113.7/32"]);
    assert_eq!(used.open, ["tcp 3000-4000"]);
    // Nothing was seen of the other, and it is open to few.
    assert!(survey.wide(&report.unused_rules[0]).is_none());
}

#[test]
fn a_picture_has_more_rows_than_a_screen_but_not_all() {
    let scan: Vec<_> = (0..2_500)
        .map(|n| {
            (
                n / 100,
                syn("192.0.2.66:9", 10_000 + u16::try_from(n).unwrap()),
            )
        })
        .collect();
    let (report, survey) = surveyed(SSH, &scan);
    assert_eq!(report.denied_flow_count, 2_500);
    assert_eq!(
        (report.denied_flows.len(), survey.denied_flows.len()),
        (1, 1000)
    );
}

#[test]
fn nothing_is_surveyed_of_nothing() {
    let (_, survey) = surveyed(SSH, &[]);
    assert!(survey.moments.is_empty() && survey.conversations.is_empty());
    let without = run(plan(Vec::new(), policy(SSH), false), &mut |_| {}).unwrap();
    assert!(without.survey.is_none());
}
