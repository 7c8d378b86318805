//! How an interface to be created is spelled, by `CreateNetworkInterface` and by each `NetworkInterface.N` of `RunInstances`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use secgroup_ec2::interfaces::{CreateInterface, Share};
use secgroup_model::{ConnectionTracking, ErrorCode, GroupId, ModelError, SubnetId};

use crate::Params;

/// The only type of interface that there is here.
const INTERFACE_TYPE: &str = "interface";

/// Reads all of an interface but its subnet and tags.
pub(in crate::actions) fn new_interface(
    params: &Params,
    subnet: SubnetId,
) -> Result<CreateInterface, ModelError> {
    let mut request = CreateInterface::new(subnet);
    request.groups = params.ids("SecurityGroupId", GroupId::parse)?;
    let (primary, secondary) = addresses_v4(params)?;
    request.primary = primary;
    request.ipv4 = share_of(
        params,
        Named("PrivateIpAddresses", secondary),
        "SecondaryPrivateIpAddressCount",
        Named("Ipv4Prefix", prefixes_in(params, "Ipv4Prefix", prefix_v4)?),
        "Ipv4PrefixCount",
    )?;
    request.ipv6 = share_of(
        params,
        Named("Ipv6Addresses", addresses_v6(params, "Ipv6Addresses")?),
        "Ipv6AddressCount",
        Named("Ipv6Prefix", prefixes_in(params, "Ipv6Prefix", prefix_v6)?),
        "Ipv6PrefixCount",
    )?;
    request.tracking = connection_tracking(params)?;
    request.description = params.text("Description").unwrap_or_default().to_owned();
    params.refuse(&["EnablePrimaryIpv6"])?;
    match params.text("InterfaceType") {
        None | Some(INTERFACE_TYPE) => Ok(request),
        Some(other) => Err(ModelError::new(
            ErrorCode::UnsupportedOperation,
            format!("Network interfaces of the type {other} are not supported here."),
        )),
    }
}

/// `PrivateIpAddress` and `PrivateIpAddresses.N`: the primary address and the others.
fn addresses_v4(params: &Params) -> Result<(Option<Ipv4Addr>, Vec<IpAddr>), ModelError> {
    let mut primary = params
        .text("PrivateIpAddress")
        .map(address_v4)
        .transpose()?;
    let mut secondary = Vec::new();
    for item in params.items("PrivateIpAddresses") {
        let address = address_v4(item.required("PrivateIpAddress")?)?;
        if item.flag("Primary")? != Some(true) {
            secondary.push(address.into());
        } else if primary.replace(address).is_some() {
            return Err(combination(
                "Only one primary private IP address can be specified.",
            ));
        }
    }
    Ok((primary, secondary))
}

/// `Ipv6Addresses.N.Ipv6Address`.
pub(in crate::actions) fn addresses_v6(
    params: &Params,
    name: &str,
) -> Result<Vec<IpAddr>, ModelError> {
    params
        .items(name)
        .map(|item| {
            item.refuse(&["IsPrimaryIpv6"])?;
            address_v6(item.required("Ipv6Address")?)
        })
        .collect()
}

/// `Ipv4Prefix.N.Ipv4Prefix`.
fn prefixes_in(
    params: &Params,
    name: &str,
    parse: fn(&str) -> Result<IpNet, ModelError>,
) -> Result<Vec<IpNet>, ModelError> {
    let items = params.items(name);
    items.map(|item| parse(item.required(name)?)).collect()
}

/// What a parameter of this name holds.
pub(in crate::actions) struct Named<T>(
    pub(in crate::actions) &'static str,
    pub(in crate::actions) T,
);

/// What is asked for of one family: addresses, so many of them, prefixes, or so many of those; but only one of the four.
pub(in crate::actions) fn share_of(
    params: &Params,
    addresses: Named<Vec<IpAddr>>,
    address_count: &'static str,
    prefixes: Named<Vec<IpNet>>,
    prefix_count: &'static str,
) -> Result<Share, ModelError> {
    let count = |name| Ok::<u32, ModelError>(params.integer(name)?.unwrap_or_default());
    let (any_addresses, any_prefixes) = (count(address_count)?, count(prefix_count)?);
    let mut asked = [
        (
            addresses.0,
            !addresses.1.is_empty(),
            Share::Addresses(addresses.1),
        ),
        (
            address_count,
            any_addresses > 0,
            Share::AnyAddresses(any_addresses),
        ),
        (
            prefixes.0,
            !prefixes.1.is_empty(),
            Share::Prefixes(prefixes.1),
        ),
        (
            prefix_count,
            any_prefixes > 0,
            Share::AnyPrefixes(any_prefixes),
        ),
    ]
    .into_iter()
    .filter(|(_, asked, _)| *asked);
    match (asked.next(), asked.next()) {
        (None, _) => Ok(Share::Nothing),
        (Some((_, _, share)), None) => Ok(share),
        (Some((one, ..)), Some((other, ..))) => Err(combination(format!(
            "The parameter {other} cannot be used with the parameter {one}"
        ))),
    }
}

/// `ConnectionTrackingSpecification` (D29).
pub(in crate::actions) fn connection_tracking(
    params: &Params,
) -> Result<ConnectionTracking, ModelError> {
    let Some(given) = params.member("ConnectionTrackingSpecification") else {
        return Ok(ConnectionTracking::default());
    };
    ConnectionTracking::parse(
        given.integer("TcpEstablishedTimeout")?,
        given.integer("UdpStreamTimeout")?,
        given.integer("UdpTimeout")?,
    )
    .map_err(ModelError::first)
}

/// There is one network card, 0.
pub(in crate::actions) fn check_network_card(params: &Params) -> Result<(), ModelError> {
    match params.integer::<u32>("NetworkCardIndex")? {
        None | Some(0) => Ok(()),
        Some(card) => Err(ModelError::value(format!(
            "Value ({card}) for parameter networkCardIndex is invalid. There is one network card, 0."
        ))),
    }
}

pub(in crate::actions) fn address_v4(text: &str) -> Result<Ipv4Addr, ModelError> {
    text.parse()
        .map_err(|_| ModelError::value(format!("invalid value for parameter address: [{text}]")))
}

pub(super) fn address_v6(text: &str) -> Result<IpAddr, ModelError> {
    text.parse::<Ipv6Addr>().map(IpAddr::from).map_err(|_| {
        ModelError::value(format!("invalid value for parameter ipv6Address: [{text}]"))
    })
}

pub(super) fn prefix_v4(text: &str) -> Result<IpNet, ModelError> {
    let prefix = text.parse::<Ipv4Net>().map(IpNet::from);
    prefix.map_err(|_| no_prefix(text))
}

pub(super) fn prefix_v6(text: &str) -> Result<IpNet, ModelError> {
    let prefix = text.parse::<Ipv6Net>().map(IpNet::from);
    prefix.map_err(|_| no_prefix(text))
}

fn no_prefix(text: &str) -> ModelError {
    ModelError::value(format!("invalid value for parameter prefix: [{text}]"))
}

pub(in crate::actions) fn combination(message: impl Into<String>) -> ModelError {
    ModelError::new(ErrorCode::InvalidParameterCombination, message)
}
