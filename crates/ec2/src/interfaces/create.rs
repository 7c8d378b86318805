//! Create and delete.

use std::net::{IpAddr, Ipv4Addr};

use secgroup_model::{
    ConnectionTracking, ErrorCode, Family, GroupId, ModelError, NetworkInterface,
    NetworkInterfaceId, Subnet, SubnetId, Tags,
};

use super::room::Room;
use super::taken::Taken;
use super::{Share, known_interface, set_groups};
use crate::subnets::known_subnet;
use crate::{Caller, Edit, flow_logs};

/// An interface has at most this many addresses and prefixes of one family: what EC2 allows the largest instances.
const ADDRESSES_MAX: usize = 50;
/// A description has at most this many characters.
const DESCRIPTION_MAX: usize = 255;

/// What `CreateNetworkInterface` takes (E45).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateInterface {
    /// Its subnet, which never changes.
    pub subnet: SubnetId,
    /// Its groups; the VPC's default one where there are none (B11).
    pub groups: Vec<GroupId>,
    /// Its primary address; the first free one where none is given (E60).
    pub primary: Option<Ipv4Addr>,
    /// What else it gets of IPv4.
    pub ipv4: Share,
    /// What it gets of IPv6.
    pub ipv6: Share,
    /// Its description.
    pub description: String,
    /// Timeouts of tracked connections that are not the usual ones (D29).
    pub tracking: ConnectionTracking,
    /// Its tags.
    pub tags: Tags,
}

impl CreateInterface {
    /// An interface of `subnet` as EC2 makes it if nothing else is said.
    #[must_use]
    pub fn new(subnet: SubnetId) -> Self {
        Self {
            subnet,
            groups: Vec::new(),
            primary: None,
            ipv4: Share::Nothing,
            ipv6: Share::Nothing,
            description: String::new(),
            tracking: ConnectionTracking::default(),
            tags: Tags::new(),
        }
    }
}

/// Creates an interface.
///
/// # Errors
/// `InvalidSubnetID.NotFound`, `InvalidGroup.NotFound`, `InvalidParameterValue` and `InvalidIPAddress.InUse` for addresses
/// (E60), `SecurityGroupsPerInterfaceLimitExceeded` (B21), and others for what is used up.
pub fn create(
    edit: &mut Edit<'_>,
    caller: &Caller,
    request: CreateInterface,
) -> Result<NetworkInterfaceId, ModelError> {
    let mut taken = Taken::of(edit, caller);
    create_beside(edit, caller, &mut taken, request)
}

/// The same, for whoever creates several and knows what is `taken`.
///
/// # Errors
/// Those of [`create`]; `taken` is used up then.
pub(crate) fn create_beside(
    edit: &mut Edit<'_>,
    caller: &Caller,
    taken: &mut Taken,
    request: CreateInterface,
) -> Result<NetworkInterfaceId, ModelError> {
    let subnet = known_subnet(edit.state(), caller, &request.subnet)?.clone();
    taken.one_more()?;
    check_description(&request.description)?;
    let id = edit.fresh::<NetworkInterface>(NetworkInterfaceId::from_random);
    let mut interface = NetworkInterface::new(id.clone(), Vec::new(), Vec::new());
    interface.vpc = Some(subnet.vpc.clone());
    interface.subnet = Some(subnet.id.clone());
    interface.tracking = request.tracking;
    interface.description = request.description;
    interface.tags = request.tags;
    let mut groups = request.groups;
    if groups.is_empty() {
        let default = edit.inventory().default_group(&subnet.vpc);
        groups.extend(default.map(|group| group.id.clone()));
    }
    set_groups(edit, caller, &mut interface, &groups)?;
    let room = taken.room(edit, &subnet);
    if let Some(primary) = primary(room, &subnet, request.primary)? {
        interface.addresses.push(primary);
    }
    grant(room, &mut interface, Family::V4, &request.ipv4)?;
    grant(room, &mut interface, Family::V6, &request.ipv6)?;
    if interface.addresses.is_empty() {
        // A subnet of IPv6 alone.
        let one = Share::AnyAddresses(1);
        grant(room, &mut interface, Family::V6, &one)?;
    }
    interface.mac = Some(taken.fresh_mac(edit));
    edit.put(id.clone(), interface);
    Ok(id)
}

/// Deletes an interface, with the flow logs that were made for it.
///
/// # Errors
/// `InvalidNetworkInterfaceID.NotFound`, or `InvalidNetworkInterface.InUse` while it is attached.
pub fn delete(
    edit: &mut Edit<'_>,
    caller: &Caller,
    id: &NetworkInterfaceId,
) -> Result<(), ModelError> {
    if known_interface(edit.state(), caller, id)?
        .instance
        .is_some()
    {
        return Err(ModelError::new(
            ErrorCode::InvalidNetworkInterfaceInUse,
            format!("Network interface '{id}' is currently in use."),
        )
        .with_help("detach it"));
    }
    forget(edit, id);
    Ok(())
}

/// Takes an interface away that nothing attaches.
pub(crate) fn forget(edit: &mut Edit<'_>, id: &NetworkInterfaceId) {
    flow_logs::forget(edit, id.as_str());
    edit.remove::<NetworkInterface>(id);
}

/// Gives an interface a share of the room, unless it would have too much.
pub(super) fn grant(
    room: &mut Room,
    interface: &mut NetworkInterface,
    family: Family,
    share: &Share,
) -> Result<super::Granted, ModelError> {
    let addresses = interface.addresses.iter().copied();
    let prefixes = interface.prefixes.iter().map(|prefix| prefix.network());
    let has = addresses.chain(prefixes);
    let has = has.filter(|&it| Family::of(it) == family).count();
    check_count(share.count().saturating_add(has), family)?;
    let granted = room.take(family, share)?;
    interface.addresses.extend(&granted.addresses);
    interface.prefixes.extend(&granted.prefixes);
    Ok(granted)
}

/// Whether an interface may have so many addresses and prefixes of a family.
pub(super) fn check_count(count: usize, family: Family) -> Result<(), ModelError> {
    if count <= ADDRESSES_MAX {
        return Ok(());
    }
    Err(ModelError::new(
        ErrorCode::PrivateIpAddressLimitExceeded,
        "Number of private addresses will exceed limit.",
    )
    .with_help(format!(
        "an interface has at most {ADDRESSES_MAX} {family} addresses and prefixes"
    )))
}

/// The primary address: the one that is wanted, or the first free one; none in a subnet without IPv4.
fn primary(
    room: &mut Room,
    subnet: &Subnet,
    wanted: Option<Ipv4Addr>,
) -> Result<Option<IpAddr>, ModelError> {
    match wanted {
        Some(address) => room.take_address(address.into())?,
        None if subnet.cidr.is_none() => return Ok(None),
        None => return room.take_any_address(Family::V4).map(Some),
    }
    Ok(wanted.map(IpAddr::from))
}

pub(super) fn check_description(text: &str) -> Result<(), ModelError> {
    if text.chars().count() <= DESCRIPTION_MAX {
        return Ok(());
    }
    Err(ModelError::value(format!(
        "Invalid value for parameter Description: at most {DESCRIPTION_MAX} characters are allowed"
    )))
}
