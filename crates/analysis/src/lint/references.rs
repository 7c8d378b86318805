//! References that lead nowhere, and groups that nobody has.

use secgroup_model::{Inventory, Peer, Reach, SecurityGroup};

use crate::lint::{Finding, Level};

/// The references of the rules of `group`.
pub(super) fn look_at(inventory: &Inventory, group: &SecurityGroup, findings: &mut Vec<Finding>) {
    for rule in &group.rules {
        let finding = match &rule.spec.peer {
            Peer::Cidr(_) => continue,
            Peer::PrefixList(id) => match inventory.prefix_lists.get(id) {
                Some(_) => continue,
                None => dangling(format!(
                    "the files do not hold prefix list {id}, so the rule matches nothing"
                ))
                .help("add the output of describe-managed-prefix-lists and get-managed-prefix-list-entries"),
            },
            Peer::Group(reference) => match inventory.reach(group, reference) {
                Reach::Missing => dangling(format!(
                    "the files do not hold group {}, so the rule matches nothing",
                    reference.group
                ))
                .help("add the file that defines it and the interfaces that have it"),
                Reach::PeeringGone | Reach::Unrelated => Finding::new(
                    Level::Error,
                    "stale-reference",
                    format!("group {} is out of reach, so the rule matches nothing", reference.group),
                )
                .help("revoke the rule, or peer the VPCs"),
                Reach::PeeringPending => dangling(format!(
                    "the peering connection to group {} is not active yet",
                    reference.group
                )),
                Reach::Itself | Reach::SameNetwork | Reach::Associated | Reach::Peered => continue,
            },
        };
        findings.push(finding.of_rule(group, rule));
    }
}

/// Interfaces with groups that are not there, and groups without interfaces.
pub(super) fn attachments(inventory: &Inventory, findings: &mut Vec<Finding>) {
    for interface in inventory.interfaces.values() {
        for id in interface
            .groups
            .iter()
            .filter(|id| !inventory.groups.contains_key(*id))
        {
            findings.push(
                dangling(format!(
                    "interface {} has group {id}, which the files do not hold",
                    interface.id
                ))
                .help("add the file that defines it; until then it allows nothing"),
            );
        }
    }
    for group in inventory.groups.values() {
        let attached = inventory
            .interfaces
            .values()
            .any(|i| i.groups.contains(&group.id));
        if !attached {
            findings.push(
                Finding::new(
                    Level::Note,
                    "unattached-group",
                    format!("no interface has group {}", group.id),
                )
                .of_group(group)
                .help(format!("try it with --attach {}=ADDRESS", group.id)),
            );
        }
    }
}

fn dangling(message: String) -> Finding {
    Finding::new(Level::Warning, "dangling-reference", message)
}
