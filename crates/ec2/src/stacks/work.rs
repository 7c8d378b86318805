//! A deployment under way.

use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{
    GroupId, InstanceId, Inventory, ModelError, Origin, SecurityGroup, Tags, check_tags,
    is_reserved_tag,
};

use super::changes::{Action, Change, ChangeSet, Detail, Kind};
use super::fates::{Fate, Fates};
use super::fault::Fault;
use super::names::{Lookup, Names, vpc_of_default_group};
use super::{Deployment, dissolve};
use crate::{Caller, Edit};

/// What the stages of a deployment share.
pub(super) struct Work<'a, 'e> {
    pub(super) edit: &'a mut Edit<'e>,
    pub(super) caller: &'a Caller,
    /// What the template says.
    pub(super) wanted: &'a Inventory,
    /// Groups of it that are somewhere else.
    pub(super) partial_groups: &'a BTreeSet<GroupId>,
    /// What the stack made before: ids by logical ids.
    pub(super) old: BTreeMap<String, String>,
    /// What logical ids stand for, as far as it is there.
    pub(super) names: Names,
    /// What becomes of the resources of the template.
    pub(super) fates: Fates,
    stack: String,
    changes: Vec<Change>,
    unchanged: BTreeSet<String>,
    faults: Vec<Fault>,
}

impl<'a, 'e> Work<'a, 'e> {
    pub(super) fn new(
        edit: &'a mut Edit<'e>,
        caller: &'a Caller,
        deployment: &Deployment<'a>,
        old: BTreeMap<String, String>,
    ) -> Self {
        Self {
            edit,
            caller,
            wanted: deployment.wanted,
            partial_groups: deployment.partial_groups,
            old,
            names: Names::default(),
            fates: Fates::new(),
            stack: deployment.name.to_owned(),
            changes: Vec::new(),
            unchanged: BTreeSet::new(),
            faults: Vec::new(),
        }
    }

    /// Begins, now that it is known what becomes of everything.
    pub(super) fn begin(&mut self, fates: Fates) {
        for (logical, fate) in &fates {
            if let Fate::Keep(id) = fate {
                self.names.insert(logical, id);
            }
        }
        self.fates = fates;
        dissolve::make_way(self);
    }

    /// Ids of the stack that nothing of the template stands for any more, with the logical ids that they had.
    pub(super) fn doomed(&self) -> Vec<(String, String)> {
        let kept = self.names.ids();
        self.old
            .iter()
            .filter(|(_, id)| !kept.contains(id.as_str()))
            .map(|(logical, id)| (logical.clone(), id.clone()))
            .collect()
    }

    /// The id that the logical id keeps, unless the resource is new.
    pub(super) fn kept(&self, logical: &str) -> Option<&str> {
        match self.fates.get(logical) {
            Some(Fate::Keep(id)) => Some(id),
            Some(Fate::New { .. }) | None => None,
        }
    }

    /// Notes that a new resource was made under `id`.
    pub(super) fn made(&mut self, logical: &str, kind: Kind, id: &str, mut details: Vec<Detail>) {
        self.names.insert(logical, id);
        let (replaces, reason) = match self.fates.get(logical) {
            Some(Fate::New {
                replaces,
                because,
                reason,
            }) => {
                if replaces.is_some() {
                    details.splice(0..0, because.iter().cloned());
                }
                (replaces.clone(), reason.clone())
            }
            Some(Fate::Keep(_)) | None => (None, None),
        };
        self.changes.push(Change {
            action: match replaces {
                Some(_) => Action::Replace,
                None => Action::Add,
            },
            resource: logical.to_owned(),
            kind,
            id: replaces,
            details,
            reason,
        });
    }

    /// Notes what changed about a resource that stays, or about one that was just made; nothing, if there are no `details`.
    pub(super) fn modified(&mut self, logical: &str, kind: Kind, id: &str, details: Vec<Detail>) {
        let told = self
            .changes
            .iter_mut()
            .find(|change| change.resource == logical && change.action != Action::Remove);
        if let Some(change) = told {
            change.details.extend(details);
            return;
        }
        if details.is_empty() {
            self.unchanged.insert(logical.to_owned());
            return;
        }
        self.unchanged.remove(logical);
        self.changes.push(Change {
            action: Action::Modify,
            resource: logical.to_owned(),
            kind,
            id: Some(id.to_owned()),
            details,
            reason: None,
        });
    }

    /// Notes that a resource is gone.
    pub(super) fn removed(&mut self, logical: &str, kind: Kind, id: &str) {
        // Of what was replaced this was told already.
        let replaced = self
            .changes
            .iter()
            .any(|change| change.action == Action::Replace && change.id.as_deref() == Some(id));
        if !replaced {
            self.changes.push(Change {
                action: Action::Remove,
                resource: logical.to_owned(),
                kind,
                id: Some(id.to_owned()),
                details: Vec::new(),
                reason: None,
            });
        }
    }

    /// Takes down how a step ended.
    pub(super) fn settle(
        &mut self,
        logical: &str,
        place: Option<&Origin>,
        outcome: Result<(), ModelError>,
    ) {
        if let Err(error) = outcome {
            self.fault(logical, place, error);
        }
    }

    /// Whether something of this stage went wrong.
    pub(super) const fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Where names of the template are looked up.
    pub(super) fn lookup(&self) -> Lookup<'_> {
        Lookup {
            state: self.edit.state(),
            caller: self.caller,
            names: &self.names,
        }
    }

    /// The groups that the stack makes: neither those that are somewhere else nor those that VPCs come with.
    pub(super) fn own_groups(&self) -> impl Iterator<Item = &'a SecurityGroup> + use<'a> {
        let (wanted, partial) = (self.wanted, self.partial_groups);
        wanted.groups.values().filter(|group| {
            !partial.contains(&group.id) && vpc_of_default_group(&group.id).is_none()
        })
    }

    /// The instances of which the template has interfaces.
    pub(super) fn wanted_instances(&self) -> BTreeSet<&'a InstanceId> {
        let interfaces = self.wanted.interfaces.values();
        interfaces
            .filter_map(|interface| interface.instance.as_ref())
            .collect()
    }

    /// What people are shown for an id: the logical id that stands or stood for it, or else the id.
    pub(super) fn shown<'s>(&'s self, id: &'s str) -> &'s str {
        let mut old = self.old.iter();
        let shown = self.names.shown(id);
        if shown != id {
            return shown;
        }
        old.find(|(_, known)| *known == id)
            .map_or(id, |(logical, _)| logical)
    }

    /// Notes a fault.
    pub(super) fn fault(&mut self, logical: &str, place: Option<&Origin>, error: ModelError) {
        self.faults.push(Fault {
            resource: Some(logical.to_owned()),
            place: place.cloned(),
            error,
        });
    }

    /// Ends a stage: what comes after one with faults would only repeat them.
    pub(super) fn check(&mut self) -> Result<(), Vec<Fault>> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(std::mem::take(&mut self.faults))
        }
    }

    /// What the stack consists of now, and what was changed.
    pub(super) fn finish(self) -> (BTreeMap<String, String>, ChangeSet) {
        let changes = ChangeSet {
            stack: self.stack,
            changes: self.changes,
            unchanged: self.unchanged.len(),
            template_changed: false,
        };
        (self.names.into_resources(), changes)
    }
}

/// Makes `tags` what is `wanted`, and tells the difference. EC2's own are no part of it: no template has them.
///
/// # Errors
/// Tags that cannot be (A38).
pub(super) fn retag(tags: &mut Tags, wanted: &Tags) -> Result<Vec<Detail>, ModelError> {
    let mut details = Vec::new();
    for (key, value) in tags.iter().filter(|(key, _)| !is_reserved_tag(key)) {
        match wanted.get(key) {
            None => details.push(Detail::minus(format!("tag {key} = {value}"))),
            Some(other) if other != value => {
                details.push(Detail::becomes(&format!("tag {key}"), value, other));
            }
            Some(_) => {}
        }
    }
    let new = wanted.iter().filter(|(key, _)| !tags.contains_key(*key));
    details.extend(new.map(|(key, value)| Detail::plus(format!("tag {key} = {value}"))));
    if !details.is_empty() {
        let wanted = checked(wanted)?;
        tags.retain(|key, _| is_reserved_tag(key));
        tags.extend(wanted);
    }
    Ok(details)
}

/// The tags, if they can be.
///
/// # Errors
/// Tags that cannot be (A38).
pub(super) fn checked(tags: &Tags) -> Result<Tags, ModelError> {
    check_tags(tags).map_err(ModelError::first)?;
    Ok(tags.clone())
}
