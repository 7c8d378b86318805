//! Which flows will be untracked at which interface (semantics D7 to D11).

use std::collections::HashMap;

use secgroup_model::{Direction, Family, Inventory, NetworkInterface, PortRange, Protocol};

use crate::attached::attached_rules;
use crate::lint::{Code, Finding};
use crate::tracking::opens;

/// Most interfaces that a message names.
const NAMED: usize = 8;

/// One note per kind of interface that has untracked flows: a fleet has the same ones throughout.
pub(super) fn look_at(inventory: &Inventory, findings: &mut Vec<Finding>) {
    let mut kinds: Vec<(String, Vec<&NetworkInterface>)> = Vec::new();
    let mut known = HashMap::new();
    for interface in inventory.interfaces.values() {
        let flows = known
            .entry(&interface.groups)
            .or_insert_with(|| all_untracked(inventory, interface));
        if flows.is_empty() {
            continue;
        }
        match kinds.iter_mut().find(|(other, _)| other == flows) {
            Some((_, interfaces)) => interfaces.push(interface),
            None => kinds.push((flows.clone(), vec![interface])),
        }
    }
    for (flows, interfaces) in kinds {
        let message = format!("not tracked at {}: {flows}", named(&interfaces));
        let help = "they take no room in the connection table, and end when the rules that let \
                    them pass change; narrow the outer ranges to have them tracked";
        let finding = Finding::new(Code::UntrackedFlows, message, help);
        findings.push(finding.of_interface(interfaces[0]));
    }
}

/// `interface eni-a`, `interfaces eni-a, eni-b and 7 more`.
fn named(interfaces: &[&NetworkInterface]) -> String {
    let named: Vec<_> = interfaces
        .iter()
        .take(NAMED)
        .map(|i| i.id.as_str())
        .collect();
    let plural = if interfaces.len() == 1 { "" } else { "s" };
    let more = match interfaces.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("interface{plural} {}{more}", named.join(", "))
}

fn all_untracked(inventory: &Inventory, interface: &NetworkInterface) -> String {
    let mut flows = Vec::new();
    for family in Family::BOTH {
        for protocol in [Protocol::TCP, Protocol::UDP] {
            for direction in Direction::BOTH {
                flows.extend(untracked(inventory, interface, family, protocol, direction));
            }
        }
    }
    flows.join("; ")
}

/// The flows of one kind that are opened in `direction`: `ingress tcp 80, 443 over IPv4`.
fn untracked(
    inventory: &Inventory,
    interface: &NetworkInterface,
    family: Family,
    protocol: Protocol,
    direction: Direction,
) -> Option<String> {
    let open = |direction| {
        attached_rules(inventory, interface, direction)
            .filter_map(|(_, rule)| opens(rule, protocol, family))
    };
    // D8 c: one rule for all answers; several that add up to all ports are not enough (D10).
    open(direction.reverse()).find(|ports| *ports == PortRange::ALL)?;
    let ranges = merged(open(direction).collect());
    if ranges == [PortRange::ALL] {
        return Some(format!("every {direction} {protocol} flow over {family}"));
    }
    let ranges: Vec<_> = ranges.iter().map(PortRange::to_string).collect();
    (!ranges.is_empty())
        .then(|| format!("{direction} {protocol} {} over {family}", ranges.join(", ")))
}

/// The same ports in as few ranges as can be, in order.
fn merged(mut ranges: Vec<PortRange>) -> Vec<PortRange> {
    ranges.sort_unstable();
    let mut merged: Vec<PortRange> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.from() <= last.to().saturating_add(1) => {
                let to = last.to().max(range.to());
                // From the lower of two ends to the greater.
                *last = PortRange::new(last.from(), to).unwrap_or(*last);
            }
            _ => merged.push(range),
        }
    }
    merged
}
