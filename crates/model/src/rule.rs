//! Security group rules: what traffic, in which direction, with which peer (semantics A).

use ipnet::IpNet;

use crate::{
    AccountId, Direction, GroupId, Origin, PeeringStatus, PortRange, PrefixListId, Protocol, RuleId,
    Tags, VpcId,
};

/// One stored rule: one direction, one kind of traffic, exactly one peer (semantics A1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// What it allows; the identity of the rule within its group (semantics A34).
    pub spec: RuleSpec,
    /// The description, not part of the identity (semantics A33).
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Where it was written.
    pub origin: Option<Origin>,
}

/// What a rule allows, canonical: two rules of a group are duplicates exactly where these are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleSpec {
    /// Inbound or outbound.
    pub direction: Direction,
    /// Protocol and ports, or ICMP type and code.
    pub traffic: Traffic,
    /// The other end: the source of ingress, the destination of egress.
    pub peer: Peer,
}

/// Protocol and ports of a rule, normalised (semantics A4 to A21).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Traffic {
    /// `-1`: every protocol, within the peer's address family (A11).
    All,
    /// TCP with a destination port in the range (A12).
    Tcp(PortRange),
    /// UDP with a destination port in the range.
    Udp(PortRange),
    /// ICMP for IPv4 only (A19).
    Icmp(IcmpMatch),
    /// ICMPv6 for IPv6 only (A19).
    Icmpv6(IcmpMatch),
    /// Any other protocol, by number; ports play no part (A9). Never 1, 6, 17 or 58.
    Other(Protocol),
}

/// Which ICMP messages a rule covers (semantics A15, A16). Type and code, not a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IcmpMatch {
    /// `-1`/`-1`: every type and code.
    All,
    /// `type`/`-1`: every code of one type.
    Type(u8),
    /// `type`/`code`: exactly one message.
    TypeAndCode(u8, u8),
}

impl IcmpMatch {
    /// Whether it covers a message of `kind` (type) and `code`.
    #[must_use]
    pub const fn covers(self, kind: u8, code: u8) -> bool {
        match self {
            Self::All => true,
            Self::Type(t) => t == kind,
            Self::TypeAndCode(t, c) => t == kind && c == code,
        }
    }
}

/// The other end of a rule (semantics A22 to A29).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// An address range, without host bits (A23).
    Cidr(IpNet),
    /// The current entries of a managed prefix list (A26).
    PrefixList(PrefixListId),
    /// The private addresses of the interfaces that have this group (A27, C6).
    Group(GroupReference),
}

/// A reference to a security group, perhaps of another account or VPC (semantics A27 to A29).
///
/// Only the account and the group are the identity of the peer; VPC and peering are what a dump adds.
#[derive(Debug, Clone)]
pub struct GroupReference {
    /// The group.
    pub group: GroupId,
    /// Its account where that is another one than the referencing group's.
    pub account: Option<AccountId>,
    /// Its VPC where that is another one.
    pub vpc: Option<VpcId>,
    /// The state of the peering connection that the reference depends on, where one is known.
    pub peering: Option<PeeringStatus>,
}

impl GroupReference {
    /// A reference to a group of the same account and VPC.
    #[must_use]
    pub const fn local(group: GroupId) -> Self {
        Self { group, account: None, vpc: None, peering: None }
    }

    const fn identity(&self) -> (&GroupId, Option<&AccountId>) {
        (&self.group, self.account.as_ref())
    }
}

impl PartialEq for GroupReference {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for GroupReference {}

impl PartialOrd for GroupReference {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for GroupReference {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.identity().cmp(&other.identity())
    }
}

impl std::hash::Hash for GroupReference {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}
