//! Quotas that are exceeded or nearly used (semantics B15 to B23).

use std::collections::BTreeMap;

use secgroup_model::{Direction, Inventory, Peer, Quotas, SecurityGroup};

use crate::lint::{Code, Finding};

/// A quota is nearly used from this share on, in percent.
const NEARLY_PERCENT: u64 = 80;

/// The rules of one group, in each direction and for each family (B16, B19).
pub(super) fn of_group(
    inventory: &Inventory,
    quotas: &Quotas,
    group: &SecurityGroup,
    findings: &mut Vec<Finding>,
) {
    for direction in Direction::BOTH {
        let specs = group.rules.iter().map(|rule| &rule.spec);
        let count = quotas.count_rules(specs, direction, &inventory.prefix_lists);
        for (family, used) in [("IPv4", count.ipv4), ("IPv6", count.ipv6)] {
            let what = format!("{direction} rules for {family}");
            let help = "merge ranges, use a group as the peer, or ask for a higher quota; a prefix \
                        list counts as many entries as it may hold";
            let finding = used_up(&what, used, Some(quotas.rules_per_group), help);
            findings.extend(finding.map(|finding| finding.of_group(group)));
        }
    }
}

/// Groups on interfaces, groups and prefix lists altogether, references to prefix lists.
pub(super) fn of_inventory(inventory: &Inventory, quotas: &Quotas, findings: &mut Vec<Finding>) {
    for interface in inventory.interfaces.values() {
        let what = format!("security groups of interface {}", interface.id);
        let used = interface.groups.len() as u64;
        let help = "merge groups, or ask for a higher quota";
        let finding = used_up(&what, used, quotas.groups_per_interface, help);
        findings.extend(finding.map(|finding| finding.of_interface(interface)));
    }
    let groups = inventory.groups.values();
    let help = "delete groups that nothing has, or ask for a higher quota";
    for (owner, used) in count(groups.clone().map(|group| &group.owner)) {
        let what = format!("security groups of account {owner} in the Region");
        findings.extend(used_up(&what, used, quotas.groups_per_region, help));
    }
    for (vpc, used) in count(groups.filter_map(|group| group.vpc.as_ref())) {
        let what = format!("security groups of {vpc}");
        findings.extend(used_up(&what, used, quotas.groups_per_vpc, help));
    }
    let quotas = &quotas.prefix_lists;
    let lists = inventory.prefix_lists.values();
    let help = "delete lists that nothing refers to, or ask for a higher quota";
    for (owner, used) in count(lists.map(|list| &list.owner)) {
        let what = format!("prefix lists of account {owner} in the Region");
        findings.extend(used_up(&what, used, Some(quotas.lists_per_region), help));
    }
    let rules = inventory.groups.values().flat_map(|group| &group.rules);
    let references = rules.filter_map(|rule| match &rule.spec.peer {
        Peer::PrefixList(id) => Some(id),
        Peer::Cidr(_) | Peer::Group(_) => None,
    });
    let help = "share groups that have the rule, or ask for a higher quota";
    for (list, used) in count(references) {
        let what = format!("references to prefix list {list}");
        findings.extend(used_up(&what, used, Some(quotas.references_per_list), help));
    }
}

fn count<T: Ord>(things: impl Iterator<Item = T>) -> BTreeMap<T, u64> {
    let mut counts = BTreeMap::new();
    for thing in things {
        *counts.entry(thing).or_default() += 1;
    }
    counts
}

fn used_up(what: &str, used: u64, limit: Option<u32>, help: &str) -> Option<Finding> {
    let limit = u64::from(limit?);
    let code = if used > limit {
        Code::QuotaExceeded
    } else if used * 100 >= limit * NEARLY_PERCENT {
        Code::QuotaNearlyUsed
    } else {
        return None;
    };
    Some(Finding::new(
        code,
        format!("{used} of {limit} {what}"),
        help,
    ))
}
