//! What a frame says: the fields that a verdict depends on, and no others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Direction, Family, Protocol};

/// The outcome of parsing a well-formed frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// An IPv4 or IPv6 packet.
    Ip(Packet),
    /// Some other EtherType (ARP is 0x0806); security groups do not judge it (semantics C18).
    NotIp(u16),
}

/// The same where the packet itself was written to a place of the caller's ([`Frame::read`](crate::Frame::read)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// An IPv4 or IPv6 packet.
    Ip,
    /// Some other EtherType.
    NotIp(u16),
    /// A header is not there, contradicts another, or was snapped.
    Malformed,
}

/// One IP packet, outermost IP header only: tunnels are judged by their outer header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Source and destination address.
    pub addresses: AddressPair,
    /// The upper-layer protocol, behind any IPv6 extension headers (semantics D53).
    pub protocol: Protocol,
    /// The fields of the upper-layer header.
    pub l4: L4,
    /// Set on fragments; an IPv6 "atomic" fragment (RFC 6946) is not one.
    pub fragment: Option<Fragment>,
    /// TTL or hop limit.
    pub hop_limit: u8,
    /// Length of the IP packet in bytes, header included, as the header states it.
    pub ip_len: u32,
    /// Offset of the IP header in the frame, in bytes.
    pub l3_offset: u16,
    /// Offset of the upper-layer header (of the fragment's payload in a later fragment), in bytes.
    pub l4_offset: u16,
}

/// Source and destination address, of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressPair {
    /// IPv4.
    V4 {
        /// Source address.
        src: Ipv4Addr,
        /// Destination address.
        dst: Ipv4Addr,
    },
    /// IPv6.
    V6 {
        /// Source address.
        src: Ipv6Addr,
        /// Destination address.
        dst: Ipv6Addr,
    },
}

impl AddressPair {
    /// The source address.
    #[must_use]
    pub const fn src(self) -> IpAddr {
        match self {
            Self::V4 { src, .. } => IpAddr::V4(src),
            Self::V6 { src, .. } => IpAddr::V6(src),
        }
    }

    /// The destination address.
    #[must_use]
    pub const fn dst(self) -> IpAddr {
        match self {
            Self::V4 { dst, .. } => IpAddr::V4(dst),
            Self::V6 { dst, .. } => IpAddr::V6(dst),
        }
    }

    /// The family of both.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::V4 { .. } => Family::V4,
            Self::V6 { .. } => Family::V6,
        }
    }
}

/// The upper-layer header, as far as a security group looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum L4 {
    /// TCP (RFC 9293).
    Tcp {
        /// Source port.
        sport: u16,
        /// Destination port.
        dport: u16,
        /// Control bits.
        flags: TcpFlags,
    },
    /// UDP (RFC 768).
    Udp {
        /// Source port; 0 where the sender uses none.
        sport: u16,
        /// Destination port.
        dport: u16,
    },
    /// ICMP of either family; [`Packet::protocol`] tells which.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Bytes 4 and 5: the identifier of an echo or query; 0 where snapped away.
        id: u16,
    },
    /// Any other protocol: only its number is looked at (semantics D5).
    Other,
    /// A fragment after the first: there is no upper-layer header in it (semantics D52).
    LaterFragment,
}

/// TCP control bits as on the wire: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(1);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(2);
    /// Reset.
    pub const RST: Self = Self(4);
    /// Push.
    pub const PSH: Self = Self(8);
    /// The acknowledgement field counts.
    pub const ACK: Self = Self(16);
    /// The urgent pointer counts.
    pub const URG: Self = Self(32);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// SYN without ACK: the segment that opens a connection.
    #[must_use]
    pub const fn is_opening(self) -> bool {
        self.contains(Self::SYN) && !self.contains(Self::ACK)
    }
}

/// Where a fragment lies in its datagram (RFC 791 section 3.2, RFC 8200 section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// The identification of the datagram: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Offset of this fragment's payload in the datagram's, in bytes; a multiple of 8.
    pub offset: u16,
    /// Length of this fragment's payload, in bytes.
    pub len: u16,
    /// Whether more fragments follow.
    pub more: bool,
}

impl Packet {
    /// What lies in a place that no packet was read into yet.
    pub const BLANK: Self = Self {
        addresses: AddressPair::V4 {
            src: Ipv4Addr::UNSPECIFIED,
            dst: Ipv4Addr::UNSPECIFIED,
        },
        protocol: Protocol(0),
        l4: L4::Other,
        fragment: None,
        hop_limit: 0,
        ip_len: 0,
        l3_offset: 0,
        l4_offset: 0,
    };

    /// The address family.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.addresses.family()
    }

    /// The source address.
    #[must_use]
    pub const fn src(&self) -> IpAddr {
        self.addresses.src()
    }

    /// The destination address.
    #[must_use]
    pub const fn dst(&self) -> IpAddr {
        self.addresses.dst()
    }

    /// The other end, seen from an interface that the packet crosses in `direction`: the source of
    /// ingress, the destination of egress (semantics C5).
    #[must_use]
    pub const fn peer(&self, direction: Direction) -> IpAddr {
        match direction {
            Direction::Ingress => self.src(),
            Direction::Egress => self.dst(),
        }
    }
}
