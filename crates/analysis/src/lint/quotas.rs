//! Quotas that are exceeded or nearly used (semantics B15 to B21).

use secgroup_model::{Direction, Flavour, Inventory, Quotas, SecurityGroup};

use crate::lint::{Finding, Level};

/// A quota is nearly used from this share on, in percent.
const NEARLY_PERCENT: u64 = 80;

/// The rules of one group, in each direction and for each family (B16, B19).
pub(super) fn of_group(
    inventory: &Inventory,
    quotas: &Quotas,
    group: &SecurityGroup,
    findings: &mut Vec<Finding>,
) {
    let limit = u64::from(quotas.rules_per_group);
    for direction in Direction::BOTH {
        let specs = group.rules.iter().map(|rule| &rule.spec);
        let count = quotas.count_rules(specs, direction, &inventory.prefix_lists);
        for (family, used) in [("IPv4", count.ipv4), ("IPv6", count.ipv6)] {
            let what = format!("{direction} rules for {family}");
            findings.extend(used_up(&what, used, limit).map(|finding| finding.of_group(group)));
        }
    }
}

/// Groups on interfaces, and groups altogether.
pub(super) fn of_inventory(inventory: &Inventory, quotas: &Quotas, findings: &mut Vec<Finding>) {
    for interface in inventory.interfaces.values() {
        let groups = interface.groups.len();
        if let Err(error) = quotas.check_groups_per_interface(groups, Flavour::Vpc) {
            let limit = quotas.groups_per_interface.unwrap_or(0);
            let message = format!(
                "interface {} has {groups} groups of {limit}: {error}",
                interface.id
            );
            findings.push(Finding::new(Level::Error, "quota-exceeded", message));
        }
    }
    let groups = inventory.groups.len() as u64;
    if let Some(limit) = quotas.groups_per_region {
        findings.extend(used_up(
            "security groups of the Region",
            groups,
            u64::from(limit),
        ));
    }
    if let Some(limit) = quotas.groups_per_vpc {
        for vpc in inventory.vpcs.keys() {
            let in_vpc = inventory
                .groups
                .values()
                .filter(|group| group.vpc.as_ref() == Some(vpc));
            let what = format!("security groups of {vpc}");
            findings.extend(used_up(&what, in_vpc.count() as u64, u64::from(limit)));
        }
    }
}

fn used_up(what: &str, used: u64, limit: u64) -> Option<Finding> {
    let message = format!("{used} of {limit} {what}");
    if used > limit {
        Some(Finding::new(Level::Error, "quota-exceeded", message).help(
            "ask for a higher quota, merge ranges, or use a prefix list or a group as the peer",
        ))
    } else if used * 100 >= limit * NEARLY_PERCENT {
        Some(Finding::new(Level::Warning, "quota-nearly-used", message))
    } else {
        None
    }
}
