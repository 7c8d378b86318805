//! Interfaces: their VPCs, their groups, and what several dumps say of one.

use std::collections::BTreeMap;

use secgroup_model::{
    AccountId, GroupId, Inventory, NetworkInterface, NetworkInterfaceId, Vpc, VpcId,
};

use super::differs;
use crate::collect::{Collected, FoundInterface};
use crate::diagnostic::{Draft, Sink};
use crate::options::Options;
use crate::source::Span;
use crate::template::{DEFAULT_VPC, Names};

/// An interface is in the VPC of its subnet.
pub(super) fn find_vpcs(collected: &mut Collected, inventory: &Inventory) {
    for FoundInterface { interface, .. } in &mut collected.interfaces {
        if interface.vpc.is_none()
            && let Some(subnet) = &interface.subnet
        {
            interface.vpc = inventory
                .subnets
                .get(subnet)
                .map(|subnet| subnet.vpc.clone());
        }
    }
}

/// Interfaces of templates without groups have the default group of their VPC (B11). Answers the
/// VPCs whose default group no file writes down and somebody needs.
pub(super) fn fill_groups(
    collected: &mut Collected,
    inventory: &Inventory,
    options: &Options,
    sink: &Sink<'_>,
) -> BTreeMap<GroupId, (Vpc, Span)> {
    let written: BTreeMap<VpcId, GroupId> = collected
        .groups
        .iter()
        .filter(|found| found.group.is_default())
        .filter_map(|found| Some((found.group.vpc.clone()?, found.group.id.clone())))
        .collect();
    let mut needed = std::mem::take(&mut collected.default_groups);
    for FoundInterface {
        interface,
        span,
        from_template,
    } in &mut collected.interfaces
    {
        if !*from_template || !interface.groups.is_empty() {
            continue;
        }
        let Some(vpc) = &interface.vpc else {
            if options.rest_is_known {
                continue;
            }
            let message = format!(
                "interface `{}` names no groups, nor is its VPC known",
                interface.id
            );
            let help = "without groups nothing is allowed; name some, or load its subnet too";
            sink.push(Draft::warning(*span, message).help(help));
            continue;
        };
        let group = written.get(vpc).cloned().unwrap_or_else(|| {
            let group = GroupId::new(&Names::default_group(vpc.as_str()));
            needed
                .entry(group.clone())
                .or_insert_with(|| (vpc.clone(), *span));
            group
        });
        interface.groups.push(group);
    }
    needed
        .into_iter()
        .map(|(group, (vpc, span))| {
            let known = inventory.vpcs.get(&vpc).cloned();
            let vpc = known.unwrap_or_else(|| Vpc {
                is_default: vpc.as_str() == DEFAULT_VPC,
                id: vpc,
                owner: AccountId::new(&options.account),
                cidrs: vec![],
                ipv6_cidrs: vec![],
                tags: secgroup_model::Tags::new(),
                origin: None,
            });
            (group, (vpc, span))
        })
        .collect()
}

/// Takes the interfaces into the inventory.
pub(super) fn merge(collected: &mut Collected, inventory: &mut Inventory, sink: &Sink<'_>) {
    let mut spans: BTreeMap<NetworkInterfaceId, Span> = BTreeMap::new();
    for found in std::mem::take(&mut collected.interfaces) {
        let FoundInterface {
            mut interface,
            span,
            ..
        } = found;
        if interface.vpc.is_none() {
            // B12: an interface is where its groups are.
            let groups = interface
                .groups
                .iter()
                .filter_map(|id| inventory.groups.get(id));
            interface.vpc = groups.filter_map(|group| group.vpc.clone()).next();
        }
        let Some(first) = spans.get(&interface.id) else {
            spans.insert(interface.id.clone(), span);
            inventory.interfaces.insert(interface.id.clone(), interface);
            continue;
        };
        if let Some(known) = inventory.interfaces.get_mut(&interface.id)
            && !complete(known, &interface)
        {
            sink.push(differs("network interface", &interface.id, span, *first));
        }
    }
    for (interface, instance) in std::mem::take(&mut collected.attachments) {
        if let Some(interface) = inventory.interfaces.get_mut(&interface) {
            interface.instance.get_or_insert(instance);
        }
    }
}

/// Adds what a second description says beyond the first: `describe-instances` leaves out what
/// `describe-network-interfaces` has. Answers whether the two agree where both speak.
fn complete(known: &mut NetworkInterface, other: &NetworkInterface) -> bool {
    let agree = sorted(&known.groups) == sorted(&other.groups)
        && sorted(&known.addresses) == sorted(&other.addresses)
        && sorted(&known.prefixes) == sorted(&other.prefixes)
        && known.source_dest_check == other.source_dest_check
        && matches_or_absent(known.vpc.as_ref(), other.vpc.as_ref())
        && matches_or_absent(known.subnet.as_ref(), other.subnet.as_ref());
    if !agree {
        return false;
    }
    known.vpc = known.vpc.take().or_else(|| other.vpc.clone());
    known.subnet = known.subnet.take().or_else(|| other.subnet.clone());
    known.mac = known.mac.or(other.mac);
    known.instance = known.instance.take().or_else(|| other.instance.clone());
    known.tracking = other.tracking.changed_by(known.tracking);
    if known.description.is_empty() {
        known.description.clone_from(&other.description);
    }
    for (key, value) in &other.tags {
        known
            .tags
            .entry(key.clone())
            .or_insert_with(|| value.clone());
    }
    true
}

fn sorted<T: Ord + Clone>(list: &[T]) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort();
    list
}

fn matches_or_absent<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
    one.is_none() || other.is_none() || one == other
}
