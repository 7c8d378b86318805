//! `UpdateSecurityGroupRuleDescriptionsIngress` and `…Egress` (E55): nothing but the description changes.

use std::collections::BTreeMap;

use secgroup_model::{
    Direction, ErrorCode, ModelError, RawPermission, RuleId, SecurityGroup, parse_rule_description,
};

use super::{as_stored, check_once, parse, stored, unknown_rule};
use crate::groups::{self, GroupSelector};
use crate::{Caller, Edit};

/// What the two actions take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateDescriptions {
    /// The group.
    pub group: GroupSelector,
    /// Which of the two actions it is.
    pub direction: Direction,
    /// Which rules, and their descriptions.
    pub rules: DescribedRules,
}

/// Rules and what is said of them, as typed; nothing takes a description away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DescribedRules {
    /// By id.
    Ids(Vec<(RuleId, Option<String>)>),
    /// By what they allow.
    Permissions(Vec<RawPermission>),
}

/// Gives rules of a group other descriptions.
///
/// # Errors
/// `InvalidGroup.NotFound`, `InvalidPermission.NotFound`, `InvalidSecurityGroupRuleId.NotFound`, a description that cannot be (A32).
pub fn update_descriptions(
    edit: &mut Edit<'_>,
    caller: &Caller,
    request: UpdateDescriptions,
) -> Result<(), ModelError> {
    let group = groups::select(edit.state(), caller, &request.group)?;
    let id = group.id.clone();
    let mut descriptions = match request.rules {
        DescribedRules::Ids(rules) => by_id(group, request.direction, rules)?,
        DescribedRules::Permissions(permissions) => {
            let typed = parse(edit.state(), caller, request.direction, permissions)?;
            let wanted = typed
                .into_iter()
                .map(|rule| (as_stored(group, rule.spec), rule.description));
            let ids: BTreeMap<_, _> = group.rules.iter().map(|r| (&r.spec, &r.id)).collect();
            let rules: Result<Vec<_>, _> = wanted
                .map(|(spec, description)| {
                    let id = ids.get(&spec).copied().cloned();
                    Ok((id.ok_or_else(unknown_permission)?, description))
                })
                .collect();
            by_id(group, request.direction, rules?)?
        }
    };
    for rule in &mut stored(edit, &id)?.rules {
        if let Some(description) = descriptions.remove(&rule.id) {
            rule.description = description;
        }
    }
    Ok(())
}

fn by_id(
    group: &SecurityGroup,
    direction: Direction,
    rules: Vec<(RuleId, Option<String>)>,
) -> Result<BTreeMap<RuleId, Option<String>>, ModelError> {
    check_once(rules.iter().map(|(id, _)| id))?;
    rules
        .into_iter()
        .map(|(id, description)| {
            group
                .rule(&id)
                .filter(|rule| rule.spec.direction == direction)
                .ok_or_else(|| unknown_rule(&id))?;
            Ok((id, parse_rule_description(description)?))
        })
        .collect()
}

/// E55.
fn unknown_permission() -> ModelError {
    ModelError::new(
        ErrorCode::InvalidPermissionNotFound,
        "The specified rule does not exist in this security group",
    )
}
