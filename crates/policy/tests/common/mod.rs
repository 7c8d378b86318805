//! A matcher that is obviously right, and inputs that are likely to find one that is not.
//!
//! The matcher is written from `semantics.md`, whose numbers stand at each line, and shares nothing
//! with the compiled form but the types of the rules.

#![allow(
    dead_code,
    reason = "each test binary uses its own part of this module"
)]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use secgroup_packet::{Direction, Family, PortRange, Protocol};
use secgroup_policy::{
    Directory, GroupNumber, IcmpMatch, Peer, Query, Rule, RuleNumber, Selector, Traffic,
};

/// Who is in which group: one line per joined (network, group) pair.
pub(crate) type Memberships = Vec<(IpNet, GroupNumber)>;

/// The rule that allows the packet, by walking the list (C3: the union; the first is the answer).
pub(crate) fn first_match(
    rules: &[Rule],
    members: &Memberships,
    query: &Query,
) -> Option<RuleNumber> {
    rules
        .iter()
        .find(|rule| {
            // C1: the rules of the packet's direction.
            rule.direction == query.direction
                // C5: protocol, port or ICMP fields, peer.
                && traffic_matches(rule.traffic, query)
                && peer_matches(&rule.peer, members, query.peer)
        })
        .map(|rule| rule.number)
}

fn traffic_matches(traffic: Traffic, query: &Query) -> bool {
    let protocol = query.protocol.0;
    let v4 = query.peer.is_ipv4();
    match traffic {
        // A11: every protocol, bounded only by the peer's family.
        Traffic::All => true,
        // A12: destination port, inclusive range.
        Traffic::Tcp(ports) => protocol == 6 && in_ports(ports, query.selector),
        Traffic::Udp(ports) => protocol == 17 && in_ports(ports, query.selector),
        // A19: `icmp` is protocol 1 in IPv4, `icmpv6` is protocol 58 in IPv6, and nothing else.
        Traffic::Icmp(icmp) => protocol == 1 && v4 && in_icmp(icmp, query.selector),
        Traffic::Icmpv6(icmp) => protocol == 58 && !v4 && in_icmp(icmp, query.selector),
        // A5: 1 and 58 by number are `icmp` and `icmpv6`, so A19 holds for them too.
        Traffic::Other(Protocol(1)) => protocol == 1 && v4,
        Traffic::Other(Protocol(58)) => protocol == 58 && !v4,
        // A9: ports are ignored.
        Traffic::Other(Protocol(number)) => protocol == number,
    }
}

fn in_ports(ports: PortRange, selector: Selector) -> bool {
    match selector {
        Selector::Port(port) => ports.from() <= port && port <= ports.to(),
        Selector::Icmp { .. } | Selector::None => false,
    }
}

fn in_icmp(icmp: IcmpMatch, selector: Selector) -> bool {
    // A15: no type, then no code either: every message.
    let Some(wanted) = icmp.kind else { return true };
    match selector {
        Selector::Icmp { kind, code } => kind == wanted && icmp.code.is_none_or(|c| c == code),
        Selector::Port(_) | Selector::None => false,
    }
}

fn peer_matches(peer: &Peer, members: &Memberships, address: IpAddr) -> bool {
    match peer {
        Peer::Cidr(net) => holds(net, address),
        // A26: any entry.
        Peer::Prefixes(nets) => nets.iter().any(|net| holds(net, address)),
        // C6, C7: an address or a delegated prefix of a member.
        Peer::Group(group) => members
            .iter()
            .any(|(net, g)| g == group && holds(net, address)),
    }
}

/// The first bits are the same (A22). C14: families never mix.
pub(crate) fn holds(net: &IpNet, address: IpAddr) -> bool {
    let length = u32::from(net.prefix_len());
    match (net.addr(), address) {
        (IpAddr::V4(net), IpAddr::V4(ip)) => {
            length == 0 || net.to_bits() >> (32 - length) == ip.to_bits() >> (32 - length)
        }
        (IpAddr::V6(net), IpAddr::V6(ip)) => {
            length == 0 || net.to_bits() >> (128 - length) == ip.to_bits() >> (128 - length)
        }
        _ => false,
    }
}

/// Port ranges that some rule opens to the whole family (D8 b, D10, D11).
pub(crate) fn open_ranges(
    rules: &[Rule],
    direction: Direction,
    family: Family,
    protocol: Protocol,
) -> Vec<(u16, u16)> {
    let whole_family = match family {
        Family::V4 => "0.0.0.0/0",
        Family::V6 => "::/0",
    };
    rules
        .iter()
        .filter(|rule| rule.direction == direction)
        .filter(
            |rule| matches!(&rule.peer, Peer::Cidr(net) if net.trunc().to_string() == whole_family),
        )
        .filter_map(|rule| match (rule.traffic, protocol.0) {
            (Traffic::All, 6 | 17) => Some((0, 65535)),
            (Traffic::Tcp(ports), 6) | (Traffic::Udp(ports), 17) => {
                Some((ports.from(), ports.to()))
            }
            (Traffic::Other(Protocol(p @ (6 | 17))), q) if p == q => Some((0, 65535)),
            _ => None,
        })
        .collect()
}

/// A directory with these memberships.
pub(crate) fn directory_of(members: &Memberships) -> Directory {
    let directory = Directory::new();
    for &(net, group) in members {
        directory.join(net, &[group]);
    }
    directory
}

/// Rules, memberships and queries that meet often.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) rules: Vec<Rule>,
    pub(crate) members: Memberships,
    pub(crate) queries: Vec<Query>,
}

/// A list of up to `rules_max` rules and `queries` queries near their edges.
pub(crate) fn cases(rules_max: usize, queries: usize) -> impl Strategy<Value = Case> {
    let policy = (vec(rule(), 0..=rules_max), vec((net(), group()), 0..24));
    policy.prop_flat_map(move |(mut rules, members)| {
        // Numbers that say nothing about the order, all different.
        for (rule, place) in rules.iter_mut().zip(0_u32..) {
            rule.number = RuleNumber::new(place.wrapping_mul(0x9E37_79B1));
        }
        let near = Arc::new((rules, members));
        vec(query(Arc::clone(&near)), queries).prop_map(move |queries| {
            let (rules, members) = (*near).clone();
            Case {
                rules,
                members,
                queries,
            }
        })
    })
}

/// Blocks of rules, each with one peer and up to hundreds of ports, around few addresses and in any
/// order: too many cells to write each row out, so that there are chains of rows, of several links.
pub(crate) fn crowded_cases(queries: usize) -> impl Strategy<Value = Case> {
    let count = prop_oneof![1..20_usize, 20..200_usize, 200..700_usize];
    let peer = prop_oneof![
        2 => nested_net().prop_map(Peer::Cidr),
        1 => net().prop_map(Peer::Cidr),
        1 => vec(prop_oneof![net(), nested_net()], 1..20)
            .prop_map(|nets| Peer::Prefixes(nets.into())),
    ];
    let blocks = vec((peer, count, any::<u16>(), weighted(0.7)), 1..8);
    let few = vec((traffic(), nested_net()), 0..50);
    (blocks, few, any::<bool>(), any::<u64>()).prop_flat_map(move |(blocks, few, mixed, seed)| {
        let few = few
            .into_iter()
            .map(|(traffic, net)| (traffic, Peer::Cidr(net)));
        let blocks = blocks
            .into_iter()
            .flat_map(|(peer, count, seed, tcp)| spread(peer, count, seed, tcp));
        let mut rules: Vec<Rule> = (0..)
            .map(RuleNumber::new)
            .zip(blocks.chain(few))
            .map(|(number, (traffic, peer))| Rule {
                number,
                direction: Direction::Ingress,
                traffic,
                peer,
            })
            .collect();
        if mixed {
            rules.sort_by_key(|rule| {
                (u64::from(rule.number.get()) ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            });
        }
        let near = Arc::new((rules, Memberships::new()));
        vec(query(Arc::clone(&near)), queries).prop_map(move |queries| {
            let (rules, members) = (*near).clone();
            Case {
                rules,
                members,
                queries,
            }
        })
    })
}

/// A range around one address.
fn nested_net() -> impl Strategy<Value = IpNet> {
    (0..=32_u8).prop_filter_map("a prefix length", |length| {
        IpNet::new(Ipv4Addr::new(10, 0, 0, 1).into(), length).ok()
    })
}

/// `count` rules of one peer, each for a port or a few, all over the port space.
fn spread(peer: Peer, count: usize, seed: u16, tcp: bool) -> impl Iterator<Item = (Traffic, Peer)> {
    (0_u16..).take(count).map(move |place| {
        let from = seed.wrapping_add(place.wrapping_mul(40_503));
        let ports = PortRange::new(from, from.saturating_add(seed % 7)).unwrap();
        (
            if tcp {
                Traffic::Tcp(ports)
            } else {
                Traffic::Udp(ports)
            },
            peer.clone(),
        )
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    (select(Direction::BOTH.to_vec()), traffic(), peer()).prop_map(|(direction, traffic, peer)| {
        Rule {
            number: RuleNumber::new(0),
            direction,
            traffic,
            peer,
        }
    })
}

fn traffic() -> impl Strategy<Value = Traffic> {
    prop_oneof![
        1 => Just(Traffic::All),
        6 => ports().prop_map(Traffic::Tcp),
        4 => ports().prop_map(Traffic::Udp),
        2 => icmp().prop_map(Traffic::Icmp),
        2 => icmp().prop_map(Traffic::Icmpv6),
        2 => protocol().prop_map(Traffic::Other),
    ]
}

/// Few distinct ports, so that ranges touch, repeat, overlap and nest.
fn port() -> impl Strategy<Value = u16> {
    prop_oneof![
        6 => select(vec![0, 1, 22, 79, 80, 81, 443, 1023, 1024, 32768, 65534, 65535_u16]),
        3 => 0..64_u16,
        1 => any::<u16>(),
    ]
}

fn ports() -> impl Strategy<Value = PortRange> {
    prop_oneof![
        1 => Just(PortRange::ALL),
        3 => port().prop_map(PortRange::single),
        5 => (port(), port()).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap()),
    ]
}

fn icmp_field() -> impl Strategy<Value = u8> {
    prop_oneof![select(vec![0, 1, 3, 4, 8, 128, 254, 255_u8]), any::<u8>()]
}

fn icmp() -> impl Strategy<Value = IcmpMatch> {
    (
        prop::option::weighted(0.8, icmp_field()),
        prop::option::of(icmp_field()),
    )
        .prop_map(|(kind, code)| IcmpMatch { kind, code })
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![
        4 => select(vec![1, 6, 17, 58_u8]),
        2 => select(vec![0, 47, 50, 132, 255_u8]),
        1 => any::<u8>(),
    ]
    .prop_map(Protocol)
}

pub(crate) fn group() -> impl Strategy<Value = GroupNumber> {
    (0..6_u32).prop_map(GroupNumber)
}

fn peer() -> impl Strategy<Value = Peer> {
    prop_oneof![
        7 => net().prop_map(Peer::Cidr),
        2 => vec(net(), 0..12).prop_map(|nets| Peer::Prefixes(nets.into())),
        2 => group().prop_map(Peer::Group),
    ]
}

/// Few distinct addresses, cut off at any length, host bits left in: nested, equal and neighbouring
/// ranges.
pub(crate) fn net() -> impl Strategy<Value = IpNet> {
    let length4 = prop_oneof![3 => select(vec![0, 1, 8, 16, 24, 31, 32_u8]), 2 => 0..=32_u8];
    let length6 = prop_oneof![
        3 => select(vec![0, 1, 32, 56, 63, 64, 65, 80, 127, 128_u8]),
        2 => 0..=128_u8,
    ];
    prop_oneof![
        3 => (address4(), length4).prop_map(|(ip, len)| IpNet::new(ip.into(), len).unwrap()),
        2 => (address6(), length6).prop_map(|(ip, len)| IpNet::new(ip.into(), len).unwrap()),
    ]
}

fn address4() -> impl Strategy<Value = Ipv4Addr> {
    let tail = prop_oneof![
        0..8_u32,
        0..0x400_u32,
        select(vec![0xff, 0x100, 0xffff, 0x1_0000])
    ];
    let head = select(vec![
        0,
        0x0a00_0000,
        0x0a01_0000,
        0x7fff_fff0,
        0x8000_0000,
        0xffff_0000,
    ]);
    prop_oneof![
        8 => (head, tail)
            .prop_map(|(head, tail): (u32, u32)| Ipv4Addr::from(head.wrapping_add(tail))),
        1 => select(vec![Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST]),
        1 => any::<Ipv4Addr>(),
    ]
}

fn address6() -> impl Strategy<Value = Ipv6Addr> {
    let head = select(vec![
        0_u128,
        0x2001_0db8 << 96,
        (0x2001_0db8 << 96) | (1 << 64),
        u128::MAX - 0xffff,
    ]);
    prop_oneof![
        8 => (head, 0..8_u128).prop_map(|(head, tail)| Ipv6Addr::from(head + tail)),
        1 => select(vec![Ipv6Addr::UNSPECIFIED, Ipv6Addr::from(u128::MAX)]),
        // IPv4-mapped addresses are plain IPv6: no IPv4 rule may see them.
        1 => address4().prop_map(|ip| ip.to_ipv6_mapped()),
        1 => any::<Ipv6Addr>(),
    ]
}

pub(crate) fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![3 => address4().prop_map(IpAddr::from), 2 => address6().prop_map(IpAddr::from)]
}

/// A query near an edge of some rule, or of none.
fn query(near: Arc<(Vec<Rule>, Memberships)>) -> impl Strategy<Value = Query> {
    let free = (
        select(Direction::BOTH.to_vec()),
        protocol(),
        selector(),
        address(),
    );
    (free, any::<Index>(), any::<Index>(), 0..6_u8, any::<bool>()).prop_map(
        move |((direction, protocol, selector, peer), which, place, nudge, at_rule)| {
            let free = Query {
                direction,
                protocol,
                peer,
                selector,
            };
            let (rules, members) = &*near;
            if !at_rule || rules.is_empty() {
                return free;
            }
            let rule = which.get(rules);
            let peer = peer_near(&rule.peer, members, place, nudge).unwrap_or(peer);
            let (protocol, selector) = selector_near(rule.traffic, nudge, free);
            Query {
                direction: rule.direction,
                protocol,
                peer,
                selector,
            }
        },
    )
}

fn selector() -> impl Strategy<Value = Selector> {
    prop_oneof![
        4 => port().prop_map(Selector::Port),
        2 => (icmp_field(), icmp_field()).prop_map(|(kind, code)| Selector::Icmp { kind, code }),
        1 => Just(Selector::None),
    ]
}

/// The first or last address of a range of the peer, or the one outside of it.
fn peer_near(peer: &Peer, members: &Memberships, place: Index, nudge: u8) -> Option<IpAddr> {
    let nets: Vec<IpNet> = match peer {
        Peer::Cidr(net) => vec![*net],
        Peer::Prefixes(nets) => nets.to_vec(),
        Peer::Group(group) => members
            .iter()
            .filter(|(_, g)| g == group)
            .map(|m| m.0)
            .collect(),
    };
    if nets.is_empty() {
        return None;
    }
    let net = place.get(&nets);
    let (edge, step) = match nudge {
        0 | 1 => (net.network(), 0),
        2 => (net.network(), -1_i8),
        3 | 4 => (net.broadcast(), 0),
        _ => (net.broadcast(), 1),
    };
    Some(match edge {
        IpAddr::V4(ip) => Ipv4Addr::from(ip.to_bits().wrapping_add_signed(step.into())).into(),
        IpAddr::V6(ip) => Ipv6Addr::from(ip.to_bits().wrapping_add_signed(step.into())).into(),
    })
}

/// The first or last port of a rule, or the one outside of it; its ICMP fields; its protocol
/// number.
fn selector_near(traffic: Traffic, nudge: u8, free: Query) -> (Protocol, Selector) {
    let port = |ports: PortRange| {
        Selector::Port(match nudge % 4 {
            0 => ports.from(),
            1 => ports.from().wrapping_sub(1),
            2 => ports.to(),
            _ => ports.to().wrapping_add(1),
        })
    };
    let message = |icmp: IcmpMatch| {
        let kind = icmp.kind.unwrap_or(8);
        let code = icmp.code.unwrap_or(0).wrapping_add(u8::from(nudge == 5));
        Selector::Icmp { kind, code }
    };
    match traffic {
        Traffic::All => (free.protocol, free.selector),
        Traffic::Tcp(ports) => (Protocol::TCP, port(ports)),
        Traffic::Udp(ports) => (Protocol::UDP, port(ports)),
        Traffic::Icmp(icmp) => (Protocol::ICMP, message(icmp)),
        Traffic::Icmpv6(icmp) => (Protocol::ICMPV6, message(icmp)),
        Traffic::Other(protocol) => (protocol, free.selector),
    }
}

/// The memberships of an address, from the list.
pub(crate) fn groups_of(members: &Memberships, address: IpAddr) -> Vec<GroupNumber> {
    let mut groups = BTreeMap::new();
    for (net, group) in members {
        if holds(net, address) {
            groups.insert(*group, ());
        }
    }
    groups.into_keys().collect()
}
