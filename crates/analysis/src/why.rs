//! Why a packet was denied, in one line.

use secgroup_datapath::Reason;
use secgroup_model::{GroupId, Inventory, NetworkInterfaceId, Rule};
use secgroup_policy::Query;

use crate::mismatch::{Field, Mismatch};

/// Why `interface` denied the packet that `query` was asked about: for a missing rule, the one that came nearest, which would
/// have matched but for its port, peer or protocol.
#[must_use]
pub fn why_denied(
    inventory: &Inventory,
    interface: &NetworkInterfaceId,
    query: &Query,
    reason: Reason,
) -> String {
    match reason {
        Reason::NoRule => no_rule(inventory, interface, query),
        Reason::InvalidState => {
            "TCP segment outside of any tracked connection, and not the SYN that opens one".into()
        }
        Reason::Malformed => "not what its headers say".into(),
        Reason::Fragment => "fragment whose first was not seen, or that overlaps another".into(),
        Reason::Spoofed => "address is not the interface's (source/destination check)".into(),
        Reason::TableFull => "no room for another tracked connection".into(),
        Reason::LinkLocalExceeded => "more than the allowance to link-local services".into(),
        Reason::Established
        | Reason::Related
        | Reason::New
        | Reason::Untracked
        | Reason::Exempt => String::new(),
    }
}

fn no_rule(inventory: &Inventory, interface: &NetworkInterfaceId, query: &Query) -> String {
    let direction = query.direction;
    let Some((_, rule, mismatch)) = nearest(inventory, interface, query) else {
        return format!("no {direction} rules at all");
    };
    let but_for = match mismatch.fields() {
        [Field::Port] => "would match but for its port".to_owned(),
        [Field::Peer] => "would match but for its peer".to_owned(),
        [Field::Protocol] => "would match but for its protocol".to_owned(),
        _ => format!("fails on {mismatch}"),
    };
    format!("{} ({}) {but_for}", rule.id, rule.spec)
}

/// The rule of the packet's direction that fails on the least; the first of several in order.
pub(crate) fn nearest<'a>(
    inventory: &'a Inventory,
    interface: &NetworkInterfaceId,
    query: &Query,
) -> Option<(&'a GroupId, &'a Rule, Mismatch)> {
    let groups = &inventory.interfaces.get(interface)?.groups;
    groups
        .iter()
        .filter_map(|id| inventory.groups.get(id))
        .flat_map(|group| {
            group
                .rules_of(query.direction)
                .map(move |rule| (group, rule))
        })
        .map(|(group, rule)| {
            (
                &group.id,
                rule,
                Mismatch::of(inventory, group, &rule.spec, query),
            )
        })
        .min_by_key(|(_, _, mismatch)| mismatch.distance())
}
