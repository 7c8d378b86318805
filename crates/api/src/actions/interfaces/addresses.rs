//! Assign and unassign addresses and delegated prefixes (E47).

use std::net::IpAddr;

use ipnet::IpNet;
use secgroup_ec2::interfaces::{self, Granted, Share, Unassign};
use secgroup_model::{Family, ModelError, NetworkInterfaceId};

use super::ID;
use super::request::{Named, address_v4, address_v6, prefix_v4, prefix_v6, share_of};
use crate::{Params, Write, Xml};

pub(super) fn assign_ipv4(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let id = params.id(ID, NetworkInterfaceId::parse)?;
    let share = share_of(
        params,
        Named("PrivateIpAddress", ipv4_addresses(params)?),
        "SecondaryPrivateIpAddressCount",
        Named("Ipv4Prefix", prefixes(params, "Ipv4Prefix", prefix_v4)?),
        "Ipv4PrefixCount",
    )?;
    let reassign = params.flag("AllowReassignment")?.unwrap_or_default();
    let granted = assign(call, &id, Family::V4, &share, reassign)?;
    let mut xml = Xml::new();
    xml.text("networkInterfaceId", id);
    let addresses = granted.addresses;
    xml.list(
        "assignedPrivateIpAddressesSet",
        addresses,
        |xml, address| {
            xml.text("privateIpAddress", address);
        },
    );
    xml.list("assignedIpv4PrefixSet", granted.prefixes, |xml, prefix| {
        xml.text("ipv4Prefix", prefix);
    });
    Ok(xml)
}

pub(super) fn assign_ipv6(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let id = params.id(ID, NetworkInterfaceId::parse)?;
    let share = share_of(
        params,
        Named("Ipv6Addresses", ipv6_addresses(params)?),
        "Ipv6AddressCount",
        Named("Ipv6Prefix", prefixes(params, "Ipv6Prefix", prefix_v6)?),
        "Ipv6PrefixCount",
    )?;
    let granted = assign(call, &id, Family::V6, &share, false)?;
    let mut xml = Xml::new();
    xml.text("networkInterfaceId", id);
    xml.texts("assignedIpv6Addresses", granted.addresses);
    xml.texts("assignedIpv6PrefixSet", granted.prefixes);
    Ok(xml)
}

fn assign(
    call: &mut Write<'_, '_>,
    id: &NetworkInterfaceId,
    family: Family,
    share: &Share,
    reassign: bool,
) -> Result<Granted, ModelError> {
    if *share == Share::Nothing {
        return Err(call.params.missing(match family {
            Family::V4 => {
                "PrivateIpAddress, SecondaryPrivateIpAddressCount, Ipv4Prefix or Ipv4PrefixCount"
            }
            Family::V6 => "Ipv6Addresses, Ipv6AddressCount, Ipv6Prefix or Ipv6PrefixCount",
        }));
    }
    interfaces::assign(call.edit, call.caller, id, family, share, reassign)
}

pub(super) fn unassign_ipv4(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = call.params.id(ID, NetworkInterfaceId::parse)?;
    let request = Unassign {
        addresses: ipv4_addresses(call.params)?,
        prefixes: prefixes(call.params, "Ipv4Prefix", prefix_v4)?,
    };
    unassign(call, &id, &request, "PrivateIpAddress or Ipv4Prefix")?;
    Ok(Xml::done())
}

pub(super) fn unassign_ipv6(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let id = call.params.id(ID, NetworkInterfaceId::parse)?;
    let request = Unassign {
        addresses: ipv6_addresses(call.params)?,
        prefixes: prefixes(call.params, "Ipv6Prefix", prefix_v6)?,
    };
    unassign(call, &id, &request, "Ipv6Addresses or Ipv6Prefix")?;
    let mut xml = Xml::new();
    xml.text("networkInterfaceId", id);
    xml.texts("unassignedIpv6Addresses", request.addresses);
    xml.texts("unassignedIpv6PrefixSet", request.prefixes);
    Ok(xml)
}

fn unassign(
    call: &mut Write<'_, '_>,
    id: &NetworkInterfaceId,
    request: &Unassign,
    names: &str,
) -> Result<(), ModelError> {
    if request.addresses.is_empty() && request.prefixes.is_empty() {
        return Err(call.params.missing(names));
    }
    interfaces::unassign(call.edit, call.caller, id, request)
}

fn ipv4_addresses(params: &Params) -> Result<Vec<IpAddr>, ModelError> {
    let texts = params.texts("PrivateIpAddress").into_iter();
    texts
        .map(|text| address_v4(text).map(IpAddr::from))
        .collect()
}

fn ipv6_addresses(params: &Params) -> Result<Vec<IpAddr>, ModelError> {
    let texts = params.texts("Ipv6Addresses").into_iter();
    texts.map(address_v6).collect()
}

fn prefixes(
    params: &Params,
    name: &str,
    parse: fn(&str) -> Result<IpNet, ModelError>,
) -> Result<Vec<IpNet>, ModelError> {
    params.texts(name).into_iter().map(parse).collect()
}
