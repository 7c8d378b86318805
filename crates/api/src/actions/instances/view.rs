//! What is said of an instance, and what it is filtered by.

use std::borrow::Cow;
use std::collections::BTreeMap;

use secgroup_ec2::places::zone_id;
use secgroup_ec2::{Instance, InstanceState, Site, State};
use secgroup_model::{InstanceId, NetworkInterface, Subnet, Tags};

use super::{code, name, write_state};
use crate::actions::interfaces::view::{self as interface, texts, write_attachment, write_groups};
use crate::xml::timestamp;
use crate::{Filterable, Xml};

/// What `DescribeInstances` can be filtered by, beside `network-interface.` and what interfaces are filtered by.
const FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "dns-name",
    "image-id",
    "instance-id",
    "instance-lifecycle",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "instance.group-id",
    "instance.group-name",
    "ip-address",
    "ipv6-address",
    "key-name",
    "launch-index",
    "launch-time",
    "monitoring-state",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "reservation-id",
    "source-dest-check",
    "state-reason-code",
    "subnet-id",
    "tag",
    "tenancy",
    "vpc-id",
];
/// What filters of interfaces begin with.
const INTERFACE: &str = "network-interface.";
/// Why an instance is stopped or terminated: somebody wanted it.
const REASON: &str = "Client.UserInitiatedShutdown";

/// Every filter.
pub(super) fn filters() -> Vec<String> {
    let own = FILTERS.iter().map(|filter| (*filter).to_owned());
    let interfaces = interface::FILTERS
        .iter()
        .chain(interface::INSTANCE_FILTERS)
        .filter(|filter| **filter != "tag")
        .map(|filter| format!("{INTERFACE}{filter}"));
    own.chain(interfaces).collect()
}

/// The interfaces of every instance, the primary one first: found once for a whole list.
pub(super) struct Attached<'a>(BTreeMap<&'a InstanceId, Vec<&'a NetworkInterface>>);

impl<'a> Attached<'a> {
    pub(super) fn of(state: &'a State) -> Self {
        let mut attachments: Vec<_> = state.attachments.iter().collect();
        attachments.sort_unstable_by_key(|(_, attachment)| attachment.device_index);
        let mut interfaces: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (id, attachment) in attachments {
            let known = state.inventory.interfaces.get(id);
            interfaces
                .entry(&attachment.instance)
                .or_default()
                .extend(known);
        }
        Self(interfaces)
    }
}

/// An instance and what is around it.
pub(super) struct View<'a> {
    state: &'a State,
    site: &'a Site,
    pub(super) instance: &'a Instance,
    interfaces: Vec<interface::View<'a>>,
}

impl<'a> View<'a> {
    pub(super) fn new(
        state: &'a State,
        site: &'a Site,
        attached: &Attached<'a>,
        instance: &'a Instance,
    ) -> Self {
        let interfaces = attached.0.get(&instance.id).into_iter().flatten();
        let interfaces = interfaces.map(|known| interface::View::new(state, site, known));
        Self {
            state,
            site,
            instance,
            interfaces: interfaces.collect(),
        }
    }

    /// The primary interface; none of a terminated instance.
    pub(super) fn primary(&self) -> Option<interface::View<'a>> {
        self.interfaces.first().copied()
    }

    fn subnet(&self) -> Option<&'a Subnet> {
        self.state
            .inventory
            .subnets
            .get(self.instance.subnet.as_ref()?)
    }

    pub(super) fn zone(&self) -> Option<&'a str> {
        self.subnet()?.availability_zone.as_deref()
    }

    pub(super) fn zone_id(&self) -> Option<String> {
        zone_id(self.site, self.zone()?)
    }

    fn reason(&self) -> Option<&'static str> {
        (self.instance.state != InstanceState::Running).then_some(REASON)
    }

    /// What lists are in the order of: instances of one launch are together.
    pub(super) fn key(&self) -> String {
        let Instance {
            id,
            reservation,
            launch_index,
            ..
        } = self.instance;
        format!("{reservation}/{launch_index:010}/{id}")
    }

    pub(super) fn write(&self, xml: &mut Xml) {
        let instance = self.instance;
        xml.text("instanceId", &instance.id);
        xml.text("imageId", &instance.image);
        write_state(xml, "instanceState", instance.state);
        let primary = self.primary();
        let name = primary.and_then(interface::View::private_dns_name);
        xml.text("privateDnsName", name.unwrap_or_default());
        xml.text("dnsName", "");
        self.write_reason(xml);
        xml.optional("keyName", instance.key_name.as_ref());
        xml.text("amiLaunchIndex", instance.launch_index);
        xml.list("productCodes", [(); 0], |_, ()| {});
        xml.text("instanceType", &instance.instance_type);
        xml.text("launchTime", timestamp(instance.launched));
        xml.element("placement", |xml| {
            xml.optional("availabilityZone", self.zone());
            xml.optional("availabilityZoneId", self.zone_id());
            xml.text("groupName", "");
            xml.text("tenancy", "default");
        });
        xml.element("monitoring", |xml| xml.text("state", "disabled"));
        xml.list("blockDeviceMapping", [(); 0], |_, ()| {});
        xml.optional("subnetId", instance.subnet.as_ref());
        xml.optional("vpcId", self.subnet().map(|subnet| &subnet.vpc));
        xml.optional(
            "privateIpAddress",
            primary.and_then(interface::View::primary),
        );
        xml.optional("ipv6Address", primary.and_then(interface::View::first_v6));
        let check = primary.map(|primary| primary.interface.source_dest_check);
        xml.optional("sourceDestCheck", check);
        self.write_groups(xml);
        xml.list("networkInterfaceSet", &self.interfaces, |xml, interface| {
            interface.write_shared(xml);
            if let Some(attachment) = interface.attachment() {
                xml.element("attachment", |xml| write_attachment(xml, attachment));
            }
        });
        xml.tags(&instance.tags);
    }

    /// The groups of the primary interface (B13).
    pub(super) fn write_groups(&self, xml: &mut Xml) {
        let groups = self
            .primary()
            .map(|primary| primary.interface.groups.as_slice());
        write_groups(xml, self.state, groups.unwrap_or_default());
    }

    fn write_reason(&self, xml: &mut Xml) {
        let Some(code) = self.reason() else {
            xml.text("reason", "");
            return;
        };
        let at = self.instance.changed.strftime("%Y-%m-%d %H:%M:%S GMT");
        xml.text("reason", format!("User initiated ({at})"));
        xml.element("stateReason", |xml| {
            xml.text("code", code);
            xml.text("message", format!("{code}: User initiated shutdown"));
        });
    }
}

/// The members of a reservation with these of its instances.
pub(super) fn write_reservation(xml: &mut Xml, views: &[View<'_>]) {
    if let Some(first) = views.first() {
        xml.text("reservationId", &first.instance.reservation);
        xml.text("ownerId", &first.instance.owner);
    }
    // Groups belong to instances only in EC2-Classic.
    xml.list("groupSet", [(); 0], |_, ()| {});
    xml.list("instancesSet", views, |xml, view| view.write(xml));
}

impl Filterable for View<'_> {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        if let Some(filter) = filter.strip_prefix(INTERFACE) {
            let interfaces = self.interfaces.iter();
            return interfaces.flat_map(|it| it.values(filter)).collect();
        }
        let (instance, primary) = (self.instance, self.primary());
        let of_primary = |filter| texts(primary.iter().flat_map(|it| it.values(filter)));
        match filter {
            "availability-zone" => texts(self.zone()),
            "availability-zone-id" => texts(self.zone_id()),
            "image-id" => texts([&instance.image]),
            "instance-id" => texts([&instance.id]),
            "instance-state-code" => texts([code(instance.state)]),
            "instance-state-name" => vec![name(instance.state).into()],
            "instance-type" => texts([&instance.instance_type]),
            "instance.group-id" => of_primary("group-id"),
            "instance.group-name" => of_primary("group-name"),
            "ipv6-address" => of_primary("ipv6-addresses.ipv6-address"),
            "key-name" => texts(&instance.key_name),
            "launch-index" => texts([instance.launch_index]),
            "launch-time" => vec![timestamp(instance.launched).into()],
            "monitoring-state" => vec!["disabled".into()],
            "owner-id" => texts([&instance.owner]),
            "private-dns-name" => of_primary("private-dns-name"),
            "private-ip-address" => texts(primary.and_then(interface::View::primary)),
            "reservation-id" => texts([&instance.reservation]),
            "source-dest-check" => of_primary("source-dest-check"),
            "state-reason-code" => texts(self.reason()),
            "subnet-id" => texts(&instance.subnet),
            "tenancy" => vec!["default".into()],
            "vpc-id" => texts(self.subnet().map(|subnet| &subnet.vpc)),
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.instance.tags)
    }
}
