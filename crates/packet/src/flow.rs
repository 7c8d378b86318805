//! The canonical key of a connection, seen from one network interface.
//!
//! A key is written from the interface's side: *local* is the interface's own end, *remote* the
//! other. An egress packet has its source as local, an ingress packet its destination, so the two
//! directions of a connection give the same key without comparing addresses (semantics D3, D57),
//! and an entry can never be half-inserted.
//!
//! | protocol | `local_port` | `remote_port` |
//! |---|---|---|
//! | TCP, UDP | the local port | the remote port |
//! | ICMP, ICMPv6 query and reply (code 0) | the identifier | [`IcmpExchange`]: which, who asked |
//! | every other protocol | 0 | 0 |
//!
//! Two hosts may ping each other with the same identifier; the end that asked is part of the key,
//! so that one end's request never rides on the other's (semantics D50, D51). Unpaired ICMP types
//! and later fragments have no key.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{AddressPair, Direction, L4, Packet, Protocol};

/// The number of a network interface in the data plane; stable for as long as the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceIndex(pub u32);

/// The key of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowKey {
    /// Between IPv4 addresses.
    V4(FlowKey4),
    /// Between IPv6 addresses.
    V6(FlowKey6),
}

/// The key of a connection between IPv4 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey4 {
    /// The interface's own address.
    pub local: Ipv4Addr,
    /// The other end's address.
    pub remote: Ipv4Addr,
    /// See the table at the top of this file.
    pub local_port: u16,
    /// See the table at the top of this file.
    pub remote_port: u16,
    /// The interface.
    pub interface: InterfaceIndex,
    /// The protocol.
    pub protocol: Protocol,
}

/// The key of a connection between IPv6 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey6 {
    /// The interface's own address.
    pub local: Ipv6Addr,
    /// The other end's address.
    pub remote: Ipv6Addr,
    /// See the table at the top of this file.
    pub local_port: u16,
    /// See the table at the top of this file.
    pub remote_port: u16,
    /// The interface.
    pub interface: InterfaceIndex,
    /// The protocol.
    pub protocol: Protocol,
}

/// The request-and-reply types of ICMP that pair up by identifier (semantics D50), all with code 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpExchange {
    query: u8,
    is_reply: bool,
}

impl IcmpExchange {
    /// The exchange that an ICMP message of `protocol` (ICMP or ICMPv6) belongs to, or `None` for
    /// an unpaired type.
    ///
    /// IPv4 (RFC 792, RFC 950): echo 8/0, timestamp 13/14, information 15/16, address mask 17/18.
    /// IPv6 (RFC 4443): echo 128/129.
    #[must_use]
    #[inline]
    pub const fn of(protocol: Protocol, kind: u8, code: u8) -> Option<Self> {
        let (query, is_reply) = match (protocol, kind, code) {
            (Protocol::ICMP, 8, 0) | (Protocol::ICMPV6, 128, 0) => (0, false),
            (Protocol::ICMP, 0, 0) | (Protocol::ICMPV6, 129, 0) => (0, true),
            (Protocol::ICMP, 13, 0) => (1, false),
            (Protocol::ICMP, 14, 0) => (1, true),
            (Protocol::ICMP, 15, 0) => (2, false),
            (Protocol::ICMP, 16, 0) => (2, true),
            (Protocol::ICMP, 17, 0) => (3, false),
            (Protocol::ICMP, 18, 0) => (3, true),
            _ => return None,
        };
        Some(Self { query, is_reply })
    }

    /// Whether the message is the reply of the pair: it continues an exchange and never opens one.
    #[must_use]
    pub const fn is_reply(self) -> bool {
        self.is_reply
    }

    /// The key's `remote_port` for a message that crosses in `direction`.
    const fn port(self, direction: Direction) -> u16 {
        let asked_by_local = matches!(direction, Direction::Egress) != self.is_reply;
        (self.query as u16) << 1 | asked_by_local as u16
    }
}

impl FlowKey {
    /// The interface that the connection crosses.
    #[must_use]
    pub const fn interface(&self) -> InterfaceIndex {
        match self {
            Self::V4(key) => key.interface,
            Self::V6(key) => key.interface,
        }
    }

    /// The protocol.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        match self {
            Self::V4(key) => key.protocol,
            Self::V6(key) => key.protocol,
        }
    }

    /// The key of a packet between `addresses` whose upper-layer header is `l4`, crossing
    /// `interface` in `direction`; `None` for what belongs to no connection.
    #[must_use]
    #[inline]
    pub const fn new(
        addresses: AddressPair,
        protocol: Protocol,
        l4: L4,
        interface: InterfaceIndex,
        direction: Direction,
    ) -> Option<Self> {
        let Some([local_port, remote_port]) = ports(protocol, l4, direction) else {
            return None;
        };
        Some(match (addresses, direction) {
            (
                AddressPair::V4 {
                    src: local,
                    dst: remote,
                },
                Direction::Egress,
            )
            | (
                AddressPair::V4 {
                    dst: local,
                    src: remote,
                },
                Direction::Ingress,
            ) => Self::V4(FlowKey4 {
                local,
                remote,
                local_port,
                remote_port,
                interface,
                protocol,
            }),
            (
                AddressPair::V6 {
                    src: local,
                    dst: remote,
                },
                Direction::Egress,
            )
            | (
                AddressPair::V6 {
                    dst: local,
                    src: remote,
                },
                Direction::Ingress,
            ) => Self::V6(FlowKey6 {
                local,
                remote,
                local_port,
                remote_port,
                interface,
                protocol,
            }),
        })
    }
}

/// Local and remote port of a key; `None` for what belongs to no connection.
#[inline]
const fn ports(protocol: Protocol, l4: L4, direction: Direction) -> Option<[u16; 2]> {
    match l4 {
        L4::Tcp { sport, dport, .. } | L4::Udp { sport, dport } => Some(match direction {
            Direction::Egress => [sport, dport],
            Direction::Ingress => [dport, sport],
        }),
        _ => without_ports(protocol, l4, direction),
    }
}

/// The same where the packet has no ports: a function of its own, for the sake of those that have.
#[inline(never)]
const fn without_ports(protocol: Protocol, l4: L4, direction: Direction) -> Option<[u16; 2]> {
    match l4 {
        L4::Icmp { kind, code, id } => match IcmpExchange::of(protocol, kind, code) {
            Some(exchange) => Some([id, exchange.port(direction)]),
            None => None,
        },
        L4::Other => Some([0, 0]),
        _ => None,
    }
}

impl Packet {
    /// The local and the remote port of this packet's [key](Self::flow_key), and whether it has one.
    #[must_use]
    #[inline]
    pub const fn ports(&self, direction: Direction) -> Option<[u16; 2]> {
        ports(self.protocol, self.l4, direction)
    }

    /// The key of the connection that this packet would belong to where it crosses `interface` in
    /// `direction`.
    #[must_use]
    #[inline]
    pub const fn flow_key(
        &self,
        interface: InterfaceIndex,
        direction: Direction,
    ) -> Option<FlowKey> {
        FlowKey::new(self.addresses, self.protocol, self.l4, interface, direction)
    }
}
