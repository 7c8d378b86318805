//! What security groups never filter, and nothing else (semantics C16 to C20).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use secgroup_packet::{Direction, L4, Packet, Protocol};

use crate::Interface;

/// How an exempt packet is exempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exemption {
    /// To or from a link-local service or the resolver: counts against the allowance of C20.
    Service,
    /// To or from the router, or a protocol without which there is no link.
    Link,
}

/// Services on IPv4 link-local addresses, the last two bytes of 169.254.0.0/16: instance metadata, resolver, time, ECS task
/// metadata, Windows licence activation (two).
const SERVICES_V4: [[u8; 2]; 6] = [
    [169, 254],
    [169, 253],
    [169, 123],
    [170, 2],
    [169, 250],
    [169, 251],
];

/// The same on IPv6, the last 16 bits of `fd00:ec2::/112`: resolver, metadata, time.
const SERVICES_V6: [u16; 3] = [0x253, 0x254, 0x123];

/// All DHCPv6 relay agents and servers (RFC 8415 section 7.1).
const DHCPV6_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

/// The instance metadata address, where the DHCP server may also answer.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Whether, and how, `packet` is exempt where it crosses `interface` in `direction`.
#[inline]
pub(crate) fn exemption(
    interface: &Interface,
    packet: &Packet,
    direction: Direction,
) -> Option<Exemption> {
    match packet.peer(direction) {
        IpAddr::V4(peer) => exempt_v4(interface, packet, direction, peer),
        IpAddr::V6(peer) => exempt_v6(packet, direction, peer),
    }
}

#[inline]
fn exempt_v4(
    interface: &Interface,
    packet: &Packet,
    direction: Direction,
    peer: Ipv4Addr,
) -> Option<Exemption> {
    let [a, b, c, d] = peer.octets();
    if [a, b] == [169, 254] && SERVICES_V4.contains(&[c, d]) || interface.resolver == Some(peer) {
        return Some(Exemption::Service);
    }
    if interface.router == Some(peer) {
        return Some(Exemption::Link);
    }
    let L4::Udp { sport, dport } = packet.l4 else {
        return None;
    };
    match (direction, sport, dport) {
        (Direction::Egress, 68, 67) | (Direction::Ingress, 67, 68) => {
            dhcp_server(interface, direction, peer).then_some(Exemption::Link)
        }
        _ => None,
    }
}

/// Whether `peer` may be the DHCP server of the subnet (C17). Where the subnet is not known, it may be anyone.
fn dhcp_server(interface: &Interface, direction: Direction, peer: Ipv4Addr) -> bool {
    match (interface.router, direction) {
        (None, _) => true,
        (Some(router), Direction::Ingress) => peer == router,
        (Some(router), Direction::Egress) => {
            peer == router || peer == Ipv4Addr::BROADCAST || peer == METADATA
        }
    }
}

#[inline]
fn exempt_v6(packet: &Packet, direction: Direction, peer: Ipv6Addr) -> Option<Exemption> {
    if let [0xfd00, 0xec2, 0, 0, 0, 0, 0, last] = peer.segments()
        && SERVICES_V6.contains(&last)
    {
        return Some(Exemption::Service);
    }
    let exempt = match packet.l4 {
        L4::Udp { sport, dport } => match (direction, sport, dport) {
            (Direction::Egress, 546, 547) => peer.is_unicast_link_local() || peer == DHCPV6_SERVERS,
            (Direction::Ingress, 547, 546) => peer.is_unicast_link_local(),
            _ => false,
        },
        L4::Icmp { kind, code: 0, .. } if packet.protocol == Protocol::ICMPV6 => {
            neighbour_discovery(packet, kind)
        }
        _ => false,
    };
    exempt.then_some(Exemption::Link)
}

/// NDP is only valid with a hop limit of 255 (RFC 4861 section 7.1), MLD with 1 and from the link (RFC 3810 section 5):
/// neither can come from beyond the link.
fn neighbour_discovery(packet: &Packet, kind: u8) -> bool {
    match kind {
        133..=137 => packet.hop_limit == 255,
        130..=132 | 143 => {
            packet.hop_limit == 1
                && matches!(packet.src(), IpAddr::V6(src)
                    if src.is_unicast_link_local() || src.is_unspecified())
        }
        _ => false,
    }
}
