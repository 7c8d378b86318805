//! Rules that add nothing.

use std::collections::BTreeSet;

use secgroup_model::{Family, Inventory, Peer, Rule, RuleSpec, SecurityGroup};

use crate::lint::cover::Covers;
use crate::lint::{Code, Finding};

/// Rules of one group that another rule of it covers, and rules that no packet can match.
pub(super) fn within(inventory: &Inventory, group: &SecurityGroup, findings: &mut Vec<Finding>) {
    for rule in &group.rules {
        if never_matches(inventory, rule) {
            let message = format!("no packet can match: {}", rule.spec);
            let help = match rule.spec.traffic.family() {
                Some(Family::V4) => "icmp is IPv4's: for IPv6 the protocol is icmpv6",
                _ => "icmpv6 is IPv6's: for IPv4 the protocol is icmp",
            };
            findings.push(Finding::new(Code::NeverMatches, message, help).of_rule(group, rule));
        }
    }
    for ((_, rule), (_, wider)) in Covers::new([group]).covered() {
        if never_matches(inventory, rule) {
            continue;
        }
        let message = format!(
            "'{}' is covered by {} ('{}')",
            rule.spec, wider.id, wider.spec
        );
        let help = "remove it, or narrow the other: rules only ever add up";
        findings.push(Finding::new(Code::RedundantRule, message, help).of_rule(group, rule));
    }
}

/// Rules that a rule of another group covers, where the two are attached together. One note for
/// each, of equal rules for that of the later group.
pub(super) fn across(inventory: &Inventory, findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    let mut told = BTreeSet::new();
    for interface in inventory.interfaces.values() {
        let groups: BTreeSet<_> = interface.groups.iter().collect();
        // A fleet has the same few sets of groups over and over.
        if groups.len() < 2 || !seen.insert(groups.clone()) {
            continue;
        }
        let groups = groups.into_iter().filter_map(|id| inventory.groups.get(id));
        for ((group, rule), (other, wider)) in Covers::new(groups).covered() {
            // Every new group comes with the egress rules of B10, so they always meet.
            let is_usual = Family::BOTH
                .iter()
                .any(|family| rule.spec == RuleSpec::allow_all_egress(*family));
            let elsewhere = other.id != group.id && !is_usual && !never_matches(inventory, rule);
            if elsewhere && told.insert((&group.id, &rule.id)) {
                let message = format!(
                    "'{}' is covered by {} of group {} ('{}'), which {} has as well",
                    rule.spec, wider.id, other.id, wider.spec, interface.id
                );
                let help = format!(
                    "remove it if every interface that has {} has {} too",
                    group.id, other.id
                );
                findings.push(
                    Finding::new(Code::OverlappingGroups, message, help).of_rule(group, rule),
                );
            }
        }
    }
}

/// A19: an ICMP of one family, and a range or prefix list of the other.
fn never_matches(inventory: &Inventory, rule: &Rule) -> bool {
    let family = match &rule.spec.peer {
        Peer::PrefixList(id) => inventory.prefix_lists.get(id).map(|list| list.family),
        Peer::Cidr(_) | Peer::Group(_) => rule.spec.peer.family(),
    };
    matches!((rule.spec.traffic.family(), family), (Some(a), Some(b)) if a != b)
}
