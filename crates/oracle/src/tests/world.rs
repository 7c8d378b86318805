//! A policy in a few words, and a clock to judge packets by.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use secgroup_model::{
    AccountId, ConnectionTracking, Direction, Family, GroupId, GroupReference, IcmpMatch,
    Inventory, NetworkInterface, NetworkInterfaceId, Peer, PeeringStatus, PortRange, PrefixList,
    PrefixListEntry, PrefixListId, Protocol, Rule, RuleId, RuleSpec, SecurityGroup, Subnet,
    SubnetId, Tags, Traffic, Vpc, VpcId,
};

use super::frames;
use crate::{Judgement, LinkKind, Oracle, Settings};

/// The interface that packets cross where nothing else is said.
pub(super) const ENI: &str = "eni-1";

/// A policy under construction.
#[derive(Debug, Clone, Default)]
pub(super) struct Policy {
    pub(super) inventory: Inventory,
}

impl Policy {
    /// One interface, 10.0.0.5 and 2001:db8::5, with one group that has these rules.
    pub(super) fn of(rules: &[&str]) -> Self {
        Self::default()
            .group("sg-1", rules)
            .interface(ENI, &["10.0.0.5", "2001:db8::5"], &["sg-1"])
    }

    /// With this group.
    pub(super) fn group(mut self, id: &str, rules: &[&str]) -> Self {
        let number = |(number, text): (usize, &&str)| Rule {
            id: RuleId::new(&format!("{id}/{number}")),
            spec: rule(text),
            description: None,
            tags: Tags::new(),
            origin: None,
        };
        let group = SecurityGroup {
            id: GroupId::new(id),
            name: id.to_owned(),
            description: id.to_owned(),
            owner: AccountId::new("111122223333"),
            vpc: Some(VpcId::new("vpc-1")),
            rules: rules.iter().enumerate().map(number).collect(),
            tags: Tags::new(),
            origin: None,
        };
        self.inventory.groups.insert(group.id.clone(), group);
        self
    }

    /// With this group in another VPC.
    pub(super) fn group_in(mut self, id: &str, vpc: &str) -> Self {
        let group = self
            .inventory
            .groups
            .get_mut(id)
            .expect("a group that there is");
        group.vpc = Some(VpcId::new(vpc));
        self
    }

    /// With this interface.
    pub(super) fn interface(mut self, id: &str, addresses: &[&str], groups: &[&str]) -> Self {
        let interface = NetworkInterface {
            id: NetworkInterfaceId::new(id),
            vpc: None,
            subnet: None,
            groups: groups.iter().map(|id| GroupId::new(id)).collect(),
            addresses: addresses
                .iter()
                .filter_map(|text| text.parse().ok())
                .collect(),
            prefixes: addresses
                .iter()
                .filter_map(|text| text.parse().ok())
                .collect(),
            mac: None,
            source_dest_check: true,
            tracking: ConnectionTracking::default(),
            instance: None,
            description: String::new(),
            tags: Tags::new(),
            origin: None,
        };
        self.inventory
            .interfaces
            .insert(interface.id.clone(), interface);
        self
    }

    /// With this changed of an interface.
    pub(super) fn with(mut self, id: &str, change: impl Fn(&mut NetworkInterface)) -> Self {
        change(self.inventory.interfaces.get_mut(id).unwrap());
        self
    }

    /// With the VPC `vpc-1` and its subnet `subnet-1`, in which every interface is.
    pub(super) fn network(mut self, vpc: &str, subnet: &str) -> Self {
        let vpc = Vpc {
            id: VpcId::new("vpc-1"),
            owner: AccountId::new("111122223333"),
            cidrs: vec![vpc.parse().unwrap()],
            ipv6_cidrs: Vec::new(),
            is_default: false,
            tags: Tags::new(),
            origin: None,
        };
        let subnet = Subnet {
            id: SubnetId::new("subnet-1"),
            vpc: vpc.id.clone(),
            cidr: Some(subnet.parse().unwrap()),
            ipv6_cidr: None,
            availability_zone: None,
            tags: Tags::new(),
            origin: None,
        };
        for interface in self.inventory.interfaces.values_mut() {
            interface.vpc = Some(vpc.id.clone());
            interface.subnet = Some(subnet.id.clone());
        }
        self.inventory.vpcs.insert(vpc.id.clone(), vpc);
        self.inventory.subnets.insert(subnet.id.clone(), subnet);
        self
    }

    /// With this prefix list: version 1 empty, version 2, the current one, with these entries.
    pub(super) fn prefix_list(mut self, id: &str, entries: &[&str]) -> Self {
        let entry = |text: &&str| PrefixListEntry {
            cidr: text.parse().unwrap(),
            description: None,
        };
        let list = PrefixList {
            id: PrefixListId::new(id),
            name: id.to_owned(),
            owner: AccountId::new("111122223333"),
            family: Family::V4,
            max_entries: 10,
            version: 2,
            versions: BTreeMap::from([(1, vec![]), (2, entries.iter().map(entry).collect())]),
            tags: Tags::new(),
            origin: None,
        };
        self.inventory.prefix_lists.insert(list.id.clone(), list);
        self
    }
}

/// `in tcp 22 203.0.113.1/32`, `out -1 ::/0`, `in icmp 3/4 sg-1`, `in 47 pl-1`,
/// `in udp 53 sg-1!gone`.
fn rule(text: &str) -> RuleSpec {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (traffic, peer) = match words[1..] {
        ["-1", peer] => (Traffic::All, peer),
        ["tcp", ports, peer] => (Traffic::Tcp(port_range(ports)), peer),
        ["udp", ports, peer] => (Traffic::Udp(port_range(ports)), peer),
        ["icmp", messages, peer] => (Traffic::Icmp(icmp_match(messages)), peer),
        ["icmpv6", messages, peer] => (Traffic::Icmpv6(icmp_match(messages)), peer),
        [number, peer] => (Traffic::Other(Protocol(number.parse().unwrap())), peer),
        _ => panic!("no rule: {text}"),
    };
    let reference = |group: &str, peering| {
        Peer::Group(GroupReference {
            peering,
            ..GroupReference::local(GroupId::new(group))
        })
    };
    let peer = match (peer.split_once('!'), peer.parse::<IpNet>()) {
        (_, Ok(range)) => Peer::Cidr(range),
        (Some((group, "active")), _) => reference(group, Some(PeeringStatus::Active)),
        (Some((group, "pending")), _) => reference(group, Some(PeeringStatus::Pending)),
        (Some((group, "gone")), _) => reference(group, Some(PeeringStatus::Gone)),
        _ if peer.starts_with("pl-") => Peer::PrefixList(PrefixListId::new(peer)),
        _ => reference(peer, None),
    };
    RuleSpec {
        direction: direction(words[0]),
        traffic,
        peer,
    }
}

fn port_range(text: &str) -> PortRange {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    PortRange::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
}

fn icmp_match(text: &str) -> IcmpMatch {
    match (text, text.split_once('/')) {
        ("all", _) => IcmpMatch::All,
        (kind, None) => IcmpMatch::Type(kind.parse().unwrap()),
        (_, Some((kind, code))) => {
            IcmpMatch::TypeAndCode(kind.parse().unwrap(), code.parse().unwrap())
        }
    }
}

/// `in` or `out`.
pub(super) fn direction(text: &str) -> Direction {
    match text {
        "in" => Direction::Ingress,
        "out" => Direction::Egress,
        _ => panic!("no direction: {text}"),
    }
}

/// An oracle and a clock.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) oracle: Oracle,
    /// Nanoseconds since the start.
    pub(super) now: u64,
}

impl World {
    /// A world with this policy and default settings.
    pub(super) fn new(policy: &Policy) -> Self {
        Self::with(policy, Settings::default())
    }

    /// A world with this policy and these settings, one second after its start.
    pub(super) fn with(policy: &Policy, settings: Settings) -> Self {
        Self {
            oracle: Oracle::new(&policy.inventory, settings, 0),
            now: 1_000_000_000,
        }
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, seconds: f64) -> &mut Self {
        self.now += u64::try_from(Duration::from_secs_f64(seconds).as_nanos()).unwrap();
        self
    }

    /// Changes the policy.
    pub(super) fn change(&mut self, policy: &Policy) {
        self.oracle.change(&policy.inventory, self.now);
    }

    /// The judgement on a packet in words (`frames`).
    pub(super) fn judge(&mut self, packet: &str) -> Judgement {
        let (direction, bytes) = frames::packet(packet);
        self.judge_bytes(direction, &bytes)
    }

    /// The reason of the verdict on a packet in words.
    pub(super) fn sees(&mut self, packet: &str) -> &'static str {
        self.judge(packet).outcome.as_str()
    }

    /// The judgement on an IP packet in bytes.
    pub(super) fn judge_bytes(&mut self, direction: Direction, packet: &[u8]) -> Judgement {
        self.judge_snapped(direction, packet, packet.len())
    }

    /// The judgement on an IP packet in bytes, of which the wire had `wire`.
    pub(super) fn judge_snapped(
        &mut self,
        direction: Direction,
        packet: &[u8],
        wire: usize,
    ) -> Judgement {
        let interface = NetworkInterfaceId::new(ENI);
        self.judge_at(&interface, direction, packet, u32::try_from(wire).unwrap())
    }

    /// The judgement on an IP packet in bytes at some interface.
    pub(super) fn judge_at(
        &mut self,
        interface: &NetworkInterfaceId,
        direction: Direction,
        packet: &[u8],
        wire: u32,
    ) -> Judgement {
        self.oracle.judge(
            LinkKind::RawIp,
            packet,
            wire,
            interface,
            direction,
            self.now,
        )
    }

    /// The reason of the verdict on an IP packet in bytes that comes in.
    pub(super) fn sees_bytes(&mut self, direction: &str, packet: &[u8]) -> &'static str {
        self.judge_bytes(self::direction(direction), packet)
            .outcome
            .as_str()
    }

    /// The states of all connections, sorted by interface and key.
    pub(super) fn states(&self) -> Vec<&'static str> {
        self.oracle
            .connections()
            .iter()
            .map(|connection| connection.state)
            .collect()
    }
}

/// An address.
pub(super) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}
