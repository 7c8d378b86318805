//! Reads a frame, one naive byte at a time: who sends what to whom, or what is broken.
//!
//! The chapter *Malformed* of the decision text, in its order: link layer (`link`), IPv4 and IPv6
//! with extension headers (`network`), TCP, UDP, ICMP and quoted packets (`upper`), checksums
//! (`checksum`). Every layer is a [`Layer`]: the bytes that were captured of it, and how many it
//! had on the wire.

mod checksum;
mod link;
mod network;
mod upper;

use std::net::IpAddr;

use secgroup_model::{Family, Protocol};

/// What a frame starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// Ethernet, with or without VLAN tags.
    Ethernet,
    /// IPv4 or IPv6, told apart by the version.
    RawIp,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// Linux cooked capture v1: 16 bytes, the EtherType last.
    LinuxSll,
    /// Linux cooked capture v2: 20 bytes, the EtherType first.
    LinuxSll2,
    /// A 4-byte address family in the byte order of the capturing host.
    Null,
    /// A 4-byte address family in network byte order.
    Loop,
}

/// What can be said of a frame before it is judged: between whom it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// It holds no IP packet.
    NotIp,
    /// It is malformed; source and destination, where its fixed IP header could be read.
    Malformed(Option<(IpAddr, IpAddr)>),
    /// Source and destination of its IP packet.
    Ip(IpAddr, IpAddr),
}

/// Reads the addresses of a frame, so that the caller can tell which interfaces it crosses.
///
/// Checksums are not verified here: a frame with a wrong one has addresses all the same.
#[must_use]
pub fn addresses(link: LinkKind, data: &[u8], wire_len: u32) -> Addresses {
    match read(link, data, wire_len, false) {
        Reading::NotIp => Addresses::NotIp,
        Reading::Malformed { addresses, .. } => Addresses::Malformed(addresses),
        Reading::Ip(packet) => Addresses::Ip(packet.source, packet.destination),
    }
}

/// What is broken, for people.
pub(crate) type Fault = &'static str;

/// The outcome of reading one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    /// No IP packet in it.
    NotIp,
    /// Broken, and what is.
    Malformed {
        /// Source and destination, where they could be read.
        addresses: Option<(IpAddr, IpAddr)>,
        /// What is broken.
        why: Fault,
    },
    /// A packet.
    Ip(Packet),
}

/// One IP packet, as far as a verdict depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Source address.
    pub(crate) source: IpAddr,
    /// Destination address.
    pub(crate) destination: IpAddr,
    /// Upper-layer protocol.
    pub(crate) protocol: Protocol,
    /// TTL or hop limit.
    pub(crate) hop_limit: u8,
    /// Upper-layer header.
    pub(crate) upper: Upper,
    /// Set on fragments, but not on an IPv6 "atomic" one (RFC 6946).
    pub(crate) piece: Option<Piece>,
    /// The packet that an ICMP error quotes, where it can be read down to its ports.
    pub(crate) quoted: Option<Quoted>,
}

impl Packet {
    /// The address family.
    pub(crate) const fn family(&self) -> Family {
        Family::of(self.source)
    }
}

/// The upper-layer header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upper {
    /// TCP.
    Tcp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
        /// Byte 13: CWR, ECE, URG, ACK, PSH, RST, SYN, FIN.
        flags: u8,
    },
    /// UDP.
    Udp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// ICMP in IPv4 or ICMPv6 in IPv6.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Bytes 4 and 5, the identifier of a query; 0 where they are not there.
        id: u16,
    },
    /// Any other protocol.
    Other,
    /// A fragment after the first has no upper-layer header.
    LaterFragment,
}

/// Where a fragment lies in its datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Identification of the datagram.
    pub(crate) id: u32,
    /// Where it starts, in bytes.
    pub(crate) offset: usize,
    /// How many bytes it has.
    pub(crate) len: usize,
    /// Whether there are more behind it.
    pub(crate) more: bool,
}

/// A packet quoted by an ICMP error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quoted {
    /// Source address.
    pub(crate) source: IpAddr,
    /// Destination address.
    pub(crate) destination: IpAddr,
    /// Upper-layer protocol.
    pub(crate) protocol: Protocol,
    /// Upper-layer header.
    pub(crate) upper: Upper,
}

/// Reads one frame.
pub(crate) fn read(link: LinkKind, data: &[u8], wire_len: u32, checksums: bool) -> Reading {
    let (family, layer) = match link::network_layer(link, Layer::new(data, wire_len)) {
        Ok(Some(found)) => found,
        Ok(None) => return Reading::NotIp,
        Err(why) => {
            return Reading::Malformed {
                addresses: None,
                why,
            };
        }
    };
    let packet = match family {
        Family::V4 => network::ipv4(layer, checksums),
        Family::V6 => network::ipv6(layer, checksums),
    };
    match packet {
        Ok(packet) => Reading::Ip(packet),
        Err(why) => {
            let addresses = match family {
                Family::V4 => network::ipv4_addresses(layer),
                Family::V6 => network::ipv6_addresses(layer),
            };
            Reading::Malformed {
                addresses: addresses.ok(),
                why,
            }
        }
    }
}

/// One layer of a frame, from its first byte.
#[derive(Debug, Clone, Copy)]
struct Layer<'a> {
    /// The bytes that were captured. Never more than were on the wire.
    captured: &'a [u8],
    /// How many bytes were on the wire.
    wire: usize,
}

impl<'a> Layer<'a> {
    /// A whole frame. Bytes beyond the length on the wire were never sent.
    fn new(data: &'a [u8], wire_len: u32) -> Self {
        let wire = usize::try_from(wire_len).unwrap_or(usize::MAX);
        Self {
            captured: &data[..data.len().min(wire)],
            wire,
        }
    }

    /// What follows the first `len` bytes.
    fn behind(self, len: usize) -> Self {
        Self {
            captured: &self.captured[len.min(self.captured.len())..],
            wire: self.wire.saturating_sub(len),
        }
    }

    /// The first `len` bytes.
    fn first(self, len: usize) -> Self {
        let wire = self.wire.min(len);
        Self {
            captured: &self.captured[..self.captured.len().min(wire)],
            wire,
        }
    }

    /// Whether part of it was not captured.
    fn is_snapped(self) -> bool {
        self.captured.len() < self.wire
    }

    /// The first `len` bytes, which must have been on the wire and in the capture.
    fn header(self, len: usize, why: Fault) -> Result<&'a [u8], Fault> {
        self.captured.get(..len).ok_or(why)
    }
}

/// The byte at `at`; 0 behind the end, which no caller asks for.
fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The 16-bit number at `at`, in network byte order.
fn number16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([byte(bytes, at), byte(bytes, at + 1)])
}

/// The 32-bit number at `at`, in network byte order.
fn number32(bytes: &[u8], at: usize) -> u32 {
    u32::from(number16(bytes, at)) << 16 | u32::from(number16(bytes, at + 2))
}
