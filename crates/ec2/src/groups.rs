//! Security groups: which one is meant (B14, B26).

use secgroup_model::{ErrorCode, GroupId, ModelError, SecurityGroup};

use crate::{Caller, State};

/// The caller's group of this id.
///
/// # Errors
/// `InvalidGroup.NotFound` (B26), also for one of another account.
pub fn known_group<'a>(
    state: &'a State,
    caller: &Caller,
    id: &GroupId,
) -> Result<&'a SecurityGroup, ModelError> {
    state
        .inventory
        .groups
        .get(id)
        .filter(|group| group.owner == caller.account)
        .ok_or_else(|| unknown_group(id.as_str()))
}

/// B26.
pub(crate) fn unknown_group(group: &str) -> ModelError {
    ModelError::new(
        ErrorCode::InvalidGroupNotFound,
        format!("The security group '{group}' does not exist"),
    )
}
