//! `ModifySecurityGroupRules` (E52): a rule says something else, and keeps its id and its tags.

use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{
    Dialect, Direction, ErrorCode, GroupId, ModelError, NewRule, Note, Peer, RawRule, Rule, RuleId,
    SecurityGroup, Traffic,
};

use super::{check_once, check_room, prefix_lists_of, stored, unknown_rule};
use crate::groups::{self, known_group};
use crate::{Caller, Edit, State, prefix_lists};

/// What `ModifySecurityGroupRules` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModifyRules {
    /// The group.
    pub group: GroupId,
    /// Its rules that change, in either direction.
    pub changes: Vec<RuleChange>,
}

/// What becomes of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleChange {
    /// The rule.
    pub id: RuleId,
    /// All that it says from now on, as typed: what is left out is gone, the description too.
    pub rule: RawRule,
}

/// Changes rules of a group.
///
/// # Errors
/// `InvalidGroup.NotFound`, `InvalidSecurityGroupRuleId.NotFound`, what cannot be a rule, a peer of another type than before, a rule that is
/// there already (`InvalidPermission.Duplicate`), `RulesPerSecurityGroupLimitExceeded`.
pub fn modify(
    edit: &mut Edit<'_>,
    caller: &Caller,
    request: ModifyRules,
) -> Result<(), ModelError> {
    check_once(request.changes.iter().map(|change| &change.id))?;
    let group = known_group(edit.state(), caller, &request.group)?;
    let mut changed: BTreeMap<RuleId, NewRule> = BTreeMap::new();
    for change in request.changes {
        let rule = group
            .rule(&change.id)
            .ok_or_else(|| unknown_rule(&change.id))?;
        let new = replacement(edit.state(), caller, group, rule, change.rule)?;
        changed.insert(change.id, new);
    }
    let lists = prefix_lists_of(changed.values().map(|new| &new.spec));
    let group = stored(edit, &request.group)?;
    for rule in &mut group.rules {
        if let Some(new) = changed.remove(&rule.id) {
            (rule.spec, rule.description) = (new.spec, new.description);
        }
    }
    check_distinct(group)?;
    Direction::BOTH
        .into_iter()
        .try_for_each(|direction| check_room(edit, &request.group, direction, &lists))
}

/// What `rule` says from now on.
fn replacement(
    state: &State,
    caller: &Caller,
    group: &SecurityGroup,
    rule: &Rule,
    raw: RawRule,
) -> Result<NewRule, ModelError> {
    let has_peer = raw.cidr_ipv4.is_some()
        || raw.cidr_ipv6.is_some()
        || raw.prefix_list.is_some()
        || raw.group.is_some();
    if !has_peer {
        return Err(ModelError::new(
            ErrorCode::MissingParameter,
            "The request must contain exactly one of: cidrIp, cidrIpv6, prefixListId, or referencedGroupId",
        ));
    }
    let parsed = raw
        .parse(rule.spec.direction, &Dialect::default())
        .map_err(ModelError::first)?;
    let ports_without_meaning = Note::PortsIgnored {
        traffic: Traffic::All,
    };
    if parsed.notes.contains(&ports_without_meaning) {
        return Err(ModelError::value(
            "You may not specify all protocols and specific ports. Please specify each protocol and port range combination \
             individually, or all protocols and no port range.",
        ));
    }
    let mut new = parsed
        .rules
        .into_iter()
        .next()
        .ok_or_else(|| ModelError::first(Vec::new()))?;
    check_kind(rule, &new.spec.peer)?;
    connect(state, caller, group, &rule.spec.peer, &mut new.spec.peer)?;
    Ok(new)
}

/// Checks that a rule may have the peer `new`. One that it has already it may keep, stale or not.
fn connect(
    state: &State,
    caller: &Caller,
    group: &SecurityGroup,
    old: &Peer,
    new: &mut Peer,
) -> Result<(), ModelError> {
    match (old, &mut *new) {
        (Peer::Group(known), Peer::Group(typed)) if known.group == typed.group => {
            typed.clone_from(known);
            Ok(())
        }
        // There is no field for the account here: whose group it is follows from its id.
        (_, Peer::Group(typed)) => {
            *typed = groups::resolve(state, group, &typed.group, None)?;
            Ok(())
        }
        (Peer::PrefixList(known), Peer::PrefixList(typed)) if known == typed => Ok(()),
        (_, Peer::PrefixList(typed)) => prefix_lists::known(state, caller, typed).map(drop),
        (_, Peer::Cidr(_)) => Ok(()),
    }
}

/// E52: a rule keeps its kind of peer.
fn check_kind(rule: &Rule, new: &Peer) -> Result<(), ModelError> {
    let ((_, before), (now, _)) = (kind(&rule.spec.peer), kind(new));
    if kind(new) == kind(&rule.spec.peer) {
        return Ok(());
    }
    Err(ModelError::value(format!(
        "Invalid rule type for security group rule '{}'. You may not specify {now} for an existing {before} rule.",
        rule.id
    ))
    .with_help("revoke the rule and authorize another one"))
}

/// The kind of a peer as E52's message says it: what may not be specified, and what a rule is.
fn kind(peer: &Peer) -> (&'static str, &'static str) {
    match peer {
        Peer::Cidr(range) if range.network().is_ipv4() => ("an IPv4 CIDR", "IPv4 CIDR"),
        Peer::Cidr(_) => ("an IPv6 CIDR", "IPv6 CIDR"),
        Peer::PrefixList(_) => ("a prefix list id", "prefix list id"),
        Peer::Group(_) => ("a referenced group id", "referenced group id"),
    }
}

/// E52: what changed may not be what another rule says.
fn check_distinct(group: &SecurityGroup) -> Result<(), ModelError> {
    let mut seen = BTreeSet::new();
    match group.rules.iter().find(|rule| !seen.insert(&rule.spec)) {
        None => Ok(()),
        Some(twice) => Err(twice.spec.already_exists()),
    }
}
