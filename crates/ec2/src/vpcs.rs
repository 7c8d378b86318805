//! VPCs (semantics B8, B10, E50): created with a default group, deleted when nothing depends on them.
//!
//! Routes, gateways and network ACLs are not here: a VPC is what groups, subnets, interfaces and peering connections are of.
//! Which addresses it has is told by [`ranges`]; what else can be set, by [`settings`].

pub mod ranges;
pub mod settings;

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};
use secgroup_model::{
    AccountId, AssociationStatus, ErrorCode, GroupId, ModelError, RuleId, SecurityGroup, Subnet,
    SubnetId, Tags, Vpc, VpcId,
};

use self::ranges::RangeWish;
use self::settings::VpcAttribute;
use crate::ranges::{check_vpc_range, parse_v4};
use crate::{Caller, Edit, State, VpcSettings, flow_logs, peerings};

/// The range of a default VPC.
const DEFAULT_RANGE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 0, 0), 16);
/// The prefix length of its subnets.
const DEFAULT_SUBNET_LENGTH: u8 = 20;

/// What `CreateVpc` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateVpc {
    /// `CidrBlock`: a /16 to a /28.
    pub cidr: String,
    /// An IPv6 range with it.
    pub ipv6: Option<RangeWish>,
    /// Its tags.
    pub tags: Tags,
}

/// Creates a VPC and its default group, whose egress rules are those of the families that the VPC has (B8).
///
/// # Errors
/// `InvalidVpc.Range`, or `SecurityGroupLimitExceeded` where there is no room for its group.
pub fn create(
    edit: &mut Edit<'_>,
    caller: &Caller,
    request: CreateVpc,
) -> Result<VpcId, ModelError> {
    let cidr = parse_v4(&request.cidr, "cidrBlock")?;
    check_vpc_range(cidr.into())?;
    let mut ipv6_cidrs = Vec::new();
    if let Some(wish) = request.ipv6
        && let IpNet::V6(range) = ranges::choose(edit, wish)?
    {
        ipv6_cidrs.push(range);
    }
    let vpc = Vpc {
        id: edit.fresh::<Vpc>(VpcId::from_random),
        owner: caller.account.clone(),
        cidrs: vec![cidr],
        ipv6_cidrs,
        is_default: false,
        tags: request.tags,
        origin: None,
    };
    let id = vpc.id.clone();
    put_vpc(edit, vpc);
    if let Some(group) = edit.inventory().default_group(&id) {
        let quotas = &edit.site().quotas;
        quotas.check_groups(edit.inventory(), group)?;
    }
    Ok(id)
}

/// Deletes a VPC with its default group, its flow logs and the requests for a peering connection that nobody answered.
///
/// # Errors
/// `InvalidVpcID.NotFound`, or `DependencyViolation` while it has subnets, interfaces, groups of its own, groups that are
/// associated with it, or active peering connections.
pub fn delete(edit: &mut Edit<'_>, caller: &Caller, id: &VpcId) -> Result<(), ModelError> {
    known_vpc(edit.state(), caller, id)?;
    if let Some(dependent) = dependent_of(edit.state(), id) {
        return Err(ModelError::new(
            ErrorCode::DependencyViolation,
            format!("The vpc '{id}' has dependencies and cannot be deleted."),
        )
        .with_help(format!("it has {dependent}")));
    }
    peerings::end_requests(edit, &caller.account, id);
    flow_logs::forget(edit, id.as_str());
    let group = edit.inventory().default_group(id);
    if let Some(group) = group.map(|group| group.id.clone()) {
        edit.remove::<SecurityGroup>(&group);
    }
    let associations = edit.inventory().associations.keys();
    let gone: Vec<_> = associations.filter(|(_, vpc)| vpc == id).cloned().collect();
    for association in gone {
        edit.remove::<AssociationStatus>(&association);
    }
    edit.remove::<VpcSettings>(id);
    edit.remove::<Vpc>(id);
    Ok(())
}

/// What keeps a VPC from being deleted; the first that is found, in words.
fn dependent_of(state: &State, id: &VpcId) -> Option<&'static str> {
    let inventory = &state.inventory;
    if inventory.subnets.values().any(|subnet| subnet.vpc == *id) {
        return Some("subnets");
    }
    let mut interfaces = inventory.interfaces.values();
    if interfaces.any(|interface| inventory.vpc_of(interface) == Some(id)) {
        return Some("network interfaces");
    }
    let mut groups = inventory.groups.values();
    if groups.any(|group| group.vpc.as_ref() == Some(id) && !group.is_default()) {
        return Some("security groups other than the default one");
    }
    let mut associations = inventory.associations.iter();
    if associations.any(|((_, vpc), status)| vpc == id && status.is_present()) {
        return Some("associated security groups");
    }
    peerings::active_of(state, id)
        .next()
        .map(|_| "active peering connections")
}

/// Gives the caller the default VPC that was deleted back.
///
/// # Errors
/// `DefaultVpcAlreadyExists`.
pub fn create_default(edit: &mut Edit<'_>, caller: &Caller) -> Result<VpcId, ModelError> {
    if default_vpc(edit.state(), &caller.account).is_some() {
        return Err(ModelError::new(
            ErrorCode::DefaultVpcAlreadyExists,
            "A Default VPC already exists for this account in this region.",
        ));
    }
    Ok(create_default_vpc(edit, &caller.account))
}

/// What an account begins with: a default VPC (172.31.0.0/16) with a /20 subnet in each zone, and its default group (B8).
pub fn create_default_vpc(edit: &mut Edit<'_>, owner: &AccountId) -> VpcId {
    let id = edit.fresh::<Vpc>(VpcId::from_random);
    let vpc = Vpc {
        id: id.clone(),
        owner: owner.clone(),
        cidrs: vec![DEFAULT_RANGE],
        ipv6_cidrs: Vec::new(),
        is_default: true,
        tags: Tags::new(),
        origin: None,
    };
    put_vpc(edit, vpc);
    settings::set(edit, &id, VpcAttribute::DnsHostnames, true);
    for (zone, range) in edit.site().zones.iter().zip(default_subnet_ranges()) {
        let subnet = Subnet {
            id: edit.fresh::<Subnet>(SubnetId::from_random),
            vpc: id.clone(),
            cidr: Some(range),
            ipv6_cidr: None,
            availability_zone: Some(zone.clone()),
            tags: Tags::new(),
            origin: None,
        };
        edit.put(subnet.id.clone(), subnet);
    }
    id
}

/// The ranges of the default subnets of a default VPC, in the order of the zones.
pub(crate) fn default_subnet_ranges() -> impl Iterator<Item = Ipv4Net> {
    let ranges = DEFAULT_RANGE.subnets(DEFAULT_SUBNET_LENGTH);
    ranges.into_iter().flatten()
}

/// Adds a VPC and the group that it comes with (B8).
pub(crate) fn put_vpc(edit: &mut Edit<'_>, vpc: Vpc) {
    let group = edit.fresh::<SecurityGroup>(GroupId::from_random);
    let group = SecurityGroup::default_of(&vpc, group, || RuleId::from_random(edit.random()));
    edit.put(group.id.clone(), group);
    edit.put(vpc.id.clone(), vpc);
}

/// The default VPC of an account.
#[must_use]
pub fn default_vpc<'a>(state: &'a State, account: &AccountId) -> Option<&'a Vpc> {
    let mut vpcs = state.inventory.vpcs.values();
    vpcs.find(|vpc| vpc.is_default && vpc.owner == *account)
}

/// The caller's VPC of this id.
///
/// # Errors
/// `InvalidVpcID.NotFound` (E63), also for one of another account.
pub fn known_vpc<'a>(state: &'a State, caller: &Caller, id: &VpcId) -> Result<&'a Vpc, ModelError> {
    let vpc = state.inventory.vpcs.get(id);
    vpc.filter(|vpc| vpc.owner == caller.account)
        .ok_or_else(|| ModelError::unknown_vpc(id))
}
