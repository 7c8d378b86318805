//! What security groups never filter (C16 to C20), and the source/destination check (C12).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use secgroup_model::{Direction, Inventory, NetworkInterface, Subnet};

use crate::read::Upper;
use crate::rules::Crossing;

/// Why a packet is never filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exemption {
    /// It goes to or comes from a service of the host: counted against an allowance (C20).
    Service,
    /// The router, DHCP, neighbour discovery, multicast listener discovery.
    Plumbing,
}

/// The addresses of services that are the same everywhere (C17).
const SERVICES: [IpAddr; 9] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), // instance metadata
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 253)), // resolver
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 123)), // time
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),   // ECS task metadata
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 250)), // Windows licence activation
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 251)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253)), // resolver
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), // instance metadata
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x123)), // time
];

/// DHCPv4 also goes to everyone, and is served from the metadata address too.
const DHCP_DESTINATIONS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::BROADCAST),
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
];

/// All DHCPv6 relay agents and servers (RFC 8415 section 7.1).
const DHCPV6_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

/// Why this packet is never filtered; `None` where it is.
pub(crate) fn exemption(inventory: &Inventory, crossing: &Crossing<'_>) -> Option<Exemption> {
    let peer = crossing.peer();
    let subnet = crossing
        .interface
        .subnet
        .as_ref()
        .and_then(|id| inventory.subnets.get(id));
    let router = subnet
        .and_then(|subnet| subnet.cidr)
        .and_then(|range| nth(range, 1));
    let resolver = vpc_range(inventory, crossing.interface, subnet).and_then(|range| nth(range, 2));

    if SERVICES.contains(&peer) || resolver == Some(peer) {
        return Some(Exemption::Service);
    }
    let plumbing = router == Some(peer)
        || is_dhcpv4(crossing, router)
        || is_dhcpv6(crossing)
        || is_neighbour_discovery(crossing)
        || is_listener_discovery(crossing);
    plumbing.then_some(Exemption::Plumbing)
}

/// The primary IPv4 range of the interface's VPC, where it is known.
fn vpc_range(
    inventory: &Inventory,
    interface: &NetworkInterface,
    subnet: Option<&Subnet>,
) -> Option<Ipv4Net> {
    let vpc = interface
        .vpc
        .as_ref()
        .or_else(|| subnet.map(|subnet| &subnet.vpc))?;
    inventory.vpcs.get(vpc)?.cidrs.first().copied()
}

/// The `n`th address of a range, counted from 0.
fn nth(range: Ipv4Net, n: u32) -> Option<IpAddr> {
    let base = range.network().to_bits();
    Some(IpAddr::V4(Ipv4Addr::from_bits(base.checked_add(n)?)))
}

/// DHCP for IPv4: client port 68, server port 67.
fn is_dhcpv4(crossing: &Crossing<'_>, router: Option<IpAddr>) -> bool {
    let Upper::Udp {
        source,
        destination,
    } = crossing.packet.upper
    else {
        return false;
    };
    let peer = crossing.peer();
    if !peer.is_ipv4() {
        return false;
    }
    match (crossing.direction, source, destination) {
        (Direction::Egress, 68, 67) => {
            router.is_none_or(|router| peer == router || DHCP_DESTINATIONS.contains(&peer))
        }
        (Direction::Ingress, 67, 68) => router.is_none_or(|router| peer == router),
        _ => false,
    }
}

/// DHCP for IPv6: client port 546, server port 547.
fn is_dhcpv6(crossing: &Crossing<'_>) -> bool {
    let Upper::Udp {
        source,
        destination,
    } = crossing.packet.upper
    else {
        return false;
    };
    let IpAddr::V6(peer) = crossing.peer() else {
        return false;
    };
    match (crossing.direction, source, destination) {
        (Direction::Egress, 546, 547) => peer.is_unicast_link_local() || peer == DHCPV6_SERVERS,
        (Direction::Ingress, 547, 546) => peer.is_unicast_link_local(),
        _ => false,
    }
}

/// Neighbour discovery (RFC 4861): the hop limit of 255 shows that no router passed it on (C18).
fn is_neighbour_discovery(crossing: &Crossing<'_>) -> bool {
    let Upper::Icmp { kind, code, .. } = crossing.packet.upper else {
        return false;
    };
    crossing.packet.source.is_ipv6()
        && matches!(kind, 133..=137)
        && code == 0
        && crossing.packet.hop_limit == 255
}

/// Multicast listener discovery (RFC 2710, RFC 3810): link-local by its hop limit of 1 (C18).
fn is_listener_discovery(crossing: &Crossing<'_>) -> bool {
    let Upper::Icmp { kind, code, .. } = crossing.packet.upper else {
        return false;
    };
    let IpAddr::V6(source) = crossing.packet.source else {
        return false;
    };
    matches!(kind, 130 | 131 | 132 | 143)
        && code == 0
        && crossing.packet.hop_limit == 1
        && (source.is_unicast_link_local() || source.is_unspecified())
}

/// Whether a packet fails the source/destination check (C12).
pub(crate) fn is_spoofed(crossing: &Crossing<'_>) -> bool {
    let interface = crossing.interface;
    if !interface.source_dest_check {
        return false;
    }
    if interface.addresses.is_empty() && interface.prefixes.is_empty() {
        return false; // Its addresses are not known.
    }
    let own = match crossing.direction {
        Direction::Egress => crossing.packet.source,
        Direction::Ingress => crossing.packet.destination,
    };
    let to_many = own.is_multicast() || own == IpAddr::V4(Ipv4Addr::BROADCAST);
    if crossing.direction == Direction::Ingress && to_many {
        return false;
    }
    let is_own = interface.addresses.contains(&own)
        || interface
            .prefixes
            .iter()
            .any(|prefix| prefix.contains(&own));
    !is_own
}
