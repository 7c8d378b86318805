//! VPCs, subnets and peering connections, as far as security groups depend on them.

use std::str::FromStr;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::{AccountId, ModelError, Origin, PeeringId, SubnetId, Tags, VpcId};

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
