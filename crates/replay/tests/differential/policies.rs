//! Random policies over a small world: few addresses, few ports, few groups, so that everything meets.

use ipnet::IpNet;
use proptest::prelude::*;
use secgroup_model::{
    AccountId, ConnectionTracking, Direction, Family, GroupId, GroupReference, IcmpMatch,
    Inventory, MacAddress, NetworkInterface, NetworkInterfaceId, Peer, PortRange, PrefixList,
    PrefixListEntry, PrefixListId, Protocol, Rule, RuleId, RuleSpec, SecurityGroup, Subnet,
    SubnetId, Tags, Traffic, Vpc, VpcId,
};
use secgroup_testkit::frame;

/// The groups that rules may name; the last one is never defined.
const GROUPS: [&str; 5] = ["sg-a", "sg-b", "sg-c", "sg-d", "sg-missing"];

/// Interfaces: id, addresses, delegated prefixes, whether it lies in the VPC and subnet.
const INTERFACES: [(&str, &[&str], &[&str], bool); 3] = [
    (
        "eni-a",
        &["10.0.1.10", "10.0.1.11", "2001:db8:a::10"],
        &[],
        true,
    ),
    (
        "eni-b",
        &["10.0.2.10", "2001:db8:b::10"],
        &["10.0.2.64/28"],
        false,
    ),
    ("eni-c", &["172.16.0.5"], &["2001:db8:c::/80"], false),
];

/// The link-layer addresses of every frame that the tests build.
const SENDER: MacAddress = MacAddress(frame::SOURCE_MAC);
const RECEIVER: MacAddress = MacAddress(frame::DESTINATION_MAC);

/// Settings that both sides are given.
#[derive(Debug, Clone)]
pub(crate) struct Knobs {
    /// When the test begins, in nanoseconds since the epoch.
    pub(crate) start: u64,
    /// Whether frames come from links of every kind.
    pub(crate) links: bool,
    pub(crate) strict: bool,
    pub(crate) start_grace: u64,
    pub(crate) change_grace: u64,
    pub(crate) icmp_related: bool,
    pub(crate) verify_checksums: bool,
    pub(crate) exemptions: bool,
    pub(crate) capacity: u32,
    pub(crate) allowance: Option<u32>,
    pub(crate) link_local_pps: Option<u32>,
    /// No ranges: every flow.
    pub(crate) always_track: Option<Vec<IpNet>>,
}

/// Now, the first moments of time, and the last ones that can be told.
const STARTS: [u64; 6] = [
    crate::START,
    crate::START,
    0,
    1,
    u64::MAX - 900_000_000_000,
    u64::MAX,
];

pub(crate) fn knobs() -> impl Strategy<Value = Knobs> {
    (
        (
            prop::bool::weighted(0.8),
            prop::sample::select(vec![0, 0, 5, 300]),
        ),
        (
            prop::sample::select(vec![0, 5, 300]),
            prop::bool::weighted(0.8),
        ),
        (prop::bool::weighted(0.2), prop::bool::weighted(0.9)),
        (
            prop::sample::select(vec![1, 2, 3, 5, 1000, 1000]),
            prop::sample::select(STARTS.to_vec()),
            any::<bool>(),
        ),
        prop::option::weighted(0.3, 1..4_u32),
        prop::option::weighted(0.9, 1..3_u32),
        prop::option::weighted(
            0.2,
            prop::sample::subsequence(vec!["203.0.113.0/24", "2001:db8:1::/48"], 0..=2),
        ),
    )
        .prop_map(
            |(
                (strict, start_grace),
                (change_grace, icmp_related),
                bools,
                (capacity, start, links),
                allowance,
                link_local_pps,
                ranges,
            )| {
                let (verify_checksums, exemptions) = bools;
                let parse = |ranges: Vec<&str>| ranges.iter().map(|range| net(range)).collect();
                let always_track = ranges.map(parse);
                Knobs {
                    start,
                    links,
                    strict,
                    start_grace,
                    change_grace,
                    icmp_related,
                    verify_checksums,
                    exemptions,
                    capacity,
                    allowance,
                    link_local_pps,
                    always_track,
                }
            },
        )
}

/// One policy.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Rules of the groups, in the order of `GROUPS`.
    groups: Vec<Vec<RuleSpec>>,
    /// Per interface: whether it exists, its groups, its check, its timeouts.
    interfaces: Vec<(bool, Vec<usize>, bool, Option<u64>)>,
    /// Entries of the prefix lists, one of each family.
    prefixes: [Vec<&'static str>; 2],
    /// The interfaces that send and receive every frame, where MAC addresses are known.
    sender: Option<usize>,
    receiver: Option<usize>,
}

pub(crate) fn policies() -> impl Strategy<Value = Policy> {
    let groups = prop::collection::vec(prop::collection::vec(specs(), 0..7), 4);
    let interface = (
        prop::bool::weighted(0.9),
        prop::sample::subsequence(vec![0_usize, 1, 2, 3], 1..=3).prop_shuffle(),
        prop::bool::weighted(0.7),
        prop::option::weighted(0.3, 60..200_u64),
    );
    let prefixes = prop::sample::subsequence(
        vec![
            "203.0.113.7/32",
            "10.0.0.0/8",
            "0.0.0.0/0",
            "198.51.100.0/24",
        ],
        0..=4,
    );
    let prefixes_v6 =
        prop::sample::subsequence(vec!["2001:db8::/32", "2001:db8:1::7/128", "::/0"], 0..=3);
    let prefixes = (prefixes, prefixes_v6).prop_map(<[_; 2]>::from);
    let by_mac = || prop::option::weighted(0.1, 0..INTERFACES.len());
    let macs = (by_mac(), by_mac());
    let interfaces = prop::collection::vec(interface, INTERFACES.len());
    (groups, interfaces, prefixes, macs).prop_map(
        |(groups, interfaces, prefixes, (sender, receiver))| Policy {
            groups,
            interfaces,
            prefixes,
            sender,
            receiver,
        },
    )
}

fn specs() -> impl Strategy<Value = RuleSpec> {
    let direction = prop::sample::select(vec![Direction::Ingress, Direction::Egress]);
    (direction, traffics(), peers()).prop_map(|(direction, traffic, peer)| RuleSpec {
        direction,
        traffic,
        peer,
    })
}

fn traffics() -> impl Strategy<Value = Traffic> {
    let ports = || {
        prop::sample::select(vec![
            (22, 22),
            (80, 80),
            (0, 65535),
            (0, 65535),
            (53, 80),
            (1024, 65535),
        ])
        .prop_map(|(from, to)| PortRange::new(from, to).unwrap())
    };
    let icmp = |kind| {
        prop::sample::select(vec![
            IcmpMatch::All,
            IcmpMatch::Type(kind),
            IcmpMatch::TypeAndCode(kind, 0),
            IcmpMatch::Type(3),
            IcmpMatch::Type(0),
        ])
    };
    prop_oneof![
        8 => Just(Traffic::All),
        6 => ports().prop_map(Traffic::Tcp),
        4 => ports().prop_map(Traffic::Udp),
        2 => icmp(8).prop_map(Traffic::Icmp),
        2 => icmp(128).prop_map(Traffic::Icmpv6),
        1 => prop::sample::select(vec![47, 132]).prop_map(|n| Traffic::Other(Protocol(n))),
    ]
}

fn peers() -> impl Strategy<Value = Peer> {
    prop_oneof![
        14 => prop::sample::select(vec!["0.0.0.0/0", "0.0.0.0/0", "::/0"]).prop_map(|r| Peer::Cidr(net(r))),
        4 => prop::sample::select(vec![
            "203.0.113.7/32", "203.0.113.0/24", "10.0.0.0/8", "10.0.1.10/32", "0.0.0.0/1",
            "2001:db8::/32", "2001:db8:1::7/128", "172.16.0.0/12",
        ]).prop_map(|range| Peer::Cidr(net(range))),
        3 => prop::sample::select(GROUPS.to_vec())
            .prop_map(|id| Peer::Group(GroupReference::local(GroupId::new(id)))),
        2 => prop::sample::select(vec!["pl-1", "pl-2", "pl-missing"])
            .prop_map(|id| Peer::PrefixList(PrefixListId::new(id))),
    ]
}

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

impl Policy {
    /// The same without the rules whose bit is set, counted over all groups.
    pub(crate) fn without(&self, removed: u64) -> Self {
        let mut policy = self.clone();
        let mut bit = 0;
        for rules in &mut policy.groups {
            rules.retain(|_| {
                bit += 1;
                removed >> (bit % 64) & 1 == 0
            });
        }
        policy
    }

    /// As both sides are given it. A rule's id says what it allows, so that it is the same in every policy.
    pub(crate) fn inventory(&self) -> Inventory {
        let mut inventory = Inventory::default();
        let owner = AccountId::new("123456789012");
        let vpc = VpcId::new("vpc-1");
        inventory.vpcs.insert(vpc.clone(), self.vpc(&vpc, &owner));
        inventory
            .subnets
            .insert(SubnetId::new("subnet-1"), self.subnet(&vpc));
        let families = [("pl-1", Family::V4), ("pl-2", Family::V6)];
        for ((id, family), ranges) in families.into_iter().zip(&self.prefixes) {
            let list = prefix_list(id, family, ranges, &owner);
            inventory.prefix_lists.insert(list.id.clone(), list);
        }
        for (id, specs) in GROUPS.iter().zip(&self.groups) {
            let id = GroupId::new(id);
            let mut group =
                SecurityGroup::new(id.clone(), id.as_str(), owner.clone(), Some(vpc.clone()));
            for spec in specs {
                if !group.rules.iter().any(|rule| rule.spec == *spec) {
                    let name = RuleId::new(&format!("{id} {} {spec}", spec.direction));
                    group.rules.push(Rule::new(name, spec.clone()));
                }
            }
            inventory.groups.insert(id, group);
        }
        for (index, (state, place)) in self.interfaces.iter().zip(INTERFACES).enumerate() {
            if state.0 {
                let mut interface = interface(state, place, &vpc);
                interface.mac = if self.sender == Some(index) {
                    Some(SENDER)
                } else {
                    (self.receiver == Some(index)).then_some(RECEIVER)
                };
                inventory.interfaces.insert(interface.id.clone(), interface);
            }
        }
        inventory
    }

    fn vpc(&self, id: &VpcId, owner: &AccountId) -> Vpc {
        Vpc {
            id: id.clone(),
            owner: owner.clone(),
            cidrs: vec!["10.0.0.0/16".parse().unwrap()],
            ipv6_cidrs: Vec::new(),
            is_default: false,
            tags: Tags::new(),
            origin: None,
        }
    }

    fn subnet(&self, vpc: &VpcId) -> Subnet {
        Subnet {
            id: SubnetId::new("subnet-1"),
            vpc: vpc.clone(),
            cidr: Some("10.0.1.0/24".parse().unwrap()),
            ipv6_cidr: None,
            availability_zone: None,
            tags: Tags::new(),
            origin: None,
        }
    }
}

fn prefix_list(id: &str, family: Family, ranges: &[&str], owner: &AccountId) -> PrefixList {
    let entry = |range: &&str| PrefixListEntry {
        cidr: net(range),
        description: None,
    };
    PrefixList {
        id: PrefixListId::new(id),
        name: "list".to_owned(),
        owner: owner.clone(),
        family,
        max_entries: 10,
        version: 1,
        versions: [(1, ranges.iter().map(entry).collect())].into(),
        tags: Tags::new(),
        origin: None,
    }
}

fn interface(
    (_, groups, check, timeout): &(bool, Vec<usize>, bool, Option<u64>),
    (id, addresses, prefixes, placed): (&str, &[&str], &[&str], bool),
    vpc: &VpcId,
) -> NetworkInterface {
    let seconds = std::time::Duration::from_secs;
    let groups = groups
        .iter()
        .map(|index| GroupId::new(GROUPS[*index]))
        .collect();
    let addresses = addresses
        .iter()
        .map(|address| address.parse().unwrap())
        .collect();
    NetworkInterface {
        vpc: placed.then(|| vpc.clone()),
        subnet: placed.then(|| SubnetId::new("subnet-1")),
        prefixes: prefixes.iter().map(|range| net(range)).collect(),
        source_dest_check: *check,
        tracking: ConnectionTracking {
            tcp_established: timeout.map(|timeout| seconds(timeout * 2)),
            udp_stream: timeout.map(|timeout| seconds(timeout.min(180))),
            udp: timeout.map(|timeout| seconds(timeout.min(60))),
        },
        ..NetworkInterface::new(NetworkInterfaceId::new(id), groups, addresses)
    }
}
