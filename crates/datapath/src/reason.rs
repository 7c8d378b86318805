//! Every packet ends with exactly one reason; the action follows from it.

use std::fmt;

use secgroup_policy::RuleNumber;

/// Pass or drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The packet passes.
    Allow,
    /// The packet is dropped, silently (semantics C4).
    Deny,
}

impl Action {
    /// `allow` or `deny`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a packet passed or was dropped. The numbers behind the crate's text are the steps that give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Belongs to a tracked connection (step 5).
    Established,
    /// An ICMP error about a tracked connection (step 6).
    Related,
    /// A rule admits it, and its flow is tracked from now on (step 10), or it is an ICMP message that opens nothing (step 9).
    New,
    /// A rule admits it, and its flow is not tracked (step 8).
    Untracked,
    /// Security groups never filter it (step 2).
    Exempt,
    /// No rule admits it (step 7).
    NoRule,
    /// A TCP segment that no connection accounts for, or whose flags no segment may have (steps 5 and 9).
    InvalidState,
    /// Not what its headers say (step 1).
    Malformed,
    /// A fragment whose first was not seen, or that overlaps another (step 4).
    Fragment,
    /// Source or destination is not the interface's (step 3).
    Spoofed,
    /// The connection table, or the interface's share, is full (step 10).
    TableFull,
    /// More packets to link-local services than the interface may send in a second (step 2).
    LinkLocalExceeded,
}

impl Reason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them, allowing ones first, each at the index of its number.
    pub const ALL: [Self; 12] = [
        Self::Established,
        Self::Related,
        Self::New,
        Self::Untracked,
        Self::Exempt,
        Self::NoRule,
        Self::InvalidState,
        Self::Malformed,
        Self::Fragment,
        Self::Spoofed,
        Self::TableFull,
        Self::LinkLocalExceeded,
    ];

    /// Whether a packet with this reason passes.
    #[must_use]
    pub const fn action(self) -> Action {
        match self {
            Self::Established | Self::Related | Self::New | Self::Untracked | Self::Exempt => {
                Action::Allow
            }
            _ => Action::Deny,
        }
    }

    /// The name, as reports and JSON print it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Related => "related",
            Self::New => "new",
            Self::Untracked => "untracked",
            Self::Exempt => "exempt",
            Self::NoRule => "no-rule",
            Self::InvalidState => "invalid-state",
            Self::Malformed => "malformed",
            Self::Fragment => "fragment",
            Self::Spoofed => "spoofed",
            Self::TableFull => "table-full",
            Self::LinkLocalExceeded => "link-local-exceeded",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is decided about one packet at one interface in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Why.
    pub reason: Reason,
    /// The rule that admits the packet, or that admitted its connection.
    pub rule: Option<RuleNumber>,
}

impl Verdict {
    /// A drop; no rule says so, the lack of one does (semantics A2).
    #[must_use]
    pub const fn deny(reason: Reason) -> Self {
        Self { reason, rule: None }
    }

    /// A pass by `rule`.
    #[must_use]
    pub const fn allow(reason: Reason, rule: RuleNumber) -> Self {
        Self {
            reason,
            rule: Some(rule),
        }
    }

    /// Pass or drop.
    #[must_use]
    pub const fn action(self) -> Action {
        self.reason.action()
    }
}

/// So that it is handed on in a register.
const _: () = assert!(size_of::<Verdict>() == 8);
