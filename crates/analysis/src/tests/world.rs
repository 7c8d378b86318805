//! Inventories in few words.

use ipnet::IpNet;
use secgroup_control::Defaults;
use secgroup_datapath::Settings;
use secgroup_model::{
    AccountId, ConnectionTracking, Direction, Family, GroupId, GroupReference, IcmpMatch,
    Inventory, NetworkInterface, NetworkInterfaceId, Origin, Peer, Peering, PeeringId,
    PeeringStatus, PortRange, PrefixList, PrefixListEntry, PrefixListId, Protocol, Rule, RuleId,
    RuleSpec, SecurityGroup, Subnet, SubnetId, Tags, Traffic, Vpc, VpcId,
};

use crate::{Explained, Explainer, Explanation};

/// A rule in words: `in tcp 22 203.0.113.0/24`, `in icmp 8/0 sg-a`, `out all ::/0`, `in 47 pl-1`.
/// Ports may be `22`, `80-90` or `all`; ICMP `8`, `8/0` or `all`.
pub(super) fn spec(text: &str) -> RuleSpec {
    let words: Vec<_> = text.split(' ').collect();
    let (direction, traffic, peer) = match words.as_slice() {
        [direction, "all", peer] => (direction, Traffic::All, peer),
        [direction, number, peer] => {
            let protocol = Protocol(number.parse().unwrap());
            (direction, Traffic::Other(protocol), peer)
        }
        [direction, "tcp", ports, peer] => (direction, Traffic::Tcp(range(ports)), peer),
        [direction, "udp", ports, peer] => (direction, Traffic::Udp(range(ports)), peer),
        [direction, "icmp", message, peer] => (direction, Traffic::Icmp(icmp(message)), peer),
        [direction, "icmpv6", message, peer] => (direction, Traffic::Icmpv6(icmp(message)), peer),
        _ => panic!("`{text}` is no rule"),
    };
    let direction = match *direction {
        "in" => Direction::Ingress,
        "out" => Direction::Egress,
        other => panic!("`{other}` is no direction"),
    };
    let peer = if peer.starts_with("sg-") {
        Peer::Group(GroupReference::local(GroupId::new(peer)))
    } else if peer.starts_with("pl-") {
        Peer::PrefixList(PrefixListId::new(peer))
    } else {
        Peer::Cidr(net(peer))
    };
    RuleSpec {
        direction,
        traffic,
        peer,
    }
}

fn range(text: &str) -> PortRange {
    if text == "all" {
        return PortRange::ALL;
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    PortRange::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
}

fn icmp(text: &str) -> IcmpMatch {
    match (text, text.split_once('/')) {
        ("all", _) => IcmpMatch::All,
        (_, Some((kind, code))) => {
            IcmpMatch::TypeAndCode(kind.parse().unwrap(), code.parse().unwrap())
        }
        (kind, None) => IcmpMatch::Type(kind.parse().unwrap()),
    }
}

pub(super) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// An inventory under construction: a VPC `vpc-1` (10.0.0.0/16) with a subnet (10.0.1.0/24).
#[derive(Debug, Clone, Default)]
pub(super) struct World(pub(super) Inventory);

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self::default();
        let id = VpcId::new("vpc-1");
        world.0.vpcs.insert(
            id.clone(),
            Vpc {
                id: id.clone(),
                owner: owner(),
                cidrs: vec!["10.0.0.0/16".parse().unwrap()],
                ipv6_cidrs: Vec::new(),
                is_default: false,
                tags: Tags::new(),
                origin: None,
            },
        );
        let subnet = Subnet {
            id: SubnetId::new("subnet-1"),
            vpc: id,
            cidr: Some("10.0.1.0/24".parse().unwrap()),
            ipv6_cidr: None,
            availability_zone: None,
            tags: Tags::new(),
            origin: None,
        };
        world.0.subnets.insert(subnet.id.clone(), subnet);
        world
    }

    /// A group of `vpc-1`, its rules called `sg-…#0`, `sg-…#1` and so on.
    pub(super) fn group(self, id: &str, rules: &[&str]) -> Self {
        let specs: Vec<_> = rules.iter().map(|rule| spec(rule)).collect();
        self.group_in("vpc-1", id, &specs)
    }

    pub(super) fn group_in(mut self, vpc: &str, id: &str, specs: &[RuleSpec]) -> Self {
        let vpc = Some(VpcId::new(vpc));
        let mut group = SecurityGroup::new(GroupId::new(id), id, owner(), vpc);
        for (index, spec) in specs.iter().enumerate() {
            let mut rule = Rule::new(RuleId::new(&format!("{id}#{index}")), spec.clone());
            rule.origin = Some(Origin {
                file: "test.yaml".into(),
                line: u32::try_from(index).unwrap() + 1,
                column: 5,
            });
            group.rules.push(rule);
        }
        self.0.groups.insert(group.id.clone(), group);
        self
    }

    /// An interface of `vpc-1` and its subnet. What has a `/` is a delegated prefix.
    pub(super) fn interface(mut self, id: &str, groups: &[&str], addresses: &[&str]) -> Self {
        let (prefixes, addresses): (Vec<&str>, Vec<&str>) =
            addresses.iter().partition(|text| text.contains('/'));
        let interface = NetworkInterface {
            id: NetworkInterfaceId::new(id),
            vpc: Some(VpcId::new("vpc-1")),
            subnet: Some(SubnetId::new("subnet-1")),
            groups: groups.iter().map(|id| GroupId::new(id)).collect(),
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            prefixes: prefixes.iter().map(|text| net(text)).collect(),
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

    pub(super) fn list(mut self, id: &str, family: Family, entries: &[&str]) -> Self {
        let id = PrefixListId::new(id);
        let entry = |range: &&str| PrefixListEntry {
            cidr: net(range),
            description: None,
        };
        let list = PrefixList {
            id: id.clone(),
            name: "list".to_owned(),
            owner: owner(),
            family,
            max_entries: 10,
            version: 1,
            versions: [(1, entries.iter().map(entry).collect())].into(),
            tags: Tags::new(),
            origin: None,
        };
        self.0.prefix_lists.insert(id, list);
        self
    }

    /// A peering connection between `vpc-1` and another.
    pub(super) fn peering(mut self, other: &str, status: PeeringStatus) -> Self {
        let peering = Peering {
            id: PeeringId::new(&format!("pcx-{other}")),
            requester: VpcId::new("vpc-1"),
            accepter: VpcId::new(other),
            status,
        };
        self.0.peerings.insert(peering.id.clone(), peering);
        self
    }

    pub(super) fn edit(mut self, id: &str, change: impl FnOnce(&mut NetworkInterface)) -> Self {
        change(self.0.interfaces.get_mut(id).unwrap());
        self
    }

    /// The one explanation of `flow` at an interface.
    pub(super) fn explain(&self, interface: &str, flow: &str) -> Explanation {
        self.explain_by(interface, flow, &Defaults::default())
    }

    pub(super) fn explain_by(&self, at: &str, flow: &str, defaults: &Defaults) -> Explanation {
        let flow = flow.parse().unwrap();
        let explainer = Explainer::new(&self.0, &Settings::default(), defaults);
        let explained = explainer.explain(Some(at), None, &flow).unwrap();
        let [one] = <[Explanation; 1]>::try_from(explained.places).unwrap();
        one
    }

    /// What becomes of `flow` wherever it goes.
    pub(super) fn everywhere(&self, flow: &str) -> Explained {
        let flow = flow.parse().unwrap();
        let explainer = Explainer::new(&self.0, &Settings::default(), &Defaults::default());
        explainer.explain(None, None, &flow).unwrap()
    }
}

fn owner() -> AccountId {
    AccountId::new("123456789012")
}
