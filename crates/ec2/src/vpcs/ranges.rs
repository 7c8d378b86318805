//! Ranges that a VPC gets and gives up after it was created.

use std::net::Ipv6Addr;

use ipnet::{IpNet, Ipv6Net};
use secgroup_model::{ErrorCode, ModelError, RuleId, SecurityGroup, Vpc, VpcId};

use super::known_vpc;
use crate::ranges::{
    VPC_ASSOCIATION, association_id, check_vpc_range, overlap, parse_v4, parse_v6,
};
use crate::{Caller, Edit, State, peerings};

/// A VPC has at most this many ranges of a family: the quota that EC2 begins with.
const RANGES_MAX: usize = 5;
/// The prefix length of a range that the endpoint chooses.
const PROVIDED_LENGTH: u8 = 56;

/// What of it is random: the bits between the first 8 and the length.
const RANDOM_BITS: u64 = (1 << 48) - 1;

/// The range that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeWish {
    /// `CidrBlock`: this IPv4 range.
    Ipv4(String),
    /// `Ipv6CidrBlock`: this IPv6 range.
    Ipv6(String),
    /// `AmazonProvidedIpv6CidrBlock`: any /56.
    AnyIpv6,
}

/// Gives a VPC a further range. With the first IPv6 one its default group lets IPv6 out, unless its outbound rules were
/// changed (B8, H39).
///
/// # Errors
/// `InvalidVpcID.NotFound`; `InvalidVpc.Range` for a range that cannot be or that overlaps one of this VPC or of one that it
/// is peered with; `CidrLimitExceeded`.
pub fn associate(
    edit: &mut Edit<'_>,
    caller: &Caller,
    id: &VpcId,
    wish: RangeWish,
) -> Result<IpNet, ModelError> {
    known_vpc(edit.state(), caller, id)?;
    let range = choose(edit, wish)?;
    let vpc = known_vpc(edit.state(), caller, id)?;
    check_room(vpc, range)?;
    check_free(edit.state(), vpc, range)?;
    let had_no_ipv6 = vpc.ipv6_cidrs.is_empty();
    if let Some(vpc) = edit.get_mut::<Vpc>(id) {
        match range {
            IpNet::V4(range) => vpc.cidrs.push(range),
            IpNet::V6(range) => vpc.ipv6_cidrs.push(range),
        }
    }
    if had_no_ipv6 && matches!(range, IpNet::V6(_)) {
        let_ipv6_out(edit, id);
    }
    Ok(range)
}

/// B8.
fn let_ipv6_out(edit: &mut Edit<'_>, id: &VpcId) {
    let rule = RuleId::from_random(edit.random());
    let group = edit.inventory().default_group(id);
    if let Some(group) = group.map(|group| group.id.clone())
        && let Some(group) = edit.get_mut::<SecurityGroup>(&group)
    {
        group.gain_ipv6_egress(rule);
    }
}

/// The range that a wish comes to.
pub(super) fn choose(edit: &mut Edit<'_>, wish: RangeWish) -> Result<IpNet, ModelError> {
    let range = match wish {
        RangeWish::Ipv4(text) => parse_v4(&text, "cidrBlock")?.into(),
        RangeWish::Ipv6(text) => parse_v6(&text, "ipv6CidrBlock")?.into(),
        RangeWish::AnyIpv6 => free_ipv6(edit),
    };
    check_vpc_range(range)?;
    Ok(range)
}

/// A /56 of the addresses that belong to nobody (RFC 4193: `fd`, then random), which no VPC has.
fn free_ipv6(edit: &mut Edit<'_>) -> IpNet {
    loop {
        let bits = (0xfd << 120) | (u128::from(edit.random() & RANDOM_BITS) << 72);
        let range = Ipv6Net::new(Ipv6Addr::from(bits), PROVIDED_LENGTH);
        let Ok(range) = range.map(|range| IpNet::from(range.trunc())) else {
            continue;
        };
        let mut vpcs = edit.inventory().vpcs.values();
        let taken = vpcs.any(|vpc| vpc.ipv6_cidrs.iter().any(|other| overlap(range, *other)));
        if !taken && check_vpc_range(range).is_ok() {
            return range;
        }
    }
}

fn check_room(vpc: &Vpc, range: IpNet) -> Result<(), ModelError> {
    let present = match range {
        IpNet::V4(_) => vpc.cidrs.len(),
        IpNet::V6(_) => vpc.ipv6_cidrs.len(),
    };
    if present < RANGES_MAX {
        return Ok(());
    }
    Err(ModelError::new(
        ErrorCode::CidrLimitExceeded,
        format!(
            "This network '{}' has met its maximum number of allowed CIDRs: {RANGES_MAX}",
            vpc.id
        ),
    ))
}

/// Neither of this VPC nor of one that it is peered with: traffic would not know where to go.
fn check_free(state: &State, vpc: &Vpc, range: IpNet) -> Result<(), ModelError> {
    let peers = peerings::active_of(state, &vpc.id).filter_map(|peering| {
        state
            .inventory
            .vpcs
            .get(peerings::other_side(peering, &vpc.id))
    });
    for taken in std::iter::once(vpc).chain(peers) {
        if let Some(other) = ranges_of(taken).find(|other| overlap(range, *other)) {
            return Err(ModelError::new(
                ErrorCode::InvalidVpcRange,
                format!(
                    "The CIDR '{range}' overlaps with '{other}' of {}.",
                    taken.id
                ),
            ));
        }
    }
    Ok(())
}

/// Takes a range of the caller's VPCs away, by the id of its association, and says which it was.
///
/// # Errors
/// `InvalidVpcCidrBlockAssociationID.NotFound`, `OperationNotPermitted` for the primary range, or `DependencyViolation` while a
/// subnet lies in it.
pub fn disassociate(
    edit: &mut Edit<'_>,
    caller: &Caller,
    association: &str,
) -> Result<(VpcId, IpNet), ModelError> {
    let (vpc, range) = associated(edit.state(), caller, association)?;
    let id = vpc.id.clone();
    if vpc.cidrs.first().copied().map(IpNet::from) == Some(range) {
        return Err(ModelError::new(
            ErrorCode::OperationNotPermitted,
            format!(
                "The vpc CIDR block with association ID {association} may not be disassociated. \
                 It is the primary IPv4 CIDR block of the VPC"
            ),
        ));
    }
    let mut subnets = edit.inventory().subnets.values();
    let in_use = subnets.any(|subnet| {
        let cidr = subnet.cidr.map(IpNet::from);
        let ipv6 = subnet.ipv6_cidr.map(IpNet::from);
        let mut ranges = cidr.into_iter().chain(ipv6);
        subnet.vpc == id && ranges.any(|used| range.contains(&used))
    });
    if in_use {
        return Err(ModelError::new(
            ErrorCode::DependencyViolation,
            format!("The CIDR '{range}' of the vpc '{id}' has dependencies and cannot be removed."),
        )
        .with_help("delete the subnets that lie in it"));
    }
    if let Some(vpc) = edit.get_mut::<Vpc>(&id) {
        vpc.cidrs.retain(|present| IpNet::from(*present) != range);
        vpc.ipv6_cidrs
            .retain(|present| IpNet::from(*present) != range);
    }
    Ok((id, range))
}

/// The VPC and the range that an id associates.
fn associated<'a>(
    state: &'a State,
    caller: &Caller,
    association: &str,
) -> Result<(&'a Vpc, IpNet), ModelError> {
    let own = state.inventory.vpcs.values();
    let own = own.filter(|vpc| vpc.owner == caller.account);
    own.flat_map(|vpc| ranges_of(vpc).map(move |range| (vpc, range)))
        .find(|(vpc, range)| association_id(VPC_ASSOCIATION, vpc.id.as_str(), range) == association)
        .ok_or_else(|| {
            ModelError::new(
                ErrorCode::InvalidVpcCidrBlockAssociationIdNotFound,
                format!("The vpc CIDR block association ID '{association}' does not exist"),
            )
        })
}

/// All ranges of a VPC, of both families.
pub(crate) fn ranges_of(vpc: &Vpc) -> impl Iterator<Item = IpNet> {
    let ipv4 = vpc.cidrs.iter().copied().map(IpNet::from);
    ipv4.chain(vpc.ipv6_cidrs.iter().copied().map(IpNet::from))
}
