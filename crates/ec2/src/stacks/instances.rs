//! Instances of a stack.
//!
//! An instance of a template is here what has its interfaces: the importer keeps no more of one. So the interfaces are made first,
//! as if each stood alone, and then attached: `Server.eth0` in the first place.

use std::collections::BTreeSet;

use secgroup_model::{
    InstanceId, Inventory, ModelError, NetworkInterface, NetworkInterfaceId, Tags,
};

use super::changes::{Detail, Kind};
use super::work::Work;
use crate::interfaces::{Taken, let_go, put_attachment};
use crate::{Attachment, Instance, InstanceState, instances};

/// The image of an instance, of which the importer keeps nothing.
pub(super) const IMAGE: &str = "ami-00000000000000000";
/// Its type.
pub(super) const INSTANCE_TYPE: &str = "t3.micro";
/// What follows the name of an instance in those of the interfaces that are written with it, before the place.
const WRITTEN_WITH_IT: &str = ".eth";

/// Makes the instances, and gives each the interfaces that it is to have.
pub(super) fn make(work: &mut Work<'_, '_>) {
    for interface in work.wanted.interfaces.values() {
        detach_from_wrong(work, interface);
    }
    for instance in work.wanted_instances() {
        make_instance(work, instance);
    }
}

/// Takes an interface from an instance that it is not to have.
fn detach_from_wrong(work: &mut Work<'_, '_>, wanted: &NetworkInterface) {
    let Some(id) = work
        .names
        .get(wanted.id.as_str())
        .map(NetworkInterfaceId::new)
    else {
        return;
    };
    let real = work.edit.get::<NetworkInterface>(&id);
    let Some(instance) = real.and_then(|real| real.instance.clone()) else {
        return;
    };
    let kept = wanted
        .instance
        .as_ref()
        .and_then(|instance| work.kept(instance.as_str()));
    if kept != Some(instance.as_str()) {
        let what = format!("attached to {}", work.shown(instance.as_str()));
        let_go(work.edit, &id);
        let details = vec![Detail::minus(what)];
        work.modified(wanted.id.as_str(), Kind::Interface, id.as_str(), details);
    }
}

fn make_instance(work: &mut Work<'_, '_>, wanted: &InstanceId) {
    let logical = wanted.as_str();
    let interfaces = interfaces_of(work.wanted, wanted);
    let (id, is_new) = match work.kept(logical) {
        Some(id) => (InstanceId::new(id), false),
        None => (create(work, wanted, &interfaces), true),
    };
    let mut details = Vec::new();
    for interface in interfaces {
        if attach(work, wanted, &id, interface) {
            details.push(Detail::plus(format!("interface {}", interface.id)));
        }
    }
    if is_new {
        work.made(logical, Kind::Instance, id.as_str(), details);
    } else {
        work.modified(logical, Kind::Instance, id.as_str(), details);
    }
}

/// The interfaces that an instance is to have, the primary one first.
pub(super) fn interfaces_of<'a>(
    wanted: &'a Inventory,
    instance: &InstanceId,
) -> Vec<&'a NetworkInterface> {
    let interfaces = wanted.interfaces.values();
    let mut own: Vec<_> = interfaces
        .filter(|interface| interface.instance.as_ref() == Some(instance))
        .collect();
    // Those that have a place before those that take what is left.
    own.sort_by_key(|interface| {
        (
            place(instance, interface).is_none(),
            place(instance, interface),
        )
    });
    own
}

/// The place that the name of an interface gives it.
fn place(instance: &InstanceId, interface: &NetworkInterface) -> Option<u32> {
    let rest = interface.id.as_str().strip_prefix(instance.as_str())?;
    rest.strip_prefix(WRITTEN_WITH_IT)?.parse().ok()
}

fn create(
    work: &mut Work<'_, '_>,
    wanted: &InstanceId,
    interfaces: &[&NetworkInterface],
) -> InstanceId {
    let id = work.edit.fresh::<Instance>(InstanceId::from_random);
    let reservation = format!("r-0{:016x}", work.edit.random());
    let primary = interfaces.first();
    let real = primary.and_then(|interface| work.names.get(interface.id.as_str()));
    let real = real.map(NetworkInterfaceId::new);
    let real = real.and_then(|id| work.edit.get::<NetworkInterface>(&id));
    // The importer puts the tags of an instance on the interfaces that are written with it.
    let written_with_it = primary.filter(|interface| place(wanted, interface).is_some());
    let instance = Instance {
        id: id.clone(),
        owner: work.caller.account.clone(),
        reservation,
        launch_index: 0,
        state: InstanceState::Running,
        image: IMAGE.to_owned(),
        instance_type: INSTANCE_TYPE.to_owned(),
        key_name: None,
        subnet: real.and_then(|interface| interface.subnet.clone()),
        launched: work.edit.now(),
        changed: work.edit.now(),
        tags: written_with_it.map_or_else(Tags::new, |interface| interface.tags.clone()),
    };
    work.edit.put(id.clone(), instance);
    id
}

/// Attaches an interface; `false` if it is attached already.
fn attach(
    work: &mut Work<'_, '_>,
    wanted: &InstanceId,
    id: &InstanceId,
    interface: &NetworkInterface,
) -> bool {
    let Some(real) = work
        .names
        .get(interface.id.as_str())
        .map(NetworkInterfaceId::new)
    else {
        return false;
    };
    if work.edit.get::<Attachment>(&real).is_some() {
        return false;
    }
    let attachments = work.edit.state().attachments.values();
    let taken: BTreeSet<u32> = attachments
        .filter(|attachment| attachment.instance == *id)
        .map(|attachment| attachment.device_index)
        .collect();
    let named = place(wanted, interface);
    let free = named.filter(|place| !taken.contains(place));
    let free = free.or_else(|| (0..=u32::MAX).find(|place| !taken.contains(place)));
    // What was written with the instance goes with it.
    let goes = named.is_some();
    let mut taken = Taken::of(work.edit, work.caller);
    let place = free.unwrap_or_default();
    put_attachment(work.edit, &mut taken, &real, id, place, goes);
    true
}

/// Ends an instance. Interfaces that the stack made it lets go of: they go for themselves, or stay.
pub(super) fn terminate(work: &mut Work<'_, '_>, id: &InstanceId) -> Result<(), ModelError> {
    let attachments = work.edit.state().attachments.iter();
    let own: Vec<NetworkInterfaceId> = attachments
        .filter(|(_, attachment)| attachment.instance == *id)
        .map(|(interface, _)| interface.clone())
        .filter(|interface| work.shown(interface.as_str()) != interface.as_str())
        .collect();
    for interface in own {
        let_go(work.edit, &interface);
    }
    instances::terminate(work.edit, work.caller, std::slice::from_ref(id)).map(drop)
}
