//! Why a packet was denied, in one line.

use secgroup_datapath::Reason;
use secgroup_model::{Inventory, NetworkInterfaceId};
use secgroup_policy::Query;

use crate::attached::attached_rules;
use crate::mismatch::{Field, Mismatch};

/// Why `interface` denied the packet that `query` was asked about: for a missing rule, the one that
/// came nearest, which would have matched but for its port, peer or protocol. Empty for a packet
/// that was not denied.
#[must_use]
pub fn why_denied(
    inventory: &Inventory,
    interface: &NetworkInterfaceId,
    query: &Query,
    reason: Reason,
) -> String {
    let words = match reason {
        Reason::NoRule => return no_rule(inventory, interface, query),
        Reason::InvalidState => {
            "TCP segment that no tracked connection accounts for and that opens none, or whose \
             flags no segment may have"
        }
        Reason::Malformed => "not what its headers say",
        Reason::Fragment => {
            "fragment whose first was not seen, that overlaps another, or that there is no room for"
        }
        Reason::Spoofed => "address is not the interface's (source/destination check)",
        Reason::TableFull => "no room for another tracked connection",
        Reason::LinkLocalExceeded => "more than the allowance to link-local services",
        Reason::Established
        | Reason::Related
        | Reason::New
        | Reason::Untracked
        | Reason::Exempt => "",
    };
    words.to_owned()
}

/// The rule of the packet's direction that is the least far off; the first of several in order.
fn no_rule(inventory: &Inventory, interface: &NetworkInterfaceId, query: &Query) -> String {
    let direction = query.direction;
    let Some(interface) = inventory.interfaces.get(interface) else {
        return "the policy no longer has the interface".to_owned();
    };
    let nearest = attached_rules(inventory, interface, direction)
        .map(|(group, rule)| (Mismatch::of(inventory, group, &rule.spec, query), rule))
        .min_by(|(one, _), (other, _)| one.cmp(other));
    let Some((mismatch, rule)) = nearest else {
        return format!("no {direction} rules at all");
    };
    let how = match mismatch.fields() {
        // Whoever asks may have the rules of a later time than the packet met.
        [] => "would match now".to_owned(),
        [only] => format!("would match but for its {only}"),
        several => {
            let names: Vec<_> = several.iter().map(|field| Field::as_str(*field)).collect();
            format!("fails on {}", names.join(" and "))
        }
    };
    format!("{} ({}) {how}", rule.id, rule.spec)
}
