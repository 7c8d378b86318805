//! Explanations against the reference evaluator, rule by rule against the engine, and the changes
//! that they propose against what then happens.

use std::collections::BTreeSet;

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

use crate::explain::fails_on;
use crate::mismatch::{Field, Mismatch};
use crate::tests::proposed::{by_command, by_template};
use crate::tests::random::{Sent, defaults, flows, specs, worlds};
use crate::tests::world::World;
use crate::{Change, Explainer, Explanation, FailsOn, Flow, Outcome};

/// Explains `flow` at `interface` in `direction`.
fn at(
    inventory: &Inventory,
    (interface, direction): (&NetworkInterfaceId, Direction),
    flow: &Flow,
    defaults: &Defaults,
) -> Explanation {
    let explainer = Explainer::new(inventory, &Settings::default(), defaults);
    let name = Some(interface.as_str());
    let mut all = explainer.explain(name, Some(direction), flow).unwrap();
    assert_eq!(all.places.len(), 1);
    all.places.remove(0)
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
        Change::Add {
            group,
            direction,
            allows,
            cloudformation,
            commands,
        } => {
            // Two spellings of one rule, as somebody reads them who knows neither the other nor this crate.
            let rule = by_template(*direction, cloudformation);
            assert_eq!(by_command(&commands[0]), rule);
            assert_eq!(&rule.to_string(), allows);
            let group = GroupId::new(group);
            let rules = &mut inventory.groups.get_mut(&group).unwrap().rules;
            rules.push(Rule::new(RuleId::new("added"), rule));
        }
        Change::Remove { rules, .. } => {
            for gone in rules {
                let group = GroupId::new(&gone.group);
                let rules = &mut inventory.groups.get_mut(&group).unwrap().rules;
                let before = rules.len();
                rules.retain(|rule| rule.id.as_str() != gone.rule);
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
            prop_assert_eq!(told.reason.as_str(), reason, "{} at {:?}", flow, place);
            prop_assert_eq!(told.verdict == Outcome::Allow, passes);
            prop_assert_eq!(told.group.clone().zip(told.rule.clone()), rule);
            prop_assert_eq!(told.why.is_some(), !passes);
            // The rule that admits it is the first of those that are said to match.
            if let Some(rule) = &told.rule {
                let first = told.rules().find(|rule| rule.matches).unwrap();
                prop_assert_eq!(&first.rule, rule);
                let group = told.groups.iter().find(|group| group.rules.contains(first));
                prop_assert_eq!(group.map(|group| &group.group), told.group.as_ref());
            }
            if reason == "no-rule" {
                prop_assert!(told.rules().all(|rule| !rule.matches));
            }
            prop_assert!(told.rules().all(|rule| rule.matches == rule.fails_on.is_none()));
            prop_assert_eq!(told.exemption.is_some(), reason == "exempt");
            // A new connection is there afterwards, and no other packet of a fresh engine leaves one.
            prop_assert!(told.connection.before.is_none());
            prop_assert!(told.connection.after.is_none() || reason == "new");
        }
    }

    #[test]
    fn a_flow_is_said_to_be_tracked_exactly_where_it_is(
        world in worlds(), Sent { flow, .. } in flows(), defaults in defaults(),
    ) {
        for place in places(&world) {
            let told = at(&world.0, place, &flow, &defaults);
            let was_asked = !matches!(told.reason.as_str(), "exempt" | "no-rule" | "spoofed");
            prop_assert_eq!(told.tracking.is_some(), was_asked);
            if let Some(tracking) = &told.tracking {
                prop_assert_eq!(tracking.tracked, told.reason.as_str() != "untracked", "{:?}", told);
                let has_both = tracking.needs.len() == 2
                    && tracking.needs.iter().all(|needed| needed.rule.is_some());
                // Both rules there, and tracked all the same: D12.
                prop_assert!(tracking.tracked || has_both);
                prop_assert!(!has_both || !tracking.tracked || defaults.always_track != AlwaysTrack::Never);
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
                    prop_assert_eq!(after.verdict, Outcome::Allow, "{:?}", before);
                    prop_assert_eq!(after.rule.as_deref(), Some("added"));
                    let group = GroupId::new(group);
                    prop_assert!(world.0.interfaces[place.0].groups.contains(&group));
                }
                Change::Remove { rules, cloudformation, commands } => {
                    prop_assert_eq!(after.reason.as_str(), "no-rule", "{:?}", before);
                    let groups: BTreeSet<_> = rules.iter().map(|rule| &rule.group).collect();
                    prop_assert_eq!(commands.len(), groups.len(), "{:?}", commands);
                    for rule in rules {
                        let comment = format!("  # {}\n", rule.rule);
                        prop_assert!(cloudformation.contains(&comment), "{}", cloudformation);
                    }
                    // Each of them has to go: any one that stays admits the packet.
                    for kept in rules {
                        let others = rules.iter().filter(|rule| *rule != kept).cloned().collect();
                        let others = Change::Remove {
                            rules: others,
                            cloudformation: String::new(),
                            commands: Vec::new(),
                        };
                        let mut changed = world.0.clone();
                        apply(&others, &mut changed);
                        let after = at(&changed, place, &flow, &defaults);
                        prop_assert_eq!(after.verdict, Outcome::Allow);
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
            let Change::Add { group, cloudformation, .. } = &told.change else { continue };
            let (group, rule) = (&GroupId::new(group), &by_template(place.1, cloudformation));
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

        let first = fails_on(&world.0, group, &spec, &query);
        prop_assert_eq!(first.is_none(), matches(&spec));
        let others = Query { direction: query.direction.reverse(), ..query };
        prop_assert_eq!(fails_on(&world.0, group, &spec, &others), Some(FailsOn::Direction));
        let fields = mismatch.fields();
        prop_assert!(match first {
            None => fields.is_empty(),
            Some(FailsOn::Direction) => false,
            Some(FailsOn::Family) => !fields.is_empty() && fields != [Field::Port],
            Some(FailsOn::Protocol) => fields.contains(&Field::Protocol),
            Some(FailsOn::Port | FailsOn::Type) => fields.contains(&Field::Port),
            Some(FailsOn::Source | FailsOn::Destination) => fields == [Field::Peer],
        }, "{:?} {:?}", first, fields);

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
        let defaults = Defaults::default();
        let explainer = Explainer::new(&world.0, &Settings::default(), &defaults);
        let crossed = explainer.explain(None, None, &flow).map_or_else(|_| Vec::new(), |all| all.places);
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
                .find(|told| told.interface == id.as_str() && told.direction == direction);
            let expected = crosses.then(|| at(&world.0, place, &flow, &defaults));
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
