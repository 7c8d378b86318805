//! Groups in further VPCs (E39 to E41).

use std::borrow::Cow;

use secgroup_ec2::associations::{associate, disassociate};
use secgroup_ec2::vpcs::known_vpc;
use secgroup_ec2::{Caller, Edit, State};
use secgroup_model::{AccountId, AssociationStatus, GroupId, ModelError, SecurityGroup, VpcId};

use super::{Action, Table};
use crate::{Filterable, Filters, Page, Read, Write, Xml};

pub(super) const ACTIONS: Table = &[
    (
        "AssociateSecurityGroupVpc",
        Action::Write(|call| change(call, associate)),
    ),
    (
        "DisassociateSecurityGroupVpc",
        Action::Write(|call| change(call, disassociate)),
    ),
    (
        "DescribeSecurityGroupVpcAssociations",
        Action::Read(describe),
    ),
    ("GetSecurityGroupsForVpc", Action::Read(groups_for_vpc)),
];

/// What `DescribeSecurityGroupVpcAssociations` can be filtered by (E24).
const ASSOCIATION_FILTERS: &[&str] = &[
    "group-id",
    "group-owner-id",
    "state",
    "vpc-id",
    "vpc-owner-id",
];

/// What `GetSecurityGroupsForVpc` can be filtered by (E24).
const GROUP_FILTERS: &[&str] = &[
    "group-id",
    "description",
    "group-name",
    "owner-id",
    "primary-vpc-id",
];

/// Associates or disassociates.
fn change(
    call: &mut Write<'_, '_>,
    operation: fn(
        &mut Edit<'_>,
        &Caller,
        &GroupId,
        &VpcId,
    ) -> Result<AssociationStatus, ModelError>,
) -> Result<Xml, ModelError> {
    let group = call.params.id("GroupId", GroupId::parse)?;
    let vpc = call.params.id("VpcId", VpcId::parse)?;
    let status = operation(call.edit, call.caller, &group, &vpc)?;
    let mut xml = Xml::new();
    xml.text("state", status.as_str());
    Ok(xml)
}

/// An association, and who owns its two sides.
struct Association<'a> {
    group: &'a GroupId,
    group_owner: &'a AccountId,
    vpc: &'a VpcId,
    vpc_owner: &'a AccountId,
    status: AssociationStatus,
}

impl Filterable for Association<'_> {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        let value = match filter {
            "group-id" => self.group.as_str(),
            "group-owner-id" => self.group_owner.as_str(),
            "state" => self.status.as_str(),
            "vpc-id" => self.vpc.as_str(),
            "vpc-owner-id" => self.vpc_owner.as_str(),
            _ => return Vec::new(),
        };
        vec![value.into()]
    }
}

/// All associations, of all accounts.
fn associations(state: &State) -> impl Iterator<Item = Association<'_>> {
    let inventory = &state.inventory;
    inventory
        .associations
        .iter()
        .filter_map(|((group, vpc), &status)| {
            Some(Association {
                group,
                group_owner: &inventory.groups.get(group)?.owner,
                vpc,
                vpc_owner: &inventory.vpcs.get(vpc)?.owner,
                status,
            })
        })
}

fn describe(call: &Read<'_>) -> Result<Xml, ModelError> {
    let filters = Filters::read(call.params, ASSOCIATION_FILTERS)?;
    let page = Page::read(call.params, 5..=1000, None)?;
    let account = &call.caller.account;
    let shown = associations(call.state).filter(|association| {
        (association.group_owner == account || association.vpc_owner == account)
            && filters.matches(association)
    });
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "securityGroupVpcAssociationSet",
        shown,
        |association| format!("{}/{}", association.group, association.vpc),
        |xml, association| {
            xml.text("groupId", association.group);
            xml.text("vpcId", association.vpc);
            xml.text("vpcOwnerId", association.vpc_owner);
            xml.text("state", association.status.as_str());
            xml.text("groupOwnerId", association.group_owner);
        },
    );
    Ok(xml)
}

/// A group that interfaces of a VPC may have.
struct Usable<'a>(&'a SecurityGroup);

impl Filterable for Usable<'_> {
    fn values<'a>(&'a self, filter: &str) -> Vec<Cow<'a, str>> {
        let Self(group) = self;
        let value = match filter {
            "group-id" => Some(group.id.as_str()),
            "description" => Some(group.description.as_str()),
            "group-name" => Some(group.name.as_str()),
            "owner-id" => Some(group.owner.as_str()),
            "primary-vpc-id" => group.vpc.as_ref().map(VpcId::as_str),
            _ => None,
        };
        value.into_iter().map(Cow::from).collect()
    }
}

/// The groups that interfaces of a VPC may have: its own, and those associated with it (B12).
fn groups_for_vpc(call: &Read<'_>) -> Result<Xml, ModelError> {
    let vpc = call.params.id("VpcId", VpcId::parse)?;
    let filters = Filters::read(call.params, GROUP_FILTERS)?;
    let page = Page::read(call.params, 5..=1000, None)?;
    known_vpc(call.state, call.caller, &vpc)?;
    let inventory = &call.state.inventory;
    let usable = inventory.groups.values().filter(|group| {
        group.owner == call.caller.account
            && inventory.may_attach(group, Some(&vpc))
            && filters.matches(&Usable(group))
    });
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "securityGroupForVpcSet",
        usable,
        |group| group.id.to_string(),
        |xml, group| {
            xml.text("groupId", &group.id);
            xml.text("groupName", &group.name);
            xml.text("description", &group.description);
            xml.text("ownerId", &group.owner);
            xml.optional("primaryVpcId", group.vpc.as_ref());
            xml.tags(&group.tags);
        },
    );
    Ok(xml)
}

#[cfg(test)]
mod tests;
