//! Who refers to whom: which groups a rule may name, which references went stale, and what keeps a
//! group or a prefix list from being deleted (semantics A27, A30, B22, B24 to B28, B31).

use std::collections::{BTreeMap, BTreeSet};

use crate::inventory::{different_networks, has_dependent};
use crate::{
    ErrorCode, GroupId, GroupReference, Inventory, ModelError, NetworkInterfaceId, Peer,
    PeeringStatus, PrefixList, PrefixListId, Quotas, Rule, SecurityGroup, VpcId,
};

/// How the group that a rule names stands to the group that has the rule (A27).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// It is the same group.
    Itself,
    /// Both are of one VPC, or both of EC2-Classic.
    SameNetwork,
    /// One is associated with the VPC of the other (B29).
    Associated,
    /// Their VPCs are peered.
    Peered,
    /// Their VPCs are about to be peered.
    PeeringPending,
    /// Their VPCs were peered.
    PeeringGone,
    /// Nothing connects their VPCs.
    Unrelated,
    /// The inventory does not hold it, and nothing says where it is.
    Missing,
}

impl Reach {
    /// Whether the reference matches traffic, and may be made (A27).
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        matches!(
            self,
            Self::Itself | Self::SameNetwork | Self::Associated | Self::Peered
        )
    }

    /// Whether the reference is stale (B28): it matches nothing any more. Of an inventory that was
    /// read from files, `Missing` may only mean that the files do not hold the group.
    #[must_use]
    pub const fn is_stale(self) -> bool {
        matches!(self, Self::PeeringGone | Self::Unrelated | Self::Missing)
    }
}

/// A rule that names a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The group that has the rule.
    pub from: &'a SecurityGroup,
    /// The rule.
    pub rule: &'a Rule,
    /// The group that it names.
    pub to: &'a GroupReference,
}

/// What keeps a group from being deleted (B24).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dependents<'a> {
    /// Interfaces that have it.
    pub interfaces: Vec<&'a NetworkInterfaceId>,
    /// Other groups of its VPC with rules that name it.
    pub groups: Vec<&'a GroupId>,
    /// Further VPCs that it is associated with.
    pub vpcs: Vec<&'a VpcId>,
}

impl Dependents<'_> {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.interfaces.is_empty() && self.groups.is_empty() && self.vpcs.is_empty()
    }
}

/// References between groups.
impl Inventory {
    /// Every rule that names a group, by the id of the group that has it.
    pub fn references(&self) -> impl Iterator<Item = Reference<'_>> {
        self.groups.values().flat_map(|from| {
            from.rules
                .iter()
                .filter_map(move |rule| match &rule.spec.peer {
                    Peer::Group(to) => Some(Reference { from, rule, to }),
                    Peer::Cidr(_) | Peer::PrefixList(_) => None,
                })
        })
    }

    /// Every rule that names `group`, its own ones included.
    pub fn references_to(&self, group: &GroupId) -> impl Iterator<Item = Reference<'_>> {
        self.references()
            .filter(move |reference| reference.to.group == *group)
    }

    /// How the group that `to` names stands to `from` (A27). What the inventory knows of groups and
    /// peering connections goes before what a dump said in the reference.
    #[must_use]
    pub fn reach(&self, from: &SecurityGroup, to: &GroupReference) -> Reach {
        if to.group == from.id {
            return Reach::Itself;
        }
        let Some(target) = self.groups.get(&to.group) else {
            return self.reach_of_missing(from, to);
        };
        match (&from.vpc, &target.vpc) {
            (own, other) if own == other => Reach::SameNetwork,
            (Some(own), Some(other)) => self.reach_across(from, own, to, other),
            // A VPC and EC2-Classic have nothing to do with each other.
            _ => Reach::Unrelated,
        }
    }

    /// Whether a rule of `from` may name the group `to` (A27).
    #[must_use]
    pub fn may_reference(&self, from: &SecurityGroup, to: &GroupReference) -> bool {
        self.reach(from, to).is_allowed()
    }

    /// Checks that a rule of `from` may name the group `to`.
    ///
    /// # Errors
    /// `InvalidGroup.NotFound`, for an unknown group and for one of another network (A30).
    pub fn check_reference(
        &self,
        from: &SecurityGroup,
        to: &GroupReference,
    ) -> Result<(), ModelError> {
        match self.reach(from, to) {
            Reach::Missing => Err(ModelError::unknown_group(to.group.as_str())),
            reach if reach.is_allowed() => Ok(()),
            _ => Err(different_networks()
                .with_help("a group of another VPC needs an active peering connection")),
        }
    }

    /// Every rule whose reference is stale, and how it became so (B28). Such rules match nothing,
    /// but stay and count.
    pub fn stale_rules(&self) -> impl Iterator<Item = (Reference<'_>, Reach)> {
        self.references()
            .map(|reference| (reference, self.reach(reference.from, reference.to)))
            .filter(|(_, reach)| reach.is_stale())
    }

    /// The VPCs differ: an association or a peering connection may reach across.
    fn reach_across(
        &self,
        from: &SecurityGroup,
        own: &VpcId,
        to: &GroupReference,
        other: &VpcId,
    ) -> Reach {
        if self.is_associated(&to.group, own) || self.is_associated(&from.id, other) {
            return Reach::Associated;
        }
        self.peering_status(own, other)
            .or(to.peering)
            .map_or(Reach::Unrelated, Reach::of_peering)
    }

    /// The inventory does not hold the group: what a dump said of it has to do. A group of a VPC
    /// whose groups are held was deleted.
    fn reach_of_missing(&self, from: &SecurityGroup, to: &GroupReference) -> Reach {
        let (Some(own), Some(other)) = (&from.vpc, &to.vpc) else {
            return to.peering.map_or(Reach::Missing, Reach::of_peering);
        };
        if own == other || self.default_group(other).is_some() {
            return Reach::Missing;
        }
        match self.reach_across(from, own, to, other) {
            Reach::Unrelated => Reach::Missing,
            reach => reach,
        }
    }

    /// The best state of the peering connections between two VPCs: a deleted one stays listed
    /// beside its successor.
    fn peering_status(&self, one: &VpcId, other: &VpcId) -> Option<PeeringStatus> {
        self.peerings
            .values()
            .filter(|peering| peering.connects(one, other))
            .map(|peering| peering.status)
            .min()
    }
}

/// Deletion, and what stands in its way.
impl Inventory {
    /// What keeps `group` from being deleted (B24): not its own rules (B25), nor those of other
    /// VPCs, which go stale.
    #[must_use]
    pub fn dependents(&self, group: &GroupId) -> Dependents<'_> {
        let vpc = self.groups.get(group).map(|group| &group.vpc);
        let referring: BTreeSet<_> = self
            .references_to(group)
            .filter(|reference| reference.from.id != *group && Some(&reference.from.vpc) == vpc)
            .map(|reference| &reference.from.id)
            .collect();
        Dependents {
            interfaces: self
                .interfaces
                .values()
                .filter(|interface| interface.groups.contains(group))
                .map(|interface| &interface.id)
                .collect(),
            groups: referring.into_iter().collect(),
            vpcs: self
                .associations
                .iter()
                .filter(|((associated, _), status)| associated == group && status.is_present())
                .map(|((_, vpc), _)| vpc)
                .collect(),
        }
    }

    /// Checks that a user may delete a group.
    ///
    /// # Errors
    /// `InvalidGroup.NotFound` (B26), `CannotDelete` (B9) or `DependencyViolation` (B24).
    pub fn check_group_deletion(&self, id: &GroupId) -> Result<(), ModelError> {
        let group = self
            .groups
            .get(id)
            .ok_or_else(|| ModelError::unknown_group(id.as_str()))?;
        group.check_deletable()?;
        let dependents = self.dependents(id);
        if dependents.is_empty() {
            return Ok(());
        }
        Err(has_dependent(id.as_str()).with_help(format!(
            "{} interfaces have it, {} groups name it, {} VPCs are associated with it",
            dependents.interfaces.len(),
            dependents.groups.len(),
            dependents.vpcs.len()
        )))
    }

    /// Deletes a group with its rules, their ids and their tags (B27), and answers with it.
    ///
    /// # Errors
    /// Those of [`check_group_deletion`](Self::check_group_deletion); nothing is deleted then.
    pub fn delete_group(&mut self, id: &GroupId) -> Result<SecurityGroup, ModelError> {
        self.check_group_deletion(id)?;
        self.associations
            .retain(|(associated, _), _| associated != id);
        self.groups
            .remove(id)
            .ok_or_else(|| ModelError::unknown_group(id.as_str()))
    }

    /// Every rule that refers to a prefix list, with the group that has it.
    pub fn prefix_list_references(
        &self,
        list: &PrefixListId,
    ) -> impl Iterator<Item = (&SecurityGroup, &Rule)> {
        self.groups.values().flat_map(move |group| {
            group
                .rules
                .iter()
                .filter_map(move |rule| match &rule.spec.peer {
                    Peer::PrefixList(peer) if peer == list => Some((group, rule)),
                    _ => None,
                })
        })
    }

    /// Checks that a prefix list may be deleted (B31).
    ///
    /// # Errors
    /// `InvalidPrefixListID.NotFound`, or `DependencyViolation` while a rule refers to it.
    pub fn check_prefix_list_deletion(&self, id: &PrefixListId) -> Result<(), ModelError> {
        if self.prefix_list_references(id).next().is_some() {
            return Err(has_dependent(id.as_str()));
        }
        if self.prefix_lists.contains_key(id) {
            Ok(())
        } else {
            Err(unknown_prefix_list(id))
        }
    }

    /// Deletes a prefix list and answers with it.
    ///
    /// # Errors
    /// Those of [`check_prefix_list_deletion`](Self::check_prefix_list_deletion); nothing is deleted then.
    pub fn delete_prefix_list(&mut self, id: &PrefixListId) -> Result<PrefixList, ModelError> {
        self.check_prefix_list_deletion(id)?;
        self.prefix_lists
            .remove(id)
            .ok_or_else(|| unknown_prefix_list(id))
    }

    /// Checks that every group that refers to a prefix list has room for `max_entries` of it (B22).
    ///
    /// # Errors
    /// `InvalidPrefixListID.NotFound`, or `RulesPerSecurityGroupLimitExceeded`: the resize fails.
    pub fn check_resize(
        &self,
        id: &PrefixListId,
        max_entries: u32,
        quotas: &Quotas,
    ) -> Result<(), ModelError> {
        let list = self
            .prefix_lists
            .get(id)
            .ok_or_else(|| unknown_prefix_list(id))?;
        if max_entries <= list.max_entries {
            return Ok(());
        }
        let mut sizes: BTreeMap<_, _> = self
            .prefix_lists
            .iter()
            .map(|(id, list)| (id.clone(), list.without_entries()))
            .collect();
        if let Some(resized) = sizes.get_mut(id) {
            resized.max_entries = max_entries;
        }
        let groups: BTreeMap<_, _> = self
            .prefix_list_references(id)
            .map(|(group, _)| (&group.id, group))
            .collect();
        groups
            .values()
            .try_for_each(|group| quotas.check_rules(group.rules.iter().map(|r| &r.spec), &sizes))
    }
}

impl Reach {
    const fn of_peering(status: PeeringStatus) -> Self {
        match status {
            PeeringStatus::Active => Self::Peered,
            PeeringStatus::Pending => Self::PeeringPending,
            PeeringStatus::Gone => Self::PeeringGone,
        }
    }
}

/// E63.
fn unknown_prefix_list(id: &PrefixListId) -> ModelError {
    ModelError::new(
        ErrorCode::InvalidPrefixListIdNotFound,
        format!("The prefix list ID '{id}' does not exist"),
    )
}
