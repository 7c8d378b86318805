//! Subnets (semantics E50, E60): parts of a VPC's ranges that do not overlap.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use secgroup_model::{ErrorCode, ModelError, NetworkInterface, Subnet, SubnetId, Tags, Vpc, VpcId};

use crate::places::{zone_id, zone_of_id};
use crate::ranges::{overlap, parse_v4, parse_v6};
use crate::vpcs::{default_subnet_ranges, known_vpc};
use crate::{Caller, Edit, Site, State, flow_logs};

/// A VPC has at most this many subnets: the quota that EC2 begins with.
const SUBNETS_MAX: usize = 200;
/// The prefix length of an IPv6 range.
const IPV6_LENGTH: u8 = 64;
/// Addresses of a subnet that no interface may have: the first four and the last one (E60).
const RESERVED: u64 = 5;

/// What `CreateSubnet` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateSubnet {
    /// Its VPC.
    pub vpc: VpcId,
    /// `CidrBlock`: a /16 to a /28 inside of the VPC's.
    pub cidr: String,
    /// `Ipv6CidrBlock`: a /64 inside of the VPC's.
    pub ipv6_cidr: Option<String>,
    /// `AvailabilityZone`; the first one where neither it nor its id is given.
    pub zone: Option<String>,
    /// `AvailabilityZoneId`.
    pub zone_id: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// Creates a subnet.
///
/// # Errors
/// `InvalidVpcID.NotFound`, `InvalidParameterValue` for a zone that is not known, `InvalidSubnet.Range`,
/// `InvalidSubnet.Conflict`, `SubnetLimitExceeded`.
pub fn create(
    edit: &mut Edit<'_>,
    caller: &Caller,
    request: CreateSubnet,
) -> Result<SubnetId, ModelError> {
    let vpc = known_vpc(edit.state(), caller, &request.vpc)?;
    let zone = choose_zone(
        edit.site(),
        request.zone.as_deref(),
        request.zone_id.as_deref(),
    )?;
    let cidr = parse_v4(&request.cidr, "cidrBlock")?;
    check_v4(vpc, cidr)?;
    let ipv6_cidr = match &request.ipv6_cidr {
        Some(text) => Some(checked_v6(vpc, text)?),
        None => None,
    };
    check_free(edit.state(), vpc, cidr.into())?;
    if let Some(range) = ipv6_cidr {
        check_free(edit.state(), vpc, range.into())?;
    }
    let subnet = Subnet {
        id: edit.fresh::<Subnet>(SubnetId::from_random),
        vpc: request.vpc,
        cidr: Some(cidr),
        ipv6_cidr,
        availability_zone: Some(zone),
        tags: request.tags,
        origin: None,
    };
    let id = subnet.id.clone();
    edit.put(id.clone(), subnet);
    Ok(id)
}

/// The zone that is meant.
fn choose_zone(site: &Site, name: Option<&str>, id: Option<&str>) -> Result<String, ModelError> {
    let known = site.zones.join(", ");
    let invalid = |value: &str, parameter: &str| {
        ModelError::value(format!(
            "Value ({value}) for parameter {parameter} is invalid. Subnets can currently only be \
             created in the following availability zones: {known}."
        ))
    };
    let zone = match (name, id) {
        (Some(_), Some(_)) => {
            return Err(ModelError::new(
                ErrorCode::InvalidParameterCombination,
                "Specify either AvailabilityZone or AvailabilityZoneId, not both",
            ));
        }
        (Some(name), None) => {
            let mut zones = site.zones.iter();
            let zone = zones.find(|zone| *zone == name).map(String::as_str);
            Some(zone.ok_or_else(|| invalid(name, "availabilityZone"))?)
        }
        (None, Some(id)) => {
            Some(zone_of_id(site, id).ok_or_else(|| invalid(id, "availabilityZoneId"))?)
        }
        (None, None) => site.zones.first().map(String::as_str),
    };
    Ok(zone.unwrap_or_default().to_owned())
}

fn check_v4(vpc: &Vpc, range: Ipv4Net) -> Result<(), ModelError> {
    if !(16..=28).contains(&range.prefix_len()) {
        return Err(invalid_range(range).with_help("a subnet is a /16 to a /28"));
    }
    if vpc.cidrs.iter().any(|whole| whole.contains(&range)) {
        return Ok(());
    }
    Err(invalid_range(range).with_help("it lies in none of the VPC's ranges"))
}

pub(crate) fn checked_v6(vpc: &Vpc, text: &str) -> Result<Ipv6Net, ModelError> {
    let range = parse_v6(text, "ipv6CidrBlock")?;
    if range.prefix_len() != IPV6_LENGTH {
        return Err(invalid_range(range).with_help("an IPv6 range of a subnet is a /64"));
    }
    if vpc.ipv6_cidrs.iter().any(|whole| whole.contains(&range)) {
        return Ok(range);
    }
    Err(invalid_range(range).with_help("it lies in none of the VPC's IPv6 ranges"))
}

fn invalid_range(range: impl std::fmt::Display) -> ModelError {
    ModelError::new(
        ErrorCode::InvalidSubnetRange,
        format!("The CIDR '{range}' is invalid."),
    )
}

/// Checks that no other subnet of the VPC has addresses of `range`, and that there is room for one more.
pub(crate) fn check_free(state: &State, vpc: &Vpc, range: IpNet) -> Result<(), ModelError> {
    let subnets = state.inventory.subnets.values();
    let siblings: Vec<_> = subnets.filter(|subnet| subnet.vpc == vpc.id).collect();
    let mut taken = siblings.iter().flat_map(|subnet| ranges_of(subnet));
    if taken.any(|other| overlap(range, other)) {
        return Err(ModelError::new(
            ErrorCode::InvalidSubnetConflict,
            format!("The CIDR '{range}' conflicts with another subnet"),
        ));
    }
    if siblings.len() < SUBNETS_MAX {
        return Ok(());
    }
    Err(ModelError::new(
        ErrorCode::SubnetLimitExceeded,
        "The maximum number of subnets has been reached.",
    )
    .with_help(format!("a VPC has at most {SUBNETS_MAX}")))
}

fn ranges_of(subnet: &Subnet) -> impl Iterator<Item = IpNet> {
    let cidr = subnet.cidr.map(IpNet::from);
    cidr.into_iter().chain(subnet.ipv6_cidr.map(IpNet::from))
}

/// Deletes a subnet with its flow logs.
///
/// # Errors
/// `InvalidSubnetID.NotFound`, or `DependencyViolation` while it has interfaces.
pub fn delete(edit: &mut Edit<'_>, caller: &Caller, id: &SubnetId) -> Result<(), ModelError> {
    known_subnet(edit.state(), caller, id)?;
    let mut interfaces = edit.inventory().interfaces.values();
    if interfaces.any(|interface| interface.subnet.as_ref() == Some(id)) {
        return Err(ModelError::new(
            ErrorCode::DependencyViolation,
            format!("The subnet '{id}' has dependencies and cannot be deleted."),
        )
        .with_help("delete its network interfaces"));
    }
    flow_logs::forget(edit, id.as_str());
    edit.remove::<Subnet>(id);
    Ok(())
}

/// The caller's subnet of this id.
///
/// # Errors
/// `InvalidSubnetID.NotFound` (E63), also for one of another account.
pub fn known_subnet<'a>(
    state: &'a State,
    caller: &Caller,
    id: &SubnetId,
) -> Result<&'a Subnet, ModelError> {
    let subnet = state.inventory.subnets.get(id);
    subnet
        .filter(|_| state.owner_of_subnet(id) == Some(&caller.account))
        .ok_or_else(|| {
            ModelError::new(
                ErrorCode::InvalidSubnetIdNotFound,
                format!("The subnet ID '{id}' does not exist"),
            )
        })
}

/// Whether a subnet is what its zone's instances get that name none: a default VPC comes with one for each zone.
#[must_use]
pub fn is_default_for_zone(state: &State, site: &Site, subnet: &Subnet) -> bool {
    let vpc = state.inventory.vpcs.get(&subnet.vpc);
    let mut defaults = site.zones.iter().zip(default_subnet_ranges());
    vpc.is_some_and(|vpc| vpc.is_default)
        && defaults.any(|(zone, range)| {
            subnet.availability_zone.as_ref() == Some(zone) && subnet.cidr == Some(range)
        })
}

/// How many IPv4 addresses of each subnet interfaces have, prefixes with all of theirs.
#[must_use]
pub fn used_addresses(state: &State) -> BTreeMap<&SubnetId, u64> {
    let mut used = BTreeMap::new();
    for interface in state.inventory.interfaces.values() {
        if let Some(subnet) = &interface.subnet {
            *used.entry(subnet).or_default() += ipv4_addresses(interface);
        }
    }
    used
}

fn ipv4_addresses(interface: &NetworkInterface) -> u64 {
    let addresses = interface.addresses.iter();
    let prefixes = interface.prefixes.iter().map(|prefix| match prefix {
        IpNet::V4(prefix) => addresses_of(*prefix),
        IpNet::V6(_) => 0,
    });
    let single = addresses.filter(|address| matches!(address, IpAddr::V4(_)));
    prefixes.fold(single.map(|_| 1).sum(), u64::saturating_add)
}

/// `availableIpAddressCount`: how many IPv4 addresses are left, of which interfaces have `used`.
#[must_use]
pub fn available_addresses(subnet: &Subnet, used: u64) -> u64 {
    let all = subnet.cidr.map_or(0, addresses_of);
    all.saturating_sub(RESERVED).saturating_sub(used)
}

fn addresses_of(range: Ipv4Net) -> u64 {
    1 << (32 - u32::from(range.prefix_len()))
}

/// The id of a subnet's zone.
#[must_use]
pub fn zone_id_of(site: &Site, subnet: &Subnet) -> Option<String> {
    zone_id(site, subnet.availability_zone.as_deref()?)
}
