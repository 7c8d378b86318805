//! Why a packet was denied: the nearest rule.

use secgroup_datapath::{Action, Reason};
use secgroup_model::{Direction, Family, NetworkInterfaceId};
use secgroup_policy::Query;

use crate::tests::world::World;
use crate::{Flow, why_denied};

fn why_not(world: &World, flow: &str) -> String {
    let flow: Flow = flow.parse().unwrap();
    let query = Query::of(&flow.packet(), Direction::Ingress);
    why_denied(
        &world.0,
        &NetworkInterfaceId::new("eni-a"),
        &query,
        Reason::NoRule,
    )
}

fn nearest(rules: &[&str], flow: &str) -> String {
    let world = World::new()
        .group("sg-b", &[])
        .list("pl-1", Family::V4, &["198.51.100.0/24", "203.0.113.128/25"])
        .group("sg-a", rules)
        .interface("eni-a", &["sg-a"], &["10.0.1.10"]);
    why_not(&world, flow)
}

const SSH: &str = "tcp 203.0.113.7:40000 > 10.0.1.10:22";

#[test]
fn a_wrong_peer_is_nearer_than_a_wrong_port_and_that_than_a_wrong_protocol() {
    let peer = "in tcp 22 10.0.0.0/8";
    let port = "in tcp 23 203.0.113.7/32";
    let protocol = "in udp 22 203.0.113.7/32";
    let peer_and_port = "in tcp 23 203.0.113.8/32";
    let peer_and_protocol = "in udp 22 203.0.113.8/32";
    let worst_first = [peer_and_protocol, peer_and_port, protocol, port, peer];
    for (take, words) in [
        (
            5,
            "sg-a#4 (tcp 22 from 10.0.0.0/8) would match but for its peer",
        ),
        (
            4,
            "sg-a#3 (tcp 23 from 203.0.113.7/32) would match but for its port",
        ),
        (
            3,
            "sg-a#2 (udp 22 from 203.0.113.7/32) would match but for its protocol",
        ),
        (
            2,
            "sg-a#1 (tcp 23 from 203.0.113.8/32) fails on peer and port",
        ),
        (
            1,
            "sg-a#0 (udp 22 from 203.0.113.8/32) fails on peer and protocol",
        ),
        (0, "no ingress rules at all"),
    ] {
        assert_eq!(nearest(&worst_first[..take], SSH), words);
    }
}

#[test]
fn of_several_ports_the_nearest() {
    let rules = [
        "in tcp 80 0.0.0.0/0",
        "in tcp 10-20 0.0.0.0/0",
        "in tcp 25-26 0.0.0.0/0",
    ];
    assert!(nearest(&rules, SSH).starts_with("sg-a#1 (tcp 10-20 "));
    assert!(nearest(&rules, "tcp 203.0.113.7:1 > 10.0.1.10:23").starts_with("sg-a#2 "));
    assert!(nearest(&rules, "tcp 203.0.113.7:1 > 10.0.1.10:0").starts_with("sg-a#1 "));
    assert!(nearest(&rules, "tcp 203.0.113.7:1 > 10.0.1.10:65535").starts_with("sg-a#0 "));
}

#[test]
fn of_several_peers_the_one_that_shares_most_bits() {
    // Of groups, and ranges of the other family, no bits are shared.
    let rules = [
        "in tcp 22 sg-b",
        "in tcp 22 2001:db8::/32",
        "in tcp 22 10.0.0.0/8",
        "in tcp 22 203.0.114.0/24",
        "in tcp 22 pl-1",
        "in tcp 22 pl-missing",
    ];
    let first = |rules: &[&str], flow| nearest(rules, flow).split(' ').next().unwrap().to_owned();
    assert_eq!(first(&rules, SSH), "sg-a#4");
    assert_eq!(first(&rules[..4], SSH), "sg-a#3");
    assert_eq!(first(&rules[..3], SSH), "sg-a#2");
    assert_eq!(
        first(&rules, "tcp [2001:db9::1]:1 > [2001:db8::2]:22"),
        "sg-a#1"
    );
}

#[test]
fn of_equally_near_rules_the_first() {
    let rules = ["in tcp 21 0.0.0.0/0", "in tcp 23 0.0.0.0/0"];
    assert!(nearest(&rules, SSH).starts_with("sg-a#0 "));
}

#[test]
fn rules_of_the_other_direction_are_no_candidates() {
    assert_eq!(
        nearest(&["out tcp 22 0.0.0.0/0"], SSH),
        "no ingress rules at all"
    );
}

/// The packet may have been denied under an earlier policy than the one that is asked about.
#[test]
fn a_policy_that_changed_since() {
    let words = "sg-a#0 (tcp 22 from 0.0.0.0/0) would match now";
    assert_eq!(nearest(&["in tcp 22 0.0.0.0/0"], SSH), words);
    assert_eq!(
        why_not(&World::new(), SSH),
        "the policy no longer has the interface"
    );
}

#[test]
fn every_denial_has_words_and_nothing_else_has() {
    let world = World::new().interface("eni-a", &[], &["10.0.1.10"]);
    let flow: Flow = SSH.parse().unwrap();
    let query = Query::of(&flow.packet(), Direction::Ingress);
    let words = |reason| why_denied(&world.0, &NetworkInterfaceId::new("eni-a"), &query, reason);
    for reason in Reason::ALL {
        assert_eq!(
            words(reason).is_empty(),
            reason.action() == Action::Allow,
            "{reason}"
        );
    }
}
