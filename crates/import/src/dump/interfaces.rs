//! `describe-network-interfaces`, and the interfaces in `describe-instances`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use secgroup_model::{
    ConnectionTracking, Family, GroupId, InstanceId, MacAddress, NetworkInterface,
    NetworkInterfaceId, SubnetId, VpcId,
};

use super::{Page, text};
use crate::collect::{Collected, FoundInterface, origin};
use crate::common::{address, column, model_error, range, tags};
use crate::reader::{Need, Object};

/// Takes down an interface.
pub(super) fn read_interface(object: &Object<'_, '_>, _: &Page<'_>, collected: &mut Collected) {
    read(object, None, collected);
}

/// Takes down the interfaces of the instances of a reservation.
pub(super) fn read_reservation(object: &Object<'_, '_>, _: &Page<'_>, collected: &mut Collected) {
    for (at, item) in object.list("Instances", Need::Shown) {
        let key = format!("Instances[{at}]");
        let what = format!("instance {at} of {}", object.what);
        let Some(instance) = object.inner(&key, item, what) else {
            continue;
        };
        let Some((id, _)) = instance.required_text("InstanceId", Need::Rule) else {
            continue;
        };
        let id = InstanceId::new(&id);
        for (at, item) in instance.list("NetworkInterfaces", Need::Shown) {
            let key = format!("NetworkInterfaces[{at}]");
            let what = format!("interface {at} of instance {id}");
            if let Some(inner) = instance.inner(&key, item, what) {
                read(&inner, Some(&id), collected);
            }
        }
    }
}

fn read(object: &Object<'_, '_>, instance: Option<&InstanceId>, collected: &mut Collected) {
    let Some((id, span)) = object.required_text("NetworkInterfaceId", Need::Rule) else {
        return;
    };
    let groups = column(object, "Groups", "GroupId");
    let attached = object.get("Attachment").and_then(|value| {
        let inner = object.inner("Attachment", value, object.what.clone())?;
        text(&inner, "InstanceId")
    });
    // `describe-network-interfaces` calls them `TagSet`.
    let mut tag_list = tags(object, "TagSet");
    tag_list.extend(tags(object, "Tags"));
    let interface = NetworkInterface {
        id: NetworkInterfaceId::new(&id),
        vpc: text(object, "VpcId").map(|vpc| VpcId::new(&vpc)),
        subnet: text(object, "SubnetId").map(|subnet| SubnetId::new(&subnet)),
        groups: groups
            .iter()
            .map(|(group, _)| GroupId::new(group))
            .collect(),
        addresses: addresses(object),
        prefixes: prefixes(object),
        mac: mac(object),
        source_dest_check: object.boolean("SourceDestCheck").unwrap_or(true),
        tracking: tracking(object),
        instance: attached
            .map(|id| InstanceId::new(&id))
            .or_else(|| instance.cloned()),
        description: text(object, "Description").unwrap_or_default(),
        tags: tag_list,
        origin: origin(object.sink.sources, span),
    };
    collected.interfaces.push(FoundInterface {
        interface,
        span,
        from_template: false,
    });
}

/// The primary address, the other ones, the IPv6 ones; none twice.
fn addresses(object: &Object<'_, '_>) -> Vec<IpAddr> {
    let primary = object.text("PrivateIpAddress", Need::Rule);
    let listed = column(object, "PrivateIpAddresses", "PrivateIpAddress");
    let v6 = column(object, "Ipv6Addresses", "Ipv6Address");
    let texts = primary.into_iter().chain(listed).chain(v6);
    let mut seen = BTreeSet::new();
    let addresses = texts.filter_map(|text| address(object, Some(text)));
    addresses.filter(|address| seen.insert(*address)).collect()
}

fn prefixes(object: &Object<'_, '_>) -> Vec<ipnet::IpNet> {
    let v4 = column(object, "Ipv4Prefixes", "Ipv4Prefix")
        .into_iter()
        .map(|t| (t, Family::V4));
    let v6 = column(object, "Ipv6Prefixes", "Ipv6Prefix")
        .into_iter()
        .map(|t| (t, Family::V6));
    v4.chain(v6)
        .filter_map(|(text, family)| range(object, Some(text), family))
        .collect()
}

fn mac(object: &Object<'_, '_>) -> Option<MacAddress> {
    let (text, span) = object.text("MacAddress", Need::Rule)?;
    match text.parse() {
        Ok(mac) => Some(mac),
        Err(error) => {
            object.fail(model_error(error, span));
            None
        }
    }
}

/// `ConnectionTrackingConfiguration` (D29). What AWS printed is not to be argued with: a value out
/// of today's range is left out.
fn tracking(object: &Object<'_, '_>) -> ConnectionTracking {
    const KEY: &str = "ConnectionTrackingConfiguration";
    let inner = object
        .get(KEY)
        .and_then(|value| object.inner(KEY, value, object.what.clone()));
    let Some(inner) = inner else {
        return ConnectionTracking::default();
    };
    let seconds = |key| inner.integer(key, Need::Rule).map(|(seconds, _)| seconds);
    let parsed = ConnectionTracking::parse(
        seconds("TcpEstablishedTimeout"),
        seconds("UdpStreamTimeout"),
        seconds("UdpTimeout"),
    );
    parsed.unwrap_or_default()
}
