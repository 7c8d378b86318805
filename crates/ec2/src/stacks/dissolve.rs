//! How a stack lets go of what it made.
//!
//! Before anything is made, what is to go gives up what only one can have, so that a successor can have it: a group its name, a subnet its
//! ranges, an interface its addresses. After everything is made and every reference means the successor, it goes, by the operations
//! of the API: what something outside of the stack still uses is refused, and so is the whole deployment.

use ipnet::IpNet;
use secgroup_model::{
    AssociationStatus, ErrorCode, GroupId, InstanceId, ModelError, NetworkInterface,
    NetworkInterfaceId, Peering, PeeringId, PeeringStatus, PrefixListId, RuleId, SecurityGroup,
    Subnet, SubnetId, Vpc, VpcId,
};

use super::changes::{Detail, Kind};
use super::groups::parse_association;
use super::instances;
use super::networks::ranges_of;
use super::work::Work;
use crate::interfaces::let_go;
use crate::vpcs::ranges;
use crate::{
    Instance, InstanceState, Record, associations, groups, interfaces, peerings, prefix_lists,
    subnets, vpcs,
};

/// Frees what only one can have.
pub(super) fn make_way(work: &mut Work<'_, '_>) {
    for (_, id) in work.doomed() {
        if let Some(group) = work.edit.get_mut::<SecurityGroup>(&GroupId::new(&id)) {
            // No group of a user can have such a name (B3).
            group.name.clone_from(&id);
            // Rules of its own keep nothing of the stack from going (B24).
            group.rules.clear();
        }
        if let Some(subnet) = work.edit.get_mut::<Subnet>(&SubnetId::new(&id)) {
            subnet.cidr = None;
            subnet.ipv6_cidr = None;
        }
        let interface = NetworkInterfaceId::new(&id);
        if let Some(interface) = work.edit.get_mut::<NetworkInterface>(&interface) {
            interface.addresses.clear();
            interface.prefixes.clear();
            interface.mac = None;
        }
    }
}

/// In which order things go: what refers to others first.
const ORDER: [Kind; 9] = [
    Kind::Instance,
    Kind::Interface,
    Kind::Rule,
    Kind::Association,
    Kind::Group,
    Kind::PrefixList,
    Kind::Peering,
    Kind::Subnet,
    Kind::Vpc,
];

/// Removes everything that is to go.
pub(super) fn remove_doomed(work: &mut Work<'_, '_>) {
    let doomed = work.doomed();
    for kind in ORDER {
        if kind == Kind::Vpc {
            shrink(work);
        }
        for (logical, id) in &doomed {
            if kind_of(id) != Some(kind) {
                continue;
            }
            match remove(work, kind, id) {
                Ok(true) => work.removed(logical, kind, id),
                // Somebody was faster.
                Ok(false) => {}
                Err(error) => work.fault(logical, None, error),
            }
        }
    }
}

/// What an id of the stack is of.
fn kind_of(id: &str) -> Option<Kind> {
    if parse_association(id).is_some() {
        return Some(Kind::Association);
    }
    let prefixes = [
        (NetworkInterfaceId::PREFIX, Kind::Interface),
        (InstanceId::PREFIX, Kind::Instance),
        (RuleId::PREFIX, Kind::Rule),
        (GroupId::PREFIX, Kind::Group),
        (PrefixListId::PREFIX, Kind::PrefixList),
        (PeeringId::PREFIX, Kind::Peering),
        (SubnetId::PREFIX, Kind::Subnet),
        (VpcId::PREFIX, Kind::Vpc),
    ];
    let mut known = prefixes.into_iter();
    known
        .find(|(prefix, _)| id.starts_with(prefix))
        .map(|(_, kind)| kind)
}

/// Removes one thing; `false` if it is not there.
fn remove(work: &mut Work<'_, '_>, kind: Kind, id: &str) -> Result<bool, ModelError> {
    match kind {
        Kind::Interface => remove_interface(work, &NetworkInterfaceId::new(id)),
        Kind::Instance => remove_instance(work, &InstanceId::new(id)),
        Kind::Rule => Ok(remove_rule(work, &RuleId::new(id))),
        Kind::Association => remove_association(work, id),
        Kind::Group => remove_group(work, &GroupId::new(id)),
        Kind::PrefixList => remove_list(work, &PrefixListId::new(id)),
        Kind::Peering => remove_peering(work, &PeeringId::new(id)),
        Kind::Subnet => remove_subnet(work, &SubnetId::new(id)),
        Kind::Vpc => remove_vpc(work, &VpcId::new(id)),
    }
}

fn is_there<R: Record>(work: &Work<'_, '_>, id: &R::Key) -> bool {
    work.edit.get::<R>(id).is_some()
}

fn remove_interface(work: &mut Work<'_, '_>, id: &NetworkInterfaceId) -> Result<bool, ModelError> {
    let interface = work.edit.get::<NetworkInterface>(id);
    let there = interface.is_some();
    let instance = interface.and_then(|interface| interface.instance.clone());
    // From an instance of the stack it may be taken.
    if let Some(instance) = &instance
        && work.shown(instance.as_str()) != instance.as_str()
    {
        let_go(work.edit, id);
    }
    let dependents: Vec<_> = instance.iter().map(|id| format!("{id} has it")).collect();
    if there {
        interfaces::delete(work.edit, work.caller, id)
            .map_err(|error| naming(error, &dependents))?;
    }
    Ok(there)
}

fn remove_instance(work: &mut Work<'_, '_>, id: &InstanceId) -> Result<bool, ModelError> {
    let instance = work.edit.get::<Instance>(id);
    let there = instance.is_some_and(|instance| instance.state != InstanceState::Terminated);
    if there {
        instances::terminate(work, id)?;
    }
    Ok(there)
}

/// A rule that the stack added to a group of somebody else.
fn remove_rule(work: &mut Work<'_, '_>, id: &RuleId) -> bool {
    let groups = work.edit.inventory().groups.values();
    let group = groups
        .filter(|group| group.owner == work.caller.account)
        .find(|group| group.rule(id).is_some())
        .map(|group| group.id.clone());
    if let Some(group) = group
        && let Some(group) = work.edit.get_mut::<SecurityGroup>(&group)
    {
        group.rules.retain(|rule| rule.id != *id);
        return true;
    }
    false
}

fn remove_association(work: &mut Work<'_, '_>, id: &str) -> Result<bool, ModelError> {
    let Some((group, vpc)) = parse_association(id) else {
        return Ok(false);
    };
    let key = (group.clone(), vpc.clone());
    let present = work.edit.get::<AssociationStatus>(&key);
    let there = present.is_some_and(|status| status.is_present());
    if there {
        associations::disassociate(work.edit, work.caller, &group, &vpc)?;
    }
    Ok(there)
}

fn remove_group(work: &mut Work<'_, '_>, id: &GroupId) -> Result<bool, ModelError> {
    let there = is_there::<SecurityGroup>(work, id);
    if there {
        let dependents = dependents_of_group(work, id);
        groups::delete(
            work.edit,
            work.caller,
            &groups::GroupSelector::Id(id.clone()),
        )
        .map_err(|error| naming(error, &dependents))?;
    }
    Ok(there)
}

fn dependents_of_group(work: &Work<'_, '_>, id: &GroupId) -> Vec<String> {
    let dependents = work.edit.inventory().dependents(id);
    let interfaces = dependents
        .interfaces
        .iter()
        .map(|id| format!("{id} has it"));
    let groups = dependents
        .groups
        .iter()
        .map(|id| format!("a rule of {id} names it"));
    let vpcs = dependents
        .vpcs
        .iter()
        .map(|id| format!("{id} is associated with it"));
    interfaces.chain(groups).chain(vpcs).collect()
}

fn remove_list(work: &mut Work<'_, '_>, id: &PrefixListId) -> Result<bool, ModelError> {
    let there = is_there::<secgroup_model::PrefixList>(work, id);
    if there {
        let references = work.edit.inventory().prefix_list_references(id);
        let dependents: Vec<_> = references
            .map(|(group, rule)| format!("{} of {} names it", rule.id, group.id))
            .collect();
        prefix_lists::delete(work.edit, work.caller, id)
            .map_err(|error| naming(error, &dependents))?;
    }
    Ok(there)
}

fn remove_peering(work: &mut Work<'_, '_>, id: &PeeringId) -> Result<bool, ModelError> {
    let peering = work.edit.get::<Peering>(id);
    let there = peering.is_some_and(|peering| peering.status != PeeringStatus::Gone);
    if there {
        peerings::delete(work.edit, work.caller, id)?;
    }
    Ok(there)
}

fn remove_subnet(work: &mut Work<'_, '_>, id: &SubnetId) -> Result<bool, ModelError> {
    let there = is_there::<Subnet>(work, id);
    if there {
        let interfaces = work.edit.inventory().interfaces.values();
        let dependents: Vec<_> = interfaces
            .filter(|interface| interface.subnet.as_ref() == Some(id))
            .map(|interface| format!("{} is in it", interface.id))
            .collect();
        subnets::delete(work.edit, work.caller, id).map_err(|error| naming(error, &dependents))?;
    }
    Ok(there)
}

fn remove_vpc(work: &mut Work<'_, '_>, id: &VpcId) -> Result<bool, ModelError> {
    let there = is_there::<Vpc>(work, id);
    if there {
        let dependents = dependents_of_vpc(work, id);
        vpcs::delete(work.edit, work.caller, id).map_err(|error| naming(error, &dependents))?;
    }
    Ok(there)
}

fn dependents_of_vpc(work: &Work<'_, '_>, id: &VpcId) -> Vec<String> {
    let inventory = work.edit.inventory();
    let subnets = inventory
        .subnets
        .values()
        .filter(|subnet| subnet.vpc == *id);
    let subnets = subnets.map(|subnet| format!("{} is in it", subnet.id));
    let groups = inventory.groups.values();
    let groups = groups.filter(|group| group.vpc.as_ref() == Some(id) && !group.is_default());
    let groups = groups.map(|group| format!("{} is in it", group.id));
    let associated = inventory.associations.iter();
    let associated = associated.filter(|((_, vpc), status)| vpc == id && status.is_present());
    let associated = associated.map(|((group, _), _)| format!("{group} is associated with it"));
    let peerings = peerings::active_of(work.edit.state(), id);
    let peerings = peerings.map(|peering| format!("{} connects it", peering.id));
    subnets
        .chain(groups)
        .chain(associated)
        .chain(peerings)
        .collect()
}

/// Says what depends on a thing: most of what a reader wants to know of `DependencyViolation`.
fn naming(error: ModelError, dependents: &[String]) -> ModelError {
    /// So many are named; how many more there are is said.
    const NAMED_MAX: usize = 5;
    let depends = [
        ErrorCode::DependencyViolation,
        ErrorCode::InvalidNetworkInterfaceInUse,
    ];
    if !depends.contains(&error.code) || dependents.is_empty() {
        return error;
    }
    let named = dependents.iter().take(NAMED_MAX).cloned();
    let mut help = named.collect::<Vec<_>>().join(", ");
    let rest = dependents.len().saturating_sub(NAMED_MAX);
    if rest > 0 {
        help.push_str(&format!(", and {rest} more"));
    }
    error.with_help(help)
}

/// Takes from VPCs the ranges that they are not to have, now that subnets left them.
fn shrink(work: &mut Work<'_, '_>) {
    for wanted in work.wanted.vpcs.values() {
        let logical = wanted.id.as_str();
        let Some(id) = work.kept(logical).map(VpcId::new) else {
            continue;
        };
        let Some(present) = work.edit.get::<Vpc>(&id) else {
            continue;
        };
        let wanted_ranges: Vec<IpNet> = ranges_of(wanted).collect();
        let surplus: Vec<IpNet> = ranges_of(present)
            .filter(|range| !wanted_ranges.contains(range))
            .collect();
        let mut details = Vec::new();
        for range in surplus {
            let association =
                crate::ranges::association_id(crate::ranges::VPC_ASSOCIATION, id.as_str(), range);
            match ranges::disassociate(work.edit, work.caller, &association) {
                Ok(_) => details.push(Detail::minus(format!("range {range}"))),
                Err(error) => work.fault(logical, wanted.origin.as_ref(), error),
            }
        }
        work.modified(logical, Kind::Vpc, id.as_str(), details);
    }
}
