//! Attributes of an instance (E44).

use secgroup_model::{ErrorCode, GroupId, InstanceId, ModelError};

use super::known_instance;
use crate::interfaces::{self, InterfaceChange};
use crate::{Caller, Edit, Instance, InstanceState};

/// What `ModifyInstanceAttribute` changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceChange {
    /// The groups of its one interface (B13).
    Groups(Vec<GroupId>),
    /// Whether its one interface drops packets that are not its own (C12).
    SourceDestCheck(bool),
    /// The type it is said to have.
    Type(String),
}

/// Changes an attribute. What is an interface's is changed there, which takes that there is only one (B13).
///
/// # Errors
/// `InvalidInstanceID.NotFound`, `InvalidInstanceID` where the instance has several interfaces, `IncorrectInstanceState`,
/// and those of the interface.
pub fn modify(
    edit: &mut Edit<'_>,
    caller: &Caller,
    id: &InstanceId,
    change: InstanceChange,
) -> Result<(), ModelError> {
    let known = known_instance(edit.state(), caller, edit.now(), id)?;
    if known.state == InstanceState::Terminated {
        return Err(state_error(format!(
            "The instance '{id}' is terminated and cannot be modified."
        )));
    }
    let change = match change {
        InstanceChange::Groups(groups) => InterfaceChange::Groups(groups),
        InstanceChange::SourceDestCheck(check) => InterfaceChange::SourceDestCheck(check),
        InstanceChange::Type(name) => {
            if known.state != InstanceState::Stopped {
                return Err(state_error(format!(
                    "The instance '{id}' is not in the 'stopped' state."
                )));
            }
            if let Some(instance) = edit.get_mut::<Instance>(id) {
                instance.instance_type = name;
            }
            return Ok(());
        }
    };
    let interface = edit.inventory().interface_of(id)?.id.clone();
    interfaces::modify(edit, caller, &interface, change)
}

fn state_error(message: String) -> ModelError {
    ModelError::new(ErrorCode::IncorrectInstanceState, message)
}
