//! Groups of a stack, without their rules, and the further VPCs that they are for.

use secgroup_model::{GroupId, ModelError, SecurityGroup, VpcId};

use super::changes::{Detail, Kind};
use super::work::{Work, checked, retag};
use crate::associations;
use crate::groups::{self, CreateGroup};

/// Makes the groups, so that every rule and every interface finds the ones it names.
pub(super) fn make(work: &mut Work<'_, '_>) {
    for group in work.own_groups() {
        let outcome = make_group(work, group);
        work.settle(group.id.as_str(), group.origin.as_ref(), outcome);
    }
    if work.has_faults() {
        return;
    }
    for (group, vpc) in work.wanted.associations.keys() {
        let place = work.wanted.groups.get(group);
        let place = place.and_then(|group| group.origin.as_ref());
        let outcome = associate(work, group, vpc);
        work.settle(&logical_of_association(group, vpc), place, outcome);
    }
}

fn make_group(work: &mut Work<'_, '_>, wanted: &SecurityGroup) -> Result<(), ModelError> {
    let logical = wanted.id.as_str();
    if let Some(id) = work.kept(logical).map(GroupId::new) {
        let details = match work.edit.get_mut::<SecurityGroup>(&id) {
            Some(group) => retag(&mut group.tags, &wanted.tags)?,
            None => Vec::new(),
        };
        work.modified(logical, Kind::Group, id.as_str(), details);
        return Ok(());
    }
    let vpc = match &wanted.vpc {
        Some(vpc) => Some(work.lookup().vpc(vpc)?),
        None => None,
    };
    let request = CreateGroup {
        name: wanted.name.clone(),
        description: wanted.description.clone(),
        vpc,
        tags: checked(&wanted.tags)?,
    };
    let id = groups::create(work.edit, work.caller, request)?;
    // What it begins with is not told: its rules will be those of the template.
    if let Some(group) = work.edit.get_mut::<SecurityGroup>(&id) {
        group.rules.clear();
    }
    let details = vec![Detail::plus(format!("name {}", wanted.name))];
    work.made(logical, Kind::Group, id.as_str(), details);
    Ok(())
}

/// What an association is called: the importer keeps no logical id of it.
fn logical_of_association(group: &GroupId, vpc: &VpcId) -> String {
    format!("{group} in {vpc}")
}

/// What an association is called that needs no name of its own.
fn id_of_association(group: &GroupId, vpc: &VpcId) -> String {
    format!("{group}/{vpc}")
}

/// The two sides of an association by its id.
pub(super) fn parse_association(id: &str) -> Option<(GroupId, VpcId)> {
    let (group, vpc) = id.split_once('/')?;
    Some((GroupId::new(group), VpcId::new(vpc)))
}

fn associate(work: &mut Work<'_, '_>, group: &GroupId, vpc: &VpcId) -> Result<(), ModelError> {
    let logical = logical_of_association(group, vpc);
    let group = work.lookup().group(group)?;
    let vpc = work.lookup().vpc(vpc)?;
    let id = id_of_association(&group, &vpc);
    let key = (group.clone(), vpc.clone());
    let present = work.edit.inventory().associations.get(&key);
    let present = present.is_some_and(|status| status.is_usable());
    if !present {
        associations::associate(work.edit, work.caller, &group, &vpc)?;
    }
    if present {
        work.names.insert(&logical, &id);
        work.modified(&logical, Kind::Association, &id, Vec::new());
    } else {
        work.made(&logical, Kind::Association, &id, Vec::new());
    }
    Ok(())
}
