//! Network interfaces: where security groups are enforced (semantics C1).

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::{GroupId, InstanceId, NetworkInterfaceId, Origin, SubnetId, Tags, VpcId};

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

/// A network interface (ENI).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkInterface {
    /// Its id.
    pub id: NetworkInterfaceId,
    /// Its VPC, where known.
    pub vpc: Option<VpcId>,
    /// Its subnet, where known.
    pub subnet: Option<SubnetId>,
    /// The attached groups, at least one (B11), in the order given.
    pub groups: Vec<GroupId>,
    /// Private addresses, the primary IPv4 address first (C7).
    pub addresses: Vec<IpAddr>,
    /// Delegated prefixes (C7).
    pub prefixes: Vec<IpNet>,
    /// Its MAC address, where known.
    pub mac: Option<MacAddress>,
    /// Whether packets that are neither from nor to one of its addresses are dropped (C12).
    pub source_dest_check: bool,
    /// Timeouts of tracked connections.
    pub tracking: ConnectionTracking,
    /// The instance it is attached to.
    pub instance: Option<InstanceId>,
    /// Its description.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
    /// Where it was written.
    pub origin: Option<Origin>,
}

/// `ConnectionTrackingSpecification`: only the timeouts that were set (semantics D29, D30).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionTracking {
    /// Idle established TCP connections: 60 to 432,000 s.
    pub tcp_established: Option<Duration>,
    /// Idle UDP streams: 60 to 180 s.
    pub udp_stream: Option<Duration>,
    /// Other idle UDP flows: 30 to 60 s.
    pub udp: Option<Duration>,
}
