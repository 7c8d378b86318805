//! `AWS::EC2::NetworkInterface` and the interfaces of `AWS::EC2::Instance`.

use std::net::IpAddr;

use secgroup_model::{
    ConnectionTracking, Family, GroupId, InstanceId, NetworkInterface, NetworkInterfaceId,
    SubnetId, Tags, VpcId,
};

use super::convert::{DEFAULT_VPC, Item, Scope};
use super::ids::IdOf;
use crate::collect::{Collected, FoundInterface, report};
use crate::common::{address, column, range, tags};
use crate::diagnostic::Draft;
use crate::reader::{Need, Object};
use crate::source::Span;

/// Properties of an interface that is written inside of an instance.
const INLINE: [&str; 15] = [
    "AssociateCarrierIpAddress",
    "AssociatePublicIpAddress",
    "DeleteOnTermination",
    "Description",
    "DeviceIndex",
    "EnaSrdSpecification",
    "GroupSet",
    "Ipv6AddressCount",
    "Ipv6Addresses",
    "NetworkCardIndex",
    "NetworkInterfaceId",
    "PrivateIpAddress",
    "PrivateIpAddresses",
    "SecondaryPrivateIpAddressCount",
    "SubnetId",
];

/// Takes down an interface.
pub(super) fn convert(scope: &Scope<'_>, item: &Item<'_>, collected: &mut Collected) {
    let object = scope.object(item);
    let mut interface = read(scope, &object, &item.id, "GroupSet", collected);
    interface.tags = tags(&object, "Tags");
    interface.tracking = tracking(&object);
    push(scope, interface, &object, item.span, collected);
}

/// Takes down that an interface belongs to an instance.
pub(super) fn attach(scope: &Scope<'_>, item: &Item<'_>, collected: &mut Collected) {
    let object = scope.object(item);
    let interface = scope.id(&object, "NetworkInterfaceId", IdOf::Interface, Need::Shown);
    let instance = scope.id(&object, "InstanceId", IdOf::Instance, Need::Shown);
    if let (Some((interface, _)), Some((instance, _))) = (interface, instance) {
        let pair = (
            NetworkInterfaceId::new(&interface),
            InstanceId::new(&instance),
        );
        collected.attachments.push(pair);
    }
}

/// Takes down the interfaces of an instance: those it lists, or the one that it gets.
pub(super) fn convert_instance(scope: &Scope<'_>, item: &Item<'_>, collected: &mut Collected) {
    let object = scope.object(item);
    let instance = InstanceId::new(&item.id);
    let tags = tags(&object, "Tags");
    let listed = object.list("NetworkInterfaces", Need::Shown);
    if listed.is_empty() {
        let id = format!("{}.eth0", item.id);
        let mut interface = read(scope, &object, &id, "SecurityGroupIds", collected);
        let by_name = scope.ids(&object, "SecurityGroups", IdOf::Group);
        interface
            .groups
            .extend(by_name.iter().map(|(name, _)| GroupId::new(name)));
        interface.instance = Some(instance);
        interface.tags = tags;
        push(scope, interface, &object, item.span, collected);
        return;
    }
    let check = object.boolean("SourceDestCheck");
    for (at, value) in listed {
        let what = format!("interface {at} of {}", object.what);
        let key = format!("NetworkInterfaces[{at}]");
        let Some(inner) = object.inner(&key, value, what) else {
            continue;
        };
        inner.check_keys(&INLINE);
        let id = scope.id(&inner, "NetworkInterfaceId", IdOf::Interface, Need::Shown);
        if let Some((id, _)) = id {
            collected
                .attachments
                .push((NetworkInterfaceId::new(&id), instance.clone()));
            continue;
        }
        let device = inner.known_text("DeviceIndex");
        let device = device.map_or_else(|| at.to_string(), |(text, _)| text.to_string());
        let id = format!("{}.eth{device}", item.id);
        let mut interface = read(scope, &inner, &id, "GroupSet", collected);
        interface.source_dest_check = check.unwrap_or(true);
        interface.instance = Some(instance.clone());
        interface.tags.clone_from(&tags);
        push(scope, interface, &inner, value.span, collected);
        object.inherit(&inner);
    }
}

/// What interfaces and instances say alike.
fn read(
    scope: &Scope<'_>,
    object: &Object<'_, '_>,
    id: &str,
    groups: &str,
    collected: &mut Collected,
) -> NetworkInterface {
    if let Some(crate::value::Value {
        kind: crate::value::ValueKind::List(items),
        ..
    }) = object.get(groups)
    {
        for item in items {
            scope.note_default_group(collected, Some(item));
        }
    }
    let groups = scope.ids(object, groups, IdOf::Group);
    let subnet = scope.id(object, "SubnetId", IdOf::Subnet, Need::Shown);
    let description = object.text("Description", Need::Shown);
    NetworkInterface {
        id: NetworkInterfaceId::new(id),
        // Its subnet says which, once all files are read; an instance without one is in the
        // default VPC.
        vpc: subnet.is_none().then(|| VpcId::new(DEFAULT_VPC)),
        subnet: subnet.map(|(subnet, _)| SubnetId::new(&subnet)),
        groups: groups
            .iter()
            .map(|(group, _)| GroupId::new(group))
            .collect(),
        addresses: addresses(object),
        prefixes: prefixes(object),
        mac: None,
        source_dest_check: object.boolean("SourceDestCheck").unwrap_or(true),
        tracking: ConnectionTracking::default(),
        instance: None,
        description: description.map_or_else(String::new, |(text, _)| text.to_string()),
        tags: Tags::new(),
        origin: scope.origin(object.span),
    }
}

/// The addresses that the template gives, the primary one first, none twice.
fn addresses(object: &Object<'_, '_>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = address(object, object.known_text("PrivateIpAddress"))
        .into_iter()
        .collect();
    let mut listed: Vec<(bool, IpAddr)> = Vec::new();
    for (at, item) in object.list("PrivateIpAddresses", Need::Shown) {
        let key = format!("PrivateIpAddresses[{at}]");
        let Some(inner) = object.inner(&key, item, object.what.clone()) else {
            continue;
        };
        let primary = inner.boolean("Primary").unwrap_or(false);
        if let Some(address) = address(&inner, inner.known_text("PrivateIpAddress")) {
            listed.push((primary, address));
        }
        object.inherit(&inner);
    }
    listed.sort_by_key(|(primary, _)| !primary);
    addresses.extend(listed.into_iter().map(|(_, address)| address));
    let v6 = column(object, "Ipv6Addresses", "Ipv6Address");
    addresses.extend(
        v6.into_iter()
            .filter_map(|text| address(object, Some(text))),
    );
    let mut seen = std::collections::BTreeSet::new();
    addresses.retain(|address| seen.insert(*address));
    addresses
}

fn prefixes(object: &Object<'_, '_>) -> Vec<ipnet::IpNet> {
    let lists = [
        ("Ipv4Prefixes", "Ipv4Prefix", Family::V4),
        ("Ipv6Prefixes", "Ipv6Prefix", Family::V6),
    ];
    let texts = lists.into_iter().flat_map(|(key, field, family)| {
        column(object, key, field)
            .into_iter()
            .map(move |text| (text, family))
    });
    texts
        .filter_map(|(text, family)| range(object, Some(text), family))
        .collect()
}

/// `ConnectionTrackingSpecification` (D29).
fn tracking(object: &Object<'_, '_>) -> ConnectionTracking {
    const KEY: &str = "ConnectionTrackingSpecification";
    let Some(value) = object.get(KEY) else {
        return ConnectionTracking::default();
    };
    let Some(inner) = object.inner(KEY, value, object.what.clone()) else {
        return ConnectionTracking::default();
    };
    inner.check_keys(&["TcpEstablishedTimeout", "UdpStreamTimeout", "UdpTimeout"]);
    let seconds = |key| inner.integer(key, Need::Shown).map(|(seconds, _)| seconds);
    let parsed = ConnectionTracking::parse(
        seconds("TcpEstablishedTimeout"),
        seconds("UdpStreamTimeout"),
        seconds("UdpTimeout"),
    );
    parsed.unwrap_or_else(|errors| {
        report(errors, inner.sink, |part| match part {
            secgroup_model::Part::TcpEstablishedTimeout => inner.place("TcpEstablishedTimeout"),
            secgroup_model::Part::UdpStreamTimeout => inner.place("UdpStreamTimeout"),
            _ => inner.place("UdpTimeout"),
        });
        ConnectionTracking::default()
    })
}

fn push(
    scope: &Scope<'_>,
    interface: NetworkInterface,
    object: &Object<'_, '_>,
    span: Span,
    collected: &mut Collected,
) {
    if interface.addresses.is_empty() && interface.prefixes.is_empty() && !object.failed() {
        let message = format!("{} has no private address", object.what);
        let group = interface.groups.first().map_or("GROUP", GroupId::as_str);
        let draft = Draft::note(span, message);
        let help = format!("to judge traffic by its groups: `--attach {group}=ADDRESS`");
        scope.evaluator.sink().push(draft.help(help));
    }
    collected.interfaces.push(FoundInterface {
        interface,
        span,
        from_template: true,
    });
}
