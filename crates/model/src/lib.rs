#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod error;
mod group;
mod ids;
mod interface;
mod inventory;
mod network;
mod peer;
mod prefix_list;
mod quota;
mod raw;
mod reference;
mod rule;
pub mod stored;
mod tags;
mod text;
mod traffic;

pub use secgroup_packet::{Direction, Family, PortRange, Protocol};

pub use crate::error::{ErrorCode, ModelError, Part};
pub use crate::group::SecurityGroup;
pub use crate::ids::{
    AccountId, AttachmentId, FlowLogId, GroupId, InstanceId, NetworkInterfaceId, PeeringId,
    PrefixListId, RuleId, SubnetId, VpcId,
};
pub use crate::interface::{ConnectionTracking, MacAddress, NetworkInterface};
pub use crate::inventory::Inventory;
pub use crate::network::{AssociationStatus, Peering, PeeringStatus, Subnet, Vpc};
pub use crate::peer::{GroupReference, Peer, parse_cidr};
pub use crate::prefix_list::{
    PrefixList, PrefixListChange, PrefixListEntry, RawEntry, RawPrefixList,
};
pub use crate::quota::{Ceilings, PrefixListCounting, PrefixListQuotas, Quotas, RuleCount};
pub use crate::raw::{
    Dialect, Flavour, IdSyntax, NewRule, Note, Parsed, RawAddress, RawGroup, RawPeer,
    RawPermission, RawRule,
};
pub use crate::reference::{Dependents, Reach, Reference};
pub use crate::rule::{Rule, RuleSpec};
pub use crate::tags::{Tags, check_tags, is_reserved_tag, reserved_tag};
pub use crate::text::{parse_group_description, parse_group_name, parse_rule_description};
pub use crate::traffic::{IcmpMatch, Listing, Traffic};

/// Where in a policy file something was said; shown in reports, never compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file, as the user named it.
    pub file: std::sync::Arc<str>,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
}
