//! The policy as the engine sees it: whole, immutable, swapped between packets.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnet::IpNet;
use secgroup_conntrack::Lifetimes;
use secgroup_packet::InterfaceIndex;
use secgroup_policy::{Directory, RuleSet};

/// One generation of the policy.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Counts up with each change.
    pub generation: u64,
    /// By interface index; `None` where an interface was removed.
    pub interfaces: Vec<Option<Interface>>,
    /// How many rule numbers are in use: one more than the highest.
    pub rules: u32,
    /// Which groups an address is in.
    pub directory: Arc<Directory>,
}

impl Snapshot {
    /// The interface with this index.
    #[must_use]
    pub fn interface(&self, index: InterfaceIndex) -> Option<&Interface> {
        self.interfaces.get(index.0 as usize)?.as_ref()
    }
}

/// What holds for one network interface.
#[derive(Debug, Clone)]
pub struct Interface {
    /// The union of the rules of all attached groups (semantics C3).
    pub rules: Arc<RuleSet>,
    /// Its own addresses.
    pub addresses: Vec<IpAddr>,
    /// Its delegated prefixes.
    pub prefixes: Vec<IpNet>,
    /// Whether packets that are neither from nor to its own addresses are dropped (C12).
    pub source_dest_check: bool,
    /// Whether what security groups never filter passes (C16).
    pub exemptions: bool,
    /// The resolver of its VPC, where that is known (C17).
    pub resolver: Option<Ipv4Addr>,
    /// The router of its subnet, where that is known (C17).
    pub router: Option<Ipv4Addr>,
    /// Packets a second to or from link-local services (C20); `None` for no limit.
    pub link_local_pps: Option<u32>,
    /// Flows that are tracked whatever the rules (D12).
    pub always_track: AlwaysTrack,
    /// How long its connections live without a packet (D29).
    pub lifetimes: Lifetimes,
    /// How many connections it may have at once (D42); `None` for as many as the table holds.
    pub allowance: Option<u32>,
}

/// Which flows are tracked even where the rules would leave them untracked (semantics D12).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AlwaysTrack {
    /// None.
    #[default]
    Never,
    /// All.
    Always,
    /// Those whose remote end lies in one of these ranges.
    Peers(Vec<IpNet>),
}

impl AlwaysTrack {
    /// Whether a flow with this remote end is tracked whatever the rules.
    #[must_use]
    pub fn covers(&self, peer: IpAddr) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Peers(ranges) => ranges.iter().any(|range| range.contains(&peer)),
        }
    }
}

impl Interface {
    /// Whether `address` is one of the interface's own; an interface that lists none owns what it is asked about.
    #[must_use]
    pub fn owns(&self, address: IpAddr) -> bool {
        (self.addresses.is_empty() && self.prefixes.is_empty())
            || self.addresses.contains(&address)
            || self.prefixes.iter().any(|prefix| prefix.contains(&address))
    }
}
