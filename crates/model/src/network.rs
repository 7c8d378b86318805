//! VPCs, subnets and peering connections, as far as security groups depend on them.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::{AccountId, Family, ModelError, Origin, PeeringId, SubnetId, Tags, VpcId};

/// The resolver has the base address of the VPC's primary range plus this (C17).
const RESOLVER_OFFSET: u32 = 2;
/// The router has the base address of the subnet plus this (C17).
const ROUTER_OFFSET: u32 = 1;
/// The first addresses of a subnet, and the last one, are reserved (E60).
const RESERVED_AT_START: u128 = 4;

/// A VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// Its id.
    pub id: VpcId,
    /// The account that owns it.
    pub owner: AccountId,
    /// IPv4 ranges, the primary one first: its base address + 2 is the resolver (C17).
    pub cidrs: Vec<Ipv4Net>,
    /// IPv6 ranges.
    pub ipv6_cidrs: Vec<Ipv6Net>,
    /// Whether it is the default VPC of its Region.
    pub is_default: bool,
    /// Its tags.
    pub tags: Tags,
    /// Where it was written.
    pub origin: Option<Origin>,
}

impl Vpc {
    /// The address of the Amazon resolver, where the primary range is known and has room for it
    /// (C17).
    #[must_use]
    pub fn resolver(&self) -> Option<Ipv4Addr> {
        self.cidrs
            .first()
            .and_then(|cidr| nth(cidr, RESOLVER_OFFSET))
    }

    /// The address families in which its groups get their first egress rules (B10).
    #[must_use]
    pub const fn families(&self) -> &'static [Family] {
        if self.ipv6_cidrs.is_empty() {
            &[Family::V4]
        } else {
            &Family::BOTH
        }
    }
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its IPv4 range: base address + 1 is the router (C17).
    pub cidr: Option<Ipv4Net>,
    /// Its IPv6 range.
    pub ipv6_cidr: Option<Ipv6Net>,
    /// Its Availability Zone.
    pub availability_zone: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Where it was written.
    pub origin: Option<Origin>,
}

impl Subnet {
    /// The address of the VPC's router in this subnet, where the range is known and has room for it
    /// (C17).
    #[must_use]
    pub fn router(&self) -> Option<Ipv4Addr> {
        self.cidr.as_ref().and_then(|cidr| nth(cidr, ROUTER_OFFSET))
    }

    /// Whether `address` lies in one of its ranges.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.cidr.is_some_and(|cidr| cidr.contains(&address)),
            IpAddr::V6(address) => self.ipv6_cidr.is_some_and(|cidr| cidr.contains(&address)),
        }
    }

    /// Whether no interface may have `address`: the first four addresses of the subnet and the last
    /// one (E60).
    #[must_use]
    pub fn is_reserved(&self, address: IpAddr) -> bool {
        let (address, first, last): (u128, u128, u128) = match (address, self.cidr, self.ipv6_cidr)
        {
            (IpAddr::V4(address), Some(cidr), _) => (
                u32::from(address).into(),
                u32::from(cidr.network()).into(),
                u32::from(cidr.broadcast()).into(),
            ),
            (IpAddr::V6(address), _, Some(cidr)) => (
                address.into(),
                cidr.network().into(),
                cidr.broadcast().into(),
            ),
            _ => return false,
        };
        (first..=last).contains(&address)
            && (address - first < RESERVED_AT_START || address == last)
    }

    /// Checks that an interface of this subnet may have `address` (E60).
    ///
    /// # Errors
    /// `InvalidParameterValue` for one outside of the subnet or reserved.
    pub fn check_address(&self, address: IpAddr) -> Result<(), ModelError> {
        if !self.contains(address) {
            Err(ModelError::value(
                "Address does not fall within the subnet's address range",
            ))
        } else if self.is_reserved(address) {
            Err(ModelError::value(format!(
                "Address {address} is in subnet's reserved address range"
            ))
            .with_help("the first four addresses of a subnet and the last one are reserved"))
        } else {
            Ok(())
        }
    }
}

/// The base address of `cidr` plus `offset`, unless that lies outside.
fn nth(cidr: &Ipv4Net, offset: u32) -> Option<Ipv4Addr> {
    let address = Ipv4Addr::from(u32::from(cidr.network()).checked_add(offset)?);
    cidr.contains(&address).then_some(address)
}

/// A VPC peering connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peering {
    /// Its id.
    pub id: PeeringId,
    /// The VPC that asked.
    pub requester: VpcId,
    /// The VPC that was asked.
    pub accepter: VpcId,
    /// Its state.
    pub status: PeeringStatus,
}

impl Peering {
    /// Whether it is one between these two VPCs, whoever asked.
    #[must_use]
    pub fn connects(&self, one: &VpcId, other: &VpcId) -> bool {
        (&self.requester, &self.accepter) == (one, other)
            || (&self.requester, &self.accepter) == (other, one)
    }
}

/// The state of a peering connection, as far as references depend on it (semantics A27, B28).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeeringStatus {
    /// `active`: references across it work.
    Active,
    /// Not yet `active`.
    Pending,
    /// Deleted, expired, failed or rejected: references across it are stale.
    Gone,
}

/// The states of a peering connection as the API spells them.
impl FromStr for PeeringStatus {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        match text {
            "active" => Ok(Self::Active),
            "initiating-request" | "pending-acceptance" | "provisioning" => Ok(Self::Pending),
            "deleted" | "deleting" | "expired" | "failed" | "rejected" => Ok(Self::Gone),
            _ => Err(ModelError::value(format!(
                "Value ({text}) for parameter PeeringStatus is invalid"
            ))
            .with_help("write active, pending-acceptance, deleted or another state of EC2")),
        }
    }
}

/// The state of the association of a group with a further VPC (semantics B29).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssociationStatus {
    /// On its way to associated.
    Associating,
    /// Interfaces of the VPC may have the group.
    Associated,
    /// Could not be associated.
    AssociationFailed,
    /// On its way to disassociated.
    Disassociating,
    /// No longer associated.
    Disassociated,
    /// Could not be disassociated: it still is.
    DisassociationFailed,
}

impl AssociationStatus {
    /// The state as the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Associating => "associating",
            Self::Associated => "associated",
            Self::AssociationFailed => "association-failed",
            Self::Disassociating => "disassociating",
            Self::Disassociated => "disassociated",
            Self::DisassociationFailed => "disassociation-failed",
        }
    }

    /// Whether interfaces of the VPC may have the group.
    #[must_use]
    pub const fn is_usable(self) -> bool {
        matches!(self, Self::Associated | Self::DisassociationFailed)
    }

    /// Whether there is an association, usable or on its way, which keeps the group from being
    /// deleted (B24).
    #[must_use]
    pub const fn is_present(self) -> bool {
        !matches!(self, Self::AssociationFailed | Self::Disassociated)
    }
}
