//! Everything that is known, by id.

use std::collections::BTreeMap;

use crate::{
    AssociationStatus, GroupId, NetworkInterface, NetworkInterfaceId, Peering, PeeringId,
    PrefixList, PrefixListId, SecurityGroup, Subnet, SubnetId, Vpc, VpcId,
};

/// Everything that a policy says. Plain data: whoever fills it validates what it adds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// Security groups.
    pub groups: BTreeMap<GroupId, SecurityGroup>,
    /// Network interfaces.
    pub interfaces: BTreeMap<NetworkInterfaceId, NetworkInterface>,
    /// Managed prefix lists.
    pub prefix_lists: BTreeMap<PrefixListId, PrefixList>,
    /// VPCs.
    pub vpcs: BTreeMap<VpcId, Vpc>,
    /// Subnets.
    pub subnets: BTreeMap<SubnetId, Subnet>,
    /// Peering connections.
    pub peerings: BTreeMap<PeeringId, Peering>,
    /// Groups that were associated with a further VPC (B29).
    pub associations: BTreeMap<(GroupId, VpcId), AssociationStatus>,
}
