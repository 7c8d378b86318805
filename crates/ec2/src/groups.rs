//! Security groups: which one is meant, and how one comes and goes (E27, E28).
//!
//! A group lives in one VPC of its owner. Calls name it by id; a name selects only in the default VPC (B14), because there it did
//! before there were others. Name and description are for good (B7), so there is nothing to modify but rules, which have a
//! module of their own.

mod references;

use secgroup_model::{
    AssociationStatus, ErrorCode, GroupId, ModelError, RuleId, SecurityGroup, Tags, Vpc, VpcId,
    parse_group_description, parse_group_name,
};

pub use self::references::{ReferencedGroup, active_peering, referenced_group, visible_group};
pub(crate) use self::references::{name_peers, resolve};
use crate::vpcs::{self, known_vpc};
use crate::{Caller, Edit, State};

/// Which group a call is about (B14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupSelector {
    /// The one of this id.
    Id(GroupId),
    /// The one of this name in the default VPC.
    Name(String),
}

/// What `CreateSecurityGroup` takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreateGroup {
    /// `GroupName`, as typed.
    pub name: String,
    /// `GroupDescription`, as typed.
    pub description: String,
    /// `VpcId`; the default VPC if there is none.
    pub vpc: Option<VpcId>,
    /// Tags, checked.
    pub tags: Tags,
}

/// Creates a group without inbound rules, from which everything may go out (B10).
///
/// # Errors
/// A name or description that cannot be (B3 to B6), `InvalidVpcID.NotFound`, `VPCIdNotSpecified` (B2), `InvalidGroup.Duplicate`
/// (B5), `SecurityGroupLimitExceeded` (B20).
pub fn create(
    edit: &mut Edit<'_>,
    caller: &Caller,
    request: CreateGroup,
) -> Result<GroupId, ModelError> {
    let name = parse_group_name(&request.name)?;
    let description = parse_group_description(&request.description)?;
    let vpc = match &request.vpc {
        Some(id) => known_vpc(edit.state(), caller, id)?,
        None => default_vpc(edit.state(), caller)?,
    };
    let (vpc, families) = (vpc.id.clone(), vpc.families());
    let id = edit.fresh::<SecurityGroup>(GroupId::from_random);
    let mut group = SecurityGroup::new(id.clone(), &name, caller.account.clone(), Some(vpc));
    group.description = description;
    group.tags = request.tags;
    group.add_default_egress(families, || RuleId::from_random(edit.random()));
    edit.inventory().check_group_name(&group)?;
    edit.site().quotas.check_groups(edit.inventory(), &group)?;
    edit.put(id.clone(), group);
    Ok(id)
}

/// Deletes a group with its rules, and answers with its id (B27). Rules of other VPCs that name it stay, and are stale (B25).
///
/// # Errors
/// `InvalidGroup.NotFound` (B26), `CannotDelete` (B9), `DependencyViolation` (B24).
pub fn delete(
    edit: &mut Edit<'_>,
    caller: &Caller,
    group: &GroupSelector,
) -> Result<GroupId, ModelError> {
    let id = select(edit.state(), caller, group)?.id.clone();
    edit.inventory().check_group_deletion(&id)?;
    // Those that failed or ended: a group that has any other is not deleted.
    let associations: Vec<_> = edit
        .inventory()
        .associations
        .keys()
        .filter(|(group, _)| *group == id)
        .cloned()
        .collect();
    for association in &associations {
        edit.remove::<AssociationStatus>(association);
    }
    edit.remove::<SecurityGroup>(&id);
    Ok(id)
}

/// The caller's default VPC: where new groups go, and where names of groups select (B2, B14).
fn default_vpc<'a>(state: &'a State, caller: &Caller) -> Result<&'a Vpc, ModelError> {
    vpcs::default_vpc(state, &caller.account).ok_or_else(ModelError::no_default_vpc)
}

/// The caller's group that is meant.
///
/// # Errors
/// As [`known_group`] and [`named_group`].
pub fn select<'a>(
    state: &'a State,
    caller: &Caller,
    group: &GroupSelector,
) -> Result<&'a SecurityGroup, ModelError> {
    match group {
        GroupSelector::Id(id) => known_group(state, caller, id),
        GroupSelector::Name(name) => named_group(state, caller, name),
    }
}

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
        .ok_or_else(|| ModelError::unknown_group(id.as_str()))
}

/// The group of this name in the caller's default VPC (B14).
///
/// # Errors
/// `InvalidGroup.NotFound` (E64), `VPCIdNotSpecified` where the account has no default VPC.
pub fn named_group<'a>(
    state: &'a State,
    caller: &Caller,
    name: &str,
) -> Result<&'a SecurityGroup, ModelError> {
    let vpc = &default_vpc(state, caller)?.id;
    state
        .inventory
        .group_named(Some(vpc), name)
        .ok_or_else(|| unknown_name(name, vpc))
}

/// E64.
fn unknown_name(name: &str, vpc: &VpcId) -> ModelError {
    ModelError::new(
        ErrorCode::InvalidGroupNotFound,
        format!("The security group '{name}' does not exist in default VPC '{vpc}'"),
    )
}
