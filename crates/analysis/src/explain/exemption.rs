//! Which of the exemptions of C16 to C20 it was. The engine decides that a packet is exempt; this only names why.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use secgroup_datapath::Interface;
use secgroup_packet::{Direction, L4, Packet, Protocol};

/// Services by address, and what they are (C16, C17).
const SERVICES: [(IpAddr, &str); 9] = [
    (v4(169, 254), "instance metadata"),
    (v4(169, 253), "the Amazon resolver"),
    (v4(169, 123), "the Amazon time service"),
    (v4(170, 2), "ECS task metadata"),
    (v4(169, 250), "Windows licence activation"),
    (v4(169, 251), "Windows licence activation"),
    (v6(0x253), "the Amazon resolver"),
    (v6(0x254), "instance metadata"),
    (v6(0x123), "the Amazon time service"),
];

const fn v4(third: u8, fourth: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(169, 254, third, fourth))
}

const fn v6(last: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, last))
}

/// What a packet is that security groups never filter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Exemption {
    /// To or from a service at its address, and what that is (C16, C17).
    Service(&'static str, IpAddr),
    /// To or from the resolver of the VPC (C17).
    Resolver(IpAddr),
    /// To or from the router of the subnet (C17).
    Router(IpAddr),
    /// A message of this type (C18).
    NeighbourDiscovery(u8),
    /// A message of this type (C18).
    ListenerDiscovery(u8),
    /// C17.
    Dhcp,
    /// C17.
    Dhcpv6,
    /// With an address that is never filtered, whatever it is (C16).
    Address(IpAddr),
}

impl Exemption {
    /// What `packet`, which is exempt where it crosses `interface` in `direction`, is.
    pub(super) fn of(interface: &Interface, packet: &Packet, direction: Direction) -> Self {
        let peer = packet.peer(direction);
        if let Some((_, service)) = SERVICES.iter().find(|(address, _)| *address == peer) {
            return Self::Service(service, peer);
        }
        if interface.resolver.map(IpAddr::from) == Some(peer) {
            return Self::Resolver(peer);
        }
        if interface.router.map(IpAddr::from) == Some(peer) {
            return Self::Router(peer);
        }
        match (packet.protocol, packet.l4) {
            (Protocol::ICMPV6, L4::Icmp { kind, .. }) => match kind {
                133..=137 => Self::NeighbourDiscovery(kind),
                _ => Self::ListenerDiscovery(kind),
            },
            (_, L4::Udp { sport, dport }) => match (sport, dport) {
                (546 | 547, 546 | 547) => Self::Dhcpv6,
                _ => Self::Dhcp,
            },
            _ => Self::Address(peer),
        }
    }
}

impl fmt::Display for Exemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service, peer) => write!(f, "{service} ({peer}, C17)"),
            Self::Resolver(peer) => write!(f, "the resolver of the VPC ({peer}, C17)"),
            Self::Router(peer) => write!(f, "the router of the subnet ({peer}, C17)"),
            Self::NeighbourDiscovery(kind) => {
                write!(f, "neighbour discovery (type {kind}, C18)")
            }
            Self::ListenerDiscovery(kind) => {
                write!(f, "multicast listener discovery (type {kind}, C18)")
            }
            Self::Dhcp => f.write_str("DHCP (C17)"),
            Self::Dhcpv6 => f.write_str("DHCPv6 (C17)"),
            Self::Address(peer) => write!(f, "traffic with {peer} (C16)"),
        }
    }
}
