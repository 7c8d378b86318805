//! Why a frame could not be read: the layer that broke, where it starts, and what was wrong with
//! it.
//!
//! Inside the parser a failure is a [`Fault`], small enough to pass in registers; only the entry
//! point makes a [`ParseError`] of it, with the addresses where the IP header could be read. Both
//! are built on cold paths.

use std::fmt;

use crate::{AddressPair, Packet, Protocol};

/// The header that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// The Ethernet header.
    Ethernet,
    /// A VLAN tag (IEEE 802.1Q, 802.1ad).
    Vlan,
    /// The header of a Linux "cooked" capture, v1.
    LinuxSll,
    /// The header of a Linux "cooked" capture, v2.
    LinuxSll2,
    /// The address family in front of a BSD loopback packet.
    Loopback,
    /// The first byte of a raw IP packet, whose version nobody announced.
    RawIp,
    /// The IPv4 header.
    Ipv4,
    /// The IPv6 header.
    Ipv6,
    /// An IPv6 extension header.
    Ipv6Extension,
    /// The fragment fields of IPv4, or the fragment header of IPv6.
    Fragment,
    /// The TCP header.
    Tcp,
    /// The UDP header.
    Udp,
    /// The ICMP header.
    Icmp,
    /// The ICMPv6 header.
    Icmpv6,
    /// The packet quoted in an ICMP or ICMPv6 error.
    IcmpQuote,
}

impl Layer {
    /// The layer as an error message names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Vlan => "vlan tag",
            Self::LinuxSll => "linux cooked v1",
            Self::LinuxSll2 => "linux cooked v2",
            Self::Loopback => "loopback family",
            Self::RawIp => "raw ip",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Ipv6Extension => "ipv6 extension",
            Self::Fragment => "fragment",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
            Self::IcmpQuote => "icmp quote",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What was wrong with the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ParseErrorKind {
    /// The packet ended on the wire before the header did.
    #[error("needs {needed} bytes, but the packet ends after {had}")]
    Truncated {
        /// Bytes the header needs, from its start.
        needed: u32,
        /// Bytes the wire had of it.
        had: u32,
    },
    /// The capture kept less of the header than a verdict needs.
    #[error("needs {needed} bytes, but only {had} were captured")]
    Snapped {
        /// Bytes the header needs, from its start.
        needed: u32,
        /// Bytes captured of it.
        had: u32,
    },
    /// Another IP version than the layer below announced.
    #[error("version is {0}")]
    Version(u8),
    /// An IPv4 header length of less than the fixed header.
    #[error("header length of {0} words is below 5")]
    HeaderLength(u8),
    /// An IPv4 total length that does not hold the header or is more than the wire had.
    #[error("total length {stated} is not within {least} to {most}")]
    TotalLength {
        /// The total length field, in bytes.
        stated: u16,
        /// The length of the header, in bytes.
        least: u16,
        /// Bytes on the wire from the header's start.
        most: u32,
    },
    /// An IPv6 payload length of more than the wire had.
    #[error("payload length {stated} is more than the {had} bytes on the wire")]
    PayloadLength {
        /// The payload length field, in bytes.
        stated: u16,
        /// Bytes on the wire behind the header.
        had: u32,
    },
    /// More IPv6 extension headers than the parser walks.
    #[error("more than {} extension headers", crate::MAX_EXTENSIONS)]
    TooManyExtensions,
    /// A second IPv6 fragment header in one packet.
    #[error("second fragment header in one packet")]
    NestedFragment,
    /// A fragment that is not the last, of a length that cannot be one.
    #[error("{0} bytes with more to come: not a positive multiple of 8")]
    FragmentLength(u32),
    /// A fragment that would end behind the largest datagram.
    #[error("ends at byte {0} of a datagram of 65535 at most")]
    FragmentEnd(u32),
    /// A TCP data offset of less than the fixed header or more than the segment.
    #[error("data offset of {words} words is not within 5 words and {had} bytes")]
    DataOffset {
        /// The data offset field, in words of 4 bytes.
        words: u8,
        /// Bytes of the segment on the wire.
        had: u32,
    },
    /// A UDP length of less than the header or more than the IP payload.
    #[error("length {stated} is not within 8 to {most}")]
    UdpLength {
        /// The length field, in bytes.
        stated: u16,
        /// Bytes of IP payload on the wire.
        most: u32,
    },
    /// A checksum that does not match what it covers.
    #[error("checksum {0:#06x} does not match")]
    Checksum(u16),
}

/// A frame that is not what its link layer or its own fields say (semantics D54).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{} at byte {}: {}", .fault.layer, .fault.offset, .fault.kind)]
pub struct ParseError {
    fault: Fault,
    addresses: Option<AddressPair>,
    protocol: Option<Protocol>,
}

/// The outcome of a parse is no larger for its error than for its packet.
const _: () = assert!(size_of::<ParseError>() <= size_of::<Packet>());

impl ParseError {
    /// The header that could not be read.
    #[must_use]
    pub const fn layer(&self) -> Layer {
        self.fault.layer
    }

    /// Where that header starts, in bytes into the frame.
    #[must_use]
    pub fn offset(&self) -> u32 {
        u32::from(self.fault.offset)
    }

    /// What was wrong with it.
    #[must_use]
    pub const fn kind(&self) -> ParseErrorKind {
        self.fault.kind
    }

    /// Source and destination, wherever the fixed part of the IP header was there and of the right
    /// version.
    #[must_use]
    pub const fn addresses(&self) -> Option<AddressPair> {
        self.addresses
    }

    /// The upper-layer protocol, where the parser came far enough to know it.
    #[must_use]
    pub const fn protocol(&self) -> Option<Protocol> {
        self.protocol
    }
}

/// A failure before anybody has added the addresses to it.
impl From<Fault> for ParseError {
    #[cold]
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            addresses: None,
            protocol: None,
        }
    }
}

/// A [`ParseError`] without addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fault {
    layer: Layer,
    offset: u16,
    kind: ParseErrorKind,
}

impl Fault {
    #[cold]
    pub(crate) const fn new(layer: Layer, offset: u16, kind: ParseErrorKind) -> Self {
        Self {
            layer,
            offset,
            kind,
        }
    }

    /// The error of a packet whose IP header could be read.
    #[cold]
    pub(crate) const fn between(
        self,
        addresses: AddressPair,
        protocol: Option<Protocol>,
    ) -> ParseError {
        ParseError {
            fault: self,
            addresses: Some(addresses),
            protocol,
        }
    }
}
