//! The rules that hold at an interface.

use secgroup_model::{Direction, Inventory, NetworkInterface, Rule, SecurityGroup};

/// The rules of all groups of an interface in one direction, each with its group: groups in the
/// order in which they are attached, rules in theirs (semantics C3). The first that matches is the
/// one that the engine names.
pub(crate) fn attached_rules<'a>(
    inventory: &'a Inventory,
    interface: &'a NetworkInterface,
    direction: Direction,
) -> impl Iterator<Item = (&'a SecurityGroup, &'a Rule)> {
    interface
        .groups
        .iter()
        .filter_map(|id| inventory.groups.get(id))
        .flat_map(move |group| group.rules_of(direction).map(move |rule| (group, rule)))
}
