//! `RunInstances`.
//!
//! What makes an instance a member of groups is read and kept: subnets, groups, addresses, interfaces, tags. Of the rest the image, the type
//! and the name of the key pair are kept to be shown again. What is about a machine, of which there is none, is accepted and
//! ignored, by name; what would be a promise (a launch template, protection from termination) is refused.

use secgroup_ec2::instances::{self, InterfaceSource, Launch, LaunchInterface};
use secgroup_ec2::interfaces::CreateInterface;
use secgroup_ec2::{groups, places, tokens};
use secgroup_model::{GroupId, InstanceId, ModelError, NetworkInterfaceId, SubnetId, Tags};

use super::view::{Attached, View, write_reservation};
use crate::actions::interfaces::{
    Named, address_v4, addresses_v6, check_network_card, combination, new_interface, share_of,
};
use crate::{Params, Write, Xml};

/// About the machine.
const IGNORED: &[&str] = &[
    "AdditionalInfo",
    "BlockDeviceMapping",
    "CapacityReservationSpecification",
    "CpuOptions",
    "CreditSpecification",
    "EbsOptimized",
    "ElasticGpuSpecification",
    "ElasticInferenceAccelerator",
    "EnclaveOptions",
    "HibernationOptions",
    "IamInstanceProfile",
    "InstanceInitiatedShutdownBehavior",
    "InstanceMarketOptions",
    "KernelId",
    "LicenseSpecification",
    "MaintenanceOptions",
    "MetadataOptions",
    "Monitoring",
    "NetworkPerformanceOptions",
    "Operator",
    "Placement",
    "PrivateDnsNameOptions",
    "RamdiskId",
    "UserData",
];
/// What would be a promise.
const REFUSED: &[&str] = &[
    "DisableApiStop",
    "DisableApiTermination",
    "EnablePrimaryIpv6",
    "LaunchTemplate",
    "SecondaryInterface",
];
/// About an interface, and without an effect: nothing here has a public address.
const INTERFACE_IGNORED: &[&str] = &[
    "AssociateCarrierIpAddress",
    "AssociatePublicIpAddress",
    "EnaQueueCount",
    "EnaSrdSpecification",
];
/// What an interface that is there has already.
const INTERFACE_OWN: [&str; 11] = [
    "ConnectionTrackingSpecification",
    "Description",
    "Ipv4Prefix",
    "Ipv4PrefixCount",
    "Ipv6AddressCount",
    "Ipv6Addresses",
    "PrivateIpAddress",
    "PrivateIpAddresses",
    "SecondaryPrivateIpAddressCount",
    "SecurityGroupId",
    "SubnetId",
];
/// What can be said of the instance or of its interfaces, but not of both.
const INSTANCE_LEVEL: [(&str, &str); 6] = [
    ("SubnetId", "subnet ID"),
    ("SecurityGroupId", "security groups"),
    ("SecurityGroup", "security groups"),
    ("PrivateIpAddress", "private address"),
    ("Ipv6Address", "IPv6 addresses"),
    ("Ipv6AddressCount", "IPv6 addresses"),
];
/// What EC2 takes where no type is given.
const DEFAULT_TYPE: &str = "m1.small";
/// What tags may be for. There are no volumes and so on; their tags are checked and ignored.
const TAGGED: [&str; 5] = [
    "elastic-gpu",
    "instance",
    "network-interface",
    "spot-instances-request",
    "volume",
];

pub(super) fn run(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let token = params.client_token("RunInstances")?;
    let launch = launch(call)?;
    params.ignore(IGNORED);
    params.refuse(REFUSED)?;
    let created = tokens::once(call.edit, call.caller, token.as_ref(), |edit| {
        let ids = instances::run(edit, call.caller, &launch)?;
        Ok(ids.iter().map(ToString::to_string).collect())
    })?;
    let (state, site, now) = (call.edit.state(), call.edit.site(), call.edit.now());
    let attached = Attached::of(state);
    let mut views = Vec::new();
    for id in &created {
        let id = InstanceId::new(id);
        let instance = instances::known_instance(state, call.caller, now, &id)?;
        views.push(View::new(state, site, &attached, instance));
    }
    let mut xml = Xml::new();
    write_reservation(&mut xml, &views);
    Ok(xml)
}

fn launch(call: &Write<'_, '_>) -> Result<Launch, ModelError> {
    let params = call.params;
    let count = |name| {
        let count = params.integer(name)?;
        count.ok_or_else(|| params.missing(name))
    };
    let mut tags = params.tag_specifications_for(&TAGGED)?;
    let mut interfaces = interfaces(call)?;
    let interface_tags = tags.remove("network-interface").unwrap_or_default();
    for interface in &mut interfaces {
        if let InterfaceSource::New(request) = &mut interface.source {
            request.tags = Tags::clone(&interface_tags);
        }
    }
    Ok(Launch {
        min: count("MinCount")?,
        max: count("MaxCount")?,
        image: params.required("ImageId")?.to_owned(),
        instance_type: params
            .text("InstanceType")
            .unwrap_or(DEFAULT_TYPE)
            .to_owned(),
        key_name: params.text("KeyName").map(str::to_owned),
        interfaces,
        tags: tags.remove("instance").unwrap_or_default(),
    })
}

/// The interfaces that are listed, or the one that an instance has if none are.
fn interfaces(call: &Write<'_, '_>) -> Result<Vec<LaunchInterface>, ModelError> {
    let params = call.params;
    if !params.has("NetworkInterface") {
        return Ok(vec![LaunchInterface {
            device_index: 0,
            source: InterfaceSource::New(only_interface(call)?),
            delete_on_termination: true,
        }]);
    }
    if let Some((_, what)) = INSTANCE_LEVEL.iter().find(|(name, _)| params.has(name)) {
        return Err(combination(format!(
            "Network interfaces and an instance-level {what} may not be specified on the same request"
        )));
    }
    let items = params.items("NetworkInterface");
    items.map(|item| listed_interface(call, item)).collect()
}

/// What `SubnetId`, `SecurityGroupId` and so on say.
fn only_interface(call: &Write<'_, '_>) -> Result<CreateInterface, ModelError> {
    let params = call.params;
    let names = params.texts("SecurityGroup");
    if params.has("SubnetId") && !names.is_empty() {
        return Err(combination(
            "The parameter groupName cannot be used with the parameter subnet",
        ));
    }
    let mut request = CreateInterface::new(subnet(call, params)?);
    request.groups = params.ids("SecurityGroupId", GroupId::parse)?;
    for name in names {
        let group = groups::named_group(call.edit.state(), call.caller, name)?;
        request.groups.push(group.id.clone());
    }
    request.primary = params
        .text("PrivateIpAddress")
        .map(address_v4)
        .transpose()?;
    request.ipv6 = share_of(
        params,
        Named("Ipv6Address", addresses_v6(params, "Ipv6Address")?),
        "Ipv6AddressCount",
        Named("Ipv6Prefix", Vec::new()),
        "Ipv6PrefixCount",
    )?;
    Ok(request)
}

/// `NetworkInterface.N`.
fn listed_interface(call: &Write<'_, '_>, item: &Params) -> Result<LaunchInterface, ModelError> {
    let device_index = item.integer("DeviceIndex")?;
    let device_index = device_index
        .ok_or_else(|| ModelError::value("Each network interface requires a device index."))?;
    check_network_card(item)?;
    item.ignore(INTERFACE_IGNORED);
    item.refuse(&["PrimaryIpv6"])?;
    let delete = item.flag("DeleteOnTermination")?;
    let source = if item.has("NetworkInterfaceId") {
        if let Some(own) = INTERFACE_OWN.iter().find(|name| item.has(name)) {
            return Err(combination(format!(
                "A network interface may not specify both a network interface ID and {own}"
            )));
        }
        InterfaceSource::Existing(item.id("NetworkInterfaceId", NetworkInterfaceId::parse)?)
    } else {
        InterfaceSource::New(new_interface(item, subnet(call, item)?)?)
    };
    let is_new = matches!(source, InterfaceSource::New(_));
    Ok(LaunchInterface {
        device_index,
        source,
        // One that was there before outlives the instance unless somebody says otherwise.
        delete_on_termination: delete.unwrap_or(is_new),
    })
}

/// The subnet that is named, or the default one of the zone that is.
fn subnet(call: &Write<'_, '_>, params: &Params) -> Result<SubnetId, ModelError> {
    if params.has("SubnetId") {
        return params.id("SubnetId", SubnetId::parse);
    }
    let (state, site) = (call.edit.state(), call.edit.site());
    let placement = call.params.member("Placement");
    let zone = placement.and_then(|placement| {
        let id = placement.text("AvailabilityZoneId");
        let by_id = id.map(|id| places::zone_of_id(site, id).unwrap_or(id));
        placement.text("AvailabilityZone").or(by_id)
    });
    instances::default_subnet(state, site, call.caller, zone).cloned()
}
