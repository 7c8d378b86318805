//! References that lead nowhere, and groups that nobody has.

use std::collections::BTreeSet;

use secgroup_model::{GroupId, Inventory, Peer, Reach, Rule, SecurityGroup};

use crate::lint::{Code, Finding};

/// The groups that some interface has.
pub(super) fn attached(inventory: &Inventory) -> BTreeSet<&GroupId> {
    let interfaces = inventory.interfaces.values();
    interfaces.flat_map(|interface| &interface.groups).collect()
}

/// The group, and the references of its rules.
pub(super) fn look_at(
    inventory: &Inventory,
    group: &SecurityGroup,
    attached: &BTreeSet<&GroupId>,
    findings: &mut Vec<Finding>,
) {
    for rule in &group.rules {
        findings.extend(of_rule(inventory, group, attached, rule));
    }
    if !attached.contains(&group.id) {
        let message = format!("no interface has group {}", group.id);
        let help = format!(
            "add the file with its interfaces, or try it with --attach {}=ADDRESS",
            group.id
        );
        findings.push(Finding::new(Code::UnattachedGroup, message, help).of_group(group));
    } else if group.is_default() && !group.rules.is_empty() {
        let message = format!("interfaces have the default group {}", group.id);
        let help = "give each role a group of its own, and take the rules out of the default one: \
                    whatever is made without naming a group gets it";
        findings.push(Finding::new(Code::DefaultGroupUsed, message, help).of_group(group));
    }
}

fn of_rule(
    inventory: &Inventory,
    group: &SecurityGroup,
    attached: &BTreeSet<&GroupId>,
    rule: &Rule,
) -> Option<Finding> {
    let (code, message, help) = match &rule.spec.peer {
        Peer::Cidr(_) => return None,
        Peer::PrefixList(id) => match inventory.prefix_lists.get(id) {
            Some(list) if list.entries().is_empty() => (
                Code::EmptyPeer,
                format!("prefix list {id} has no entries, so the rule matches nothing now"),
                "add entries to the list, or revoke the rule",
            ),
            Some(_) => return None,
            None => (
                Code::DanglingReference,
                format!("the files do not hold prefix list {id}, so the rule matches nothing"),
                "add the output of describe-managed-prefix-lists and \
                 get-managed-prefix-list-entries",
            ),
        },
        Peer::Group(reference) => {
            let to = &reference.group;
            match inventory.reach(group, reference) {
                Reach::Missing => (
                    Code::DanglingReference,
                    format!("the files do not hold group {to}, so the rule matches nothing"),
                    "add the file that defines it and the interfaces that have it",
                ),
                Reach::PeeringGone | Reach::Unrelated => (
                    Code::StaleReference,
                    format!("group {to} is out of reach, so the rule matches nothing"),
                    "revoke the rule, or peer the VPCs",
                ),
                Reach::PeeringPending => (
                    Code::DanglingReference,
                    format!(
                        "the peering connection to group {to} is not active, so the rule matches \
                         nothing yet"
                    ),
                    "accept the peering connection",
                ),
                // Who is in it is known only where the files say anything of interfaces.
                _ if !attached.contains(to) && attached.contains(&group.id) => (
                    Code::EmptyPeer,
                    format!("no interface has group {to}, so the rule matches nothing now"),
                    "add the file with its interfaces if there are any",
                ),
                _ => return None,
            }
        }
    };
    Some(Finding::new(code, message, help).of_rule(group, rule))
}

/// Groups of interfaces that are not there.
pub(super) fn of_interfaces(inventory: &Inventory, findings: &mut Vec<Finding>) {
    for interface in inventory.interfaces.values() {
        let missing = interface
            .groups
            .iter()
            .filter(|id| !inventory.groups.contains_key(*id));
        for id in missing {
            let message = format!(
                "interface {} has group {id}, which the files do not hold",
                interface.id
            );
            let help = "add the file that defines it; until then it allows nothing";
            findings
                .push(Finding::new(Code::DanglingReference, message, help).of_interface(interface));
        }
    }
}
