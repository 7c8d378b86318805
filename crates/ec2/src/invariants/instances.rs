//! Instances, and what attaches interfaces to them.

use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::NetworkInterfaceId;

use super::Faults;
use crate::{Attachment, Instance, InstanceState, State};

/// The device index of the primary interface.
const PRIMARY: u32 = 0;

pub(super) fn check(state: &State, faults: &mut Faults) {
    let mut ids = BTreeSet::new();
    let mut places = BTreeMap::new();
    for (interface, attachment) in &state.attachments {
        check_attachment(state, interface, attachment, faults);
        faults.unless(ids.insert(&attachment.id), || {
            format!("{} attaches two interfaces", attachment.id)
        });
        let place = (&attachment.instance, attachment.device_index);
        if let Some(other) = places.insert(place, interface) {
            faults.0.push(format!(
                "{} has {other} and {interface} in the place {}",
                attachment.instance, attachment.device_index
            ));
        }
    }
    for interface in state.inventory.interfaces.values() {
        let attached = state.attachments.contains_key(&interface.id);
        faults.unless(interface.instance.is_none() || attached, || {
            format!("{} has an instance, but no attachment", interface.id)
        });
    }
    for instance in state.instances.values() {
        let attached = places.range((&instance.id, PRIMARY)..=(&instance.id, u32::MAX));
        check_instance(
            state,
            instance,
            attached.map(|(place, id)| (place.1, *id)),
            faults,
        );
    }
}

/// The interface and the instance are there, of one account, and the interface says the same.
fn check_attachment(
    state: &State,
    id: &NetworkInterfaceId,
    attachment: &Attachment,
    faults: &mut Faults,
) {
    let Some(interface) = state.inventory.interfaces.get(id) else {
        faults.0.push(format!(
            "{} attaches {id}, which does not exist",
            attachment.id
        ));
        return;
    };
    faults.unless(
        interface.instance.as_ref() == Some(&attachment.instance),
        || {
            format!(
                "{} attaches {id} to {}, but {id} has the instance {:?}",
                attachment.id, attachment.instance, interface.instance
            )
        },
    );
    match state.instances.get(&attachment.instance) {
        None => faults.0.push(format!(
            "{id} is attached to {}, which does not exist",
            attachment.instance
        )),
        Some(instance) => faults.unless(
            state.owner_of_interface(id) == Some(&instance.owner),
            || format!("{id} and its {} are of different accounts", instance.id),
        ),
    }
}

/// A terminated instance has nothing more; any other has a primary interface, in its subnet. `attached` has its interfaces in
/// the order of their places.
fn check_instance<'a>(
    state: &State,
    instance: &Instance,
    mut attached: impl Iterator<Item = (u32, &'a NetworkInterfaceId)>,
    faults: &mut Faults,
) {
    let id = &instance.id;
    let first = attached.next();
    if instance.state == InstanceState::Terminated {
        faults.unless(first.is_none(), || {
            format!("{id} is terminated and has an interface")
        });
        return;
    }
    let primary = first
        .filter(|(place, _)| *place == PRIMARY)
        .and_then(|(_, id)| state.inventory.interfaces.get(id));
    let Some(primary) = primary else {
        faults.0.push(format!("{id} has no primary interface"));
        return;
    };
    faults.unless(primary.subnet == instance.subnet, || {
        format!(
            "{id} and its primary {} are in different subnets",
            primary.id
        )
    });
}
