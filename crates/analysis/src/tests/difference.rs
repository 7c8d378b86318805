//! Differences between two policies: worked examples, and the reference evaluator asked about both.

use std::fmt::Write;

use ipnet::IpNet;
use proptest::prelude::*;
use secgroup_datapath::AlwaysTrack;
use secgroup_model::{Family, Inventory, NetworkInterfaceId, PortRange, Protocol};
use secgroup_packet::{Direction, L4};
use secgroup_policy::Query;

use crate::addresses::AddressSet;
use crate::attached::attached_rules;
use crate::tests::properties::{by_oracle, places};
use crate::tests::random::{Sent, defaults, flows, worlds};
use crate::tests::world::World;
use crate::tracking::opens;
use crate::{Class, Difference, PeerSet, PlaceDifference};

fn diff(old: &World, new: &World) -> Difference {
    crate::diff(&old.0, &new.0, &AlwaysTrack::Never)
}

/// `eni-a` with one group of these rules.
fn one(rules: &[&str]) -> World {
    World::new().group("sg-a", rules).interface(
        "eni-a",
        &["sg-a"],
        &["10.0.1.10", "2001:db8:a::10"],
    )
}

/// A class in one line: `in tcp 22: 10.0.0.0/8 - 10.1.0.0/16`.
fn line(class: &Class) -> String {
    let mut line = format!("{} {}:", &class.direction[..2], class.traffic.join(", "));
    for peer in &class.peers {
        let _ = write!(line, " {}", peer.peer);
        for except in &peer.except {
            let _ = write!(line, " - {}", except.peer);
        }
    }
    line
}

fn lines(classes: &[Class]) -> Vec<String> {
    classes.iter().map(line).collect()
}

/// Allowed, denied, tracked, untracked.
fn changes(old: &[&str], new: &[&str]) -> [Vec<String>; 4] {
    let difference = diff(&one(old), &one(new));
    match difference.at("eni-a") {
        None => Default::default(),
        Some(place) => [
            &place.newly_allowed,
            &place.newly_denied,
            &place.now_tracked,
            &place.now_untracked,
        ]
        .map(|classes| lines(classes)),
    }
}

#[test]
fn rules_that_admit_the_same_do_not_differ() {
    for (old, new) in [
        (
            vec!["in tcp 22-23 10.0.0.0/8"],
            vec!["in tcp 22 10.0.0.0/8", "in tcp 23 10.0.0.0/8"],
        ),
        (
            vec!["in tcp 22 10.0.0.0/8"],
            vec!["in tcp 22 10.0.0.0/9", "in tcp 22 10.128.0.0/9"],
        ),
        (
            vec!["out all ::/0"],
            vec!["out all ::/0", "out tcp 80 2001:db8::/32"],
        ),
        // A19: neither can match.
        (vec!["in icmp all ::/0"], vec!["in icmpv6 all 0.0.0.0/0"]),
        (vec![], vec!["in all sg-missing", "in tcp 22 pl-missing"]),
        // The group's only member.
        (
            vec!["in udp 53 sg-a"],
            vec!["in udp 53 10.0.1.10/32", "in udp 53 2001:db8:a::10/128"],
        ),
    ] {
        assert_eq!(
            diff(&one(&old), &one(&new)),
            Difference::default(),
            "{old:?} {new:?}"
        );
    }
}

#[test]
fn a_wider_port_range_and_a_narrower_peer() {
    let [allowed, denied, tracked, untracked] =
        changes(&["in tcp 22 10.0.0.0/8"], &["in tcp 22-25 10.0.0.0/9"]);
    assert_eq!(allowed, ["in tcp 23-25: 10.0.0.0/9"]);
    assert_eq!(denied, ["in tcp 22: 10.0.0.0/8 - 10.0.0.0/9"]);
    assert!(tracked.is_empty() && untracked.is_empty());
}

#[test]
fn classes_are_by_traffic_where_rules_overlap_by_peer() {
    let [allowed, ..] = changes(&[], &["in tcp 22 10.0.0.0/8", "in tcp 80 10.1.0.0/16"]);
    assert_eq!(allowed, ["in tcp 22: 10.0.0.0/8", "in tcp 80: 10.1.0.0/16"]);
}

#[test]
fn traffic_with_the_same_peers_is_one_class() {
    let [allowed, ..] = changes(&["in tcp 22 10.0.0.0/8"], &["in all 10.0.0.0/8"]);
    let all_but = "in tcp 0-21, tcp 23-65535, udp 0-65535, icmp all types, every other protocol";
    assert_eq!(allowed, [format!("{all_but}: 10.0.0.0/8")]);
}

#[test]
fn icmp_is_told_by_type_and_code() {
    let [allowed, denied, ..] = changes(
        &["in icmp all 10.0.0.0/8", "in icmpv6 128 ::/0"],
        &[
            "in icmp 8/0 10.0.0.0/8",
            "in icmp 3 10.0.0.0/8",
            "in icmpv6 all ::/0",
        ],
    );
    assert_eq!(
        allowed,
        ["in icmpv6 types 0-127, icmpv6 types 129-255: ::/0"]
    );
    let gone = "in icmp types 0-2, icmp types 4-7, icmp type 8 codes 1-255, icmp types 9-255";
    assert_eq!(denied, [format!("{gone}: 10.0.0.0/8")]);
}

#[test]
fn a_group_is_named_with_its_members() {
    let world = |rules: &[&str]| {
        one(rules).group("sg-b", &[]).interface(
            "eni-b",
            &["sg-b"],
            &["10.0.2.10", "10.0.2.64/28", "2001:db8:b::10"],
        )
    };
    let (old, new) = (
        world(&["in tcp 80 10.0.2.10/32"]),
        world(&["in tcp 80 sg-b"]),
    );
    let difference = diff(&old, &new);
    let place = difference.at("eni-a").unwrap();
    assert_eq!(
        lines(&place.newly_allowed),
        ["in tcp 80: sg-b - 10.0.2.10/32", "in tcp 80: sg-b"]
    );
    let [v4, v6] = [0, 1].map(|at| &place.newly_allowed[at].ranges);
    assert_eq!(v4, &["10.0.2.64/28".parse::<IpNet>().unwrap()]);
    assert_eq!(v6, &["2001:db8:b::10/128".parse::<IpNet>().unwrap()]);
    assert_eq!(place.newly_allowed[0].rules[0].rule.as_str(), "sg-a#0");
    // C8: a member that joins changes what the other group's rules admit.
    let joined = world(&["in tcp 80 sg-b"]).interface("eni-c", &["sg-b"], &["10.0.3.1"]);
    let difference = diff(&new, &joined);
    assert_eq!(difference.appeared, ["eni-c"]);
    let place = difference.at("eni-a").unwrap();
    assert_eq!(lines(&place.newly_allowed), ["in tcp 80: sg-b - sg-b"]);
    assert_eq!(
        place.newly_allowed[0].ranges,
        ["10.0.3.1/32".parse::<IpNet>().unwrap()]
    );
}

/// D14, cases 2 and 5: without the outbound rule everything is tracked, and nothing is denied that
/// comes in.
#[test]
fn the_worked_example_becomes_tracked_without_its_egress_rule() {
    let ingress = [
        "in tcp 22 203.0.113.1/32",
        "in tcp 80 0.0.0.0/0",
        "in icmp all 0.0.0.0/0",
    ];
    let open = [&ingress[..], &["out all 0.0.0.0/0"]].concat();
    let [allowed, denied, tracked, untracked] = changes(&open, &ingress);
    assert!(allowed.is_empty() && untracked.is_empty());
    assert_eq!(denied, ["eg all traffic: 0.0.0.0/0"]);
    assert_eq!(tracked, ["in tcp 80: 0.0.0.0/0"]);
    let [.., untracked] = changes(&ingress, &open);
    assert_eq!(untracked, ["in tcp 80: 0.0.0.0/0"]);
}

/// D12: what is always tracked does not change.
#[test]
fn flows_that_are_always_tracked_are_excepted() {
    let open = one(&["in tcp 80 0.0.0.0/0", "out all 0.0.0.0/0"]);
    let closed = one(&["in tcp 80 0.0.0.0/0"]);
    let peers = vec!["203.0.113.0/24".parse().unwrap()];
    let difference = crate::diff(&open.0, &closed.0, &AlwaysTrack::Peers(peers));
    let place = difference.at("eni-a").unwrap();
    assert_eq!(
        lines(&place.now_tracked),
        ["in tcp 80: 0.0.0.0/0 - 203.0.113.0/24"]
    );
    let difference = crate::diff(&open.0, &closed.0, &AlwaysTrack::Always);
    assert!(difference.at("eni-a").unwrap().now_tracked.is_empty());
}

#[test]
fn interfaces_are_matched_by_id_name_and_address() {
    let named = |id: &str, address: &str, name: Option<&str>| {
        World::new()
            .group("sg-a", &["in tcp 22 10.0.0.0/8"])
            .interface(id, &["sg-a"], &[address])
            .edit(id, |eni| {
                eni.tags
                    .extend(name.map(|name| ("Name".to_owned(), name.to_owned())));
            })
    };
    let old = named("eni-1", "10.0.1.10", Some("web"));
    let by_name = diff(&old, &named("Web", "10.0.9.9", Some("web")));
    assert_eq!(by_name.renamed, [("eni-1".to_owned(), "Web".to_owned())]);
    assert_eq!(
        by_name.settings.len(),
        1,
        "its address changed: {:?}",
        by_name.settings
    );
    let by_address = diff(&old, &named("Web", "10.0.1.10", None));
    assert_eq!(by_address.renamed, by_name.renamed);
    assert!(by_address.is_empty());
    let not_at_all = diff(&old, &named("Web", "10.0.9.9", Some("app")));
    assert_eq!(
        (not_at_all.vanished, not_at_all.appeared),
        (vec!["eni-1".into()], vec!["Web".into()])
    );
}

#[test]
fn groups_that_no_interface_has_are_compared_by_themselves() {
    let idle = |rule: &str| World::new().group("sg-a", &[rule]);
    let difference = diff(&idle("in tcp 22 10.0.0.0/8"), &idle("in tcp 23 10.0.0.0/8"));
    let [place] = <[PlaceDifference; 1]>::try_from(difference.places).unwrap();
    assert!(place.idle_group && place.at == ["sg-a"]);
    assert_eq!(lines(&place.newly_denied), ["in tcp 22: 10.0.0.0/8"]);
}

#[test]
fn a_fleet_with_one_change_is_one_place() {
    let fleet = |rule: &str| {
        (0..50).fold(one(&[rule]), |world, n| {
            world.interface(&format!("eni-{n:02}"), &["sg-a"], &[&format!("10.0.5.{n}")])
        })
    };
    let difference = diff(&fleet("in tcp 80 ::/0"), &fleet("in tcp 81 ::/0"));
    assert_eq!(difference.places.len(), 1);
    assert_eq!(difference.places[0].at.len(), 51);
}

#[test]
fn settings_that_alter_verdicts_are_told() {
    let old = one(&[]);
    let new = one(&[]).edit("eni-a", |eni| {
        eni.source_dest_check = false;
        eni.subnet = None;
        eni.tracking.udp = Some(std::time::Duration::from_secs(45));
    });
    let difference = diff(&old, &new);
    let told: Vec<_> = difference
        .settings
        .iter()
        .map(|change| format!("{}: {} -> {}", change.setting, change.old, change.new))
        .collect();
    assert_eq!(
        told,
        [
            "source/destination check: on -> off",
            "never filtered: resolver 10.0.0.2, router 10.0.1.1 -> resolver 10.0.0.2",
            "timeout of UDP flows: default -> 45 s",
        ]
    );
}

/// There are never more classes than stretches of ports between two rules' ends, whatever their
/// peers are.
#[test]
fn many_rules_make_few_classes() {
    let rules = |shift: u32| {
        let rule = |n: u32| {
            let (low, high) = (n * 60 % 60_000, (n * 60 + n * 7 + shift) % 60_000);
            let (from, to) = (low.min(high), low.max(high));
            format!(
                "in tcp {from}-{to} 10.{}.{}.0/{}",
                n % 7,
                n % 250,
                12 + n % 12
            )
        };
        let mut rules: Vec<_> = (0..500).map(rule).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    };
    let [old, new] = [0, 13].map(rules);
    let world = |rules: &[String]| one(&rules.iter().map(String::as_str).collect::<Vec<_>>());
    let difference = diff(&world(&old), &world(&new));
    let place = difference.at("eni-a").unwrap();
    let stretches = 2 * (old.len() + new.len());
    assert!((1..=stretches).contains(&place.newly_allowed.len()));
    assert!(place.newly_denied.len() <= stretches);
}

/// The query that the first packet of `flow` puts to the rules.
fn query(sent: &Sent, direction: Direction) -> Query {
    Query::of(&sent.flow.packet(), direction)
}

/// Whether a UDP packet might also be the answer of an untracked flow, under one of the policies:
/// the rules of both directions then say that, not those of its own.
fn may_answer(inventory: &Inventory, at: &NetworkInterfaceId, sent: &Sent, way: Direction) -> bool {
    let packet = sent.flow.packet();
    let L4::Udp { sport, .. } = packet.l4 else {
        return false;
    };
    let interface = &inventory.interfaces[at];
    let open = |direction, ports: PortRange| {
        attached_rules(inventory, interface, direction).any(|(_, rule)| {
            let family = Family::of(packet.addresses.src());
            opens(rule, Protocol::UDP, family).is_some_and(|open| open.covers(ports))
        })
    };
    open(way.reverse(), PortRange::single(sport)) && open(way, PortRange::ALL)
}

/// What the words of a class say, as a set.
fn said(peers: &[PeerSet], family: Family) -> AddressSet {
    let sets: Vec<_> = peers
        .iter()
        .map(|peer| {
            let own = AddressSet::of(family, peer.addresses.iter().copied());
            own.minus(&said(&peer.except, family))
        })
        .collect();
    AddressSet::union(family, &sets)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A flow is in a class if and only if the reference evaluator gives it different verdicts; and
    /// in one of now tracked or now untracked if and only if it passes both, by different reasons.
    #[test]
    fn classes_are_exactly_where_the_reference_differs(
        old in worlds(), new in worlds(),
        sent in prop::collection::vec(flows(), 24),
        defaults in defaults(),
    ) {
        let difference = crate::diff(&old.0, &new.0, &defaults.always_track);
        for (interface, way) in places(&old) {
            let place = difference.at(interface.as_str());
            for sent in &sent {
                let ask = |world: &World| {
                    by_oracle(&world.0, (interface, way), &sent.frame, &defaults)
                };
                let ((before, passed, _), (after, passes, _)) = (ask(&old), ask(&new));
                // Neither is the rules' to decide (C12, C16).
                if [before, after].iter().any(|reason| ["exempt", "spoofed"].contains(reason)) {
                    continue;
                }
                let query = query(sent, way);
                let told = place.and_then(|place| place.verdict_of(&query));
                prop_assert_eq!(told, (passed != passes).then_some(passes), "{}", sent.flow);
                if may_answer(&old.0, interface, sent, way)
                    || may_answer(&new.0, interface, sent, way) {
                    continue;
                }
                let held = |of: fn(&PlaceDifference) -> &Vec<Class>| {
                    place.is_some_and(|p| of(p).iter().any(|class| class.holds(&query)))
                };
                let changed = passed && passes && before != after;
                let tracked = held(|place| &place.now_tracked);
                prop_assert_eq!(tracked, changed && after == "new", "{}", sent.flow);
                let untracked = held(|place| &place.now_untracked);
                prop_assert_eq!(untracked, changed && after == "untracked", "{}", sent.flow);
            }
        }
    }

    /// Classes are disjoint, and their words say what they hold: no more, no less.
    #[test]
    fn classes_are_disjoint_and_said_exactly(old in worlds(), new in worlds()) {
        let difference = diff(&old, &new);
        for place in &difference.places {
            let kinds = [&place.newly_allowed, &place.newly_denied];
            let tracking = [&place.now_tracked, &place.now_untracked];
            for classes in kinds.into_iter().chain(tracking) {
                let mut seen = std::collections::BTreeSet::new();
                for class in classes {
                    let family = match class.family.as_str() {
                        "IPv4" => Family::V4,
                        _ => Family::V6,
                    };
                    let ranges = AddressSet::of(family, class.ranges.iter().copied());
                    prop_assert_eq!(said(&class.peers, family), ranges, "{:?}", class);
                    prop_assert!(!class.peers.is_empty() && !class.rules.is_empty());
                    for traffic in &class.traffic {
                        let key = (class.direction, class.family.clone(), traffic.clone());
                        prop_assert!(seen.insert(key), "{:?} twice", traffic);
                    }
                }
            }
        }
    }

    /// The other way round everything is the other way round.
    #[test]
    fn the_difference_mirrors(old in worlds(), new in worlds()) {
        let (there, back) = (diff(&old, &new), diff(&new, &old));
        prop_assert_eq!(there.places.len(), back.places.len());
        for (one, other) in there.places.iter().zip(&back.places) {
            prop_assert_eq!(&one.newly_allowed, &other.newly_denied);
            prop_assert_eq!(&one.newly_denied, &other.newly_allowed);
            prop_assert_eq!(&one.now_tracked, &other.now_untracked);
        }
        prop_assert!(diff(&old, &old).is_empty());
    }
}
