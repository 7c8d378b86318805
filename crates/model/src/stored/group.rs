//! Security groups, as `describe-security-groups` prints them, with their rules as
//! `describe-security-group-rules` does.

use serde::{Deserialize, Serialize};

use super::rule::StoredRule;
use super::{stored_as, tag_list};
use crate::{AccountId, GroupId, SecurityGroup, Tags, VpcId};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StoredGroup {
    group_id: GroupId,
    group_name: String,
    description: String,
    owner_id: AccountId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vpc_id: Option<VpcId>,
    /// In the order in which they were added.
    #[serde(default)]
    security_group_rules: Vec<StoredRule>,
    #[serde(default, with = "tag_list", skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

stored_as! { SecurityGroup => StoredGroup; }

impl From<&SecurityGroup> for StoredGroup {
    fn from(group: &SecurityGroup) -> Self {
        Self {
            group_id: group.id.clone(),
            group_name: group.name.clone(),
            description: group.description.clone(),
            owner_id: group.owner.clone(),
            vpc_id: group.vpc.clone(),
            security_group_rules: group.rules.iter().map(StoredRule::from).collect(),
            tags: group.tags.clone(),
        }
    }
}

impl TryFrom<StoredGroup> for SecurityGroup {
    type Error = String;

    fn try_from(stored: StoredGroup) -> Result<Self, String> {
        let rules = stored.security_group_rules.into_iter();
        Ok(Self {
            id: stored.group_id,
            name: stored.group_name,
            description: stored.description,
            owner: stored.owner_id,
            vpc: stored.vpc_id,
            rules: rules.map(TryInto::try_into).collect::<Result<_, _>>()?,
            tags: stored.tags,
            origin: None,
        })
    }
}
