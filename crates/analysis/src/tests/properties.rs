//! Explanations against the reference evaluator, rule by rule against the engine, and the changes
//! that they propose against what then happens.

use proptest::prelude::*;
use secgroup_control::{Defaults, Lowering};
use secgroup_datapath::{AlwaysTrack, Settings};
use secgroup_model::{
    Direction, GroupId, Inventory, NetworkInterfaceId, Peer, PortRange, Rule, RuleId, RuleSpec,
    Traffic,
};
use secgroup_oracle::{LinkKind, Oracle};
use secgroup_packet::Packet;
use secgroup_policy::{Query, Selector};

use crate::mismatch::{Field, Mismatch};
use crate::tests::random::{Sent, defaults, flows, specs, worlds};
use crate::tests::world::World;
use crate::{Change, Explanation, Flow, explain};

/// Explains `flow` at `interface` in `direction`.
fn at(
    inventory: &Inventory,
    (interface, direction): (&NetworkInterfaceId, Direction),
    flow: &Flow,
    defaults: &Defaults,
) -> Explanation {
    let settings = Settings::default();
    let name = Some(interface.as_str());
    let mut all = explain(
        inventory,
        name,
        Some(direction),
        flow,
        (&settings, defaults),
    )
    .unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// Every interface, both ways.
pub(super) fn places(world: &World) -> impl Iterator<Item = (&NetworkInterfaceId, Direction)> {
    let interfaces = world.0.interfaces.keys();
    interfaces.flat_map(|id| Direction::BOTH.map(|direction| (id, direction)))
}

/// What the reference evaluator says of the frame: reason, rule, group.
pub(super) fn by_oracle(
    inventory: &Inventory,
    (interface, direction): (&NetworkInterfaceId, Direction),
    frame: &[u8],
    defaults: &Defaults,
) -> (&'static str, bool, Option<(String, String)>) {
    let interface_settings = secgroup_oracle::InterfaceSettings {
        exemptions: defaults.exemptions,
        always_track: match &defaults.always_track {
            AlwaysTrack::Never => secgroup_oracle::AlwaysTrack::None,
            AlwaysTrack::Always => secgroup_oracle::AlwaysTrack::All,
            AlwaysTrack::Peers(peers) => secgroup_oracle::AlwaysTrack::Peers(peers.clone()),
        },
        ..Default::default()
    };
    let settings = secgroup_oracle::Settings {
        interface: interface_settings,
        ..Default::default()
    };
    let len = u32::try_from(frame.len()).unwrap();
    let mut oracle = Oracle::new(inventory, settings, 0);
    let judged = oracle.judge(LinkKind::Ethernet, frame, len, interface, direction, 0);
    let rule = judged
        .rule
        .map(|(group, rule)| (group.to_string(), rule.to_string()));
    (judged.outcome.as_str(), judged.outcome.passes(), rule)
}

/// Makes the change.
fn apply(change: &Change, inventory: &mut Inventory) {
    match change {
        Change::Add { group, rule } => {
            let rules = &mut inventory.groups.get_mut(group).unwrap().rules;
            rules.push(Rule::new(RuleId::new("added"), rule.clone()));
        }
        Change::Remove { rules } => {
            for gone in rules {
                let rules = &mut inventory.groups.get_mut(&gone.group).unwrap().rules;
                let before = rules.len();
                rules.retain(|rule| rule.id != gone.rule);
                assert_eq!(rules.len(), before - 1, "{gone:?} is one rule");
            }
        }
        Change::None { .. } => {}
    }
}

proptest! {
    #[test]
    fn verdicts_are_those_of_the_reference(
        world in worlds(), Sent { flow, frame } in flows(), defaults in defaults(),
    ) {
        for place in places(&world) {
            let told = at(&world.0, place, &flow, &defaults);
            let (reason, passes, rule) = by_oracle(&world.0, place, &frame, &defaults);
            prop_assert_eq!(told.reason, reason, "{} at {:?}", flow, place);
            prop_assert_eq!(told.verdict == "allow", passes);
            prop_assert_eq!(told.group.clone().zip(told.rule.clone()), rule);
            prop_assert_eq!(told.why.is_some(), !passes);
            // The rule that admits it is the first of those that are said to match.
            if let Some(rule) = &told.rule {
                let first = told.considered.iter().find(|rule| rule.matches).unwrap();
                prop_assert_eq!((&first.rule, Some(&first.group)), (rule, told.group.as_ref()));
            }
            if reason == "no-rule" {
                prop_assert!(told.considered.iter().all(|rule| !rule.matches));
            }
            prop_assert!(told.considered.iter().all(|r| r.matches == r.fails_on.is_empty()));
        }
    }

    #[test]
    fn a_flow_is_said_to_be_tracked_exactly_where_it_is(
        world in worlds(), Sent { flow, .. } in flows(), defaults in defaults(),
    ) {
        for place in places(&world) {
            let told = at(&world.0, place, &flow, &defaults);
            prop_assert_eq!(told.tracking.is_some(), told.rule.is_some());
            if let Some(tracking) = &told.tracking {
                prop_assert_eq!(tracking.tracked, told.reason != "untracked", "{:?}", told);
                prop_assert!(!tracking.because.is_empty());
            }
        }
    }

    #[test]
    fn the_change_turns_the_verdict_and_is_the_smallest(
        world in worlds(), Sent { flow, .. } in flows(), defaults in defaults(),
    ) {
        for place in places(&world) {
            let before = at(&world.0, place, &flow, &defaults);
            let mut changed = world.0.clone();
            apply(&before.change, &mut changed);
            let after = at(&changed, place, &flow, &defaults);
            match &before.change {
                Change::Add { group, .. } => {
                    prop_assert_eq!(after.verdict, "allow", "{:?}", before);
                    prop_assert_eq!(after.rule.as_deref(), Some("added"));
                    prop_assert!(world.0.interfaces[place.0].groups.contains(group));
                }
                Change::Remove { rules } => {
                    prop_assert_eq!(after.reason, "no-rule", "{:?}", before);
                    // Each of them has to go: any one that stays admits the packet.
                    for kept in rules {
                        let others = rules.iter().filter(|rule| *rule != kept).cloned().collect();
                        let mut changed = world.0.clone();
                        apply(&Change::Remove { rules: others }, &mut changed);
                        prop_assert_eq!(at(&changed, place, &flow, &defaults).verdict, "allow");
                    }
                }
                Change::None { because } => {
                    prop_assert!(!because.is_empty());
                    nothing_turns(&world, place, &flow, &defaults, &before)?;
                }
            }
        }
    }

    #[test]
    fn an_added_rule_admits_nothing_else(
        world in worlds(), Sent { flow, .. } in flows(), Sent { flow: other, .. } in flows(),
    ) {
        for place in places(&world) {
            let told = at(&world.0, place, &flow, &Defaults::default());
            let Change::Add { group, rule } = &told.change else { continue };
            let query = Query::of(&flow.packet(), place.1);
            let other = Query::of(&other.packet(), place.1);
            let admits = |query: &Query| matches_alone(&world.0, group, rule, query);
            prop_assert!(admits(&query));
            for near in neighbours(query).into_iter().chain([other]) {
                // ICMP of the wrong family is in reach of `-1` alone (A19).
                let is_peer = rule.traffic == Traffic::All && near.peer == query.peer;
                let same = near == query || is_peer;
                prop_assert_eq!(admits(&near), same, "{:?} {:?}", rule, near);
            }
            // Nor does it do so in the other direction.
            let opposite = Query { direction: place.1.reverse(), ..query };
            prop_assert!(!admits(&opposite));
        }
    }

    #[test]
    fn every_field_that_fails_fails_in_the_engine(
        world in worlds(), spec in specs(), Sent { flow, .. } in flows(),
    ) {
        let query = Query::of(&flow.packet(), spec.direction);
        let group = &world.0.groups["sg-a"];
        let mismatch = Mismatch::of(&world.0, group, &spec, &query);
        let matches = |spec: &RuleSpec| matches_alone(&world.0, &group.id, spec, &query);
        prop_assert_eq!(mismatch.is_match(), matches(&spec), "{:?}", mismatch);

        let by_peer = RuleSpec { traffic: Traffic::All, ..spec.clone() };
        prop_assert_eq!(mismatch.fields().contains(&Field::Peer), !matches(&by_peer));
        let everywhere = Peer::anywhere(query.family());
        let by_traffic = RuleSpec { peer: everywhere.clone(), ..spec.clone() };
        let traffic = mismatch.fields().iter().any(|field| *field != Field::Peer);
        prop_assert_eq!(traffic, !matches(&by_traffic));
        let by_protocol = RuleSpec { traffic: all_of(spec.traffic), ..by_traffic };
        let protocol = mismatch.fields().contains(&Field::Protocol);
        prop_assert_eq!(protocol, !matches(&by_protocol));
    }

    #[test]
    fn nothing_named_is_what_the_addresses_say(world in worlds(), Sent { flow, .. } in flows()) {
        let settings = (&Settings::default(), &Defaults::default());
        let crossed = explain(&world.0, None, None, &flow, settings).unwrap_or_default();
        let Packet { addresses, .. } = flow.packet();
        for place @ (id, direction) in places(&world) {
            let interface = &world.0.interfaces[id];
            let own = match direction {
                Direction::Egress => addresses.src(),
                Direction::Ingress => addresses.dst(),
            };
            let crosses = interface.addresses.contains(&own)
                || interface.prefixes.iter().any(|prefix| prefix.contains(&own));
            let found = crossed
                .iter()
                .find(|told| told.interface == id.as_str() && told.direction == direction.as_str());
            let expected = crosses.then(|| at(&world.0, place, &flow, settings.1));
            prop_assert_eq!(found, expected.as_ref());
        }
    }
}

/// That neither allowing everything nor nothing turns the verdict.
fn nothing_turns(
    world: &World,
    place: (&NetworkInterfaceId, Direction),
    flow: &Flow,
    defaults: &Defaults,
    before: &Explanation,
) -> Result<(), TestCaseError> {
    let everything = [
        "in all 0.0.0.0/0",
        "in all ::/0",
        "out all 0.0.0.0/0",
        "out all ::/0",
    ];
    for rules in [&everything[..], &[]] {
        let world = world.clone().group("sg-a", rules).group("sg-b", rules);
        let after = at(&world.0, place, flow, defaults);
        prop_assert_eq!(after.verdict, before.verdict);
    }
    Ok(())
}

/// Whether the engine matches a group of this one rule.
fn matches_alone(inventory: &Inventory, group: &GroupId, spec: &RuleSpec, query: &Query) -> bool {
    let mut inventory = inventory.clone();
    let rules = &mut inventory.groups.get_mut(group).unwrap().rules;
    *rules = vec![Rule::new(RuleId::new("alone"), spec.clone())];
    // An interface of no address, so that it is nobody's member.
    let probe = NetworkInterfaceId::new("eni-probe");
    let mut interface = inventory.interfaces["eni-a"].clone();
    interface.id = probe.clone();
    interface.addresses.clear();
    interface.groups = vec![group.clone()];
    inventory.interfaces.insert(probe.clone(), interface);
    let mut lowering = Lowering::new(Defaults::default());
    let snapshot = lowering.lower(&inventory);
    let index = lowering.registry().interface_index(&probe).unwrap();
    let rules = &snapshot.interface(index).unwrap().rules;
    rules.matches(query, &snapshot.directory).is_some()
}

/// Queries that differ from one in a single field, by one.
fn neighbours(query: Query) -> Vec<Query> {
    let next = match query.peer {
        std::net::IpAddr::V4(peer) => std::net::Ipv4Addr::from(peer.to_bits() ^ 1).into(),
        std::net::IpAddr::V6(peer) => std::net::Ipv6Addr::from(peer.to_bits() ^ 1).into(),
    };
    let mut near = vec![Query {
        peer: next,
        ..query
    }];
    let selectors = match query.selector {
        Selector::Port(port) => vec![Selector::Port(port ^ 1), Selector::Port(!port)],
        Selector::Icmp { kind, code } => vec![
            Selector::Icmp {
                kind,
                code: code ^ 1,
            },
            Selector::Icmp {
                kind: kind ^ 1,
                code,
            },
        ],
        Selector::None => vec![],
    };
    near.extend(
        selectors
            .into_iter()
            .map(|selector| Query { selector, ..query }),
    );
    if let Selector::Port(_) = query.selector {
        // TCP for UDP and UDP for TCP.
        let protocol = secgroup_packet::Protocol(query.protocol.0 ^ 6 ^ 17);
        near.push(Query { protocol, ..query });
    }
    near
}

/// All ports or messages of the protocol.
fn all_of(traffic: Traffic) -> Traffic {
    match traffic {
        Traffic::Tcp(_) => Traffic::Tcp(PortRange::ALL),
        Traffic::Udp(_) => Traffic::Udp(PortRange::ALL),
        Traffic::Icmp(_) => Traffic::Icmp(secgroup_model::IcmpMatch::All),
        Traffic::Icmpv6(_) => Traffic::Icmpv6(secgroup_model::IcmpMatch::All),
        other => other,
    }
}
