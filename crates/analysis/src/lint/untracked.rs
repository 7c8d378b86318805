//! Which flows will be untracked at which interface (semantics D7 to D11).

use secgroup_model::{Direction, Family, Inventory, NetworkInterface, PortRange, Protocol, Rule};

use crate::lint::{Finding, Level};
use crate::tracking::{opens, rules_of};

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
        if !flows.is_empty() {
            let message = format!(
                "not tracked at interface {}: {}",
                interface.id,
                flows.join("; ")
            );
            findings.push(Finding::new(Level::Note, "untracked-flows", message).help(
                "such flows use no connection tracking, and end at once when their rules change",
            ));
        }
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
    let open = |rule: &&Rule, ports| opens(rule, protocol, family, ports);
    let answers = rules_of(inventory, interface, direction.reverse());
    answers
        .into_iter()
        .find(|rule| open(rule, PortRange::ALL))?;
    let mut ranges: Vec<_> = rules_of(inventory, interface, direction)
        .filter_map(|rule| {
            let ports = rule.spec.traffic.ports().unwrap_or(PortRange::ALL);
            open(&rule, ports).then_some(ports)
        })
        .collect();
    ranges.sort_unstable();
    ranges.dedup();
    if ranges.contains(&PortRange::ALL) {
        return Some(format!("every {direction} {protocol} flow over {family}"));
    }
    let ranges: Vec<_> = ranges.iter().map(PortRange::to_string).collect();
    (!ranges.is_empty())
        .then(|| format!("{direction} {protocol} {} over {family}", ranges.join(", ")))
}
