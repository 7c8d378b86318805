//! Security group rules: what traffic, in which direction, with which peer (semantics A).

use std::fmt;

use crate::{
    Direction, ErrorCode, Family, IcmpMatch, ModelError, Origin, Peer, Protocol, RuleId, Tags,
    Traffic,
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

impl Rule {
    /// A rule with nothing but what makes it one.
    #[must_use]
    pub fn new(id: RuleId, spec: RuleSpec) -> Self {
        Self {
            id,
            spec,
            description: None,
            tags: Tags::new(),
            origin: None,
        }
    }
}

/// What a rule allows, canonical: two rules of a group are duplicates exactly where these are
/// equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleSpec {
    /// Inbound or outbound.
    pub direction: Direction,
    /// Protocol and ports, or ICMP type and code.
    pub traffic: Traffic,
    /// The other end: the source of ingress, the destination of egress.
    pub peer: Peer,
}

impl RuleSpec {
    /// The egress rule of a new group: everything to everywhere in `family` (B10).
    #[must_use]
    pub const fn allow_all_egress(family: Family) -> Self {
        Self {
            direction: Direction::Egress,
            traffic: Traffic::All,
            peer: Peer::anywhere(family),
        }
    }

    /// Whether every packet that `other` allows is one that this allows, as far as the two say so
    /// themselves.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.direction == other.direction
            && self.traffic.covers(other.traffic)
            && self.peer.covers(&other.peer)
    }

    /// Whether no packet can ever match: an ICMP of one family with a range of the other (A19). EC2
    /// accepts such rules.
    #[must_use]
    pub fn never_matches(&self) -> bool {
        matches!((self.traffic.family(), self.peer.family()), (Some(a), Some(b)) if a != b)
    }

    /// The error for a rule that is there already (A35).
    #[must_use]
    pub fn already_exists(&self) -> ModelError {
        ModelError::new(
            ErrorCode::InvalidPermissionDuplicate,
            format!("the specified rule \"{}\" already exists", self.in_errors()),
        )
    }

    /// The rule as EC2's errors spell it (A35): `peer: 0.0.0.0/0, TCP, from port: 443, to port:
    /// 443, ALLOW`.
    fn in_errors(&self) -> String {
        let traffic = match self.traffic {
            Traffic::All => "ALL".to_owned(),
            Traffic::Tcp(ports) => {
                format!("TCP, from port: {}, to port: {}", ports.from(), ports.to())
            }
            Traffic::Udp(ports) => {
                format!("UDP, from port: {}, to port: {}", ports.from(), ports.to())
            }
            Traffic::Icmp(icmp) => format!("ICMP, {}", icmp_in_errors(icmp)),
            Traffic::Icmpv6(icmp) => format!("ICMPv6, {}", icmp_in_errors(icmp)),
            Traffic::Other(Protocol(number)) => format!("protocol: {number}"),
        };
        // The account of a foreign group is not part of the text.
        let peer = match &self.peer {
            Peer::Group(reference) => reference.group.to_string(),
            other => other.to_string(),
        };
        format!("peer: {peer}, {traffic}, ALLOW")
    }
}

/// `tcp 443 from 0.0.0.0/0`, `icmp type 8 to sg-…`.
impl fmt::Display for RuleSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let preposition = match self.direction {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        };
        write!(f, "{} {preposition} {}", self.traffic, self.peer)
    }
}

fn icmp_in_errors(icmp: IcmpMatch) -> String {
    let (kind, code) = match icmp {
        IcmpMatch::All => (None, None),
        IcmpMatch::Type(kind) => (Some(kind), None),
        IcmpMatch::TypeAndCode(kind, code) => (Some(kind), Some(code)),
    };
    let number = |n: Option<u8>| n.map_or_else(|| "ALL".to_owned(), |n| n.to_string());
    format!("type: {}, code: {}", number(kind), number(code))
}
