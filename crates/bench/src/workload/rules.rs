//! Rule sets of any size, and what is asked of them.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use fastrand::Rng;
use ipnet::{IpNet, Ipv4Net};
use secgroup_packet::{Direction, PortRange, Protocol};
use secgroup_policy::{
    Directory, GroupNumber, IcmpMatch, Peer, Query, Rule, RuleNumber, Selector, Traffic,
};

use super::flows::{CLIENTS, RULED, SEED, SERVICE, low16, low32};

/// The sizes of rule sets: from a toy to what nobody should have.
pub const SIZES: [usize; 6] = [1, 10, 60, 300, 1_000, 10_000];

/// Ports that rules and packets use.
const PORTS: [u16; 16] = [
    22, 25, 53, 80, 123, 389, 636, 1433, 3306, 3389, 5432, 6379, 8080, 8443, 9090, 27017,
];

/// How many /16 networks the ranges of rules lie in, all of those of [`RULED`]: few, so that they overlap.
const BASES: u64 = 1 << (16 - RULED.1);

/// `count` different ingress rules of the kinds that people write: hosts and networks nested in each
/// other, single ports, some port ranges, some UDP, some ICMP. The last one admits [`CLIENTS`] to
/// [`SERVICE`].
#[must_use]
pub fn rules(count: usize) -> Vec<Rule> {
    let mut rng = Rng::with_seed((0x4013 + count as u64) ^ SEED);
    // No group has a rule twice (semantics A35).
    let mut known = HashSet::with_capacity(count);
    let mut rules = Vec::with_capacity(count);
    while rules.len() + 1 < count {
        let (traffic, network) = (traffic(&mut rng), network(&mut rng));
        if known.insert((traffic, network)) {
            rules.push(rule(rules.len(), traffic, Peer::Cidr(network)));
        }
    }
    let clients = Ipv4Net::new(CLIENTS.0, CLIENTS.1).expect("a prefix of IPv4");
    let service = Traffic::Tcp(PortRange::single(SERVICE));
    rules.push(rule(rules.len(), service, Peer::Cidr(clients.into())));
    rules
}

/// Ten rules, each with a prefix list of `count / 10` entries.
#[must_use]
pub fn prefix_list_rules(count: usize) -> Vec<Rule> {
    let mut rng = Rng::with_seed((0x9f1 + count as u64) ^ SEED);
    (0..10)
        .map(|number| {
            let entries: Arc<[IpNet]> = (0..count / 10).map(|_| wide_network(&mut rng)).collect();
            rule(number, traffic(&mut rng), Peer::Prefixes(entries))
        })
        .collect()
}

/// How many groups rules refer to.
pub const GROUPS: u32 = 20;

/// How many members each of them has.
pub const MEMBERS: u32 = 2_000;

/// `count` rules with groups as their peers, and a directory of the groups' members.
#[must_use]
pub fn group_rules(count: usize) -> (Vec<Rule>, Directory) {
    let mut rng = Rng::with_seed(0x9409 ^ SEED);
    let rules = (0..count)
        .map(|number| {
            let group = GroupNumber(low32(rng.u64(0..u64::from(GROUPS))));
            rule(number, traffic(&mut rng), Peer::Group(group))
        })
        .collect();
    let directory = Directory::new();
    for member in 0..GROUPS * MEMBERS {
        let group = GroupNumber(member / MEMBERS);
        directory.join(member_address(member).into(), &[group]);
    }
    (rules, directory)
}

/// The address of a member of some group.
#[must_use]
pub fn member_address(member: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(
        u32::from_be_bytes([10, 128, 0, 0]) + member,
    ))
}

fn rule(number: usize, traffic: Traffic, peer: Peer) -> Rule {
    Rule {
        number: RuleNumber::new(low32(number as u64)),
        direction: Direction::Ingress,
        traffic,
        peer,
    }
}

fn traffic(rng: &mut Rng) -> Traffic {
    let port = PortRange::single(*pick(&PORTS, rng));
    match rng.u64(0..20) {
        0..14 => Traffic::Tcp(port),
        14..16 => {
            let from = 1024 + low16(rng.u64(0..50_000));
            let to = from + low16(rng.u64(0..2_000));
            Traffic::Tcp(PortRange::new(from, to).expect("from is not above to"))
        }
        16..19 => Traffic::Udp(port),
        _ => Traffic::Icmp(IcmpMatch::ANY),
    }
}

fn network(rng: &mut Rng) -> IpNet {
    let base = RULED.0.to_bits() | low32(rng.u64(0..BASES) << 16);
    let host = low32(rng.u64(0..1 << 16));
    let length = match rng.u64(0..10) {
        0..4 => 32,
        4..8 => 24,
        8 => 16,
        _ => 17 + low8(rng.u64(0..15)),
    };
    net(base | host, length)
}

/// A network anywhere, as those of large prefix lists are.
fn wide_network(rng: &mut Rng) -> IpNet {
    net(low32(rng.u64(..) >> 32), 16 + low8(rng.u64(0..17)))
}

fn net(bits: u32, length: u8) -> IpNet {
    let net = Ipv4Net::new(Ipv4Addr::from_bits(bits), length).expect("a prefix of IPv4");
    net.trunc().into()
}

fn pick<'a, T>(items: &'a [T], rng: &mut Rng) -> &'a T {
    &items[rng.usize(0..items.len())]
}

fn low8(number: u64) -> u8 {
    u8::try_from(number).expect("the caller keeps it below 256")
}

/// `count` questions to `rules`: half aim at a rule, and half may or may not find one.
#[must_use]
pub fn queries(rules: &[Rule], count: usize) -> Vec<Query> {
    let mut rng = Rng::with_seed(0x94e1 ^ SEED);
    (0..count)
        .map(|_| {
            let aimed = pick(rules, &mut rng);
            let is_aimed = rng.bool();
            let traffic = if is_aimed {
                aimed.traffic
            } else {
                traffic(&mut rng)
            };
            let peer = match (&aimed.peer, is_aimed) {
                (Peer::Cidr(net), true) => within(*net, &mut rng),
                (Peer::Prefixes(nets), true) => within(*pick(nets, &mut rng), &mut rng),
                (Peer::Cidr(_), false) => within(network(&mut rng), &mut rng),
                (Peer::Prefixes(_), false) => within(wide_network(&mut rng), &mut rng),
                (Peer::Group(group), true) => {
                    member_address(group.0 * MEMBERS + low32(rng.u64(0..u64::from(MEMBERS))))
                }
                // Of another group, or of none.
                (Peer::Group(_), false) => member_address(low32(rng.u64(0..1 << 16))),
            };
            query(traffic, peer, &mut rng)
        })
        .collect()
}

fn query(traffic: Traffic, peer: IpAddr, rng: &mut Rng) -> Query {
    let port = |range: PortRange, rng: &mut Rng| {
        let ports = u64::from(range.to() - range.from()) + 1;
        Selector::Port(range.from() + low16(rng.u64(0..ports)))
    };
    let (protocol, selector) = match traffic {
        Traffic::Tcp(range) => (Protocol::TCP, port(range, rng)),
        Traffic::Udp(range) => (Protocol::UDP, port(range, rng)),
        _ => (Protocol::ICMP, Selector::Icmp { kind: 8, code: 0 }),
    };
    Query {
        direction: Direction::Ingress,
        protocol,
        peer,
        selector,
    }
}

fn within(net: IpNet, rng: &mut Rng) -> IpAddr {
    let IpNet::V4(net) = net else {
        return net.addr();
    };
    let host = low32(rng.u64(0..1 << (32 - u32::from(net.prefix_len()))));
    IpAddr::V4(Ipv4Addr::from_bits(net.network().to_bits() | host))
}
