//! Inventories in few words, and what they were lowered to.

use ipnet::IpNet;
use secgroup_control::Lowering;
use secgroup_datapath::{Interface, Snapshot};
use secgroup_model::{
    AccountId, ConnectionTracking, Direction, Family, GroupId, GroupReference, Inventory,
    NetworkInterface, NetworkInterfaceId, Peer, Peering, PeeringId, PeeringStatus, PortRange,
    PrefixList, PrefixListEntry, PrefixListId, Rule, RuleId, RuleSpec, SecurityGroup, Subnet,
    SubnetId, Tags, Traffic, Vpc, VpcId,
};
use secgroup_packet::{InterfaceIndex, Protocol};
use secgroup_policy::{Query, RuleNumber, Selector};

/// An ingress rule for one TCP port. The peer is a range, `sg-…` or `pl-…`.
pub(crate) fn tcp(port: u16, peer: &str) -> RuleSpec {
    let peer = if peer.starts_with("sg-") {
        Peer::Group(GroupReference::local(GroupId::new(peer)))
    } else if peer.starts_with("pl-") {
        Peer::PrefixList(PrefixListId::new(peer))
    } else {
        Peer::Cidr(peer.parse().unwrap())
    };
    RuleSpec {
        direction: Direction::Ingress,
        traffic: Traffic::Tcp(PortRange::single(port)),
        peer,
    }
}

/// An inventory under construction.
#[derive(Debug, Clone, Default)]
pub(crate) struct World(pub(crate) Inventory);

impl World {
    /// Puts a group of `vpc-1` in; its rules are called by their place.
    pub(crate) fn group(self, id: &str, specs: &[RuleSpec]) -> Self {
        self.group_in("vpc-1", id, specs)
    }

    pub(crate) fn group_in(mut self, vpc: &str, id: &str, specs: &[RuleSpec]) -> Self {
        let vpc = Some(VpcId::new(vpc));
        let mut group = SecurityGroup::new(GroupId::new(id), id, AccountId::new("1"), vpc);
        let rules = specs.iter().enumerate();
        group.rules = rules
            .map(|(place, spec)| Rule::new(RuleId::new(&format!("{id}#{place}")), spec.clone()))
            .collect();
        self.0.groups.insert(group.id.clone(), group);
        self
    }

    /// An interface. What has a `/` is a delegated prefix.
    pub(crate) fn interface(mut self, id: &str, groups: &[&str], addresses: &[&str]) -> Self {
        let (prefixes, addresses): (Vec<&str>, Vec<&str>) =
            addresses.iter().partition(|text| text.contains('/'));
        let interface = NetworkInterface {
            id: NetworkInterfaceId::new(id),
            vpc: None,
            subnet: None,
            groups: groups.iter().map(|id| GroupId::new(id)).collect(),
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            prefixes: prefixes.iter().map(|text| text.parse().unwrap()).collect(),
            mac: None,
            source_dest_check: true,
            tracking: ConnectionTracking::default(),
            instance: None,
            description: String::new(),
            tags: Tags::new(),
            origin: None,
        };
        self.0.interfaces.insert(interface.id.clone(), interface);
        self
    }

    pub(crate) fn edit(mut self, id: &str, change: impl FnOnce(&mut NetworkInterface)) -> Self {
        change(self.0.interfaces.get_mut(id).unwrap());
        self
    }

    pub(crate) fn without_interface(mut self, id: &str) -> Self {
        self.0.interfaces.remove(id).unwrap();
        self
    }

    pub(crate) fn list(mut self, id: &str, entries: &[&str]) -> Self {
        let entry = |range: &&str| PrefixListEntry {
            cidr: range.parse::<IpNet>().unwrap(),
            description: None,
        };
        let list = PrefixList {
            id: PrefixListId::new(id),
            name: id.to_owned(),
            owner: AccountId::new("1"),
            family: Family::V4,
            max_entries: 10,
            version: 1,
            versions: [(1, entries.iter().map(entry).collect())].into(),
            tags: Tags::new(),
            origin: None,
        };
        self.0.prefix_lists.insert(list.id.clone(), list);
        self
    }

    pub(crate) fn peering(mut self, other: &str, status: PeeringStatus) -> Self {
        let peering = Peering {
            id: PeeringId::new("pcx-1"),
            requester: VpcId::new("vpc-1"),
            accepter: VpcId::new(other),
            status,
        };
        self.0.peerings.insert(peering.id.clone(), peering);
        self
    }

    pub(crate) fn vpc(mut self, id: &str, cidrs: &[&str]) -> Self {
        let vpc = Vpc {
            id: VpcId::new(id),
            owner: AccountId::new("1"),
            cidrs: cidrs.iter().map(|cidr| cidr.parse().unwrap()).collect(),
            ipv6_cidrs: Vec::new(),
            is_default: false,
            tags: Tags::new(),
            origin: None,
        };
        self.0.vpcs.insert(vpc.id.clone(), vpc);
        self
    }

    pub(crate) fn subnet(mut self, id: &str, vpc: &str, cidr: Option<&str>) -> Self {
        let subnet = Subnet {
            id: SubnetId::new(id),
            vpc: VpcId::new(vpc),
            cidr: cidr.map(|cidr| cidr.parse().unwrap()),
            ipv6_cidr: None,
            availability_zone: None,
            tags: Tags::new(),
            origin: None,
        };
        self.0.subnets.insert(subnet.id.clone(), subnet);
        self
    }
}

/// The number of an interface that was lowered.
pub(crate) fn index(lowering: &Lowering, id: &str) -> InterfaceIndex {
    let id = NetworkInterfaceId::new(id);
    lowering.registry().interface_index(&id).unwrap()
}

/// The interface that was lowered.
pub(crate) fn interface<'a>(
    lowering: &Lowering,
    snapshot: &'a Snapshot,
    id: &str,
) -> &'a Interface {
    snapshot.interface(index(lowering, id)).unwrap()
}

/// The rule by which `peer` may reach a TCP port of the interface.
pub(crate) fn admits(
    lowering: &Lowering,
    snapshot: &Snapshot,
    id: &str,
    peer: &str,
    port: u16,
) -> Option<RuleNumber> {
    let query = Query {
        direction: Direction::Ingress,
        protocol: Protocol::TCP,
        peer: peer.parse().unwrap(),
        selector: Selector::Port(port),
    };
    let rules = &interface(lowering, snapshot, id).rules;
    rules.matches(&query, &snapshot.directory)
}
