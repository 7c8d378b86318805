//! Security groups (E27 to E29).

#[cfg(test)]
pub(super) mod bench;
mod filters;

use std::collections::BTreeSet;

use secgroup_ec2::groups::{self, CreateGroup, GroupSelector, known_group, named_group};
use secgroup_ec2::{Site, State};
use secgroup_model::{Direction, ErrorCode, GroupId, ModelError, SecurityGroup, VpcId};

use self::filters::{FILTERS, Shown};
use super::rules::permissions::write_permissions;
use super::{Action, Table};
use crate::{Filters, Page, Params, Read, Write, Xml};

pub(super) const ACTIONS: Table = &[
    ("CreateSecurityGroup", Action::Write(create)),
    ("DeleteSecurityGroup", Action::Write(delete)),
    ("DescribeSecurityGroups", Action::Read(describe)),
];

fn create(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let params = call.params;
    let request = CreateGroup {
        name: params.required("GroupName")?.to_owned(),
        description: params.required("GroupDescription")?.to_owned(),
        vpc: params.text("VpcId").map(VpcId::parse).transpose()?,
        tags: params.tag_specifications("security-group")?,
    };
    let id = groups::create(call.edit, call.caller, request)?;
    let group = known_group(call.edit.state(), call.caller, &id)?;
    let mut xml = Xml::done(); // E68: clients of 2012 look for it.
    xml.text("groupId", &id);
    xml.tags(&group.tags);
    xml.text("securityGroupArn", arn(call.edit.site(), group));
    Ok(xml)
}

fn delete(call: &mut Write<'_, '_>) -> Result<Xml, ModelError> {
    let group = selector(call.params)?;
    let id = groups::delete(call.edit, call.caller, &group)?;
    let mut xml = Xml::done();
    xml.text("groupId", id);
    Ok(xml)
}

fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let filters = Filters::read(call.params, FILTERS)?;
    let page = Page::read(call.params, 5..=1000, Some("GroupId"))?;
    let chosen = chosen(call)?;
    let groups = call.state.inventory.groups.values().filter(|group| {
        group.owner == call.caller.account
            && chosen.as_ref().is_none_or(|ids| ids.contains(&group.id))
            && filters.matches(&Shown::new(call.state, group))
    });
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "securityGroupInfo",
        groups,
        |group| group.id.to_string(),
        |xml, group| write(xml, call.state, call.site, group),
    );
    Ok(xml)
}

/// The groups that a call lists by id or by name; `None` where it lists none. One that is not known fails the whole (E26).
fn chosen<'a>(call: &Read<'a>) -> Result<Option<BTreeSet<&'a GroupId>>, ModelError> {
    let ids = call.params.ids("GroupId", GroupId::parse)?;
    let names = call.params.texts("GroupName");
    if ids.is_empty() && names.is_empty() {
        return Ok(None);
    }
    let by_id = ids
        .iter()
        .map(|id| known_group(call.state, call.caller, id));
    let by_name = names
        .iter()
        .map(|name| named_group(call.state, call.caller, name));
    by_id
        .chain(by_name)
        .map(|group| group.map(|group| &group.id))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// One group (E65).
fn write(xml: &mut Xml, state: &State, site: &Site, group: &SecurityGroup) {
    xml.text("ownerId", &group.owner);
    xml.text("groupId", &group.id);
    xml.text("groupName", &group.name);
    xml.text("groupDescription", &group.description);
    xml.optional("vpcId", group.vpc.as_ref());
    xml.text("securityGroupArn", arn(site, group));
    for (tag, direction) in [
        ("ipPermissions", Direction::Ingress),
        ("ipPermissionsEgress", Direction::Egress),
    ] {
        write_permissions(xml, tag, state, group, direction);
    }
    xml.tags(&group.tags);
}

fn arn(site: &Site, group: &SecurityGroup) -> String {
    group.id.arn(&site.region, &group.owner)
}

/// `GroupId` or `GroupName` (B14).
pub(super) fn selector(params: &Params) -> Result<GroupSelector, ModelError> {
    let name = params.text("GroupName").filter(|name| !name.is_empty());
    match (params.text("GroupId"), name) {
        (Some(_), Some(_)) => Err(ModelError::new(
            ErrorCode::InvalidParameterCombination,
            "The parameter groupName cannot be used with the parameter groupId",
        )),
        (Some(id), None) => GroupId::parse(id).map(GroupSelector::Id),
        (None, Some(name)) => Ok(GroupSelector::Name(name.to_owned())),
        (None, None) => Err(ModelError::new(
            ErrorCode::MissingParameter,
            "The request must contain the parameter groupName or groupId",
        )),
    }
}

#[cfg(test)]
mod tests;
