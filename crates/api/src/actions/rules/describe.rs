//! `DescribeSecurityGroupRules` (E30).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{ErrorCode, ModelError, Rule, RuleId, SecurityGroup, Tags};

use super::rule_ids;
use super::write::write_rule;
use crate::{Filterable, Filters, Page, Read, Xml};

/// E24.
const FILTERS: &[&str] = &["group-id", "security-group-rule-id", "tag"];

/// A rule, and the group that has it.
struct Shown<'a> {
    group: &'a SecurityGroup,
    rule: &'a Rule,
}

impl Filterable for Shown<'_> {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        match filter {
            "group-id" => vec![self.group.id.as_str().into()],
            "security-group-rule-id" => vec![self.rule.id.as_str().into()],
            _ => Vec::new(),
        }
    }

    fn tags(&self) -> Option<&Tags> {
        Some(&self.rule.tags)
    }
}

pub(super) fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let ids: BTreeSet<RuleId> = rule_ids(call.params)?.into_iter().collect();
    let filters = Filters::read(call.params, FILTERS)?;
    let page = Page::read(call.params, 5..=1000, Some("SecurityGroupRuleId"))?;
    let groups = call.state.inventory.groups.values();
    let chosen: BTreeMap<&RuleId, Shown<'_>> = groups
        .filter(|group| group.owner == call.caller.account)
        .flat_map(|group| group.rules.iter().map(move |rule| Shown { group, rule }))
        .filter(|shown| ids.is_empty() || ids.contains(&shown.rule.id))
        .map(|shown| (&shown.rule.id, shown))
        .collect();
    if let Some(unknown) = ids.iter().find(|id| !chosen.contains_key(id)) {
        return Err(ModelError::new(
            ErrorCode::InvalidSecurityGroupRuleIdNotFound,
            format!("The security group rule ID '{unknown}' does not exist"),
        )); // E26: one that is not known fails the whole.
    }
    let shown = chosen.values().filter(|shown| filters.matches(*shown));
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "securityGroupRuleSet",
        shown,
        |shown| shown.rule.id.to_string(),
        |xml, shown| write_rule(xml, call.state, call.site, shown.group, shown.rule),
    );
    Ok(xml)
}
