//! What can have tags: every kind of id, how the API calls it, and how it says that there is none.

use secgroup_model::{
    ErrorCode, FlowLogId, GroupId, InstanceId, ModelError, NetworkInterfaceId, PeeringId,
    PrefixListId, RuleId, SubnetId, VpcId,
};

/// What can have tags.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// A security group.
    Group(GroupId),
    /// A rule of one.
    Rule(RuleId),
    /// A network interface.
    Interface(NetworkInterfaceId),
    /// An instance.
    Instance(InstanceId),
    /// A prefix list.
    PrefixList(PrefixListId),
    /// A VPC.
    Vpc(VpcId),
    /// A subnet.
    Subnet(SubnetId),
    /// A peering connection.
    Peering(PeeringId),
    /// A flow log.
    FlowLog(FlowLogId),
}

impl Resource {
    /// The resource that an id stands for.
    ///
    /// # Errors
    /// `InvalidID` for an id of no kind that is known.
    pub fn parse(id: &str) -> Result<Self, ModelError> {
        let prefix = id.split_inclusive('-').next().unwrap_or_default();
        let resource = match prefix {
            GroupId::PREFIX => GroupId::parse(id).map(Self::Group),
            RuleId::PREFIX => RuleId::parse(id).map(Self::Rule),
            NetworkInterfaceId::PREFIX => NetworkInterfaceId::parse(id).map(Self::Interface),
            InstanceId::PREFIX => InstanceId::parse(id).map(Self::Instance),
            PrefixListId::PREFIX => PrefixListId::parse(id).map(Self::PrefixList),
            VpcId::PREFIX => VpcId::parse(id).map(Self::Vpc),
            SubnetId::PREFIX => SubnetId::parse(id).map(Self::Subnet),
            PeeringId::PREFIX => PeeringId::parse(id).map(Self::Peering),
            FlowLogId::PREFIX => FlowLogId::parse(id).map(Self::FlowLog),
            _ => return Err(invalid_id(id)),
        };
        resource.map_err(|_| invalid_id(id))
    }

    /// Its kind, as `ResourceType` of tags spells it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Group(_) => "security-group",
            Self::Rule(_) => "security-group-rule",
            Self::Interface(_) => "network-interface",
            Self::Instance(_) => "instance",
            Self::PrefixList(_) => "prefix-list",
            Self::Vpc(_) => "vpc",
            Self::Subnet(_) => "subnet",
            Self::Peering(_) => "vpc-peering-connection",
            Self::FlowLog(_) => "vpc-flow-log",
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Group(id) => id.as_str(),
            Self::Rule(id) => id.as_str(),
            Self::Interface(id) => id.as_str(),
            Self::Instance(id) => id.as_str(),
            Self::PrefixList(id) => id.as_str(),
            Self::Vpc(id) => id.as_str(),
            Self::Subnet(id) => id.as_str(),
            Self::Peering(id) => id.as_str(),
            Self::FlowLog(id) => id.as_str(),
        }
    }

    /// E63, E64: each kind says in its own way that there is none.
    pub(super) fn unknown(&self) -> ModelError {
        let id = self.id();
        let (code, text) = match self {
            Self::Group(_) => (
                ErrorCode::InvalidGroupNotFound,
                format!("The security group '{id}' does not exist"),
            ),
            Self::Rule(_) => (
                ErrorCode::InvalidSecurityGroupRuleIdNotFound,
                format!("The security group rule ID '{id}' does not exist"),
            ),
            Self::Interface(_) => (
                ErrorCode::InvalidNetworkInterfaceIdNotFound,
                format!("The networkInterface ID '{id}' does not exist"),
            ),
            Self::Instance(_) => (
                ErrorCode::InvalidInstanceIdNotFound,
                format!("The instance ID '{id}' does not exist"),
            ),
            Self::PrefixList(_) => (
                ErrorCode::InvalidPrefixListIdNotFound,
                format!("The prefix list ID '{id}' does not exist"),
            ),
            Self::Vpc(_) => (
                ErrorCode::InvalidVpcIdNotFound,
                format!("The vpc ID '{id}' does not exist"),
            ),
            Self::Subnet(_) => (
                ErrorCode::InvalidSubnetIdNotFound,
                format!("The subnet ID '{id}' does not exist"),
            ),
            Self::Peering(_) => (
                ErrorCode::InvalidVpcPeeringConnectionIdNotFound,
                format!("The vpcPeeringConnection ID '{id}' does not exist"),
            ),
            Self::FlowLog(_) => (
                ErrorCode::InvalidFlowLogIdNotFound,
                format!("The flow log ID '{id}' does not exist"),
            ),
        };
        ModelError::new(code, text)
    }
}

/// E58.
fn invalid_id(id: &str) -> ModelError {
    ModelError::new(ErrorCode::InvalidId, format!("The ID '{id}' is not valid"))
}
