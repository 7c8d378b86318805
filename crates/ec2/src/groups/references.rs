//! What rules refer to: which groups one may name, and what is said of a group that one names (A27 to A30).
//!
//! A reference is checked when it is made. What happens later, to the group or to the peering connection between, makes it stale
//! (B28) but leaves it where it is; so it remembers the VPC and the account of the group, which may be all that is left.

use std::collections::BTreeMap;

use secgroup_model::{
    AccountId, GroupId, GroupReference, Inventory, ModelError, Peering, PeeringId, PeeringStatus,
    RawAddress, RawPermission, SecurityGroup, VpcId,
};

use super::{default_vpc, unknown_name};
use crate::{Caller, State};

/// What the API says of a group that a rule names (A29). Only the id is sure to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferencedGroup<'a> {
    /// Its id.
    pub id: &'a GroupId,
    /// The account that owns it; `None` once it is deleted, or another account's and out of reach.
    pub account: Option<&'a AccountId>,
    /// Its name, where it is in another VPC; `None` where there is no account.
    pub name: Option<&'a str>,
    /// Its VPC, where that is another one.
    pub vpc: Option<&'a VpcId>,
    /// The peering connection between the two VPCs.
    pub peering: Option<&'a PeeringId>,
    /// The state of that connection, as the API spells it.
    pub peering_status: Option<&'static str>,
}

/// What the API says of the group `to` that a rule of `from` names. Of another account's group that is out of reach it says what it says of one that is deleted
/// (A29): whether that group is there still, and what it is called, is not the caller's business any more.
#[must_use]
pub fn referenced_group<'a>(
    state: &'a State,
    from: &'a SecurityGroup,
    to: &'a GroupReference,
) -> ReferencedGroup<'a> {
    let group = visible_group(state, from, to);
    let vpc = group
        .map_or(to.vpc.as_ref(), |group| group.vpc.as_ref())
        .filter(|vpc| from.vpc.as_ref() != Some(*vpc));
    let peering = from
        .vpc
        .as_ref()
        .zip(vpc)
        .and_then(|(own, other)| best_peering(&state.inventory, own, other));
    ReferencedGroup {
        id: &to.group,
        account: group.map(|group| &group.owner),
        name: vpc.and(group).map(|group| group.name.as_str()),
        vpc,
        peering: peering.map(|peering| &peering.id),
        peering_status: peering.map(|peering| status(state, peering)),
    }
}

/// The group `to` as the owner of `from` may see it: while it is there, and his own or within reach.
#[must_use]
pub fn visible_group<'a>(
    state: &'a State,
    from: &SecurityGroup,
    to: &GroupReference,
) -> Option<&'a SecurityGroup> {
    let group = state.inventory.groups.get(&to.group)?;
    let is_visible = group.owner == from.owner || state.inventory.may_reference(from, to);
    is_visible.then_some(group)
}

/// The active peering connection between two VPCs.
#[must_use]
pub fn active_peering<'a>(
    inventory: &'a Inventory,
    one: &VpcId,
    other: &VpcId,
) -> Option<&'a Peering> {
    best_peering(inventory, one, other).filter(|peering| peering.status == PeeringStatus::Active)
}

/// The peering connection that is nearest to being of use: a deleted one stays listed beside its successor.
fn best_peering<'a>(inventory: &'a Inventory, one: &VpcId, other: &VpcId) -> Option<&'a Peering> {
    inventory
        .peerings
        .values()
        .filter(|peering| peering.connects(one, other))
        .min_by_key(|peering| peering.status)
}

fn status(state: &State, peering: &Peering) -> &'static str {
    match state.peerings.get(&peering.id) {
        Some(details) => details.code.as_str(),
        None => match peering.status {
            PeeringStatus::Active => "active",
            PeeringStatus::Pending => "pending-acceptance",
            PeeringStatus::Gone => "deleted",
        },
    }
}

/// Puts ids in the place of names of groups (A27). Names select in the caller's default VPC; a group of another account has none
/// here, because names across accounts were EC2-Classic's (A28).
///
/// # Errors
/// `InvalidGroup.NotFound`, `VPCIdNotSpecified` where the caller has no default VPC.
pub(crate) fn name_peers(
    state: &State,
    caller: &Caller,
    permissions: &mut [RawPermission],
) -> Result<(), ModelError> {
    let mut named = permissions
        .iter_mut()
        .flat_map(|permission| &mut permission.peers)
        .filter_map(|peer| match &mut peer.address {
            RawAddress::Group(group) if group.id.is_none() && group.name.is_some() => Some(group),
            _ => None,
        })
        .peekable();
    if named.peek().is_none() {
        return Ok(());
    }
    let vpc = &default_vpc(state, caller)?.id;
    // One look at all groups, however many names a request has.
    let ids: BTreeMap<String, &GroupId> = state
        .inventory
        .groups
        .values()
        .filter(|group| group.vpc.as_ref() == Some(vpc))
        .map(|group| (group.name.to_ascii_lowercase(), &group.id))
        .collect();
    for group in named {
        let name = group.name.as_deref().unwrap_or_default();
        let account = group.account.as_deref().filter(|text| !text.is_empty());
        if account.is_some_and(|account| account != caller.account.as_str()) {
            return Err(ModelError::unknown_group(name));
        }
        let id = ids
            .get(&name.trim_end_matches(' ').to_ascii_lowercase())
            .ok_or_else(|| unknown_name(name, vpc))?;
        group.id = Some(id.to_string());
    }
    Ok(())
}

/// The reference that a rule of `from` gets when it names the group `id`, which must be there and within reach (A27). Where it is
/// said whose group that is, it must be.
///
/// # Errors
/// `InvalidGroup.NotFound` (A30). A group of another account that is out of reach, also while a request for peering is pending or after the connection
/// ended, is answered like one that is not there.
pub(crate) fn resolve(
    state: &State,
    from: &SecurityGroup,
    id: &GroupId,
    account: Option<&AccountId>,
) -> Result<GroupReference, ModelError> {
    let unknown = || ModelError::unknown_group(id.as_str());
    let target = state.inventory.groups.get(id).ok_or_else(unknown)?;
    if account.is_some_and(|account| *account != target.owner) {
        return Err(unknown());
    }
    let is_foreign = target.owner != from.owner;
    let reference = GroupReference {
        group: id.clone(),
        account: is_foreign.then(|| target.owner.clone()),
        vpc: target.vpc.clone().filter(|_| target.vpc != from.vpc),
        peering: None,
    };
    if is_foreign && !state.inventory.may_reference(from, &reference) {
        return Err(unknown());
    }
    state.inventory.check_reference(from, &reference)?;
    Ok(reference)
}
