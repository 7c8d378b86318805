//! Flow keys (D3, D50, D51, D57): one for both directions of a connection, and for no other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use secgroup_packet::{
    AddressPair, Direction, FlowKey, IcmpExchange, InterfaceIndex, L4, Protocol, TcpFlags,
};

const INTERFACE: InterfaceIndex = InterfaceIndex(1);

/// The query and the reply of each exchange that pairs up, all of code 0 (RFC 792, 950, 4443).
const PAIRS: [(Protocol, u8, u8); 5] = [
    (Protocol::ICMP, 8, 0),
    (Protocol::ICMP, 13, 14),
    (Protocol::ICMP, 15, 16),
    (Protocol::ICMP, 17, 18),
    (Protocol::ICMPV6, 128, 129),
];

/// What a key is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flow {
    addresses: AddressPair,
    protocol: Protocol,
    l4: L4,
}

impl Flow {
    fn key(self, direction: Direction) -> Option<FlowKey> {
        FlowKey::new(self.addresses, self.protocol, self.l4, INTERFACE, direction)
    }

    /// The packet that answers this one.
    fn answer(self) -> Self {
        let addresses = match self.addresses {
            AddressPair::V4 { src: dst, dst: src } => AddressPair::V4 { src, dst },
            AddressPair::V6 { src: dst, dst: src } => AddressPair::V6 { src, dst },
        };
        let l4 = match self.l4 {
            L4::Tcp {
                sport: dport,
                dport: sport,
                ..
            } => L4::Tcp {
                sport,
                dport,
                flags: TcpFlags::SYN.union(TcpFlags::ACK),
            },
            L4::Udp {
                sport: dport,
                dport: sport,
            } => L4::Udp { sport, dport },
            L4::Icmp { kind, code, id } => {
                let other = |&(protocol, query, reply): &(Protocol, u8, u8)| match kind {
                    _ if protocol != self.protocol => None,
                    _ if kind == query => Some(reply),
                    _ if kind == reply => Some(query),
                    _ => None,
                };
                let kind = PAIRS.iter().find_map(other).unwrap_or(kind);
                L4::Icmp { kind, code, id }
            }
            other => other,
        };
        Self {
            addresses,
            l4,
            ..self
        }
    }
}

fn v4(src: [u8; 4], dst: [u8; 4]) -> AddressPair {
    AddressPair::V4 {
        src: Ipv4Addr::from(src),
        dst: Ipv4Addr::from(dst),
    }
}

/// Few addresses and numbers, so that flows often have much in common.
fn flow() -> impl Strategy<Value = Flow> {
    let address = || prop_oneof![Just([10, 0, 0, 1]), Just([10, 0, 0, 2])];
    let addresses = (address(), address(), any::<bool>()).prop_map(|(src, dst, is_ipv4)| {
        let wide = |[a, b, c, d]: [u8; 4]| {
            Ipv6Addr::from([0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d])
        };
        if is_ipv4 {
            v4(src, dst)
        } else {
            AddressPair::V6 {
                src: wide(src),
                dst: wide(dst),
            }
        }
    });
    let number = || prop_oneof![Just(0_u16), Just(1), Just(2), Just(256), any::<u16>()];
    (addresses, number(), number(), 0..6_u8, 0..8_usize).prop_map(
        |(addresses, a, b, what, pair)| {
            let (protocol, l4) = match what {
                0 => (
                    Protocol::TCP,
                    L4::Tcp {
                        sport: a,
                        dport: b,
                        flags: TcpFlags::SYN,
                    },
                ),
                1 => (Protocol::UDP, L4::Udp { sport: a, dport: b }),
                2 => (Protocol(47), L4::Other),
                3 => (Protocol(50), L4::Other),
                _ => {
                    let is_ipv4 = matches!(addresses, AddressPair::V4 { .. });
                    let (protocol, query, reply) = PAIRS[if is_ipv4 { pair % 4 } else { 4 }];
                    let kind = if pair < 4 { query } else { reply };
                    (
                        protocol,
                        L4::Icmp {
                            kind,
                            code: 0,
                            id: a,
                        },
                    )
                }
            };
            Flow {
                addresses,
                protocol,
                l4,
            }
        },
    )
}

fn direction() -> impl Strategy<Value = Direction> {
    prop::sample::select(&Direction::BOTH[..])
}

/// What the flow looks like without its TCP flags, which are in no key.
fn identity(flow: Flow) -> Flow {
    let l4 = match flow.l4 {
        L4::Tcp { sport, dport, .. } => L4::Tcp {
            sport,
            dport,
            flags: TcpFlags::default(),
        },
        other => other,
    };
    Flow { l4, ..flow }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_directions_give_one(flow in flow(), direction in direction()) {
        let key = flow.key(direction).unwrap();
        prop_assert_eq!(flow.answer().key(direction.reverse()), Some(key));
        prop_assert_eq!(key.protocol(), flow.protocol);
        prop_assert_eq!(key.interface(), INTERFACE);
        let (local, remote) = match key {
            FlowKey::V4(key) => (IpAddr::V4(key.local), IpAddr::V4(key.remote)),
            FlowKey::V6(key) => (IpAddr::V6(key.local), IpAddr::V6(key.remote)),
        };
        let (src, dst) = (flow.addresses.src(), flow.addresses.dst());
        let expected = if direction == Direction::Egress { (src, dst) } else { (dst, src) };
        prop_assert_eq!((local, remote), expected);
    }

    #[test]
    fn two_flows_never_share_one(a in flow(), b in flow(), direction in direction()) {
        prop_assert_eq!(a.key(direction) == b.key(direction), identity(a) == identity(b));
        let back = identity(a) == identity(b.answer());
        prop_assert_eq!(a.key(direction) == b.key(direction.reverse()), back);
    }

    #[test]
    fn unpaired_icmp_has_none(kind: u8, code: u8, id: u16) {
        for protocol in [Protocol::ICMP, Protocol::ICMPV6] {
            let is_query = PAIRS.contains_by(protocol, kind, |(_, query, _)| query);
            let is_reply = PAIRS.contains_by(protocol, kind, |(_, _, reply)| reply);
            let exchange = IcmpExchange::of(protocol, kind, code);
            prop_assert_eq!(exchange.is_some(), code == 0 && (is_query || is_reply));
            prop_assert_eq!(exchange.is_some_and(IcmpExchange::is_reply), code == 0 && is_reply);
            let flow = Flow {
                addresses: v4([10, 0, 0, 1], [10, 0, 0, 2]),
                protocol,
                l4: L4::Icmp { kind, code, id },
            };
            prop_assert_eq!(flow.key(Direction::Egress).is_some(), exchange.is_some());
        }
    }
}

/// Looks up one column of [`PAIRS`].
trait Contains {
    fn contains_by(&self, protocol: Protocol, kind: u8, of: fn((Protocol, u8, u8)) -> u8) -> bool;
}

impl Contains for [(Protocol, u8, u8); 5] {
    fn contains_by(&self, protocol: Protocol, kind: u8, of: fn((Protocol, u8, u8)) -> u8) -> bool {
        self.iter()
            .any(|&pair| pair.0 == protocol && of(pair) == kind)
    }
}

/// D50: two hosts that ping each other with the same identifier have two exchanges.
#[test]
fn pings_that_cross_are_two() {
    let ping = |src, dst, kind| Flow {
        addresses: v4(src, dst),
        protocol: Protocol::ICMP,
        l4: L4::Icmp {
            kind,
            code: 0,
            id: 77,
        },
    };
    let (us, them) = ([10, 0, 0, 5], [10, 0, 0, 9]);
    let ours = ping(us, them, 8).key(Direction::Egress);
    let theirs = ping(them, us, 8).key(Direction::Ingress);
    assert_ne!(ours, theirs);
    assert_eq!(ping(them, us, 0).key(Direction::Ingress), ours);
    assert_eq!(ping(us, them, 0).key(Direction::Egress), theirs);
}

#[test]
fn later_fragments_have_none() {
    let flow = Flow {
        addresses: v4([10, 0, 0, 1], [10, 0, 0, 2]),
        protocol: Protocol::UDP,
        l4: L4::LaterFragment,
    };
    assert_eq!(flow.key(Direction::Ingress), None);
}

#[test]
fn each_interface_has_its_own() {
    let addresses = v4([10, 0, 0, 1], [10, 0, 0, 2]);
    let l4 = L4::Udp { sport: 1, dport: 2 };
    let key = |interface| {
        FlowKey::new(
            addresses,
            Protocol::UDP,
            l4,
            InterfaceIndex(interface),
            Direction::Egress,
        )
    };
    assert_ne!(key(1), key(2));
}
