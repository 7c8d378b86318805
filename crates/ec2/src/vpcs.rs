//! VPCs.

use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

use secgroup_model::{
    AccountId, ErrorCode, GroupId, ModelError, RuleId, SecurityGroup, Subnet, SubnetId, Tags, Vpc,
    VpcId,
};

use crate::{Caller, Edit, State};

/// The range of a default VPC.
const DEFAULT_RANGE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 0, 0), 16);
/// The prefix length of its subnets.
const DEFAULT_SUBNET_LENGTH: u8 = 20;

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
    let ranges = DEFAULT_RANGE
        .subnets(DEFAULT_SUBNET_LENGTH)
        .into_iter()
        .flatten();
    for (zone, range) in edit.site().zones.iter().zip(ranges) {
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

/// Adds a VPC and the group that it comes with (B8).
pub(crate) fn put_vpc(edit: &mut Edit<'_>, vpc: Vpc) {
    let group = edit.fresh::<SecurityGroup>(GroupId::from_random);
    let group = SecurityGroup::default_of(&vpc, group, || RuleId::from_random(edit.random()));
    edit.put(group.id.clone(), group);
    edit.put(vpc.id.clone(), vpc);
}

/// The caller's default VPC: where new groups go and where groups have names that select (B2, B14).
///
/// # Errors
/// `VPCIdNotSpecified` where the account has none.
pub fn default_vpc<'a>(state: &'a State, caller: &Caller) -> Result<&'a Vpc, ModelError> {
    state
        .inventory
        .vpcs
        .values()
        .find(|vpc| vpc.is_default && vpc.owner == caller.account)
        .ok_or_else(|| {
            ModelError::new(ErrorCode::VpcIdNotSpecified, "No default VPC for this user")
        })
}

/// The caller's VPC of this id.
///
/// # Errors
/// `InvalidVpcID.NotFound` (E63), also for one of another account.
pub fn known_vpc<'a>(state: &'a State, caller: &Caller, id: &VpcId) -> Result<&'a Vpc, ModelError> {
    state
        .inventory
        .vpcs
        .get(id)
        .filter(|vpc| vpc.owner == caller.account)
        .ok_or_else(|| {
            ModelError::new(
                ErrorCode::InvalidVpcIdNotFound,
                format!("The vpc ID '{id}' does not exist"),
            )
        })
}
