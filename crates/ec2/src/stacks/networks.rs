//! VPCs, subnets and peering connections of a stack.

use ipnet::IpNet;
use secgroup_model::{
    ErrorCode, ModelError, Peering, PeeringId, PeeringStatus, Subnet, SubnetId, Tags, Vpc, VpcId,
};

use super::changes::{Detail, Kind};
use super::work::{Work, checked, retag};
use crate::PeeringDetails;
use crate::peerings::{self, CreatePeering};
use crate::subnets::{self, CreateSubnet};
use crate::vpcs::ranges::{self, RangeWish};
use crate::vpcs::{self, CreateVpc};

/// Makes the VPCs, then the subnets in them, then the connections between them.
pub(super) fn make(work: &mut Work<'_, '_>) {
    let wanted = work.wanted;
    for vpc in wanted.vpcs.values() {
        let outcome = make_vpc(work, vpc);
        work.settle(vpc.id.as_str(), vpc.origin.as_ref(), outcome);
    }
    if work.has_faults() {
        return;
    }
    for subnet in wanted.subnets.values() {
        let outcome = make_subnet(work, subnet);
        work.settle(subnet.id.as_str(), subnet.origin.as_ref(), outcome);
    }
    for peering in wanted.peerings.values() {
        let outcome = make_peering(work, peering);
        work.settle(peering.id.as_str(), None, outcome);
    }
}

fn make_vpc(work: &mut Work<'_, '_>, wanted: &Vpc) -> Result<(), ModelError> {
    let logical = wanted.id.as_str();
    if let Some(id) = work.kept(logical).map(VpcId::new) {
        let mut details = grow(work, &id, wanted)?;
        if let Some(vpc) = work.edit.get_mut::<Vpc>(&id) {
            details.extend(retag(&mut vpc.tags, &wanted.tags)?);
        }
        work.modified(logical, Kind::Vpc, id.as_str(), details);
        return Ok(());
    }
    let cidr = wanted
        .cidrs
        .first()
        .ok_or_else(|| missing("cidrBlock", "CidrBlock"))?;
    let request = CreateVpc {
        cidr: cidr.to_string(),
        ipv6: None,
        tags: checked(&wanted.tags)?,
    };
    let id = vpcs::create(work.edit, work.caller, request)?;
    grow(work, &id, wanted)?;
    let details = ranges_of(wanted).map(|range| Detail::plus(range.to_string()));
    work.made(logical, Kind::Vpc, id.as_str(), details.collect());
    Ok(())
}

/// Adds the ranges that a VPC lacks. Those that it is not to have are taken away when no subnet is in them any more.
fn grow(work: &mut Work<'_, '_>, id: &VpcId, wanted: &Vpc) -> Result<Vec<Detail>, ModelError> {
    let present = vpcs::known_vpc(work.edit.state(), work.caller, id)?;
    let present: Vec<IpNet> = ranges_of(present).collect();
    let mut details = Vec::new();
    for range in ranges_of(wanted).filter(|range| !present.contains(range)) {
        let wish = match range {
            IpNet::V4(range) => RangeWish::Ipv4(range.to_string()),
            IpNet::V6(range) => RangeWish::Ipv6(range.to_string()),
        };
        ranges::associate(work.edit, work.caller, id, wish)?;
        details.push(Detail::plus(format!("range {range}")));
    }
    Ok(details)
}

/// All ranges of a VPC.
pub(super) fn ranges_of(vpc: &Vpc) -> impl Iterator<Item = IpNet> {
    let ipv4 = vpc.cidrs.iter().copied().map(IpNet::from);
    ipv4.chain(vpc.ipv6_cidrs.iter().copied().map(IpNet::from))
}

fn make_subnet(work: &mut Work<'_, '_>, wanted: &Subnet) -> Result<(), ModelError> {
    let logical = wanted.id.as_str();
    let vpc = work.lookup().vpc(&wanted.vpc)?;
    if let Some(id) = work.kept(logical).map(SubnetId::new) {
        let mut details = readdress(work, &id, wanted)?;
        if let Some(subnet) = work.edit.get_mut::<Subnet>(&id) {
            details.extend(retag(&mut subnet.tags, &wanted.tags)?);
        }
        work.modified(logical, Kind::Subnet, id.as_str(), details);
        return Ok(());
    }
    let cidr = wanted
        .cidr
        .ok_or_else(|| missing("cidrBlock", "CidrBlock"))?;
    let request = CreateSubnet {
        vpc,
        cidr: cidr.to_string(),
        ipv6_cidr: wanted.ipv6_cidr.map(|range| range.to_string()),
        zone: wanted.availability_zone.clone(),
        zone_id: None,
        tags: checked(&wanted.tags)?,
    };
    let id = subnets::create(work.edit, work.caller, request)?;
    let ranges = [
        Some(cidr.to_string()),
        wanted.ipv6_cidr.map(|range| range.to_string()),
    ];
    let details = ranges.into_iter().flatten().map(Detail::plus).collect();
    work.made(logical, Kind::Subnet, id.as_str(), details);
    Ok(())
}

/// Gives a subnet the IPv6 range that it is to have.
fn readdress(
    work: &mut Work<'_, '_>,
    id: &SubnetId,
    wanted: &Subnet,
) -> Result<Vec<Detail>, ModelError> {
    let present = subnets::known_subnet(work.edit.state(), work.caller, id)?.ipv6_cidr;
    if present == wanted.ipv6_cidr {
        return Ok(Vec::new());
    }
    if let Some(subnet) = work.edit.get_mut::<Subnet>(id) {
        subnet.ipv6_cidr = None;
    }
    let range = wanted.ipv6_cidr.map(|range| range.to_string());
    if let Some(text) = &range {
        let state = work.edit.state();
        let subnet = subnets::known_subnet(state, work.caller, id)?;
        let vpc = vpcs::known_vpc(state, work.caller, &subnet.vpc)?;
        let range = subnets::checked_v6(vpc, text)?;
        subnets::check_free(state, vpc, range.into())?;
        if let Some(subnet) = work.edit.get_mut::<Subnet>(id) {
            subnet.ipv6_cidr = Some(range);
        }
    }
    let gone = present.map(|range| Detail::minus(format!("range {range}")));
    let new = range.map(|range| Detail::plus(format!("range {range}")));
    Ok(gone.into_iter().chain(new).collect())
}

/// A stack is complete only once its connections are active, so both VPCs are the caller's.
fn make_peering(work: &mut Work<'_, '_>, wanted: &Peering) -> Result<(), ModelError> {
    let logical = wanted.id.as_str();
    let requester = work.lookup().vpc(&wanted.requester)?;
    let accepter = work.lookup().vpc(&wanted.accepter).map_err(|error| {
        error.with_help(
            "a stack connects VPCs of its own account; with others, ask by `aws ec2 \
             create-vpc-peering-connection`, and let them accept",
        )
    })?;
    if let Some(id) = work.kept(logical).map(PeeringId::new) {
        let peering = work.edit.get::<Peering>(&id);
        let pending = peering.is_some_and(|peering| peering.status == PeeringStatus::Pending);
        let mut details = Vec::new();
        if pending {
            connect(work, &id)?;
            details.push(Detail::becomes("state", "pending", "active"));
        }
        work.modified(logical, Kind::Peering, id.as_str(), details);
        return Ok(());
    }
    let details = vec![Detail::plus(format!(
        "{} ↔ {}",
        wanted.requester, wanted.accepter
    ))];
    let request = CreatePeering {
        requester,
        accepter,
        account: None,
        region: None,
        tags: Tags::new(),
    };
    let id = peerings::create(work.edit, work.caller, request)?;
    connect(work, &id)?;
    work.made(logical, Kind::Peering, id.as_str(), details);
    Ok(())
}

/// Accepts the stack's own request. One that cannot be is no error of EC2's but a state; a stack cannot do with it.
fn connect(work: &mut Work<'_, '_>, id: &PeeringId) -> Result<(), ModelError> {
    let status = |work: &Work<'_, '_>| work.edit.get::<Peering>(id).map(|peering| peering.status);
    if status(work) == Some(PeeringStatus::Pending) {
        peerings::accept(work.edit, work.caller, id)?;
    }
    if status(work) == Some(PeeringStatus::Active) {
        return Ok(());
    }
    let message = work
        .edit
        .get::<PeeringDetails>(id)
        .map(|details| details.message.clone());
    Err(ModelError::value(message.unwrap_or_default()))
}

fn missing(parameter: &str, property: &str) -> ModelError {
    ModelError::new(
        ErrorCode::MissingParameter,
        format!("The request must contain the parameter {parameter}"),
    )
    .with_help(format!("give it a range: `{property}: 10.0.0.0/16`"))
}
