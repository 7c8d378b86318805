//! Launch.

use std::collections::BTreeSet;

use secgroup_model::{ErrorCode, InstanceId, ModelError, NetworkInterfaceId, Tags};

use super::lifecycle::forget_terminated;
use crate::interfaces::{
    self, CreateInterface, Share, Taken, check_attachable, create_beside, is_place, let_go,
    put_attachment,
};
use crate::{Caller, Edit, Instance, InstanceState};

/// One call launches at most this many.
const LAUNCH_MAX: u32 = 500;
/// The place of the primary interface.
const PRIMARY: u32 = 0;

/// What `RunInstances` takes, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// How many at least.
    pub min: u32,
    /// How many, if there are addresses for as many.
    pub max: u32,
    /// The image it is said to be launched from. There are no images: any name will do.
    pub image: String,
    /// The type it is said to have.
    pub instance_type: String,
    /// The name of a key pair.
    pub key_name: Option<String>,
    /// What interfaces each has, one of them in the place 0.
    pub interfaces: Vec<LaunchInterface>,
    /// The tags of each.
    pub tags: Tags,
}

/// An interface that an instance is launched with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchInterface {
    /// Its place.
    pub device_index: u32,
    /// Where it comes from.
    pub source: InterfaceSource,
    /// Whether it goes when the instance is terminated.
    pub delete_on_termination: bool,
}

/// Where the interface of a launch comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterfaceSource {
    /// It is there, and attached to nothing.
    Existing(NetworkInterfaceId),
    /// It is created for the instance.
    New(CreateInterface),
}

/// Launches instances: `max` if there are addresses for as many, but not fewer than `min`.
///
/// # Errors
/// Those of the interfaces; `InvalidParameterValue` and `InvalidParameterCombination` for numbers and places that do not fit;
/// `InstanceLimitExceeded`.
pub fn run(
    edit: &mut Edit<'_>,
    caller: &Caller,
    launch: &Launch,
) -> Result<Vec<InstanceId>, ModelError> {
    check_number(launch)?;
    check_places(&launch.interfaces)?;
    forget_terminated(edit);
    let reservation = format!("r-0{:016x}", edit.random());
    let mut taken = Taken::of(edit, caller);
    let mut launched = Vec::new();
    for index in 0..launch.max {
        match launch_one(edit, caller, &mut taken, launch, (&reservation, index)) {
            Ok(id) => launched.push(id),
            Err(error) if index >= launch.min && is_shortage(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(launched)
}

/// Launches one instance, the one of this place in its reservation, or leaves nothing of it behind but in `taken`.
fn launch_one(
    edit: &mut Edit<'_>,
    caller: &Caller,
    taken: &mut Taken,
    launch: &Launch,
    (reservation, launch_index): (&str, u32),
) -> Result<InstanceId, ModelError> {
    let id = edit.fresh::<Instance>(InstanceId::from_random);
    let mut created = Vec::new();
    let mut subnet = None;
    let mut zones = BTreeSet::new();
    for interface in &launch.interfaces {
        let added = match add_interface(edit, caller, taken, &id, interface) {
            Ok(added) => added,
            Err(error) => {
                for id in &created {
                    let_go(edit, id);
                    interfaces::forget(edit, id);
                }
                return Err(error);
            }
        };
        let known = edit.inventory().interfaces.get(&added);
        let place = known.and_then(|interface| interface.subnet.clone());
        let home = place.as_ref();
        let home = home.and_then(|place| edit.inventory().subnets.get(place));
        zones.insert(home.and_then(|subnet| subnet.availability_zone.clone()));
        if interface.device_index == PRIMARY {
            subnet = place;
        }
        if matches!(interface.source, InterfaceSource::New(_)) {
            created.push(added);
        }
    }
    if zones.len() > 1 {
        return Err(combination(
            "All network interfaces of an instance must be in the same availability zone",
        ));
    }
    let instance = Instance {
        id: id.clone(),
        owner: caller.account.clone(),
        reservation: reservation.to_owned(),
        launch_index,
        state: InstanceState::Running,
        image: launch.image.clone(),
        instance_type: launch.instance_type.clone(),
        key_name: launch.key_name.clone(),
        subnet,
        launched: edit.now(),
        changed: edit.now(),
        tags: launch.tags.clone(),
    };
    edit.put(id.clone(), instance);
    Ok(id)
}

fn add_interface(
    edit: &mut Edit<'_>,
    caller: &Caller,
    taken: &mut Taken,
    instance: &InstanceId,
    interface: &LaunchInterface,
) -> Result<NetworkInterfaceId, ModelError> {
    let id = match &interface.source {
        InterfaceSource::Existing(id) => {
            check_attachable(edit, caller, id)?;
            id.clone()
        }
        InterfaceSource::New(request) => create_beside(edit, caller, taken, request.clone())?,
    };
    put_attachment(
        edit,
        taken,
        &id,
        instance,
        interface.device_index,
        interface.delete_on_termination,
    );
    Ok(id)
}

fn check_number(launch: &Launch) -> Result<(), ModelError> {
    let Launch { min, max, .. } = *launch;
    if min == 0 || max < min {
        let (name, value) = if min == 0 {
            ("minCount", min)
        } else {
            ("maxCount", max)
        };
        return Err(
            ModelError::value(format!("Value ({value}) for parameter {name} is invalid."))
                .with_help("MinCount is 1 at least, and MaxCount no less than MinCount"),
        );
    }
    if max > LAUNCH_MAX {
        return Err(ModelError::new(
            ErrorCode::InstanceLimitExceeded,
            format!(
                "You have requested more instances ({max}) than one call may launch ({LAUNCH_MAX})."
            ),
        ));
    }
    let one_only = launch
        .interfaces
        .iter()
        .any(|interface| match &interface.source {
            InterfaceSource::Existing(_) => true,
            InterfaceSource::New(request) => {
                request.primary.is_some()
                    || [&request.ipv4, &request.ipv6]
                        .iter()
                        .any(|share| matches!(share, Share::Addresses(_) | Share::Prefixes(_)))
            }
        });
    if max > 1 && one_only {
        return Err(combination(
            "Only one instance can be launched with a network interface or an address of its own",
        ));
    }
    Ok(())
}

fn check_places(interfaces: &[LaunchInterface]) -> Result<(), ModelError> {
    let mut places = BTreeSet::new();
    for interface in interfaces {
        let place = interface.device_index;
        if !is_place(place) {
            return Err(ModelError::value(format!(
                "Value ({place}) for parameter deviceIndex is invalid."
            )));
        }
        if !places.insert(place) {
            return Err(ModelError::value(format!(
                "Each network interface requires a unique device index; {place} is there twice."
            )));
        }
    }
    if places.contains(&PRIMARY) {
        return Ok(());
    }
    Err(combination(
        "When specifying network interfaces, you must include a device at index 0.",
    ))
}

/// Whether fewer would do.
const fn is_shortage(error: &ModelError) -> bool {
    matches!(
        error.code,
        ErrorCode::InsufficientFreeAddressesInSubnet
            | ErrorCode::InsufficientCidrBlocks
            | ErrorCode::NetworkInterfaceLimitExceeded
    )
}

fn combination(message: &str) -> ModelError {
    ModelError::new(ErrorCode::InvalidParameterCombination, message)
}

#[cfg(test)]
mod tests;
