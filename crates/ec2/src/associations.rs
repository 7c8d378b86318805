//! Groups for further VPCs (B29, E40): interfaces of an associated VPC may have the group as if it were one of their own.
//!
//! EC2 takes its time to associate and disassociate. Here both are done when the answer leaves: an association is there or it
//! is not, which is what clients wait for.

use secgroup_model::{AssociationStatus, ErrorCode, GroupId, ModelError, VpcId};

use crate::groups::known_group;
use crate::vpcs::known_vpc;
use crate::{Caller, Edit};

/// Associates a group with a VPC, and answers with the state of the association. Doing so again changes nothing.
///
/// # Errors
/// `InvalidGroup.NotFound`, `InvalidVpcID.NotFound`, `InvalidParameterValue` for a default group, the default VPC and the group's own one.
pub fn associate(
    edit: &mut Edit<'_>,
    caller: &Caller,
    group: &GroupId,
    vpc: &VpcId,
) -> Result<AssociationStatus, ModelError> {
    let known = known_group(edit.state(), caller, group)?;
    known_vpc(edit.state(), caller, vpc)?;
    if known.vpc.as_ref() == Some(vpc) {
        return Err(ModelError::value(format!(
            "The security group '{group}' was created in the VPC '{vpc}' and cannot be associated with it"
        )));
    }
    edit.inventory().check_association(group, vpc)?;
    let status = AssociationStatus::Associated;
    edit.put((group.clone(), vpc.clone()), status);
    Ok(status)
}

/// Ends an association, and answers with its state. Rules that needed it are stale from then on (B28).
///
/// # Errors
/// `InvalidGroup.NotFound`, also for a group that is not associated with the VPC; `InvalidVpcID.NotFound`; `DependencyViolation` while an
/// interface of the VPC has the group.
pub fn disassociate(
    edit: &mut Edit<'_>,
    caller: &Caller,
    group: &GroupId,
    vpc: &VpcId,
) -> Result<AssociationStatus, ModelError> {
    known_group(edit.state(), caller, group)?;
    known_vpc(edit.state(), caller, vpc)?;
    let key = (group.clone(), vpc.clone());
    let associated = edit.get::<AssociationStatus>(&key);
    if !associated.is_some_and(|status| status.is_present()) {
        // The code that tools take for "gone already".
        return Err(ModelError::new(
            ErrorCode::InvalidGroupNotFound,
            format!("The security group '{group}' is not associated with the VPC '{vpc}'"),
        ));
    }
    edit.inventory().check_disassociation(group, vpc)?;
    edit.remove::<AssociationStatus>(&key);
    Ok(AssociationStatus::Disassociated)
}
