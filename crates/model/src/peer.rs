//! The other end of a rule: an address range, a prefix list or a group (semantics A22 to A31).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::{AccountId, Family, GroupId, ModelError, PeeringStatus, PrefixListId, VpcId};

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

impl Peer {
    /// Every address of `family`: `0.0.0.0/0` or `::/0`.
    #[must_use]
    pub const fn anywhere(family: Family) -> Self {
        Self::Cidr(match family {
            Family::V4 => IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)),
            Family::V6 => IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)),
        })
    }

    /// The address family of a range; a group and a prefix list do not say theirs here.
    #[must_use]
    pub const fn family(&self) -> Option<Family> {
        match self {
            Self::Cidr(IpNet::V4(_)) => Some(Family::V4),
            Self::Cidr(IpNet::V6(_)) => Some(Family::V6),
            Self::PrefixList(_) | Self::Group(_) => None,
        }
    }

    /// Whether every address of `other` is one of `self`, as far as the two say so themselves:
    /// members and entries of groups and lists are not looked up.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cidr(outer), Self::Cidr(inner)) => outer.contains(inner),
            _ => self == other,
        }
    }
}

/// `10.0.0.0/8`, `pl-…`, `sg-…`, or `111122223333/sg-…` for a group of another account (A28).
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cidr(net) => fmt::Display::fmt(net, f),
            Self::PrefixList(list) => fmt::Display::fmt(list, f),
            Self::Group(reference) => fmt::Display::fmt(reference, f),
        }
    }
}

/// A reference to a security group, perhaps of another account or VPC (semantics A27 to A29).
///
/// Only the account and the group are the identity of the peer; VPC and peering are what a dump
/// adds.
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
        Self {
            group,
            account: None,
            vpc: None,
            peering: None,
        }
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

impl fmt::Display for GroupReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            Some(account) => write!(f, "{account}/{}", self.group),
            None => fmt::Display::fmt(&self.group, f),
        }
    }
}

/// The range that `text` stands for, without host bits, and whether it had any (A23).
///
/// # Errors
/// A24: no range at all, or one of the other family.
pub fn parse_cidr(text: &str, family: Family) -> Result<(IpNet, bool), ModelError> {
    let given: Option<IpNet> = text
        .split_once('/')
        .and_then(|(address, length)| match family {
            Family::V4 => {
                let address = Ipv4Addr::from_str(address).ok()?;
                Ipv4Net::new(address, prefix_length(length)?)
                    .ok()
                    .map(IpNet::V4)
            }
            Family::V6 => {
                let address = Ipv6Addr::from_str(address).ok()?;
                Ipv6Net::new(address, prefix_length(length)?)
                    .ok()
                    .map(IpNet::V6)
            }
        });
    let Some(given) = given else {
        return Err(ModelError::value(format!("CIDR block {text} is malformed"))
            .with_help(malformed_help(text, family)));
    };
    let stored = given.trunc();
    Ok((stored, stored != given))
}

/// Decimal digits without a sign or leading zeros.
fn prefix_length(text: &str) -> Option<u8> {
    let length: u8 = text.parse().ok()?;
    (length.to_string() == text).then_some(length)
}

/// What would be right in the place of `text`.
fn malformed_help(text: &str, family: Family) -> String {
    let (example, single) = match family {
        Family::V4 => ("10.0.0.0/16", 32),
        Family::V6 => ("2001:db8::/32", 128),
    };
    if text
        .parse::<std::net::IpAddr>()
        .is_ok_and(|address| Family::of(address) == family)
    {
        // A22: a single host is written with its length.
        return format!("write {text}/{single} for one address");
    }
    if text
        .parse::<IpNet>()
        .is_ok_and(|net| Peer::Cidr(net).family() != Some(family))
    {
        return format!("this is not {family}; {family} ranges are written like {example}");
    }
    format!("an {family} range is written like {example}")
}
