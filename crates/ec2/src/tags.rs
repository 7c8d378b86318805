//! Tags of everything that has some (semantics A38, E50, E58).
//!
//! A tag is kept with what it is on, so a resource and its tags are created and deleted together. [`Resource`] is the one list of
//! what can be tagged, and knows where each kind keeps its tags: rules in their group, peering connections one set for each of the
//! two accounts.

mod resource;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use secgroup_model::{
    AccountId, ErrorCode, GroupId, ModelError, NetworkInterface, PrefixList, RuleId, SecurityGroup,
    Subnet, Tags, Vpc, check_tags, is_reserved_tag, reserved_tag,
};

pub use self::resource::Resource;

use crate::{Caller, Edit, FlowLog, Instance, PeeringDetails, State, peerings};

/// A call is about at most this many resources.
const RESOURCES_MAX: usize = 1000;

/// A tag to be taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagPattern {
    /// Its key.
    pub key: String,
    /// Its value; `None` for any.
    pub value: Option<String>,
}

/// Puts `tags` on all of `resources`; a key that is there gets the new value.
///
/// # Errors
/// What is wrong with a tag, an id that is unknown, or `TagLimitExceeded`.
pub fn create(
    edit: &mut Edit<'_>,
    caller: &Caller,
    resources: &[Resource],
    tags: &Tags,
) -> Result<(), ModelError> {
    check_tags(tags).map_err(ModelError::first)?;
    change(edit, caller, resources, |present| {
        present.extend(tags.clone());
        // Together there may be too many. What is there already is not judged again: EC2's own tags may be among it.
        check_tags(present).or_else(|errors| {
            let limit = |error: &ModelError| error.code == ErrorCode::TagLimitExceeded;
            errors.into_iter().find(limit).map_or(Ok(()), Err)
        })
    })
}

/// Puts EC2's own tags on a resource of the caller; no call can (E58). One that has them already is not touched, and rules and flow logs have none.
pub(crate) fn put_reserved(
    edit: &mut Edit<'_>,
    caller: &Caller,
    resource: &Resource,
    reserved: &Tags,
) {
    let Some(present) = tags_of(edit, caller, resource) else {
        return;
    };
    let is_there = |(key, value): (&String, &String)| present.get(key) == Some(value);
    if reserved.iter().all(is_there) {
        return;
    }
    if let Some(tags) = tags_mut(edit, caller, resource, &BTreeMap::new()) {
        tags.extend(reserved.clone());
    }
}

/// Takes tags away from all of `resources`; all of a user's tags where `patterns` is `None`. What is not there is not missed.
///
/// # Errors
/// An id that is unknown, or a key that is EC2's own.
pub fn delete(
    edit: &mut Edit<'_>,
    caller: &Caller,
    resources: &[Resource],
    patterns: Option<&[TagPattern]>,
) -> Result<(), ModelError> {
    let keys = patterns.into_iter().flatten().map(|pattern| &pattern.key);
    if keys.clone().any(|key| is_reserved_tag(key)) {
        return Err(reserved_tag());
    }
    change(edit, caller, resources, |present| {
        present.retain(|key, value| match patterns {
            None => is_reserved_tag(key),
            Some(patterns) => !patterns.iter().any(|pattern| {
                pattern.key == *key && pattern.value.as_ref().is_none_or(|wanted| wanted == value)
            }),
        });
        Ok(())
    })
}

/// Changes the tags of each resource that the caller owns; all or none, since the call fails as a whole.
fn change(
    edit: &mut Edit<'_>,
    caller: &Caller,
    resources: &[Resource],
    mut change: impl FnMut(&mut Tags) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    if resources.len() > RESOURCES_MAX {
        return Err(ModelError::value(format!(
            "A call can be about at most {RESOURCES_MAX} resources"
        )));
    }
    let groups = groups_of_rules(edit.state(), resources);
    for resource in resources {
        if !is_owned(edit.state(), caller, edit.now(), resource, &groups) {
            return Err(resource.unknown());
        }
        let tags = tags_mut(edit, caller, resource, &groups);
        change(tags.ok_or_else(|| resource.unknown())?)?;
    }
    Ok(())
}

/// Which group has which of the rules that are asked for: one look at all rules, however many are asked for.
fn groups_of_rules(state: &State, resources: &[Resource]) -> BTreeMap<RuleId, GroupId> {
    let wanted: BTreeSet<_> = resources
        .iter()
        .filter_map(|resource| match resource {
            Resource::Rule(id) => Some(id),
            _ => None,
        })
        .collect();
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let groups = state.inventory.groups.values();
    groups
        .flat_map(|group| group.rules.iter().map(move |rule| (&rule.id, &group.id)))
        .filter(|(rule, _)| wanted.contains(rule))
        .map(|(rule, group)| (rule.clone(), group.clone()))
        .collect()
}

fn is_owned(
    state: &State,
    caller: &Caller,
    now: Timestamp,
    resource: &Resource,
    groups: &BTreeMap<RuleId, GroupId>,
) -> bool {
    let inventory = &state.inventory;
    let own_group = |id| inventory.groups.get(id).map(|group| &group.owner);
    let owner = match resource {
        Resource::Group(id) => own_group(id),
        Resource::Rule(id) => groups.get(id).and_then(own_group),
        Resource::Interface(id) => state.owner_of_interface(id),
        Resource::Instance(id) => state.instances.get(id).map(|instance| &instance.owner),
        Resource::PrefixList(id) => inventory.prefix_lists.get(id).map(|list| &list.owner),
        Resource::Vpc(id) => state.owner_of_vpc(id),
        Resource::Subnet(id) => state.owner_of_subnet(id),
        Resource::Peering(id) => return peerings::known(state, caller, now, id).is_ok(),
        Resource::FlowLog(id) => state.flow_logs.get(id).map(|log| &log.owner),
    };
    owner == Some(&caller.account)
}

fn tags_mut<'e>(
    edit: &'e mut Edit<'_>,
    caller: &Caller,
    resource: &Resource,
    groups: &BTreeMap<RuleId, GroupId>,
) -> Option<&'e mut Tags> {
    Some(match resource {
        Resource::Group(id) => &mut edit.get_mut::<SecurityGroup>(id)?.tags,
        Resource::Rule(id) => {
            let group = edit.get_mut::<SecurityGroup>(groups.get(id)?)?;
            &mut group.rules.iter_mut().find(|rule| rule.id == *id)?.tags
        }
        Resource::Interface(id) => &mut edit.get_mut::<NetworkInterface>(id)?.tags,
        Resource::Instance(id) => &mut edit.get_mut::<Instance>(id)?.tags,
        Resource::PrefixList(id) => &mut edit.get_mut::<PrefixList>(id)?.tags,
        Resource::Vpc(id) => &mut edit.get_mut::<Vpc>(id)?.tags,
        Resource::Subnet(id) => &mut edit.get_mut::<Subnet>(id)?.tags,
        Resource::Peering(id) => {
            let details = edit.get_mut::<PeeringDetails>(id)?;
            details.tags.entry(caller.account.clone()).or_default()
        }
        Resource::FlowLog(id) => &mut edit.get_mut::<FlowLog>(id)?.tags,
    })
}

/// The tags of a resource that can be part of a stack; `None` for a rule and a flow log, and where there is none.
fn tags_of<'e>(edit: &'e Edit<'_>, caller: &Caller, resource: &Resource) -> Option<&'e Tags> {
    static NONE: Tags = Tags::new();
    Some(match resource {
        Resource::Group(id) => &edit.get::<SecurityGroup>(id)?.tags,
        Resource::Interface(id) => &edit.get::<NetworkInterface>(id)?.tags,
        Resource::Instance(id) => &edit.get::<Instance>(id)?.tags,
        Resource::PrefixList(id) => &edit.get::<PrefixList>(id)?.tags,
        Resource::Vpc(id) => &edit.get::<Vpc>(id)?.tags,
        Resource::Subnet(id) => &edit.get::<Subnet>(id)?.tags,
        Resource::Peering(id) => {
            let tags = &edit.get::<PeeringDetails>(id)?.tags;
            tags.get(&caller.account).unwrap_or(&NONE)
        }
        Resource::Rule(_) | Resource::FlowLog(_) => return None,
    })
}

/// Everything of an account that has tags, and the tags.
#[must_use]
pub fn tagged<'a>(
    state: &'a State,
    account: &AccountId,
    now: Timestamp,
) -> Vec<(Resource, &'a Tags)> {
    let inventory = &state.inventory;
    let mut all: Vec<(Resource, &Tags)> = Vec::new();
    for group in inventory.groups.values() {
        if group.owner == *account {
            all.push((Resource::Group(group.id.clone()), &group.tags));
            let rules = group.rules.iter();
            all.extend(rules.map(|rule| (Resource::Rule(rule.id.clone()), &rule.tags)));
        }
    }
    for (id, interface) in &inventory.interfaces {
        if state.owner_of_interface(id) == Some(account) {
            all.push((Resource::Interface(id.clone()), &interface.tags));
        }
    }
    for (id, instance) in &state.instances {
        if instance.owner == *account {
            all.push((Resource::Instance(id.clone()), &instance.tags));
        }
    }
    for (id, list) in &inventory.prefix_lists {
        if list.owner == *account {
            all.push((Resource::PrefixList(id.clone()), &list.tags));
        }
    }
    for (id, vpc) in &inventory.vpcs {
        if vpc.owner == *account {
            all.push((Resource::Vpc(id.clone()), &vpc.tags));
        }
    }
    for (id, subnet) in &inventory.subnets {
        if state.owner_of_subnet(id) == Some(account) {
            all.push((Resource::Subnet(id.clone()), &subnet.tags));
        }
    }
    for listed in peerings::listed(state, now) {
        if let Some(tags) = listed.details.tags.get(account) {
            all.push((Resource::Peering(listed.peering.id.clone()), tags));
        }
    }
    for (id, log) in &state.flow_logs {
        if log.owner == *account {
            all.push((Resource::FlowLog(id.clone()), &log.tags));
        }
    }
    all.retain(|(_, tags)| !tags.is_empty());
    all
}
