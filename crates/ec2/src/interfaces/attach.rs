//! Attach and detach (E48). The interface and its attachment say the same, because only `put_attachment` and `let_go` write either.

use secgroup_model::{
    AttachmentId, ErrorCode, InstanceId, ModelError, NetworkInterface, NetworkInterfaceId,
};

use super::known_interface;
use super::taken::Taken;
use crate::instances::known_instance;
use crate::{Attachment, Caller, Edit, InstanceState};

/// The device index of the primary interface, which stays as long as the instance does.
const PRIMARY: u32 = 0;
/// The highest device index: no instance of EC2 has more interfaces on one network card.
const DEVICE_INDEX_MAX: u32 = 31;

/// Attaches an interface to an instance, running or stopped.
///
/// # Errors
/// `InvalidNetworkInterfaceID.NotFound`, `InvalidInstanceID.NotFound`, `InvalidNetworkInterface.InUse`,
/// `IncorrectInstanceState` for a terminated one, `InvalidParameterValue` for a place that is taken or is none, and
/// `InvalidParameterCombination` for different zones.
pub fn attach(
    edit: &mut Edit<'_>,
    caller: &Caller,
    id: &NetworkInterfaceId,
    instance: &InstanceId,
    device_index: u32,
) -> Result<AttachmentId, ModelError> {
    check_attachable(edit, caller, id)?;
    let known = known_instance(edit.state(), caller, edit.now(), instance)?;
    if known.state == InstanceState::Terminated {
        return Err(ModelError::new(
            ErrorCode::IncorrectInstanceState,
            format!("Instance '{instance}' is not 'running' or 'stopped'."),
        ));
    }
    let inventory = edit.inventory();
    let zone = |subnet| Some(&inventory.subnets.get(subnet)?.availability_zone);
    let own = inventory.interfaces.get(id);
    let own = own.and_then(|interface| zone(interface.subnet.as_ref()?));
    if own != known.subnet.as_ref().and_then(zone) {
        return Err(ModelError::new(
            ErrorCode::InvalidParameterCombination,
            "You may not attach a network interface to an instance if they are not in the same availability zone",
        ));
    }
    if !is_place(device_index) {
        return Err(ModelError::value(format!(
            "Value ({device_index}) for parameter deviceIndex is invalid."
        ))
        .with_help(format!("a device index is 0 to {DEVICE_INDEX_MAX}")));
    }
    let mut attachments = edit.state().attachments.values();
    if attachments.any(|it| it.instance == *instance && it.device_index == device_index) {
        return Err(ModelError::value(format!(
            "Instance '{instance}' already has an interface attached at device index '{device_index}'."
        )));
    }
    let mut taken = Taken::of(edit, caller);
    let attached = put_attachment(edit, &mut taken, id, instance, device_index, false);
    Ok(attached)
}

/// Detaches an interface.
///
/// # Errors
/// `InvalidAttachmentID.NotFound`, or `OperationNotPermitted` for the primary interface.
pub fn detach(edit: &mut Edit<'_>, caller: &Caller, id: &AttachmentId) -> Result<(), ModelError> {
    let state = edit.state();
    let mut attachments = state.attachments.iter();
    let (interface, attachment) = attachments
        .find(|(_, attachment)| attachment.id == *id)
        .filter(|(interface, _)| state.owner_of_interface(interface) == Some(&caller.account))
        .ok_or_else(|| unknown_attachment(id))?;
    if attachment.device_index == PRIMARY {
        return Err(ModelError::new(
            ErrorCode::OperationNotPermitted,
            "The network interface at device index 0 cannot be detached.",
        ));
    }
    let interface = interface.clone();
    let_go(edit, &interface);
    Ok(())
}

/// Checks that the caller's interface is attached to nothing.
pub(crate) fn check_attachable(
    edit: &Edit<'_>,
    caller: &Caller,
    id: &NetworkInterfaceId,
) -> Result<(), ModelError> {
    if known_interface(edit.state(), caller, id)?
        .instance
        .is_none()
    {
        return Ok(());
    }
    Err(ModelError::new(
        ErrorCode::InvalidNetworkInterfaceInUse,
        format!("Interface: [{id}] in use."),
    ))
}

/// Whether an instance may have an interface there.
pub(crate) const fn is_place(device_index: u32) -> bool {
    device_index <= DEVICE_INDEX_MAX
}

/// Attaches an interface that nothing attaches.
pub(crate) fn put_attachment(
    edit: &mut Edit<'_>,
    taken: &mut Taken,
    id: &NetworkInterfaceId,
    instance: &InstanceId,
    device_index: u32,
    delete_on_termination: bool,
) -> AttachmentId {
    let attachment = Attachment {
        id: taken.fresh_attachment(edit),
        instance: instance.clone(),
        device_index,
        delete_on_termination,
        attached: edit.now(),
    };
    let attachment_id = attachment.id.clone();
    if let Some(interface) = edit.get_mut::<NetworkInterface>(id) {
        interface.instance = Some(instance.clone());
    }
    edit.put(id.clone(), attachment);
    attachment_id
}

/// Takes an interface off whatever it is attached to.
pub(crate) fn let_go(edit: &mut Edit<'_>, id: &NetworkInterfaceId) {
    edit.remove::<Attachment>(id);
    if let Some(interface) = edit.get_mut::<NetworkInterface>(id) {
        interface.instance = None;
    }
}

pub(super) fn unknown_attachment(id: &AttachmentId) -> ModelError {
    ModelError::new(
        ErrorCode::InvalidAttachmentIdNotFound,
        format!("The attachment ID '{id}' does not exist"),
    )
}
