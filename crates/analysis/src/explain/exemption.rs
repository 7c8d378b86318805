//! Which of the exemptions of C16 to C20 it was. The engine decides that a packet is exempt; this only names why.

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

/// What `packet`, which is exempt where it crosses `interface` in `direction`, is.
pub(super) fn exemption(interface: &Interface, packet: &Packet, direction: Direction) -> String {
    let peer = packet.peer(direction);
    if let Some((_, service)) = SERVICES.iter().find(|(address, _)| *address == peer) {
        return format!("{service} ({peer}, C17)");
    }
    if interface.resolver.map(IpAddr::from) == Some(peer) {
        return format!("the resolver of the VPC ({peer}, C17)");
    }
    if interface.router.map(IpAddr::from) == Some(peer) {
        return format!("the router of the subnet ({peer}, C17)");
    }
    match (packet.protocol, packet.l4) {
        (Protocol::ICMPV6, L4::Icmp { kind, .. }) => match kind {
            133..=137 => format!("neighbour discovery (type {kind}, C18)"),
            _ => format!("multicast listener discovery (type {kind}, C18)"),
        },
        (_, L4::Udp { sport, dport }) => match (sport, dport) {
            (546 | 547, 546 | 547) => "DHCPv6 (C17)".to_owned(),
            _ => "DHCP (C17)".to_owned(),
        },
        _ => format!("traffic with {peer} (C16)"),
    }
}
