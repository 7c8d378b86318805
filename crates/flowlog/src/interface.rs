//! What a record says of the network interface, beside its packets: ids, places, and what its addresses stand for.

use std::net::IpAddr;

use ipnet::IpNet;
use secgroup_ec2::Site;
use secgroup_ec2::places::zone_id;
use secgroup_model::{Inventory, NetworkInterface, PeeringStatus, Vpc, VpcId};

/// An interface, as records know it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interface {
    /// `interface-id`.
    pub id: String,
    /// `account-id`: who owns it.
    pub account: String,
    /// `vpc-id`, where known.
    pub vpc: Option<String>,
    /// `subnet-id`, where known.
    pub subnet: Option<String>,
    /// `instance-id`, where it is attached to one.
    pub instance: Option<String>,
    /// `az-id`, where known.
    pub zone: Option<String>,
    /// Its own addresses, the primary one of each family first.
    pub addresses: Vec<IpAddr>,
    /// The ranges of its VPC.
    pub near: Vec<IpNet>,
    /// The ranges of VPCs that its own is peered with.
    pub peered: Vec<IpNet>,
}

impl Interface {
    /// What `inventory` says of `interface`. Where nobody says who owns it, `account` does; `region` is where its zone is.
    #[must_use]
    pub fn of(
        interface: &NetworkInterface,
        inventory: &Inventory,
        account: &str,
        region: &str,
    ) -> Self {
        let vpc = inventory.vpc_of(interface);
        let known = vpc.and_then(|id| inventory.vpcs.get(id));
        let subnet = interface.subnet.as_ref();
        let zone = subnet
            .and_then(|id| inventory.subnets.get(id))
            .and_then(|subnet| subnet.availability_zone.as_deref());
        Self {
            id: interface.id.to_string(),
            account: known.map_or_else(|| account.to_owned(), |vpc| vpc.owner.to_string()),
            vpc: vpc.map(ToString::to_string),
            subnet: subnet.map(ToString::to_string),
            instance: interface.instance.as_ref().map(ToString::to_string),
            zone: zone.and_then(|zone| zone_id(&Site::new(region, Vec::new()), zone)),
            addresses: interface.addresses.clone(),
            near: known.map(ranges).unwrap_or_default(),
            peered: vpc
                .map(|vpc| peered_ranges(vpc, inventory))
                .unwrap_or_default(),
        }
    }

    /// What the interface's end of a flow is shown as: its own primary address of the same family, where it has one, whichever address
    /// the packets have (G5, H49).
    pub(crate) fn shown(&self, address: IpAddr) -> IpAddr {
        let is_same = |own: &&IpAddr| own.is_ipv4() == address.is_ipv4();
        self.addresses
            .iter()
            .find(is_same)
            .copied()
            .unwrap_or(address)
    }

    /// Which way egress to `destination` goes, as far as it can be known without route tables: through the VPC, or through a peering
    /// connection (G10).
    pub(crate) fn path(&self, destination: IpAddr) -> Option<u64> {
        let within = |ranges: &[IpNet]| ranges.iter().any(|range| range.contains(&destination));
        if within(&self.near) {
            Some(1)
        } else {
            within(&self.peered).then_some(4)
        }
    }
}

fn ranges(vpc: &Vpc) -> Vec<IpNet> {
    let v4 = vpc.cidrs.iter().copied().map(IpNet::from);
    v4.chain(vpc.ipv6_cidrs.iter().copied().map(IpNet::from))
        .collect()
}

fn peered_ranges(vpc: &VpcId, inventory: &Inventory) -> Vec<IpNet> {
    let active = inventory
        .peerings
        .values()
        .filter(|peering| peering.status == PeeringStatus::Active);
    let others = active.filter_map(|peering| {
        if peering.requester == *vpc {
            Some(&peering.accepter)
        } else {
            (peering.accepter == *vpc).then_some(&peering.requester)
        }
    });
    others
        .filter_map(|other| inventory.vpcs.get(other))
        .flat_map(ranges)
        .collect()
}
