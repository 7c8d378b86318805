//! What the oracle answers.

use secgroup_model::{GroupId, RuleId};

/// The answer for one packet at one interface in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Pass or drop, and why.
    pub outcome: Outcome,
    /// The rule that lets it pass, or that once admitted its connection. A denial has none.
    pub rule: Option<(GroupId, RuleId)>,
}

/// Pass or drop, with exactly one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It passes.
    Allow(AllowReason),
    /// It is dropped without an answer (C4).
    Deny(DenyReason),
    /// Security groups have no say.
    Unjudged(UnjudgedReason),
}

/// Why a packet passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AllowReason {
    /// It belongs to a tracked connection (D19).
    Established,
    /// It is an ICMP error about a tracked connection (D48).
    Related,
    /// A rule allows it, and its flow is tracked from here on where it can be.
    New,
    /// A rule allows it, and its flow is not tracked (D7).
    Untracked,
    /// It is never filtered (C16).
    Exempt,
}

/// Why a packet is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DenyReason {
    /// No rule allows it (C3).
    NoRule,
    /// A TCP segment that its connection, or the lack of one, does not permit (D37, D55).
    InvalidState,
    /// A header is cut off or contradicts itself (D54).
    Malformed,
    /// A piece of a datagram whose first was not seen, or that overlaps (D52).
    Fragment,
    /// Neither from nor to an address of the interface (C12).
    Spoofed,
    /// There is no room for another connection (D42).
    TableFull,
    /// Too many packets to or from link-local services in this second (C20).
    LinkLocalExceeded,
}

/// Why security groups have no say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnjudgedReason {
    /// The inventory knows no such interface.
    NoInterface,
    /// The frame holds no IP packet, as with ARP (C18).
    NotIp,
}

impl Outcome {
    /// The reason as it is written in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow(AllowReason::Established) => "established",
            Self::Allow(AllowReason::Related) => "related",
            Self::Allow(AllowReason::New) => "new",
            Self::Allow(AllowReason::Untracked) => "untracked",
            Self::Allow(AllowReason::Exempt) => "exempt",
            Self::Deny(DenyReason::NoRule) => "no-rule",
            Self::Deny(DenyReason::InvalidState) => "invalid-state",
            Self::Deny(DenyReason::Malformed) => "malformed",
            Self::Deny(DenyReason::Fragment) => "fragment",
            Self::Deny(DenyReason::Spoofed) => "spoofed",
            Self::Deny(DenyReason::TableFull) => "table-full",
            Self::Deny(DenyReason::LinkLocalExceeded) => "link-local-exceeded",
            Self::Unjudged(UnjudgedReason::NoInterface) => "no-interface",
            Self::Unjudged(UnjudgedReason::NotIp) => "not-ip",
        }
    }

    /// Whether the packet passes.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self, Self::Allow(_))
    }
}

impl Judgement {
    /// A pass, by this rule if by any.
    pub(crate) const fn allow(reason: AllowReason, rule: Option<(GroupId, RuleId)>) -> Self {
        Self {
            outcome: Outcome::Allow(reason),
            rule,
        }
    }

    /// A drop.
    pub(crate) const fn deny(reason: DenyReason) -> Self {
        Self {
            outcome: Outcome::Deny(reason),
            rule: None,
        }
    }

    /// No say.
    pub(crate) const fn unjudged(reason: UnjudgedReason) -> Self {
        Self {
            outcome: Outcome::Unjudged(reason),
            rule: None,
        }
    }
}
