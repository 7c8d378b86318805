//! Security groups (semantics B).

use crate::{AccountId, GroupId, Origin, Rule, Tags, VpcId};

/// A security group: a named set of allow rules (semantics A2, B1 to B10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: GroupId,
    /// Its name: unique within the VPC without regard to case (B4).
    pub name: String,
    /// Its description.
    pub description: String,
    /// The account that owns it.
    pub owner: AccountId,
    /// The VPC it was created for; `None` for EC2-Classic.
    pub vpc: Option<VpcId>,
    /// Its rules, both directions, in the order in which they were added.
    pub rules: Vec<Rule>,
    /// Its tags.
    pub tags: Tags,
    /// Where it was written.
    pub origin: Option<Origin>,
}
