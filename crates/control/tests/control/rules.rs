//! Groups to rule sets: order, sharing, and references that match nothing.

use std::sync::Arc;

use secgroup_control::{Defaults, Lowering};
use secgroup_model::{
    AssociationStatus, GroupId, IcmpMatch, Peer, PeeringStatus, PortRange, Protocol, RuleSpec,
    Traffic, VpcId,
};
use secgroup_packet::{Direction, Family};
use secgroup_policy::{Query, Selector};

use crate::world::{World, admits, interface, tcp};

/// The id of the rule by which `peer` may reach a port of `eni-a`.
fn by(world: &World, peer: &str, port: u16) -> Option<String> {
    let mut lowering = Lowering::new(Defaults::default());
    let snapshot = lowering.lower(&world.0);
    let number = admits(&lowering, &snapshot, "eni-a", peer, port)?;
    Some(
        lowering
            .registry()
            .rule(number)
            .unwrap()
            .rule
            .id
            .to_string(),
    )
}

#[test]
fn interfaces_with_the_same_groups_share_their_rules() {
    let mut lowering = Lowering::new(Defaults::default());
    let world = World::default()
        .group("sg-a", &[tcp(22, "0.0.0.0/0")])
        .group("sg-b", &[tcp(80, "0.0.0.0/0")])
        .interface("eni-1", &["sg-a", "sg-b"], &["10.0.0.1"])
        .interface("eni-2", &["sg-a", "sg-b"], &["10.0.0.2"])
        .interface("eni-3", &["sg-b", "sg-a"], &["10.0.0.3"])
        .interface("eni-4", &["sg-a"], &["10.0.0.4"]);
    let snapshot = lowering.lower(&world.0);
    let rules = |id| &interface(&lowering, &snapshot, id).rules;
    assert!(Arc::ptr_eq(rules("eni-1"), rules("eni-2")));
    // Order decides which rule is named.
    assert!(!Arc::ptr_eq(rules("eni-1"), rules("eni-3")));
    assert!(!Arc::ptr_eq(rules("eni-1"), rules("eni-4")));
    assert_eq!(rules("eni-4").len(), 1);
}

/// C3: groups in the order of the interface, rules in the order of the group.
#[test]
fn the_first_of_several_matching_rules_is_named() {
    let world = |groups: &[&str]| {
        World::default()
            .group(
                "sg-a",
                &[
                    tcp(80, "0.0.0.0/0"),
                    tcp(22, "10.0.0.0/8"),
                    tcp(22, "10.9.0.0/16"),
                ],
            )
            .group("sg-b", &[tcp(22, "0.0.0.0/0")])
            .interface("eni-a", groups, &["10.0.0.1"])
    };
    assert_eq!(
        by(&world(&["sg-a", "sg-b"]), "10.9.9.9", 22).unwrap(),
        "sg-a#1"
    );
    assert_eq!(
        by(&world(&["sg-b", "sg-a"]), "10.9.9.9", 22).unwrap(),
        "sg-b#0"
    );
    assert_eq!(
        by(&world(&["sg-x", "sg-b"]), "10.9.9.9", 22).unwrap(),
        "sg-b#0"
    );
    assert_eq!(by(&world(&["sg-x"]), "10.9.9.9", 22), None);
    assert_eq!(by(&world(&[]), "10.9.9.9", 22), None);
}

#[test]
fn a_prefix_list_is_its_current_entries() {
    let mut world = World::default()
        .group("sg-a", &[tcp(22, "pl-1"), tcp(23, "pl-missing")])
        .interface("eni-a", &["sg-a"], &["10.0.0.1"])
        .list("pl-1", &["203.0.113.0/24", "198.51.100.7/32"]);
    assert_eq!(by(&world, "203.0.113.9", 22).unwrap(), "sg-a#0");
    assert_eq!(by(&world, "198.51.100.7", 22).unwrap(), "sg-a#0");
    assert_eq!(by(&world, "198.51.100.8", 22), None);
    assert_eq!(by(&world, "203.0.113.9", 23), None);
    // A26: the rule means the version that is current.
    let list = world.0.prefix_lists.values_mut().next().unwrap();
    list.versions.insert(2, Vec::new());
    list.version = 2;
    assert_eq!(by(&world, "203.0.113.9", 22), None);
}

/// D10: a prefix list of everything leaves nothing untracked, a range of everything does.
#[test]
fn only_ranges_are_open() {
    for (peer, open) in [("0.0.0.0/0", true), ("pl-1", false), ("0.0.0.0/1", false)] {
        let mut lowering = Lowering::new(Defaults::default());
        let world = World::default()
            .group("sg-a", &[tcp(22, peer)])
            .interface("eni-a", &["sg-a"], &["10.0.0.1"])
            .list("pl-1", &["0.0.0.0/0"]);
        let snapshot = lowering.lower(&world.0);
        let rules = &interface(&lowering, &snapshot, "eni-a").rules;
        let is_open = rules.open(Direction::Ingress, Family::V4, Protocol::TCP, 22);
        assert_eq!(is_open, open, "{peer}");
    }
}

/// B28, A27: what cannot be reached is not there, and comes when it can be.
#[test]
fn references_out_of_reach_match_nothing() {
    let far = |status| {
        World::default()
            .group(
                "sg-a",
                &[tcp(22, "sg-far"), tcp(23, "sg-missing"), tcp(24, "sg-a")],
            )
            .group_in("vpc-far", "sg-far", &[])
            .interface("eni-a", &["sg-a"], &["10.0.0.1"])
            .interface("eni-far", &["sg-far", "sg-missing"], &["172.16.0.1"])
            .peering("vpc-far", status)
    };
    assert_eq!(
        by(&far(PeeringStatus::Active), "172.16.0.1", 22).unwrap(),
        "sg-a#0"
    );
    assert_eq!(by(&far(PeeringStatus::Pending), "172.16.0.1", 22), None);
    assert_eq!(by(&far(PeeringStatus::Gone), "172.16.0.1", 22), None);
    // B29: or by association.
    let mut associated = far(PeeringStatus::Gone);
    let key = (GroupId::new("sg-far"), VpcId::new("vpc-1"));
    associated
        .0
        .associations
        .insert(key, AssociationStatus::Associated);
    assert_eq!(by(&associated, "172.16.0.1", 22).unwrap(), "sg-a#0");
    // A group that the files do not define has members and no VPC.
    assert_eq!(by(&far(PeeringStatus::Active), "172.16.0.1", 23), None);
    // Stale rules do not shift what comes behind them.
    assert_eq!(
        by(&far(PeeringStatus::Gone), "10.0.0.1", 24).unwrap(),
        "sg-a#2"
    );
}

#[test]
fn every_kind_of_traffic() {
    let ping = IcmpMatch::TypeAndCode(8, 0);
    let range = |from, to| PortRange::new(from, to).unwrap();
    let everywhere = |traffic, family| RuleSpec {
        direction: Direction::Egress,
        traffic,
        peer: Peer::anywhere(family),
    };
    let icmp = |kind, code| Selector::Icmp { kind, code };
    let (v4, v6) = ("203.0.113.7", "2001:db8::7");
    for (traffic, peer, protocol, hit, miss) in [
        (
            Traffic::Tcp(range(5, 7)),
            v4,
            6,
            Selector::Port(7),
            Selector::Port(8),
        ),
        (
            Traffic::Udp(range(5, 7)),
            v4,
            17,
            Selector::Port(5),
            Selector::Port(4),
        ),
        (Traffic::Icmp(ping), v4, 1, icmp(8, 0), icmp(8, 1)),
        (
            Traffic::Icmp(IcmpMatch::Type(3)),
            v4,
            1,
            icmp(3, 4),
            icmp(4, 3),
        ),
        (
            Traffic::Icmpv6(IcmpMatch::Type(128)),
            v6,
            58,
            icmp(128, 9),
            icmp(129, 0),
        ),
    ] {
        let family = Family::of(peer.parse().unwrap());
        let passes = |traffic, protocol, selector| {
            let mut lowering = Lowering::new(Defaults::default());
            let world = World::default()
                .group("sg-a", &[everywhere(traffic, family)])
                .interface("eni-a", &["sg-a"], &["10.0.0.1"]);
            let snapshot = lowering.lower(&world.0);
            let query = Query {
                direction: Direction::Egress,
                protocol: Protocol(protocol),
                peer: peer.parse().unwrap(),
                selector,
            };
            let rules = &interface(&lowering, &snapshot, "eni-a").rules;
            rules.matches(&query, &snapshot.directory).is_some()
        };
        assert!(passes(traffic, protocol, hit), "{traffic}");
        assert!(!passes(traffic, protocol, miss), "{traffic}");
        assert!(!passes(traffic, 47, Selector::None), "{traffic}");
        assert!(passes(Traffic::All, protocol, miss));
        assert!(passes(Traffic::Other(Protocol(47)), 47, Selector::None));
        assert!(!passes(Traffic::Other(Protocol(47)), protocol, hit));
    }
}
