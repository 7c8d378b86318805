//! Which flows will be untracked at which interface (semantics D7 to D11).

use secgroup_model::{Direction, Family, Inventory, NetworkInterface, PortRange, Protocol};

use crate::attached::attached_rules;
use crate::lint::{Code, Finding};
use crate::tracking::opens;

/// One note per interface that has untracked flows.
pub(super) fn look_at(inventory: &Inventory, findings: &mut Vec<Finding>) {
    for interface in inventory.interfaces.values() {
        let mut flows = Vec::new();
        for family in Family::BOTH {
            for protocol in [Protocol::TCP, Protocol::UDP] {
                for direction in Direction::BOTH {
                    flows.extend(untracked(inventory, interface, family, protocol, direction));
                }
            }
        }
        if flows.is_empty() {
            continue;
        }
        let message = format!(
            "not tracked at interface {}: {}",
            interface.id,
            flows.join("; ")
        );
        let help = "they take no room in the connection table, and end when the rules that let \
                    them pass change; narrow the outer ranges to have them tracked";
        let finding = Finding::new(Code::UntrackedFlows, message, help);
        findings.push(finding.of_interface(interface));
    }
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
