//! References between VPCs: which rules point at nothing any more, and which VPCs refer to a group (E37, E38).

use std::collections::{BTreeMap, BTreeSet};

use secgroup_ec2::groups::{active_peering, known_group};
use secgroup_ec2::vpcs::known_vpc;
use secgroup_model::{Direction, GroupId, ModelError, PeeringId, Reference, Traffic, VpcId};

use super::rules::permissions::{write_pair, write_traffic};
use super::{Action, Table};
use crate::{Page, Read, Xml};

pub(super) const ACTIONS: Table = &[
    ("DescribeStaleSecurityGroups", Action::Read(stale)),
    ("DescribeSecurityGroupReferences", Action::Read(references)),
];

/// The groups of a VPC that have stale rules, with these (B28).
fn stale(call: &Read<'_>) -> Result<Xml, ModelError> {
    let vpc = call.params.id("VpcId", VpcId::parse)?;
    let page = Page::read(call.params, 5..=255, None)?;
    known_vpc(call.state, call.caller, &vpc)?;
    let inventory = &call.state.inventory;
    let mut stale: BTreeMap<&GroupId, Vec<Reference<'_>>> = BTreeMap::new();
    for reference in inventory.references() {
        let Reference { from, to, .. } = reference;
        let is_own = from.owner == call.caller.account && from.vpc.as_ref() == Some(&vpc);
        if is_own && inventory.reach(from, to).is_stale() {
            stale.entry(&from.id).or_default().push(reference);
        }
    }
    let mut xml = Xml::new();
    page.write(
        &mut xml,
        "staleSecurityGroupSet",
        stale,
        |(id, _)| id.to_string(),
        |xml, (_, references)| write_stale(xml, call, &references),
    );
    Ok(xml)
}

/// A group by its stale rules, of which there is one at least.
fn write_stale(xml: &mut Xml, call: &Read<'_>, references: &[Reference<'_>]) {
    if let Some(Reference { from, .. }) = references.first() {
        xml.text("description", &from.description);
        xml.text("groupId", &from.id);
        xml.text("groupName", &from.name);
        xml.optional("vpcId", from.vpc.as_ref());
    }
    for (tag, direction) in [
        ("staleIpPermissions", Direction::Ingress),
        ("staleIpPermissionsEgress", Direction::Egress),
    ] {
        let mut permissions: BTreeMap<Traffic, Vec<&Reference<'_>>> = BTreeMap::new();
        for reference in references {
            let spec = &reference.rule.spec;
            if spec.direction == direction {
                permissions.entry(spec.traffic).or_default().push(reference);
            }
        }
        xml.list(tag, permissions, |xml, (traffic, references)| {
            write_traffic(xml, traffic);
            xml.list("groups", references, |xml, reference| {
                write_pair(xml, call.state, reference.from, reference.to);
                xml.optional("description", reference.rule.description.as_ref());
            });
            // Only groups go stale; clients look for the other lists all the same (E9).
            xml.texts("ipRanges", [""; 0]);
            xml.texts("prefixListIds", [""; 0]);
        });
    }
}

/// The VPCs on the other side of peering connections whose groups name the given ones.
fn references(call: &Read<'_>) -> Result<Xml, ModelError> {
    let ids: BTreeSet<GroupId> = call
        .params
        .ids("GroupId", GroupId::parse)?
        .into_iter()
        .collect();
    if ids.is_empty() {
        return Err(call.params.missing("GroupId"));
    }
    for id in &ids {
        known_group(call.state, call.caller, id)?;
    }
    let found: BTreeSet<_> = call
        .state
        .inventory
        .references()
        .filter(|reference| ids.contains(&reference.to.group))
        .filter_map(|reference| across(call, &reference))
        .collect();
    let mut xml = Xml::new();
    xml.list(
        "securityGroupReferenceSet",
        found,
        |xml, (group, vpc, peering)| {
            xml.text("groupId", group);
            xml.text("referencingVpcId", vpc);
            xml.text("vpcPeeringConnectionId", peering);
        },
    );
    Ok(xml)
}

/// The group that is named, the VPC that it is named in, and the peering connection between, where there is one.
fn across<'a>(
    call: &Read<'a>,
    reference: &Reference<'a>,
) -> Option<(&'a GroupId, &'a VpcId, &'a PeeringId)> {
    let inventory = &call.state.inventory;
    let named = inventory.groups.get(&reference.to.group)?;
    let (own, other) = named.vpc.as_ref().zip(reference.from.vpc.as_ref())?;
    let peering = active_peering(inventory, own, other).filter(|_| own != other)?;
    Some((&named.id, other, &peering.id))
}

#[cfg(test)]
mod tests;
