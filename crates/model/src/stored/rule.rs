//! Rules, as `describe-security-group-rules` prints them.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{all, tag_list};
use crate::{
    Dialect, Direction, GroupReference, IdSyntax, Listing, Peer, PeeringStatus, RawGroup, RawRule,
    Rule, RuleId, Tags,
};

/// A rule of a group, which says whose it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct StoredRule {
    security_group_rule_id: RuleId,
    is_egress: bool,
    ip_protocol: String,
    /// Also for protocols without ports, as `-1` (A20).
    from_port: i64,
    to_port: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr_ipv4: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr_ipv6: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix_list_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    referenced_group_info: Option<StoredReference>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, with = "tag_list", skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

/// The group that a rule refers to. EC2 leaves out the account and VPC that are the rule's own, and so does this.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StoredReference {
    group_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vpc_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peering_status: Option<String>,
}

impl From<&Rule> for StoredRule {
    fn from(rule: &Rule) -> Self {
        let traffic = rule.spec.traffic;
        let (from_port, to_port) = traffic.reported_ports(Listing::Rules).unwrap_or((-1, -1));
        let mut stored = Self {
            security_group_rule_id: rule.id.clone(),
            is_egress: rule.spec.direction == Direction::Egress,
            ip_protocol: traffic.reported_protocol(),
            from_port,
            to_port,
            cidr_ipv4: None,
            cidr_ipv6: None,
            prefix_list_id: None,
            referenced_group_info: None,
            description: rule.description.clone(),
            tags: rule.tags.clone(),
        };
        match &rule.spec.peer {
            Peer::Cidr(IpNet::V4(net)) => stored.cidr_ipv4 = Some(net.to_string()),
            Peer::Cidr(IpNet::V6(net)) => stored.cidr_ipv6 = Some(net.to_string()),
            Peer::PrefixList(list) => stored.prefix_list_id = Some(list.to_string()),
            Peer::Group(to) => stored.referenced_group_info = Some(to.into()),
        }
        stored
    }
}

impl From<&GroupReference> for StoredReference {
    fn from(to: &GroupReference) -> Self {
        Self {
            group_id: to.group.to_string(),
            user_id: to.account.as_ref().map(ToString::to_string),
            vpc_id: to.vpc.as_ref().map(ToString::to_string),
            peering_status: to.peering.map(|status| peering_status(status).to_owned()),
        }
    }
}

/// A state that stands for all that are the same to a reference.
pub(super) const fn peering_status(status: PeeringStatus) -> &'static str {
    match status {
        PeeringStatus::Active => "active",
        PeeringStatus::Pending => "pending-acceptance",
        PeeringStatus::Gone => "deleted",
    }
}

impl TryFrom<StoredRule> for Rule {
    type Error = String;

    /// The rule, as a user would have said it: every fault is told with the rule's id.
    fn try_from(stored: StoredRule) -> Result<Self, String> {
        let id = stored.security_group_rule_id;
        let direction = if stored.is_egress {
            Direction::Egress
        } else {
            Direction::Ingress
        };
        let raw = RawRule {
            protocol: Some(stored.ip_protocol),
            from_port: Some(stored.from_port),
            to_port: Some(stored.to_port),
            cidr_ipv4: stored.cidr_ipv4,
            cidr_ipv6: stored.cidr_ipv6,
            prefix_list: stored.prefix_list_id,
            group: stored.referenced_group_info.map(|to| RawGroup {
                id: Some(to.group_id),
                name: None,
                account: to.user_id,
                vpc: to.vpc_id,
                peering_status: to.peering_status,
            }),
            description: stored.description,
        };
        // What EC2-Classic takes, a VPC takes too; and whose the rule is, it was asked before it was kept.
        let dialect = Dialect {
            ids: IdSyntax::Logical,
            ..Dialect::default()
        };
        let parsed = raw
            .parse(direction, &dialect)
            .map_err(|errors| format!("{id}: {}", all(&errors)))?;
        if let Some(note) = parsed.notes.first() {
            return Err(format!("{id}: {note}"));
        }
        let rule = parsed.rules.into_iter().next();
        let rule = rule.ok_or_else(|| format!("{id}: there is no rule in it"))?;
        Ok(Self {
            tags: stored.tags,
            ..rule.with_id(id)
        })
    }
}
