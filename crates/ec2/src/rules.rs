//! Rules of a group: how they come, go and change (E31 to E36).
//!
//! Every operation takes a whole request and does all of it or nothing (A37). What was typed is parsed and made canonical by the
//! model; here it is decided which group and which rules are meant, whom they may refer to, and whether there is room.

mod descriptions;
mod modify;

use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{
    Dialect, Direction, ErrorCode, GroupId, ModelError, NewRule, Peer, PrefixListId, RawPermission,
    Rule, RuleId, RuleSpec, SecurityGroup, Tags,
};

pub use self::descriptions::{DescribedRules, UpdateDescriptions, update_descriptions};
pub use self::modify::{ModifyRules, RuleChange, modify};
use crate::groups::{self, GroupSelector};
use crate::{Caller, Edit, State, prefix_lists};

/// What `AuthorizeSecurityGroupIngress` and `…Egress` take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorize {
    /// The group.
    pub group: GroupSelector,
    /// Which of the two actions it is.
    pub direction: Direction,
    /// `IpPermissions`, as typed.
    pub permissions: Vec<RawPermission>,
    /// Tags, checked; every rule gets them (A38).
    pub tags: Tags,
}

/// What was authorized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorized {
    /// The group.
    pub group: GroupId,
    /// Its new rules, in the order of the request.
    pub rules: Vec<RuleId>,
}

/// What `RevokeSecurityGroupIngress` and `…Egress` take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoke {
    /// The group.
    pub group: GroupSelector,
    /// Which of the two actions it is.
    pub direction: Direction,
    /// Which rules.
    pub rules: RuleSelection,
}

/// Which rules a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleSelection {
    /// Those of these ids (E54).
    Ids(Vec<RuleId>),
    /// Those that say this, descriptions aside (E53).
    Permissions(Vec<RawPermission>),
}

/// What was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The group.
    pub group: GroupId,
    /// The rules that it had.
    pub rules: Vec<Rule>,
    /// What was asked for and not there: an error but in the default VPC (E53).
    pub unknown: Vec<RuleSpec>,
}

/// Adds rules to a group.
///
/// # Errors
/// Everything that can be wrong with a rule (A7 to A32), `InvalidGroup.NotFound` and `InvalidPrefixListID.NotFound` also for what
/// a rule names, `InvalidPermission.Duplicate` (A35), `RulesPerSecurityGroupLimitExceeded` (B19), `ResourceCountExceeded` (B23).
pub fn authorize(
    edit: &mut Edit<'_>,
    caller: &Caller,
    request: Authorize,
) -> Result<Authorized, ModelError> {
    let group = groups::select(edit.state(), caller, &request.group)?;
    let id = group.id.clone();
    let mut new = parse(edit.state(), caller, request.direction, request.permissions)?;
    for rule in &mut new {
        connect(edit.state(), caller, group, &mut rule.spec.peer)?;
    }
    let rules: Vec<Rule> = new
        .into_iter()
        .map(|rule| rule.with_id(RuleId::from_random(edit.random())))
        .collect();
    let ids: Vec<RuleId> = rules.iter().map(|rule| rule.id.clone()).collect();
    let lists = prefix_lists_of(rules.iter().map(|rule| &rule.spec));
    stored(edit, &id)?
        .authorize(rules)
        .map_err(ModelError::first)?;
    check_room(edit, &id, request.direction, &lists)?;
    // Only now: a quota's worth of rules may carry copies of the tags, whatever a request may hold.
    let added: BTreeSet<&RuleId> = ids.iter().collect();
    for rule in &mut stored(edit, &id)?.rules {
        if added.contains(&rule.id) {
            rule.tags.clone_from(&request.tags);
        }
    }
    Ok(Authorized {
        group: id,
        rules: ids,
    })
}

/// Takes rules away from a group.
///
/// # Errors
/// `InvalidGroup.NotFound`; `InvalidSecurityGroupRuleId.NotFound` for an id that is none of this group's rules in this direction (E54);
/// `InvalidPermission.NotFound` for a value that none has, but not in the default VPC (E53); what cannot be a rule at all.
pub fn revoke(
    edit: &mut Edit<'_>,
    caller: &Caller,
    request: Revoke,
) -> Result<Revoked, ModelError> {
    let group = groups::select(edit.state(), caller, &request.group)?;
    let (id, direction) = (group.id.clone(), request.direction);
    let (wanted, unknown) = match request.rules {
        RuleSelection::Ids(ids) => (specs_of(group, direction, &ids)?, Vec::new()),
        RuleSelection::Permissions(permissions) => {
            let typed = parse(edit.state(), caller, direction, permissions)?;
            let wanted: Vec<_> = typed
                .into_iter()
                .map(|rule| as_stored(group, rule.spec))
                .collect();
            if is_in_default_vpc(edit.state(), group) {
                let present: BTreeSet<_> = group.rules.iter().map(|rule| &rule.spec).collect();
                wanted.into_iter().partition(|spec| present.contains(spec))
            } else {
                (wanted, Vec::new())
            }
        }
    };
    let rules = stored(edit, &id)?
        .revoke(&wanted)
        .map_err(ModelError::first)?;
    Ok(Revoked {
        group: id,
        rules,
        unknown,
    })
}

/// The rules that permissions stand for; names of groups are looked up.
fn parse(
    state: &State,
    caller: &Caller,
    direction: Direction,
    mut permissions: Vec<RawPermission>,
) -> Result<Vec<NewRule>, ModelError> {
    groups::name_peers(state, caller, &mut permissions)?;
    let dialect = Dialect {
        owner: Some(caller.account.clone()),
        ..Dialect::default()
    };
    let mut rules = Vec::new();
    for permission in permissions {
        rules.extend(
            permission
                .parse(direction, &dialect)
                .map_err(ModelError::first)?
                .rules,
        );
    }
    Ok(rules)
}

/// Checks that a rule of `group` may have this peer, and notes about it what is to be remembered. The account of a group that is
/// not said is the caller's (A27).
pub(crate) fn connect(
    state: &State,
    caller: &Caller,
    group: &SecurityGroup,
    peer: &mut Peer,
) -> Result<(), ModelError> {
    match peer {
        Peer::Cidr(_) => Ok(()),
        Peer::PrefixList(list) => prefix_lists::known(state, caller, list).map(drop),
        Peer::Group(reference) => {
            let account = reference.account.as_ref().unwrap_or(&caller.account);
            *reference = groups::resolve(state, group, &reference.group, Some(account))?;
            Ok(())
        }
    }
}

/// Checks that the group has room for its rules in `direction` (B19), and that not too many rules refer to one of `lists` (B23).
pub(crate) fn check_room(
    edit: &Edit<'_>,
    group: &GroupId,
    direction: Direction,
    lists: &BTreeSet<PrefixListId>,
) -> Result<(), ModelError> {
    let (inventory, quotas) = (edit.inventory(), &edit.site().quotas);
    let rules = inventory.groups.get(group).into_iter();
    let specs = rules
        .flat_map(|group| group.rules_of(direction))
        .map(|rule| &rule.spec);
    quotas.check_rules(specs, &inventory.prefix_lists)?;
    lists.iter().try_for_each(|list| {
        quotas.check_prefix_list_references(inventory.prefix_list_references(list).count())
    })
}

pub(crate) fn prefix_lists_of<'a>(
    specs: impl Iterator<Item = &'a RuleSpec>,
) -> BTreeSet<PrefixListId> {
    specs
        .filter_map(|spec| match &spec.peer {
            Peer::PrefixList(list) => Some(list.clone()),
            Peer::Cidr(_) | Peer::Group(_) => None,
        })
        .collect()
}

/// What the rules of these ids say.
fn specs_of(
    group: &SecurityGroup,
    direction: Direction,
    ids: &[RuleId],
) -> Result<Vec<RuleSpec>, ModelError> {
    check_once(ids)?;
    let specs: BTreeMap<&RuleId, &RuleSpec> = group
        .rules_of(direction)
        .map(|rule| (&rule.id, &rule.spec))
        .collect();
    ids.iter()
        .map(|id| {
            let spec = specs.get(id).copied();
            spec.cloned().ok_or_else(|| unknown_rule(id))
        })
        .collect()
}

/// The rule as the group would have it. Listings do not say the account of a group that was deleted (A29), so what was read there
/// and is typed again means the group that a rule names already.
fn as_stored(group: &SecurityGroup, mut spec: RuleSpec) -> RuleSpec {
    if let Peer::Group(typed) = &mut spec.peer
        && typed.account.is_none()
    {
        let known = group.rules.iter().find_map(|rule| match &rule.spec.peer {
            Peer::Group(known) if known.group == typed.group => known.account.clone(),
            _ => None,
        });
        typed.account = known;
    }
    spec
}

/// E53.
fn is_in_default_vpc(state: &State, group: &SecurityGroup) -> bool {
    let vpc = group.vpc.as_ref();
    vpc.and_then(|vpc| state.inventory.vpcs.get(vpc))
        .is_some_and(|vpc| vpc.is_default)
}

/// The group, to be changed.
fn stored<'e>(edit: &'e mut Edit<'_>, id: &GroupId) -> Result<&'e mut SecurityGroup, ModelError> {
    edit.get_mut::<SecurityGroup>(id)
        .ok_or_else(|| ModelError::unknown_group(id.as_str()))
}

/// E52, E54: an id stands in a request once.
fn check_once<'a>(ids: impl IntoIterator<Item = &'a RuleId>) -> Result<(), ModelError> {
    let mut seen = BTreeSet::new();
    match ids.into_iter().find(|id| !seen.insert(*id)) {
        None => Ok(()),
        Some(twice) => Err(ModelError::value(format!(
            "Duplicated security group rule ID '{twice}'. The same security group rule ID must not appear multiple times."
        ))),
    }
}

/// E54.
fn unknown_rule(id: &RuleId) -> ModelError {
    ModelError::new(
        ErrorCode::InvalidSecurityGroupRuleIdNotFound,
        format!("The security group rule ID '{id}' does not exist"),
    )
}

#[cfg(test)]
mod tests;
