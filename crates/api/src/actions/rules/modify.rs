//! `ModifySecurityGroupRules` (E35) and the two actions that change descriptions (E36).

use secgroup_ec2::rules::{self, DescribedRules, ModifyRules, RuleChange, UpdateDescriptions};
use secgroup_model::{Direction, ErrorCode, GroupId, ModelError, RawGroup, RawRule};

use super::permissions::read_permission;
use super::rule_id;
use crate::actions::groups::selector;
use crate::{Params, Write, Xml};

pub(super) fn modify(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let changes = call.params.items("SecurityGroupRule").map(read_change);
    let request = ModifyRules {
        group: call.params.id("GroupId", GroupId::parse)?,
        changes: changes.collect::<Result<_, _>>()?,
    };
    if request.changes.is_empty() {
        return Err(call.params.missing("SecurityGroupRule"));
    }
    rules::modify(call.edit, call.caller, request)?;
    Ok(Xml::done())
}

fn read_change(params: &Params) -> Result<RuleChange, ModelError> {
    let id = params.id("SecurityGroupRuleId", rule_id)?;
    let rule = match params.member("SecurityGroupRule") {
        Some(rule) => read_rule(rule)?,
        None => RawRule::default(),
    };
    Ok(RuleChange { id, rule })
}

fn read_rule(params: &Params) -> Result<RawRule, ModelError> {
    let owned = |name| params.text(name).map(str::to_owned);
    Ok(RawRule {
        protocol: owned("IpProtocol"),
        from_port: params.integer("FromPort")?,
        to_port: params.integer("ToPort")?,
        cidr_ipv4: owned("CidrIpv4"),
        cidr_ipv6: owned("CidrIpv6"),
        prefix_list: owned("PrefixListId"),
        group: owned("ReferencedGroupId").map(|id| RawGroup {
            id: Some(id),
            ..RawGroup::default()
        }),
        description: owned("Description"),
    })
}

pub(super) fn describe_ingress(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    describe(call, Direction::Ingress)
}

pub(super) fn describe_egress(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    describe(call, Direction::Egress)
}

fn describe(call: &mut Write<'_, '_>, direction: Direction) -> Result<Xml, ModelError> {
    let params = call.params;
    let by_id = params.has("SecurityGroupRuleDescription");
    let rules = match (params.has("IpPermissions"), by_id) {
        (true, true) => {
            return Err(ModelError::new(
                ErrorCode::InvalidParameterCombination,
                "The parameter 'ipPermissions' may not be used in combination with 'securityGroupRuleDescriptions'.",
            ));
        }
        (false, false) => return Err(params.missing("IpPermissions")),
        (true, false) => {
            let permissions = params.items("IpPermissions").map(read_permission);
            DescribedRules::Permissions(permissions.collect::<Result<_, _>>()?)
        }
        (false, true) => {
            let descriptions = params.items("SecurityGroupRuleDescription").map(|item| {
                let id = item.id("SecurityGroupRuleId", rule_id)?;
                Ok((id, item.text("Description").map(str::to_owned)))
            });
            DescribedRules::Ids(descriptions.collect::<Result<_, ModelError>>()?)
        }
    };
    let request = UpdateDescriptions {
        group: selector(params)?,
        direction,
        rules,
    };
    rules::update_descriptions(call.edit, call.caller, request)?;
    Ok(Xml::done())
}
