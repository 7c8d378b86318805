//! The rules of the engine: what control lowers security group rules to.

use std::fmt;
use std::num::NonZero;
use std::sync::Arc;

use ipnet::IpNet;
use secgroup_packet::{Direction, PortRange, Protocol};

/// The number of a rule, stable for as long as the process runs. Opaque here.
///
/// Any `u32` but the largest, kept as the one after it: so that "no rule" is a number, too, and a verdict fits a register.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleNumber(NonZero<u32>);

const _: () = assert!(size_of::<Option<RuleNumber>>() == size_of::<u32>());

impl RuleNumber {
    /// The rule with this number; `u32::MAX` is taken for the number before it, which no list of rules is long enough to reach.
    #[must_use]
    #[inline]
    pub const fn new(number: u32) -> Self {
        Self(NonZero::<u32>::MIN.saturating_add(number))
    }

    /// The rule with this number; `None` for `u32::MAX`, which stands for no rule.
    #[must_use]
    #[inline]
    pub const fn known(number: u32) -> Option<Self> {
        match NonZero::new(number.wrapping_add(1)) {
            Some(next) => Some(Self(next)),
            None => None,
        }
    }

    /// The number.
    #[must_use]
    #[inline]
    pub const fn get(self) -> u32 {
        self.0.get() - 1
    }
}

impl fmt::Debug for RuleNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RuleNumber").field(&self.get()).finish()
    }
}

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
