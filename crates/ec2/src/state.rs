//! All that the endpoint knows: what security groups depend on, and what the API adds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secgroup_model::stored::tag_list;
use secgroup_model::{
    AccountId, AttachmentId, FlowLogId, InstanceId, Inventory, NetworkInterfaceId, PeeringId,
    PrefixListId, SubnetId, Tags, VpcId,
};
use serde::{Deserialize, Serialize};

use crate::flow_logs::FlowLog;
use crate::spelled::spelled;

/// Everything, of all accounts. Plain data: operations keep it consistent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// What security groups depend on. An interface and a subnet belong to the account of their VPC.
    pub inventory: Inventory,
    /// Instances: names that own interfaces.
    pub instances: BTreeMap<InstanceId, Instance>,
    /// What attaches an interface to its instance; for each interface that has one, and no other.
    pub attachments: BTreeMap<NetworkInterfaceId, Attachment>,
    /// What the API lets one set of a VPC beyond its ranges; for each VPC where it differs from the default, and no other.
    pub vpc_settings: BTreeMap<VpcId, VpcSettings>,
    /// What the API says of a peering connection beyond its state.
    pub peerings: BTreeMap<PeeringId, PeeringDetails>,
    /// What the last change of a prefix list came to.
    pub prefix_lists: BTreeMap<PrefixListId, PrefixListState>,
    /// Flow logs.
    pub flow_logs: BTreeMap<FlowLogId, FlowLog>,
    /// What was created under a client token, so that the same call again creates nothing.
    pub tokens: BTreeMap<TokenKey, Token>,
    /// Stacks: what `secgroup deploy` made, by account and name.
    pub stacks: BTreeMap<(AccountId, String), Stack>,
}

impl State {
    /// The account that an interface belongs to: that of its VPC.
    #[must_use]
    pub fn owner_of_interface(&self, id: &NetworkInterfaceId) -> Option<&AccountId> {
        let interface = self.inventory.interfaces.get(id)?;
        self.owner_of_vpc(self.inventory.vpc_of(interface)?)
    }

    /// The account that a subnet belongs to: that of its VPC.
    #[must_use]
    pub fn owner_of_subnet(&self, id: &SubnetId) -> Option<&AccountId> {
        self.owner_of_vpc(&self.inventory.subnets.get(id)?.vpc)
    }

    /// The account of a VPC.
    #[must_use]
    pub fn owner_of_vpc(&self, id: &VpcId) -> Option<&AccountId> {
        Some(&self.inventory.vpcs.get(id)?.owner)
    }
}

/// An instance: a name that owns network interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Instance {
    /// Its id.
    #[serde(rename = "InstanceId")]
    pub id: InstanceId,
    /// The account that owns it.
    #[serde(rename = "OwnerId")]
    pub owner: AccountId,
    /// `r-` and 17 digits: the launch that it came from, shared by all instances of that launch.
    #[serde(rename = "ReservationId")]
    pub reservation: String,
    /// Its place in the launch.
    pub launch_index: u32,
    /// Its state.
    pub state: InstanceState,
    /// The image it was said to be launched from.
    #[serde(rename = "ImageId")]
    pub image: String,
    /// The type it was said to have.
    pub instance_type: String,
    /// The name of a key pair, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_name: Option<String>,
    /// The subnet of its primary interface.
    #[serde(rename = "SubnetId", skip_serializing_if = "Option::is_none")]
    pub subnet: Option<SubnetId>,
    /// When it was launched.
    #[serde(rename = "LaunchTime")]
    pub launched: Timestamp,
    /// When its state last changed: how long a terminated one is still listed is counted from here.
    #[serde(rename = "StateTransitionTime")]
    pub changed: Timestamp,
    /// Its tags.
    #[serde(default, with = "tag_list", skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

/// The state of an instance. Changes are immediate: there is nothing that boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceState {
    /// 16, `running`.
    Running,
    /// 80, `stopped`.
    Stopped,
    /// 48, `terminated`: listed for an hour.
    Terminated,
}

/// What attaches an interface to an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Attachment {
    /// Its id.
    #[serde(rename = "AttachmentId")]
    pub id: AttachmentId,
    /// The instance.
    #[serde(rename = "InstanceId")]
    pub instance: InstanceId,
    /// 0 is the primary interface.
    pub device_index: u32,
    /// Whether the interface goes when the instance is terminated.
    pub delete_on_termination: bool,
    /// When it was attached.
    #[serde(rename = "AttachTime")]
    pub attached: Timestamp,
}

/// Attributes of a VPC that security groups do not depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct VpcSettings {
    /// `enableDnsSupport`: whether the Amazon resolver answers.
    #[serde(rename = "EnableDnsSupport")]
    pub dns_support: bool,
    /// `enableDnsHostnames`: whether instances get names.
    #[serde(rename = "EnableDnsHostnames")]
    pub dns_hostnames: bool,
    /// `enableNetworkAddressUsageMetrics`.
    #[serde(rename = "EnableNetworkAddressUsageMetrics")]
    pub usage_metrics: bool,
}

impl Default for VpcSettings {
    fn default() -> Self {
        Self {
            dns_support: true,
            dns_hostnames: false,
            usage_metrics: false,
        }
    }
}

spelled! {
    /// The state of a peering connection.
    PeeringCode {
        /// Waiting for the accepter.
        PendingAcceptance = "pending-acceptance",
        /// Both sides agreed.
        Active = "active",
        /// The accepter did not want it.
        Rejected = "rejected",
        /// One side ended it.
        Deleted = "deleted",
        /// Nobody answered for 7 days.
        Expired = "expired",
        /// It could not be: ranges overlap, or there is no such VPC.
        Failed = "failed",
    }
}

/// What the API says of a peering connection. The two VPCs stand in the inventory's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PeeringDetails {
    /// Who asked.
    #[serde(rename = "RequesterOwnerId")]
    pub requester: AccountId,
    /// Who was asked.
    #[serde(rename = "AccepterOwnerId")]
    pub accepter: AccountId,
    /// The Region of the VPC that was asked, which may be another one.
    pub accepter_region: String,
    /// Its state. One that nobody answered in time is `pending-acceptance` here and `expired` for everybody who asks.
    pub code: PeeringCode,
    /// What the API says about the state.
    pub message: String,
    /// When an unanswered request ends.
    #[serde(rename = "ExpirationTime")]
    pub expires: Timestamp,
    /// When it came into its state: what has ended is listed for some time only.
    pub changed: Timestamp,
    /// Its tags: each account has its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<AccountId, Tags>,
}

spelled! {
    /// What the last change of a prefix list came to. Changes are immediate: nothing is in progress.
    PrefixListCode {
        /// It was created.
        CreateComplete = "create-complete",
        /// It was changed.
        ModifyComplete = "modify-complete",
        /// It could not be made larger: a group that refers to it has no room (B22).
        ModifyFailed = "modify-failed",
        /// A former version was brought back.
        RestoreComplete = "restore-complete",
    }
}

/// What the last change of a prefix list came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PrefixListState {
    /// The state.
    pub code: PrefixListCode,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Which call a client token belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenKey {
    /// Whose call.
    pub account: AccountId,
    /// The action.
    pub action: String,
    /// The token, 1 to 64 characters.
    pub token: String,
}

/// What a call with a client token made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Token {
    /// A digest of the call's parameters: the same token with others is `IdempotentParameterMismatch`.
    pub parameters: u64,
    /// What was created.
    pub created: Vec<String>,
    /// When. Tokens are forgotten after a day.
    pub at: Timestamp,
}

/// What `secgroup deploy` made of one template.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Stack {
    /// Logical ids of the template, and the ids of what they became.
    pub resources: BTreeMap<String, String>,
    /// The template, as it was deployed last.
    pub template: String,
    /// When that was.
    pub deployed: Timestamp,
    /// What tells it from stacks of the same name before and after it: the end of its ARN. Empty for one that was deployed before there was one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uuid: String,
}
