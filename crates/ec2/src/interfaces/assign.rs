//! Further addresses and prefixes of an interface (E47): what rules that name its groups match by (C7).

use std::net::IpAddr;

use ipnet::IpNet;
use secgroup_model::{Family, ModelError, NetworkInterface, NetworkInterfaceId};

use super::create::{check_count, grant};
use super::room::{Room, in_use};
use super::{Granted, Share, known_interface};
use crate::{Caller, Edit};

/// Gives an interface what `share` asks for, and answers with what it got. With `reassign`, an IPv4 address may be another
/// interface's secondary one, which then loses it.
///
/// # Errors
/// `InvalidNetworkInterfaceID.NotFound`, `InvalidIPAddress.InUse`, `InvalidParameterValue` (E60),
/// `PrivateIpAddressLimitExceeded`, and that there is too little left.
pub fn assign(
    edit: &mut Edit<'_>,
    caller: &Caller,
    id: &NetworkInterfaceId,
    family: Family,
    share: &Share,
    reassign: bool,
) -> Result<Granted, ModelError> {
    let mut interface = known_interface(edit.state(), caller, id)?.clone();
    if reassign && let Share::Addresses(addresses) = share {
        // Each takes a look at all interfaces: not for a list that no interface can have.
        check_count(addresses.len(), family)?;
        for &address in addresses {
            release(edit, caller, &mut interface, address)?;
        }
    }
    let subnet = interface.subnet.as_ref();
    let subnet = subnet.and_then(|subnet| edit.inventory().subnets.get(subnet));
    let subnet = subnet.ok_or_else(|| {
        ModelError::value(format!("The network interface '{id}' is in no subnet"))
    })?;
    let mut room = Room::of(edit.inventory(), subnet);
    let granted = grant(&mut room, &mut interface, family, share)?;
    edit.put(id.clone(), interface);
    Ok(granted)
}

/// Takes a secondary address away from whoever of the same subnet has it.
fn release(
    edit: &mut Edit<'_>,
    caller: &Caller,
    to: &mut NetworkInterface,
    address: IpAddr,
) -> Result<(), ModelError> {
    let mut holders = edit.inventory().interfaces.values();
    let holder = holders.find(|it| it.subnet == to.subnet && it.addresses.contains(&address));
    let Some(holder) = holder.map(|holder| holder.id.clone()) else {
        return Ok(());
    };
    if is_primary(known_interface(edit.state(), caller, &holder)?, address) {
        return Err(in_use().with_help(format!("it is the primary address of {holder}")));
    }
    if holder == to.id {
        to.addresses.retain(|own| *own != address);
    }
    if let Some(holder) = edit.get_mut::<NetworkInterface>(&holder) {
        holder.addresses.retain(|own| *own != address);
    }
    Ok(())
}

/// What `UnassignPrivateIpAddresses` and `UnassignIpv6Addresses` take.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unassign {
    /// Addresses, none of them the primary one.
    pub addresses: Vec<IpAddr>,
    /// Delegated prefixes.
    pub prefixes: Vec<IpNet>,
}

/// Takes addresses and prefixes away from an interface, all or none.
///
/// # Errors
/// `InvalidNetworkInterfaceID.NotFound`, or `InvalidParameterValue` for one that it does not have, its primary one, and
/// its last one.
pub fn unassign(
    edit: &mut Edit<'_>,
    caller: &Caller,
    id: &NetworkInterfaceId,
    request: &Unassign,
) -> Result<(), ModelError> {
    let interface = known_interface(edit.state(), caller, id)?;
    for &address in &request.addresses {
        if !interface.addresses.contains(&address) {
            return Err(not_assigned(address, id));
        }
        if is_primary(interface, address) {
            return Err(ModelError::value(format!(
                "The primary address {address} of the interface {id} cannot be unassigned"
            )));
        }
    }
    for prefix in &request.prefixes {
        if !interface.prefixes.contains(prefix) {
            return Err(not_assigned(prefix, id));
        }
    }
    if let Some(interface) = edit.get_mut::<NetworkInterface>(id) {
        let gone = request;
        interface
            .addresses
            .retain(|own| !gone.addresses.contains(own));
        interface
            .prefixes
            .retain(|own| !gone.prefixes.contains(own));
    }
    Ok(())
}

/// Whether an address is the interface's primary one: the first of all, which is of IPv4 wherever the subnet is.
fn is_primary(interface: &NetworkInterface, address: IpAddr) -> bool {
    interface.addresses.first() == Some(&address)
}

fn not_assigned(what: impl std::fmt::Display, id: &NetworkInterfaceId) -> ModelError {
    ModelError::value(format!(
        "Some of [{what}] addresses are not assigned to interface {id}"
    ))
}
