//! The policy as the endpoint manages it: what a call means to packets, and who brings it into force.
//!
//! A call has changed the state and is on disk when it comes here, and its answer waits until it leaves. Most calls touch a group or an
//! interface, and only those are lowered again; what reaches further (a VPC's resolver, a peering connection) is lowered whole; and what no packet
//! depends on (tags of a subnet, a flow log) is nothing to the workers.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock, Weak};

use secgroup_control::Touched;
use secgroup_ec2::{Changes, FlowLog, Record, State};
use secgroup_endpoint::{Enforce, Settle};
use secgroup_model::{
    AssociationStatus, GroupId, Inventory, NetworkInterface, Peering, PrefixList, SecurityGroup,
    Subnet, Vpc,
};

use super::operator::Operator;

/// Brings changes into force, once there is somebody who does.
#[derive(Clone, Default)]
pub(super) struct Enforcer(Arc<OnceLock<Weak<Operator>>>);

impl Enforcer {
    /// From now on.
    pub(super) fn begin(&self, operator: &Arc<Operator>) {
        // It is begun once.
        let _ = self.0.set(Arc::downgrade(operator));
    }
}

impl Enforce for Enforcer {
    fn enforce(&self, state: &State, changes: &Changes) -> Settle {
        let operator = self.0.get().and_then(Weak::upgrade)?;
        operator.edited(state, changes)
    }
}

/// How far a change reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    /// No packet depends on it.
    Nothing,
    /// These.
    These(Touched),
    /// Possibly all.
    Everything,
}

/// Whether flow logs are to be looked at again: one came or went, or there are some and what they cover may be other things now.
pub(super) fn concerns_flow_logs(changes: &Changes) -> bool {
    let of_places = touches::<NetworkInterface>(changes)
        || touches::<Subnet>(changes)
        || touches::<Vpc>(changes)
        || touches::<Peering>(changes);
    touches::<FlowLog>(changes) || of_places
}

/// How far `changes` reach, of which `inventory` is the outcome.
pub(super) fn reach(inventory: &Inventory, changes: &Changes) -> Reach {
    if alters::<Vpc>(changes)
        || alters::<Subnet>(changes)
        || touches::<Peering>(changes)
        || touches::<AssociationStatus>(changes)
    {
        return Reach::Everything;
    }
    let mut touched = Touched {
        groups: groups(inventory, changes),
        interfaces: changes.keys::<NetworkInterface>(),
    };
    for list in changes.keys::<PrefixList>() {
        let users = inventory.prefix_list_references(&list);
        touched
            .groups
            .extend(users.map(|(group, _)| group.id.clone()));
    }
    if touched == Touched::default() {
        Reach::Nothing
    } else {
        Reach::These(touched)
    }
}

/// Groups whose rules differ, and those that name a group which came or went: what such a rule matches depends on it (B28).
fn groups(inventory: &Inventory, changes: &Changes) -> BTreeSet<GroupId> {
    let mut groups = BTreeSet::new();
    for (id, before) in changes.of::<SecurityGroup>() {
        let now = inventory.groups.get(id);
        match (before, now) {
            (Some(before), Some(now)) if before.rules == now.rules => {}
            (Some(_), Some(_)) => drop(groups.insert(id.clone())),
            _ => {
                groups.insert(id.clone());
                let users = inventory.references_to(id);
                groups.extend(users.map(|reference| reference.from.id.clone()));
            }
        }
    }
    groups
}

/// Whether any record of this kind is new, other or gone.
fn touches<R: Record>(changes: &Changes) -> bool {
    changes.of::<R>().next().is_some()
}

/// Whether any record of this kind is other or gone. On a new one nothing can depend yet.
fn alters<R: Record>(changes: &Changes) -> bool {
    changes.of::<R>().any(|(_, before)| before.is_some())
}

#[cfg(test)]
mod tests;
