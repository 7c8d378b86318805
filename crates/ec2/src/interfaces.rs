//! Network interfaces (semantics E42 to E48, E59, E60): where security groups are enforced.
//!
//! An interface is a record of the model; what attaches it to an instance is a record beside it, and the interface's own
//! `instance` says the same. Both are written in one place, [`attach`], and nowhere else. Which addresses are free is not kept
//! anywhere: it is read off the interfaces of the VPC by each call (`Room`), so it cannot be wrong.
//!
//! | | |
//! |---|---|
//! | `create` | create, delete |
//! | `room` | which addresses and prefixes of a subnet are free |
//! | `taken` | what a call that makes interfaces has to know of all others, read once |
//! | `assign` | give further addresses, take them away |
//! | `attach` | attach, detach |
//! | `attributes` | change one attribute at a time |

mod assign;
mod attach;
mod attributes;
mod create;
mod room;
mod taken;

use secgroup_model::{
    ErrorCode, Flavour, GroupId, ModelError, NetworkInterface, NetworkInterfaceId,
};

pub use self::assign::{Unassign, assign, unassign};
pub use self::attach::{attach, detach};
pub(crate) use self::attach::{check_attachable, is_place, let_go, put_attachment};
pub use self::attributes::{InterfaceChange, modify};
pub use self::create::{CreateInterface, create, delete};
pub(crate) use self::create::{create_beside, forget};
pub use self::room::{Granted, Share};
pub(crate) use self::taken::Taken;
#[cfg(test)]
pub(crate) use self::taken::work;
use crate::groups::known_group;
use crate::{Caller, Edit, State};

/// The caller's interface of this id.
///
/// # Errors
/// `InvalidNetworkInterfaceID.NotFound` (E63), also for one of another account.
pub fn known_interface<'a>(
    state: &'a State,
    caller: &Caller,
    id: &NetworkInterfaceId,
) -> Result<&'a NetworkInterface, ModelError> {
    state
        .inventory
        .interfaces
        .get(id)
        .filter(|_| state.owner_of_interface(id) == Some(&caller.account))
        .ok_or_else(|| {
            ModelError::new(
                ErrorCode::InvalidNetworkInterfaceIdNotFound,
                format!("The networkInterface ID '{id}' does not exist"),
            )
        })
}

/// Gives an interface that is not yet, or no longer, in the state its groups (B11, B12, B21). A group that is named twice
/// counts once.
fn set_groups(
    edit: &Edit<'_>,
    caller: &Caller,
    interface: &mut NetworkInterface,
    groups: &[GroupId],
) -> Result<(), ModelError> {
    interface.groups.clear();
    for id in groups {
        known_group(edit.state(), caller, id)?;
        if !interface.groups.contains(id) {
            interface.groups.push(id.clone());
        }
    }
    edit.inventory()
        .check_interface_groups(interface)
        .map_err(ModelError::first)?;
    edit.site()
        .quotas
        .check_groups_per_interface(interface.groups.len(), Flavour::Vpc)
}
