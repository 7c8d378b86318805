//! What is asked of a rule set: the fields of a packet that a rule can look at, and no others.

use std::net::IpAddr;

use secgroup_packet::{Direction, Family, L4, Packet, Protocol};

/// One question: may this packet pass? 24 bytes, so that a burst of 32 stays within twelve cache
/// lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// Which rules apply (semantics C1).
    pub direction: Direction,
    /// The upper-layer protocol.
    pub protocol: Protocol,
    /// The other end: the source of an ingress packet, the destination of an egress packet
    /// (semantics C5).
    pub peer: IpAddr,
    /// The destination port, or the ICMP type and code.
    pub selector: Selector,
}

/// What a rule looks at behind the protocol number.
///
/// A selector that does not belong to the protocol (a port in GRE, an ICMP type over the wrong
/// family) is taken as [`Selector::None`]: only rules that look at no selector then match
/// (semantics A9, A19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The *destination* port of a TCP segment or UDP datagram, in either direction (semantics
    /// A12).
    Port(u16),
    /// Type and code of an ICMP message in IPv4, of an ICMPv6 message in IPv6.
    Icmp {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
    /// Neither: every other protocol (semantics D53).
    None,
}

const _: () = assert!(size_of::<Query>() == 24);

impl Query {
    /// The question that `packet`, crossing the interface in `direction`, puts to the rules.
    #[must_use]
    pub const fn of(packet: &Packet, direction: Direction) -> Self {
        let peer = packet.peer(direction);
        let selector = match packet.l4 {
            L4::Tcp { dport, .. } | L4::Udp { dport, .. } => Selector::Port(dport),
            L4::Icmp { kind, code, .. } => Selector::Icmp { kind, code },
            L4::Other | L4::LaterFragment => Selector::None,
        };
        Self {
            direction,
            protocol: packet.protocol,
            peer,
            selector,
        }
    }

    /// The address family of the peer, and so of the packet.
    #[must_use]
    pub const fn family(&self) -> Family {
        Family::of(self.peer)
    }
}
