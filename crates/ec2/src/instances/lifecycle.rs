//! Start, stop, terminate; and what becomes of the interfaces.

use secgroup_model::{ErrorCode, InstanceId, ModelError, NetworkInterfaceId};

use super::known_instance;
use crate::interfaces::{forget, let_go};
use crate::{Caller, Edit, Instance, InstanceState};

/// At most this many terminated instances are listed, of all accounts; the ones before are forgotten early.
const TERMINATED_MAX: usize = 1_000;

/// What a call did to an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// The instance.
    pub id: InstanceId,
    /// Its state before.
    pub before: InstanceState,
    /// Its state now.
    pub after: InstanceState,
}

/// Starts instances; one that runs already stays as it is.
///
/// # Errors
/// `InvalidInstanceID.NotFound`, or `IncorrectInstanceState` for a terminated one.
pub fn start(
    edit: &mut Edit<'_>,
    caller: &Caller,
    ids: &[InstanceId],
) -> Result<Vec<StateChange>, ModelError> {
    change_all(edit, caller, ids, InstanceState::Running, "started")
}

/// Stops instances; one that is stopped already stays as it is. Interfaces keep their groups and addresses, and count as members
/// (B24).
///
/// # Errors
/// As [`start`].
pub fn stop(
    edit: &mut Edit<'_>,
    caller: &Caller,
    ids: &[InstanceId],
) -> Result<Vec<StateChange>, ModelError> {
    change_all(edit, caller, ids, InstanceState::Stopped, "stopped")
}

/// Terminates instances: interfaces that were said to go with them are deleted, the others detached. Doing so again
/// changes nothing.
///
/// # Errors
/// `InvalidInstanceID.NotFound`.
pub fn terminate(
    edit: &mut Edit<'_>,
    caller: &Caller,
    ids: &[InstanceId],
) -> Result<Vec<StateChange>, ModelError> {
    let mut changes = Vec::new();
    for id in ids {
        let change = change(edit, caller, id, InstanceState::Terminated)?;
        for (interface, goes) in attached(edit, id) {
            let_go(edit, &interface);
            if goes {
                forget(edit, &interface);
            }
        }
        if let Some(instance) = edit.get_mut::<Instance>(id) {
            instance.subnet = None;
        }
        changes.push(change);
    }
    forget_terminated(edit);
    Ok(changes)
}

/// Forgets terminated instances that are no longer listed.
pub(super) fn forget_terminated(edit: &mut Edit<'_>) {
    let now = edit.now();
    let instances = edit.state().instances.values();
    let mut terminated: Vec<_> = instances
        .filter(|instance| instance.state == InstanceState::Terminated)
        .map(|instance| (instance.changed, instance.id.clone()))
        .collect();
    terminated.sort_unstable_by(|one, other| other.cmp(one));
    for (place, (_, id)) in terminated.into_iter().enumerate() {
        let listed = edit
            .get::<Instance>(&id)
            .is_some_and(|it| it.is_listed(now));
        if !listed || place >= TERMINATED_MAX {
            edit.remove::<Instance>(&id);
        }
    }
}

fn change_all(
    edit: &mut Edit<'_>,
    caller: &Caller,
    ids: &[InstanceId],
    after: InstanceState,
    verb: &str,
) -> Result<Vec<StateChange>, ModelError> {
    let mut changes = Vec::new();
    for id in ids {
        let change = change(edit, caller, id, after)?;
        if change.before == InstanceState::Terminated {
            return Err(ModelError::new(
                ErrorCode::IncorrectInstanceState,
                format!("The instance '{id}' is not in a state from which it can be {verb}."),
            ));
        }
        changes.push(change);
    }
    Ok(changes)
}

fn change(
    edit: &mut Edit<'_>,
    caller: &Caller,
    id: &InstanceId,
    after: InstanceState,
) -> Result<StateChange, ModelError> {
    let now = edit.now();
    let before = known_instance(edit.state(), caller, now, id)?.state;
    if before != after
        && let Some(instance) = edit.get_mut::<Instance>(id)
    {
        instance.state = after;
        instance.changed = now;
    }
    Ok(StateChange {
        id: id.clone(),
        before,
        after,
    })
}

/// What is attached to an instance, and whether it goes with it.
fn attached(edit: &Edit<'_>, instance: &InstanceId) -> Vec<(NetworkInterfaceId, bool)> {
    let attachments = edit.state().attachments.iter();
    attachments
        .filter(|(_, attachment)| attachment.instance == *instance)
        .map(|(interface, attachment)| (interface.clone(), attachment.delete_on_termination))
        .collect()
}
