//! What is said of an interface (E46), and what it is filtered by (E25).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use secgroup_ec2::places::zone_id;
use secgroup_ec2::{Attachment, Site, State};
use secgroup_model::{AccountId, Family, GroupId, NetworkInterface, Tags};

use crate::xml::timestamp;
use crate::{Filterable, Xml};

/// The Region whose names are older than the others'.
const OLDEST_REGION: &str = "us-east-1";

/// What `DescribeNetworkInterfaces` can be filtered by. Nothing here has a public address, so what is asked of an
/// `association` matches nothing.
pub(in crate::actions) const FILTERS: &[&str] = &[
    "addresses.association.owner-id",
    "addresses.association.public-ip",
    "addresses.primary",
    "addresses.private-ip-address",
    "association.allocation-id",
    "association.association-id",
    "association.ip-owner-id",
    "association.public-dns-name",
    "association.public-ip",
    "attachment.attach-time",
    "attachment.attachment-id",
    "attachment.delete-on-termination",
    "attachment.device-index",
    "attachment.instance-id",
    "attachment.instance-owner-id",
    "attachment.status",
    "availability-zone",
    "availability-zone-id",
    "description",
    "group-id",
    "group-name",
    "interface-type",
    "ipv6-addresses.ipv6-address",
    "mac-address",
    "network-interface-id",
    "operator.managed",
    "operator.principal",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "requester-id",
    "requester-managed",
    "source-dest-check",
    "status",
    "subnet-id",
    "tag",
    "vpc-id",
];

/// What else the interfaces of an instance can be asked for.
pub(in crate::actions) const INSTANCE_FILTERS: &[&str] = &[
    "addresses.private-dns-name",
    "ipv4-prefixes.ipv4-prefix",
    "ipv6-address",
    "ipv6-prefixes.ipv6-prefix",
    "tag-key",
    "tag-value",
];

/// An interface and what is around it.
#[derive(Clone, Copy)]
pub(in crate::actions) struct View<'a> {
    state: &'a State,
    site: &'a Site,
    pub(in crate::actions) interface: &'a NetworkInterface,
}

impl<'a> View<'a> {
    pub(in crate::actions) const fn new(
        state: &'a State,
        site: &'a Site,
        interface: &'a NetworkInterface,
    ) -> Self {
        Self {
            state,
            site,
            interface,
        }
    }

    pub(in crate::actions) fn owner(self) -> Option<&'a AccountId> {
        self.state.owner_of_interface(&self.interface.id)
    }

    pub(in crate::actions) fn attachment(self) -> Option<&'a Attachment> {
        self.state.attachments.get(&self.interface.id)
    }

    pub(in crate::actions) fn zone(self) -> Option<&'a str> {
        let subnet = self.interface.subnet.as_ref()?;
        let subnet = self.state.inventory.subnets.get(subnet)?;
        subnet.availability_zone.as_deref()
    }

    fn zone_id(self) -> Option<String> {
        zone_id(self.site, self.zone()?)
    }

    /// Nothing is ever on its way.
    fn status(self) -> &'static str {
        match self.attachment() {
            Some(_) => "in-use",
            None => "available",
        }
    }

    fn addresses(self, family: Family) -> impl Iterator<Item = IpAddr> {
        let addresses = self.interface.addresses.iter().copied();
        addresses.filter(move |&address| Family::of(address) == family)
    }

    fn prefixes(self, family: Family) -> impl Iterator<Item = String> {
        let prefixes = self.interface.prefixes.iter();
        prefixes
            .filter(move |prefix| Family::of(prefix.network()) == family)
            .map(ToString::to_string)
    }

    /// The primary address.
    pub(in crate::actions) fn primary(self) -> Option<IpAddr> {
        self.addresses(Family::V4).next()
    }

    pub(in crate::actions) fn first_v6(self) -> Option<IpAddr> {
        self.addresses(Family::V6).next()
    }

    /// The name of the primary address.
    pub(in crate::actions) fn private_dns_name(self) -> Option<String> {
        self.primary().and_then(|address| self.dns_name(address))
    }

    fn dns_name(self, address: IpAddr) -> Option<String> {
        match address {
            IpAddr::V4(address) => Some(dns_name(&self.site.region, address)),
            IpAddr::V6(_) => None,
        }
    }

    fn group_names(self) -> impl Iterator<Item = &'a str> {
        let groups = self.interface.groups.iter();
        groups.filter_map(move |id| Some(self.state.inventory.groups.get(id)?.name.as_str()))
    }

    /// All members.
    pub(in crate::actions) fn write(self, xml: &mut Xml) {
        self.write_shared(xml);
        xml.optional("availabilityZone", self.zone());
        xml.optional("availabilityZoneId", self.zone_id());
        xml.text("requesterManaged", false);
        if let Some(attachment) = self.attachment() {
            xml.element("attachment", |xml| {
                xml.text("instanceId", &attachment.instance);
                xml.optional("instanceOwnerId", self.owner());
                write_attachment(xml, attachment);
            });
        }
        xml.tags(&self.interface.tags);
    }

    /// The members that an instance tells of its interfaces, too.
    pub(in crate::actions) fn write_shared(self, xml: &mut Xml) {
        let interface = self.interface;
        xml.text("networkInterfaceId", &interface.id);
        xml.optional("subnetId", interface.subnet.as_ref());
        xml.optional("vpcId", self.state.inventory.vpc_of(interface));
        xml.text("description", &interface.description);
        xml.optional("ownerId", self.owner());
        xml.text("status", self.status());
        xml.text("interfaceType", "interface");
        xml.optional("macAddress", interface.mac);
        xml.text("sourceDestCheck", interface.source_dest_check);
        write_groups(xml, self.state, &interface.groups);
        self.write_addresses(xml);
        self.write_tracking(xml);
    }

    fn write_addresses(self, xml: &mut Xml) {
        let primary = self.primary();
        xml.optional("privateIpAddress", primary);
        xml.optional("privateDnsName", self.private_dns_name());
        let addresses = self.addresses(Family::V4);
        xml.list("privateIpAddressesSet", addresses, |xml, address| {
            xml.text("privateIpAddress", address);
            xml.optional("privateDnsName", self.dns_name(address));
            xml.text("primary", Some(address) == primary);
        });
        let addresses = self.addresses(Family::V6);
        xml.list("ipv6AddressesSet", addresses, |xml, address| {
            xml.text("ipv6Address", address);
            xml.text("isPrimaryIpv6", false);
        });
        for (tag, member, family) in [
            ("ipv4PrefixSet", "ipv4Prefix", Family::V4),
            ("ipv6PrefixSet", "ipv6Prefix", Family::V6),
        ] {
            xml.list(tag, self.prefixes(family), |xml, prefix| {
                xml.text(member, prefix);
            });
        }
    }

    /// The timeouts that were set (D29), if any.
    fn write_tracking(self, xml: &mut Xml) {
        let tracking = &self.interface.tracking;
        let timeouts = [
            ("tcpEstablishedTimeout", tracking.tcp_established),
            ("udpStreamTimeout", tracking.udp_stream),
            ("udpTimeout", tracking.udp),
        ];
        if timeouts.iter().any(|(_, timeout)| timeout.is_some()) {
            xml.element("connectionTrackingConfiguration", |xml| {
                for (tag, timeout) in timeouts {
                    xml.optional(tag, timeout.as_ref().map(Duration::as_secs));
                }
            });
        }
    }
}

/// The members that are the same wherever an attachment is shown.
pub(in crate::actions) fn write_attachment(xml: &mut Xml, attachment: &Attachment) {
    xml.text("attachmentId", &attachment.id);
    xml.text("deviceIndex", attachment.device_index);
    xml.text("networkCardIndex", 0);
    xml.text("status", "attached");
    xml.text("attachTime", timestamp(attachment.attached));
    xml.text("deleteOnTermination", attachment.delete_on_termination);
}

/// `groupSet`: ids and names.
pub(in crate::actions) fn write_groups(xml: &mut Xml, state: &State, groups: &[GroupId]) {
    xml.list("groupSet", groups, |xml, id| {
        xml.text("groupId", id);
        let group = state.inventory.groups.get(id);
        xml.optional("groupName", group.map(|group| &group.name));
    });
}

/// `ip-10-0-0-1.ec2.internal`; the name of the Region stands in it everywhere but in the oldest one.
fn dns_name(region: &str, address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    let domain = if region == OLDEST_REGION {
        "ec2.internal".to_owned()
    } else {
        format!("{region}.compute.internal")
    };
    format!("ip-{a}-{b}-{c}-{d}.{domain}")
}

impl Filterable for View<'_> {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        if let Some(name) = filter.strip_prefix("attachment.") {
            let attachment = self.attachment();
            return texts(attachment.and_then(|it| attachment_value(it, name, *self)));
        }
        let interface = self.interface;
        match filter {
            "addresses.primary" => {
                let addresses = self.addresses(Family::V4);
                texts(addresses.map(|address| Some(address) == self.primary()))
            }
            "addresses.private-ip-address" | "private-ip-address" => {
                texts(self.addresses(Family::V4))
            }
            "addresses.private-dns-name" => texts(
                self.addresses(Family::V4)
                    .filter_map(|it| self.dns_name(it)),
            ),
            "availability-zone" => texts(self.zone()),
            "availability-zone-id" => texts(self.zone_id()),
            "description" => vec![interface.description.as_str().into()],
            "group-id" => texts(&interface.groups),
            "group-name" => texts(self.group_names()),
            "interface-type" => vec!["interface".into()],
            "ipv4-prefixes.ipv4-prefix" => texts(self.prefixes(Family::V4)),
            "ipv6-prefixes.ipv6-prefix" => texts(self.prefixes(Family::V6)),
            "ipv6-address" | "ipv6-addresses.ipv6-address" => texts(self.addresses(Family::V6)),
            "mac-address" => texts(interface.mac),
            "network-interface-id" => vec![interface.id.as_str().into()],
            "operator.managed" | "requester-managed" => vec!["false".into()],
            "owner-id" => texts(self.owner()),
            "private-dns-name" => texts(self.private_dns_name()),
            "source-dest-check" => texts([interface.source_dest_check]),
            "status" => vec![self.status().into()],
            "subnet-id" => texts(&interface.subnet),
            "tag-key" => texts(interface.tags.keys()),
            "tag-value" => texts(interface.tags.values()),
            "vpc-id" => texts(self.state.inventory.vpc_of(interface)),
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.interface.tags)
    }
}

fn attachment_value(attachment: &Attachment, name: &str, view: View<'_>) -> Option<String> {
    Some(match name {
        "attach-time" => timestamp(attachment.attached),
        "attachment-id" => attachment.id.to_string(),
        "delete-on-termination" => attachment.delete_on_termination.to_string(),
        "device-index" => attachment.device_index.to_string(),
        "instance-id" => attachment.instance.to_string(),
        "instance-owner-id" => view.owner()?.to_string(),
        "status" => "attached".to_owned(),
        _ => return None,
    })
}

/// Values as texts.
pub(in crate::actions) fn texts<'a, T: ToString>(
    values: impl IntoIterator<Item = T>,
) -> Vec<Cow<'a, str>> {
    let values = values.into_iter();
    values.map(|value| value.to_string().into()).collect()
}
