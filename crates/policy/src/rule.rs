//! The rules of the engine: what control lowers security group rules to.

use std::sync::Arc;

use ipnet::IpNet;
use secgroup_packet::{Direction, PortRange, Protocol};

/// The number of a rule, stable for as long as the process runs. Opaque here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleNumber(pub u32);

/// The number of a security group, stable for as long as the process runs. Opaque here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupNumber(pub u32);

/// One allow rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What comes back out when it matches.
    pub number: RuleNumber,
    /// The direction it applies to.
    pub direction: Direction,
    /// Protocol and ports.
    pub traffic: Traffic,
    /// The other end.
    pub peer: Peer,
}

/// Protocol and destination ports, or ICMP type and code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Traffic {
    /// Every protocol, ICMP of both families included, within the peer's family.
    All,
    /// TCP to a destination port in the range.
    Tcp(PortRange),
    /// UDP to a destination port in the range.
    Udp(PortRange),
    /// ICMP (IPv4 only).
    Icmp(IcmpMatch),
    /// ICMPv6 (IPv6 only).
    Icmpv6(IcmpMatch),
    /// Another protocol by number.
    Other(Protocol),
}

/// Which ICMP messages: `None` is "any".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IcmpMatch {
    /// The type.
    pub kind: Option<u8>,
    /// The code; looked at only where the type is given.
    pub code: Option<u8>,
}

impl IcmpMatch {
    /// Every type and code.
    pub const ANY: Self = Self {
        kind: None,
        code: None,
    };

    /// Whether a message of this type and code is meant (semantics A15-A17).
    #[must_use]
    pub fn matches(self, kind: u8, code: u8) -> bool {
        self.kind
            .is_none_or(|k| k == kind && self.code.is_none_or(|c| c == code))
    }
}

/// The other end of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// One address range. Only this kind, with prefix length 0, makes a flow untracked (semantics
    /// D10).
    Cidr(IpNet),
    /// Any of several ranges: the entries of a prefix list.
    Prefixes(Arc<[IpNet]>),
    /// The addresses that the directory lists under this group.
    Group(GroupNumber),
}
