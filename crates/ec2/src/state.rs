//! All that the endpoint knows: what security groups depend on, and what the API adds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secgroup_model::{
    AccountId, AttachmentId, FlowLogId, InstanceId, Inventory, NetworkInterfaceId, PeeringId,
    PrefixListId, SubnetId, Tags, VpcId,
};

/// Everything, of all accounts. Plain data: operations keep it consistent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// What security groups depend on. An interface and a subnet belong to the account of their VPC.
    pub inventory: Inventory,
    /// Instances: names that own interfaces.
    pub instances: BTreeMap<InstanceId, Instance>,
    /// What attaches an interface to its instance; for each interface that has one, and no other.
    pub attachments: BTreeMap<NetworkInterfaceId, Attachment>,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// The account that owns it.
    pub owner: AccountId,
    /// `r-` and 17 digits: the launch that it came from, shared by all instances of that launch.
    pub reservation: String,
    /// Its place in the launch.
    pub launch_index: u32,
    /// Its state.
    pub state: InstanceState,
    /// The image it was said to be launched from.
    pub image: String,
    /// The type it was said to have.
    pub instance_type: String,
    /// The name of a key pair, if one was given.
    pub key_name: Option<String>,
    /// The subnet of its primary interface.
    pub subnet: Option<SubnetId>,
    /// When it was launched.
    pub launched: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

/// The state of an instance. Changes are immediate: there is nothing that boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstanceState {
    /// 16, `running`.
    Running,
    /// 80, `stopped`.
    Stopped,
    /// 48, `terminated`: listed for an hour.
    Terminated,
}

/// What attaches an interface to an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// The instance.
    pub instance: InstanceId,
    /// 0 is the primary interface.
    pub device_index: u32,
    /// Whether the interface goes when the instance is terminated.
    pub delete_on_termination: bool,
    /// When it was attached.
    pub attached: Timestamp,
}

/// The two sides of a peering connection, as they were when it was asked for: a side may be deleted since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeeringDetails {
    /// Who asked.
    pub requester: AccountId,
    /// Who was asked.
    pub accepter: AccountId,
    /// The state as the API spells it: `pending-acceptance`, `active`, `rejected`, `deleted`, `expired`.
    pub code: String,
    /// What the API says about the state.
    pub message: String,
    /// When an unanswered request ends.
    pub expires: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

/// What the last change of a prefix list came to: `create-complete`, `modify-complete`, `modify-failed`, `restore-complete`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixListState {
    /// The state as the API spells it.
    pub code: String,
    /// Why it failed.
    pub message: Option<String>,
}

/// A flow log (E51).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowLog {
    /// Its id.
    pub id: FlowLogId,
    /// The account that owns it.
    pub owner: AccountId,
    /// A VPC, a subnet or an interface.
    pub resource: String,
    /// `ACCEPT`, `REJECT` or `ALL`.
    pub traffic: String,
    /// `cloud-watch-logs`, `s3` or `kinesis-data-firehose`.
    pub destination_type: String,
    /// Where records go.
    pub destination: Option<String>,
    /// The log group, for `cloud-watch-logs`.
    pub log_group: Option<String>,
    /// The ARN of the role that delivers.
    pub permission: Option<String>,
    /// The format, as typed; the default one where none was given.
    pub format: String,
    /// 60 or 600 s.
    pub interval_seconds: u32,
    /// `plain-text` or `parquet`, where options were given.
    pub file_format: Option<String>,
    /// Whether folders are named as Hive does.
    pub hive: bool,
    /// Whether there is a folder for each hour.
    pub per_hour: bool,
    /// When it was created.
    pub created: Timestamp,
    /// Its tags.
    pub tags: Tags,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// A digest of the call's parameters: the same token with others is `IdempotentParameterMismatch`.
    pub parameters: u64,
    /// What was created.
    pub created: Vec<String>,
    /// When. Tokens are forgotten after a day.
    pub at: Timestamp,
}

/// What `secgroup deploy` made of one template.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stack {
    /// Logical ids of the template, and the ids of what they became.
    pub resources: BTreeMap<String, String>,
    /// The template, as it was deployed last.
    pub template: String,
    /// When that was.
    pub deployed: Timestamp,
}
