//! VPCs, subnets, peering connections, prefix lists and interfaces.

use std::net::IpAddr;

use ipnet::IpNet;
use secgroup_model::{Family, NetworkInterface, PrefixList, Subnet, SubnetId, Vpc};

use super::{Kind, Writer, quoted};

impl Writer<'_> {
    pub(super) fn networks(&mut self) {
        let inventory = self.inventory;
        for vpc in inventory.vpcs.values() {
            self.one_vpc(vpc);
        }
        for subnet in inventory.subnets.values() {
            self.one_subnet(subnet);
        }
        for peering in inventory.peerings.values() {
            // A template makes connections that are active.
            if peering.status != secgroup_model::PeeringStatus::Active {
                continue;
            }
            if let Some(name) = self.names.logical(Kind::Peering, peering.id.as_str()) {
                let ends = [&peering.requester, &peering.accepter];
                let [own, peer] = ends.map(|id| self.names.reference(Kind::Vpc, id.as_str()));
                self.resource(&name, "VPCPeeringConnection");
                self.property("VpcId", &own);
                self.property("PeerVpcId", &peer);
            }
        }
        for list in inventory.prefix_lists.values() {
            self.one_list(list);
        }
    }

    fn one_vpc(&mut self, vpc: &Vpc) {
        let Some(name) = self.names.logical(Kind::Vpc, vpc.id.as_str()) else {
            return;
        };
        self.resource(&name, "VPC");
        let first = vpc
            .cidrs
            .first()
            .map_or_else(|| "\"\"".to_owned(), ToString::to_string);
        self.property("CidrBlock", &first);
        self.tags(&vpc.tags);
        let more = vpc
            .cidrs
            .iter()
            .skip(1)
            .map(|range| ("CidrBlock", range.to_string()));
        let v6 = vpc
            .ipv6_cidrs
            .iter()
            .map(|range| ("Ipv6CidrBlock", range.to_string()));
        for (key, range) in more.chain(v6) {
            let block = self.names.new_name(&format!("{name}Range"));
            self.resource(&block, "VPCCidrBlock");
            self.property("VpcId", &format!("!Ref {name}"));
            self.property(key, &range);
        }
    }

    fn one_subnet(&mut self, subnet: &Subnet) {
        let Some(name) = self.names.logical(Kind::Subnet, subnet.id.as_str()) else {
            return;
        };
        self.resource(&name, "Subnet");
        let vpc = self.names.reference(Kind::Vpc, subnet.vpc.as_str());
        self.property("VpcId", &vpc);
        if let Some(range) = subnet.cidr {
            self.property("CidrBlock", &range.to_string());
        }
        if let Some(range) = subnet.ipv6_cidr {
            self.property("Ipv6CidrBlock", &range.to_string());
        }
        if let Some(zone) = &subnet.availability_zone {
            self.property("AvailabilityZone", &quoted(zone));
        }
        self.tags(&subnet.tags);
    }

    fn one_list(&mut self, list: &PrefixList) {
        let Some(name) = self.names.logical(Kind::List, list.id.as_str()) else {
            return;
        };
        self.resource(&name, "PrefixList");
        // B30: names of this kind are those of AWS services.
        let called = match list.name.strip_prefix("com.amazonaws") {
            Some(rest) => format!("copy-of{rest}"),
            None => list.name.clone(),
        };
        self.property("PrefixListName", &quoted(&called));
        let family = match list.family {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        };
        self.property("AddressFamily", family);
        let entries = list.entries();
        let room = usize::try_from(list.max_entries).unwrap_or(usize::MAX);
        self.property("MaxEntries", &room.max(entries.len()).max(1).to_string());
        if !entries.is_empty() {
            self.line(3, "Entries:");
        }
        for entry in entries {
            self.line(4, &format!("- Cidr: {}", quoted(&entry.cidr.to_string())));
            if let Some(description) = &entry.description {
                self.line(5, &format!("Description: {}", quoted(description)));
            }
        }
        self.tags(&list.tags);
    }

    pub(super) fn interfaces(&mut self) {
        let inventory = self.inventory;
        for interface in inventory.interfaces.values() {
            if let Some(name) = self.names.logical(Kind::Interface, interface.id.as_str()) {
                let subnet = self.subnet_of(interface);
                self.resource(&name, "NetworkInterface");
                if let Some(subnet) = subnet {
                    self.property("SubnetId", &subnet);
                }
                self.one_interface(interface);
            }
        }
    }

    /// The interface's subnet. One that has a VPC and no subnet gets one of which nothing else is
    /// said: the VPC decides which resolver is never filtered (C17).
    fn subnet_of(&mut self, interface: &NetworkInterface) -> Option<String> {
        if let Some(subnet) = interface.subnet.as_ref().map(SubnetId::as_str) {
            return Some(self.names.reference(Kind::Subnet, subnet));
        }
        let vpc = interface.vpc.as_ref()?;
        if !self.inventory.vpcs.contains_key(vpc) {
            return None;
        }
        let name = self.names.new_name(&format!("SubnetOf{}", interface.id));
        let vpc = self.names.reference(Kind::Vpc, vpc.as_str());
        self.resource(&name, "Subnet");
        self.property("VpcId", &vpc);
        Some(format!("!Ref {name}"))
    }

    fn one_interface(&mut self, interface: &NetworkInterface) {
        if !interface.description.is_empty() {
            self.property("Description", &quoted(&interface.description));
        }
        let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = interface
            .addresses
            .iter()
            .partition(|address| address.is_ipv4());
        let secondary = v4
            .iter()
            .enumerate()
            .map(|(at, address)| (at == 0, address));
        if !v4.is_empty() {
            self.line(3, "PrivateIpAddresses:");
        }
        for (primary, address) in secondary {
            self.line(4, &format!("- PrivateIpAddress: {address}"));
            self.line(5, &format!("Primary: {primary}"));
        }
        self.column("Ipv6Addresses", "Ipv6Address", &v6);
        let (v4, v6): (Vec<IpNet>, Vec<IpNet>) = interface
            .prefixes
            .iter()
            .partition(|prefix| prefix.addr().is_ipv4());
        self.column("Ipv4Prefixes", "Ipv4Prefix", &v4);
        self.column("Ipv6Prefixes", "Ipv6Prefix", &v6);
        if !interface.source_dest_check {
            self.property("SourceDestCheck", "false");
        }
        let tracking = interface.tracking;
        let timeouts = [
            ("TcpEstablishedTimeout", tracking.tcp_established),
            ("UdpStreamTimeout", tracking.udp_stream),
            ("UdpTimeout", tracking.udp),
        ];
        if timeouts.iter().any(|(_, timeout)| timeout.is_some()) {
            self.line(3, "ConnectionTrackingSpecification:");
        }
        for (key, timeout) in timeouts {
            if let Some(timeout) = timeout {
                self.line(4, &format!("{key}: {}", timeout.as_secs()));
            }
        }
        if !interface.groups.is_empty() {
            self.line(3, "GroupSet:");
        }
        for group in &interface.groups {
            let group = self.names.reference(Kind::Group, group.as_str());
            self.line(4, &format!("- {group}"));
        }
        self.tags(&interface.tags);
    }

    fn column(&mut self, key: &str, field: &str, values: &[impl ToString]) {
        if !values.is_empty() {
            self.line(3, &format!("{key}:"));
        }
        for value in values {
            self.line(4, &format!("- {field}: {}", quoted(&value.to_string())));
        }
    }
}
