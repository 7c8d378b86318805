//! Redundancy against the rule that it stands for, and the lint at the sizes that somebody might
//! throw at it.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;
use secgroup_model::{PeeringStatus, Quotas, Rule, RuleId, RuleSpec};

use crate::tests::random::{specs, worlds};
use crate::tests::world::{World, spec};
use crate::{Code, lint};

/// Rules that lie in, on and beside each other.
fn nested() -> impl Strategy<Value = RuleSpec> {
    let traffic = select(vec![
        "all",
        "tcp all",
        "tcp 1-9",
        "tcp 3-7",
        "tcp 3-5",
        "tcp 5-7",
        "tcp 5",
        "udp 3-5",
        "udp 5",
        "icmp all",
        "icmp 8",
        "icmp 8/0",
        "icmp 3/4",
        "icmpv6 all",
        "icmpv6 128",
        "47",
        "50",
    ]);
    let peer = select(vec![
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.0.0/17",
        "10.1.2.3/32",
        "::/0",
        "2001:db8::/32",
        "2001:db8::1/128",
        "sg-a",
        "sg-b",
        "pl-1",
    ]);
    (select(vec!["in", "out"]), traffic, peer)
        .prop_map(|(way, traffic, peer)| spec(&format!("{way} {traffic} {peer}")))
}

fn redundant(world: &World, code: Code) -> BTreeSet<String> {
    let findings = lint(&world.0, &Quotas::today()).into_iter();
    let of_code = findings.filter(|finding| finding.code == code);
    of_code.map(|finding| finding.rule.unwrap()).collect()
}

fn ids<'a>(rules: impl Iterator<Item = &'a Rule>) -> BTreeSet<String> {
    rules.map(|rule| rule.id.to_string()).collect()
}

proptest! {
    #[test]
    fn redundant_rules_are_those_that_another_covers(
        rules in prop::collection::btree_set(nested(), 0..24)
            .prop_map(Vec::from_iter)
            .prop_shuffle(),
    ) {
        let world = World::new().group_in("vpc-1", "sg-a", &rules);
        let rules = &world.0.groups.values().next().unwrap().rules;
        let covered = rules.iter().filter(|rule| {
            let wider = |other: &&Rule| other.id != rule.id && other.spec.covers(&rule.spec);
            !rule.spec.never_matches() && rules.iter().any(|other| wider(&other))
        });
        prop_assert_eq!(redundant(&world, Code::RedundantRule), ids(covered));
    }

    #[test]
    fn overlaps_are_rules_that_another_group_covers(
        [a, b] in [
            prop::collection::btree_set(nested(), 0..12).prop_map(Vec::from_iter),
            prop::collection::btree_set(nested(), 0..12).prop_map(Vec::from_iter),
        ],
    ) {
        let world = World::new()
            .group_in("vpc-1", "sg-a", &a)
            .group_in("vpc-1", "sg-b", &b)
            .interface("eni-a", &["sg-b", "sg-a"], &["10.0.1.10"]);
        let told = redundant(&world, Code::OverlappingGroups);
        let within = redundant(&world, Code::RedundantRule);
        for (own, other) in [("sg-a", "sg-b"), ("sg-b", "sg-a")] {
            for rule in &world.0.groups[own].rules {
                let wider = |wide: &&Rule| {
                    wide.spec.covers(&rule.spec) && (wide.spec != rule.spec || own == "sg-b")
                };
                let is_usual = ["out all 0.0.0.0/0", "out all ::/0"]
                    .iter()
                    .any(|usual| rule.spec == spec(usual));
                let covered = !rule.spec.never_matches()
                    && !is_usual
                    && world.0.groups[other].rules.iter().any(|wide| wider(&wide));
                let is_told = told.contains(rule.id.as_str());
                prop_assert!(covered || !is_told, "{:?}", rule);
                // What its own group makes redundant need not be told twice.
                let is_known = is_told || within.contains(rule.id.as_str());
                prop_assert!(!covered || is_known, "{:?}", rule);
            }
        }
    }

    #[test]
    fn the_same_inventory_has_the_same_findings_in_the_same_order(world in worlds()) {
        let quotas = Quotas::today();
        let findings = lint(&world.0, &quotas);
        prop_assert_eq!(&findings, &lint(&world.0.clone(), &quotas));
        let order = |f: &crate::Finding| (f.level, f.group.clone());
        prop_assert!(findings.is_sorted_by_key(order));
    }

    #[test]
    fn one_more_rule_takes_no_finding_of_another_away(
        world in worlds(), more in specs(),
    ) {
        let quotas = Quotas::today();
        let kept = |code| !matches!(code, Code::OverlappingGroups | Code::UntrackedFlows);
        let of_rules = |world: &World| -> BTreeSet<_> {
            let findings = lint(&world.0, &quotas).into_iter().filter(|f| kept(f.code));
            findings.filter_map(|f| Some((f.code, f.rule?))).collect()
        };
        let before = of_rules(&world);
        let mut larger = world.clone();
        let group = larger.0.groups.get_mut("sg-a").unwrap();
        prop_assume!(group.rules.iter().all(|rule| rule.spec != more));
        group.rules.push(Rule::new(RuleId::new("more"), more));
        prop_assert!(before.is_subset(&of_rules(&larger)));
    }
}

/// A thousand groups of sixty rules, in a circle of references, all on one interface and in fives
/// on a thousand others; and one group of twenty thousand ranges, each within the next.
#[test]
fn large_inventories_take_no_quadratic_time() {
    let mut world = World::new().peering("vpc-gone", PeeringStatus::Gone);
    let name = |n: u32| format!("sg-{:04}", n % 1000);
    for n in 0..1000 {
        let mut rules = vec![spec(&format!("in all {}", name(n + 1)))];
        let host = |k: u32| std::net::Ipv4Addr::from(0x0a00_0000 + 60 * n + k);
        rules.extend((1..60).map(|k| spec(&format!("in tcp {k} {}/32", host(k)))));
        world = world.group_in("vpc-1", &name(n), &rules);
        let groups: Vec<_> = (0..5).map(|k| name(n + k)).collect();
        let groups: Vec<_> = groups.iter().map(String::as_str).collect();
        world = world.interface(&format!("eni-{n:04}"), &groups, &[]);
    }
    let all: Vec<_> = (0..1000).map(name).collect();
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    world = world.interface("eni-all", &all, &["10.0.1.10"]);
    // Each port range lies in the next one, and none in the one before.
    let chain: Vec<_> = (0..20_000)
        .map(|n| spec(&format!("in tcp {}-{} 0.0.0.0/0", 30_000 - n, 30_001 + n)))
        .collect();
    world = world.group_in("vpc-1", "sg-chain", &chain);
    let findings = lint(&world.0, &Quotas::today());
    let of = |code| {
        findings
            .iter()
            .filter(|finding| finding.code == code)
            .count()
    };
    assert_eq!(of(Code::RedundantRule), 19_999);
    assert_eq!(of(Code::OverlappingGroups), 0);
    assert_eq!(of(Code::DanglingReference), 0);
}
