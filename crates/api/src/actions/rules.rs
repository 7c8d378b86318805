//! Rules of security groups (E30 to E36).

mod describe;
mod modify;
pub(super) mod permissions;
mod write;

use secgroup_ec2::groups::{GroupSelector, known_group};
use secgroup_ec2::rules::{self, Authorize, Revoke, RuleSelection};
use secgroup_model::{Direction, ErrorCode, GroupId, ModelError, RuleId};

use self::permissions::{read_permissions, write_typed};
use self::write::{write_revoked, write_rule};
use super::groups::selector;
use super::{Action, Table};
use crate::{Params, Write, Xml};

pub(super) const ACTIONS: Table = &[
    (
        "AuthorizeSecurityGroupIngress",
        Action::Write(authorize_ingress),
    ),
    (
        "AuthorizeSecurityGroupEgress",
        Action::Write(authorize_egress),
    ),
    ("RevokeSecurityGroupIngress", Action::Write(revoke_ingress)),
    ("RevokeSecurityGroupEgress", Action::Write(revoke_egress)),
    (
        "DescribeSecurityGroupRules",
        Action::Read(describe::describe),
    ),
    ("ModifySecurityGroupRules", Action::Write(modify::modify)),
    (
        "UpdateSecurityGroupRuleDescriptionsIngress",
        Action::Write(modify::describe_ingress),
    ),
    (
        "UpdateSecurityGroupRuleDescriptionsEgress",
        Action::Write(modify::describe_egress),
    ),
];

fn authorize_ingress(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    authorize(call, Direction::Ingress)
}

fn authorize_egress(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    authorize(call, Direction::Egress)
}

fn revoke_ingress(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    revoke(call, Direction::Ingress)
}

fn revoke_egress(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    revoke(call, Direction::Egress)
}

fn authorize(call: &mut Write<'_, '_>, direction: Direction) -> Result<Xml, ModelError> {
    let request = Authorize {
        group: group_of(call.params, direction)?,
        direction,
        permissions: read_permissions(call.params, direction)?
            .ok_or_else(|| call.params.missing("IpPermissions"))?,
        tags: call.params.tag_specifications("security-group-rule")?,
    };
    let authorized = rules::authorize(call.edit, call.caller, request)?;
    let (state, site) = (call.edit.state(), call.edit.site());
    let group = known_group(state, call.caller, &authorized.group)?;
    let rules = authorized.rules.iter().filter_map(|id| group.rule(id));
    let mut xml = Xml::done();
    xml.list("securityGroupRuleSet", rules, |xml, rule| {
        write_rule(xml, state, site, group, rule);
    });
    Ok(xml)
}

fn revoke(call: &mut Write<'_, '_>, direction: Direction) -> Result<Xml, ModelError> {
    let params = call.params;
    let ids = rule_ids(params)?;
    let rules = match read_permissions(params, direction)? {
        Some(_) if !ids.is_empty() => {
            return Err(ModelError::new(
                ErrorCode::InvalidParameterCombination,
                "The parameter 'ipPermissions' may not be used in combination with 'securityGroupRuleIds'.",
            ));
        }
        Some(permissions) => RuleSelection::Permissions(permissions),
        None if ids.is_empty() => {
            return Err(ModelError::new(
                ErrorCode::MissingParameter,
                "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.",
            ));
        }
        None => RuleSelection::Ids(ids),
    };
    let request = Revoke {
        group: group_of(params, direction)?,
        direction,
        rules,
    };
    let revoked = rules::revoke(call.edit, call.caller, request)?;
    let mut xml = Xml::done();
    write_typed(
        &mut xml,
        "unknownIpPermissionSet",
        &call.caller.account,
        &revoked.unknown,
    );
    xml.list(
        "revokedSecurityGroupRuleSet",
        &revoked.rules,
        |xml, rule| {
            write_revoked(xml, &revoked.group, rule);
        },
    );
    Ok(xml)
}

/// Inbound rules take the name of a group too, outbound ones never did (E31, E32).
fn group_of(params: &Params, direction: Direction) -> Result<GroupSelector, ModelError> {
    match direction {
        Direction::Ingress => selector(params),
        Direction::Egress => params.id("GroupId", GroupId::parse).map(GroupSelector::Id),
    }
}

/// `SecurityGroupRuleId.N`.
fn rule_ids(params: &Params) -> Result<Vec<RuleId>, ModelError> {
    params.ids("SecurityGroupRuleId", rule_id)
}

/// The id of a rule. One that is too short or has other digits is one that does not exist, not one that is malformed (E54).
fn rule_id(text: &str) -> Result<RuleId, ModelError> {
    const DIGITS: usize = 17;
    match text.strip_prefix(RuleId::PREFIX) {
        Some(digits) if digits.len() <= DIGITS => Ok(RuleId::new(text)),
        _ => RuleId::parse(text),
    }
}

#[cfg(test)]
mod tests;
