//! Attributes of an interface, one a call (E42, E59).

use secgroup_model::{
    AttachmentId, ConnectionTracking, GroupId, ModelError, NetworkInterface, NetworkInterfaceId,
};

use super::attach::unknown_attachment;
use super::create::check_description;
use super::{known_interface, set_groups};
use crate::{Attachment, Caller, Edit};

/// What `ModifyNetworkInterfaceAttribute` changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterfaceChange {
    /// The groups, all of them: these take the place of the ones before (B11, H36).
    Groups(Vec<GroupId>),
    /// Timeouts of tracked connections; what is left out stays (D30).
    Tracking(ConnectionTracking),
    /// The description.
    Description(String),
    /// Whether packets that are not its own are dropped (C12).
    SourceDestCheck(bool),
    /// Whether it goes when its instance is terminated.
    DeleteOnTermination {
        /// What attaches it.
        attachment: AttachmentId,
        /// Whether it goes.
        delete: bool,
    },
}

/// Changes an attribute.
///
/// # Errors
/// `InvalidNetworkInterfaceID.NotFound`, `InvalidGroup.NotFound` (B12), `MissingParameter` for no group,
/// `SecurityGroupsPerInterfaceLimitExceeded` (B21), `InvalidAttachmentID.NotFound`.
pub fn modify(
    edit: &mut Edit<'_>,
    caller: &Caller,
    id: &NetworkInterfaceId,
    change: InterfaceChange,
) -> Result<(), ModelError> {
    let mut interface = known_interface(edit.state(), caller, id)?.clone();
    match change {
        InterfaceChange::Groups(groups) => set_groups(edit, caller, &mut interface, &groups)?,
        InterfaceChange::Tracking(change) => {
            interface.tracking = interface.tracking.changed_by(change);
        }
        InterfaceChange::Description(text) => {
            check_description(&text)?;
            interface.description = text;
        }
        InterfaceChange::SourceDestCheck(check) => interface.source_dest_check = check,
        InterfaceChange::DeleteOnTermination { attachment, delete } => {
            return edit
                .get_mut::<Attachment>(id)
                .filter(|known| known.id == attachment)
                .map(|known| known.delete_on_termination = delete)
                .ok_or_else(|| unknown_attachment(&attachment));
        }
    }
    edit.put::<NetworkInterface>(id.clone(), interface);
    Ok(())
}
