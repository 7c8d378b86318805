//! Numbers are given once, and never to something else.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use secgroup_control::{Defaults, Lowering};
use secgroup_model::{GroupId, NetworkInterfaceId, RuleSpec};
use secgroup_policy::RuleNumber;

use crate::world::{World, admits, index, tcp};

fn worlds() -> impl Strategy<Value = World> {
    let specs = || {
        let peers = select(vec![
            "0.0.0.0/0",
            "10.0.0.0/8",
            "sg-a",
            "sg-b",
            "sg-missing",
            "pl-1",
        ]);
        let spec = (1..5_u16, peers).prop_map(|(port, peer)| tcp(port, peer));
        prop::collection::btree_set(spec, 0..5)
            .prop_map(Vec::from_iter)
            .prop_shuffle()
    };
    let on = || prop::option::of(subsequence(vec!["sg-a", "sg-b", "sg-c"], 0..=3).prop_shuffle());
    ([specs(), specs(), specs()], [on(), on(), on()]).prop_map(|([a, b, c], on)| {
        let world = World::default()
            .group("sg-a", &a)
            .group("sg-b", &b)
            .group("sg-c", &c);
        let named = on.into_iter().zip(["eni-a", "eni-b", "eni-c"]);
        named.fold(world, |world, (groups, id)| match groups {
            Some(groups) => world.interface(id, &groups, &["10.0.0.1"]),
            None => world,
        })
    })
}

proptest! {
    #[test]
    fn a_number_stands_for_one_thing_for_ever(worlds in prop::collection::vec(worlds(), 1..8)) {
        let mut lowering = Lowering::new(Defaults::default());
        let mut interfaces: BTreeMap<u32, NetworkInterfaceId> = BTreeMap::new();
        let mut rules: BTreeMap<RuleNumber, (GroupId, RuleSpec)> = BTreeMap::new();
        for (generation, world) in (1..).zip(&worlds) {
            let snapshot = lowering.lower(&world.0);
            let registry = lowering.registry();
            prop_assert_eq!(snapshot.generation, generation);
            for id in world.0.interfaces.keys() {
                let index = registry.interface_index(id).unwrap();
                prop_assert_eq!(interfaces.entry(index.0).or_insert_with(|| id.clone()), id);
            }
            for interface in world.0.interfaces.values() {
                let groups = interface.groups.iter().map(|id| &world.0.groups[id]);
                for (group, rule) in groups.flat_map(|g| g.rules.iter().map(move |r| (g, r))) {
                    let number = registry.rule_number(&group.id, &rule.spec).unwrap();
                    let identity = (group.id.clone(), rule.spec.clone());
                    prop_assert_eq!(
                        rules.entry(number).or_insert_with(|| identity.clone()),
                        &identity
                    );
                    // The name is that of the latest policy.
                    prop_assert_eq!(&registry.rule(number).unwrap().rule, rule);
                }
            }
            // Everything that ever had a number still has it, and the numbers have no holes.
            for (index, id) in &interfaces {
                let index = secgroup_packet::InterfaceIndex(*index);
                prop_assert_eq!(registry.interface(index), Some(id));
                let is_there = world.0.interfaces.contains_key(id);
                prop_assert_eq!(snapshot.interface(index).is_some(), is_there);
            }
            for (number, (group, spec)) in &rules {
                let registered = registry.rule(*number).unwrap();
                prop_assert_eq!((&registered.group, &registered.rule.spec), (group, spec));
            }
            prop_assert_eq!(registry.interface_count(), interfaces.len());
            prop_assert_eq!(snapshot.interfaces.len(), interfaces.len());
            prop_assert_eq!(registry.rule_count() as usize, rules.len());
            prop_assert_eq!(snapshot.rules as usize, rules.len());
        }
    }
}

#[test]
fn a_removed_interface_leaves_its_place_empty() {
    let mut lowering = Lowering::new(Defaults::default());
    let world = World::default()
        .group("sg-a", &[tcp(22, "0.0.0.0/0")])
        .interface("eni-a", &["sg-a"], &["10.0.0.1"])
        .interface("eni-b", &["sg-a"], &["10.0.0.2"]);
    lowering.lower(&world.0);
    let (a, b) = (index(&lowering, "eni-a"), index(&lowering, "eni-b"));

    let without = world.clone().without_interface("eni-a");
    let snapshot = lowering.lower(&without.0);
    assert!(snapshot.interface(a).is_none());
    assert!(snapshot.interface(b).is_some());
    let id = NetworkInterfaceId::new("eni-a");
    assert_eq!(lowering.registry().interface(a), Some(&id));

    // A new one does not take the place, and the old one comes back to it.
    let with_new = world.interface("eni-0", &["sg-a"], &["10.0.0.3"]);
    let snapshot = lowering.lower(&with_new.0);
    assert!(snapshot.interface(a).is_some());
    assert_eq!(index(&lowering, "eni-a"), a);
    assert_eq!(index(&lowering, "eni-0").0, 2);
}

/// A34: a rule is what it allows; a new id or description makes it no other rule.
#[test]
fn a_rule_that_is_gone_keeps_its_name() {
    let mut lowering = Lowering::new(Defaults::default());
    let with = |specs: &[RuleSpec]| {
        World::default()
            .group("sg-a", specs)
            .interface("eni-a", &["sg-a"], &["10.0.0.1"])
    };
    let (ssh, web) = (tcp(22, "10.0.0.0/8"), tcp(80, "0.0.0.0/0"));
    let snapshot = lowering.lower(&with(&[ssh.clone(), web.clone()]).0);
    let number = admits(&lowering, &snapshot, "eni-a", "10.9.9.9", 22).unwrap();

    // Revoked: it matches nothing, and the number still says what it was.
    let snapshot = lowering.lower(&with(std::slice::from_ref(&web)).0);
    assert_eq!(admits(&lowering, &snapshot, "eni-a", "10.9.9.9", 22), None);
    assert_eq!(
        lowering.registry().rule(number).unwrap().rule.id.as_str(),
        "sg-a#0"
    );

    // Authorized again, under another id and with a description.
    let mut again = with(&[web, ssh.clone()]);
    let group = again.0.groups.values_mut().next().unwrap();
    group.rules[1].description = Some("from the office".to_owned());
    let snapshot = lowering.lower(&again.0);
    assert_eq!(
        admits(&lowering, &snapshot, "eni-a", "10.9.9.9", 22),
        Some(number)
    );
    let registered = lowering.registry().rule(number).unwrap();
    assert_eq!(registered.rule.id.as_str(), "sg-a#1");
    assert_eq!(
        registered.rule.description.as_deref(),
        Some("from the office")
    );

    // The same rule of another group is another rule.
    let group = GroupId::new("sg-b");
    assert_eq!(lowering.registry().rule_number(&group, &ssh), None);
    let other = again
        .group("sg-b", std::slice::from_ref(&ssh))
        .interface("eni-b", &["sg-b"], &[]);
    lowering.lower(&other.0);
    assert_ne!(lowering.registry().rule_number(&group, &ssh), Some(number));
}

#[test]
fn what_has_no_number() {
    let lowering = Lowering::new(Defaults::default());
    let registry = lowering.registry();
    assert_eq!(
        registry.interface_index(&NetworkInterfaceId::new("eni-a")),
        None
    );
    assert_eq!(registry.interface(secgroup_packet::InterfaceIndex(0)), None);
    assert_eq!(registry.rule(RuleNumber::new(0)), None);
    assert_eq!((registry.interface_count(), registry.rule_count()), (0, 0));
}
