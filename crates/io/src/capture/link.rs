//! Link types: the numbers of tcpdump.org/linktypes.html and what secgroup makes of them.

use std::fmt;

use secgroup_packet::LinkType;

/// The link layer that a capture says its frames have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// One that the parser reads.
    Supported(LinkType),
    /// Any other, by its number; its frames can be counted and copied but not judged.
    Unsupported(u16),
}

impl Link {
    /// The link layer of a number found in a capture.
    ///
    /// 12 and 14 are `DLT_RAW` of BSD and OpenBSD systems, found in old files where 101 should
    /// stand.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        Self::Supported(match number {
            0 => LinkType::Null,
            1 => LinkType::Ethernet,
            12 | 14 | 101 => LinkType::RawIp,
            108 => LinkType::Loop,
            113 => LinkType::LinuxSll,
            228 => LinkType::Ipv4,
            229 => LinkType::Ipv6,
            276 => LinkType::LinuxSll2,
            other => return Self::Unsupported(other),
        })
    }

    /// The number to write into a capture.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Supported(LinkType::Null) => 0,
            Self::Supported(LinkType::Ethernet) => 1,
            Self::Supported(LinkType::RawIp) => 101,
            Self::Supported(LinkType::Loop) => 108,
            Self::Supported(LinkType::LinuxSll) => 113,
            Self::Supported(LinkType::Ipv4) => 228,
            Self::Supported(LinkType::Ipv6) => 229,
            Self::Supported(LinkType::LinuxSll2) => 276,
            Self::Unsupported(number) => number,
        }
    }
}

/// `link type 1 (Ethernet)`, `link type 127 (unsupported)`.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Supported(LinkType::Null) => "BSD loopback",
            Self::Supported(LinkType::Ethernet) => "Ethernet",
            Self::Supported(LinkType::RawIp) => "raw IP",
            Self::Supported(LinkType::Loop) => "OpenBSD loopback",
            Self::Supported(LinkType::LinuxSll) => "Linux cooked v1",
            Self::Supported(LinkType::Ipv4) => "raw IPv4",
            Self::Supported(LinkType::Ipv6) => "raw IPv6",
            Self::Supported(LinkType::LinuxSll2) => "Linux cooked v2",
            Self::Unsupported(_) => "unsupported",
        };
        write!(f, "link type {} ({name})", self.number())
    }
}
