//! Rules that add nothing.

use std::collections::BTreeSet;

use secgroup_model::{Inventory, SecurityGroup};

use crate::lint::{Finding, Level};

/// Rules of one group that another rule of it covers, and rules that no packet can match.
pub(super) fn within(group: &SecurityGroup, findings: &mut Vec<Finding>) {
    for rule in &group.rules {
        if rule.spec.never_matches() {
            findings.push(
                Finding::new(
                    Level::Warning,
                    "never-matches",
                    format!("no packet can match: {}", rule.spec),
                )
                .of_rule(group, rule)
                .help("icmp is IPv4's and icmpv6 is IPv6's; give a range of the same family"),
            );
        }
        // Two equal rules cannot be in one group (A35), so covering here is never mutual.
        if let Some(wider) = group
            .rules
            .iter()
            .find(|other| other.spec != rule.spec && other.spec.covers(&rule.spec))
        {
            findings.push(
                Finding::new(
                    Level::Warning,
                    "redundant-rule",
                    format!(
                        "'{}' is covered by {} ('{}')",
                        rule.spec, wider.id, wider.spec
                    ),
                )
                .of_rule(group, rule)
                .help("remove it, or narrow the other: rules only ever add up (A2)"),
            );
        }
    }
}

/// Rules that a rule of another group covers wherever the two are attached together. One note per pair of rules.
pub(super) fn across(inventory: &Inventory, findings: &mut Vec<Finding>) {
    let mut told = BTreeSet::new();
    for interface in inventory.interfaces.values() {
        let groups: Vec<_> = interface
            .groups
            .iter()
            .filter_map(|id| inventory.groups.get(id))
            .collect();
        for group in &groups {
            for other in groups.iter().filter(|other| other.id != group.id) {
                for rule in &group.rules {
                    let covering = other.rules.iter().find(|wide| wide.spec.covers(&rule.spec));
                    let Some(wider) = covering else { continue };
                    // Of two equal rules only the one of the later group is worth a word.
                    let is_second = wider.spec != rule.spec || other.id < group.id;
                    if is_second && told.insert((&rule.id, &wider.id)) {
                        let message = format!(
                            "'{}' is covered by {} of group {} ('{}'), which {} has as well",
                            rule.spec, wider.id, other.id, wider.spec, interface.id
                        );
                        findings.push(
                            Finding::new(Level::Note, "overlapping-groups", message)
                                .of_rule(group, rule),
                        );
                    }
                }
            }
        }
    }
}
