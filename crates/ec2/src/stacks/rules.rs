//! Rules of a stack: those of its own groups, which are exactly those of the template, and those that it adds to others.
//!
//! A rule is what it allows (A34), so one that stays keeps its id, its tags and its place, whatever it is called in the template.

use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{
    Direction, Family, GroupId, ModelError, Origin, Peer, PrefixListId, Rule, RuleId, RuleSpec,
    SecurityGroup,
};

use super::changes::{Detail, Kind};
use super::fates::Fate;
use super::names::vpc_of_default_group;
use super::work::Work;
use crate::rules::{check_room, connect, prefix_lists_of};

/// Makes the rules of all groups.
pub(super) fn make(work: &mut Work<'_, '_>) {
    let wanted = work.wanted;
    for group in wanted.groups.values() {
        let place = group.origin.as_ref();
        let real = match work.lookup().group(&group.id) {
            Ok(real) => real,
            Err(error) => {
                work.fault(group.id.as_str(), place, error);
                continue;
            }
        };
        let Some(rules) = resolve_all(work, group, &real) else {
            continue;
        };
        let outcome = if is_foreign(work, group) {
            add_to_foreign(work, group, &real, rules)
        } else {
            replace_all(work, group, &real, rules)
        };
        work.settle(group.id.as_str(), place, outcome);
    }
}

/// Whether the stack did not make the group, neither by itself nor with its VPC.
fn is_foreign(work: &Work<'_, '_>, group: &SecurityGroup) -> bool {
    let of_own_vpc =
        vpc_of_default_group(&group.id).is_some_and(|vpc| work.wanted.vpcs.contains_key(&vpc));
    work.partial_groups.contains(&group.id)
        || (vpc_of_default_group(&group.id).is_some() && !of_own_vpc)
}

/// A rule of the template that means what is there, and how the template has it.
struct Wanted<'a> {
    spec: RuleSpec,
    rule: &'a Rule,
}

/// Every rule of a group with its peer looked up; `None`, and faults, if one cannot be.
fn resolve_all<'a>(
    work: &mut Work<'_, '_>,
    group: &'a SecurityGroup,
    real: &GroupId,
) -> Option<Vec<Wanted<'a>>> {
    let mut resolved = Vec::with_capacity(group.rules.len());
    let mut faulty = false;
    for rule in &group.rules {
        match resolve(work, real, &rule.spec) {
            Ok(spec) => resolved.push(Wanted { spec, rule }),
            Err(error) => {
                let place: Option<&Origin> = rule.origin.as_ref().or(group.origin.as_ref());
                work.fault(rule.id.as_str(), place, error);
                faulty = true;
            }
        }
    }
    (!faulty).then_some(resolved)
}

fn resolve(work: &Work<'_, '_>, real: &GroupId, spec: &RuleSpec) -> Result<RuleSpec, ModelError> {
    let lookup = work.lookup();
    let mut spec = spec.clone();
    match &mut spec.peer {
        Peer::Cidr(_) => {}
        Peer::PrefixList(list) => *list = lookup.prefix_list(list),
        Peer::Group(reference) => reference.group = lookup.group(&reference.group)?,
    }
    let state = work.edit.state();
    let group = crate::groups::known_group(state, work.caller, real)?;
    connect(state, work.caller, group, &mut spec.peer)?;
    Ok(spec)
}

/// Makes the rules of a group exactly these.
fn replace_all(
    work: &mut Work<'_, '_>,
    group: &SecurityGroup,
    real: &GroupId,
    wanted: Vec<Wanted<'_>>,
) -> Result<(), ModelError> {
    let specs: BTreeSet<&RuleSpec> = wanted.iter().map(|wanted| &wanted.spec).collect();
    let surplus = |rule: &Rule| !specs.contains(&rule.spec);
    let mut details = revoke(work, real, surplus);
    details.extend(describe(work, real, &wanted));
    let present: BTreeSet<RuleSpec> = specs_of(work, real).cloned().collect();
    let new = wanted
        .into_iter()
        .filter(|wanted| !present.contains(&wanted.spec));
    let new = new.collect();
    details.extend(authorize(work, real, new)?);
    work.modified(group.id.as_str(), Kind::Group, real.as_str(), details);
    Ok(())
}

/// Adds the rules to a group that is somebody else's, each as a resource of its own (F7).
fn add_to_foreign(
    work: &mut Work<'_, '_>,
    group: &SecurityGroup,
    real: &GroupId,
    wanted: Vec<Wanted<'_>>,
) -> Result<(), ModelError> {
    // What a VPC comes with is not written in the template.
    let written = |wanted: &Wanted<'_>| is_standalone(&wanted.rule.id);
    let wanted: Vec<_> = wanted.into_iter().filter(written).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    // Those that the stack made, and those that it is about to take away.
    let owned: BTreeSet<RuleId> = work.old.values().map(|id| RuleId::new(id)).collect();
    let specs: BTreeMap<&RuleSpec, &RuleId> = wanted
        .iter()
        .map(|wanted| (&wanted.spec, &wanted.rule.id))
        .collect();
    let mut kept: BTreeSet<RuleSpec> = BTreeSet::new();
    let present = work.edit.inventory().groups.get(real);
    for rule in present.map_or(&[][..], |group| &group.rules) {
        if owned.contains(&rule.id) && specs.contains_key(&rule.spec) {
            kept.insert(rule.spec.clone());
        }
    }
    let replaced = replaced(work, &wanted, &kept);
    revoke(work, real, |rule| replaced.contains(&rule.id));
    take_default_egress(work, group, real, &wanted);
    let (stay, new): (Vec<_>, Vec<_>) = wanted
        .into_iter()
        .partition(|wanted| kept.contains(&wanted.spec));
    for wanted in &stay {
        let details = describe(work, real, std::slice::from_ref(wanted));
        if let Some(id) = id_of(work, real, &wanted.spec) {
            let logical = wanted.rule.id.as_str();
            work.names.insert(logical, id.as_str());
            work.modified(logical, Kind::Rule, id.as_str(), details);
        }
    }
    for wanted in new {
        let (spec, logical) = (wanted.spec.clone(), wanted.rule.id.clone());
        let place = wanted.rule.origin.clone();
        match authorize(work, real, vec![wanted]) {
            Ok(mut details) => {
                if let Some(id) = id_of(work, real, &spec) {
                    for detail in &mut details {
                        detail.what = format!("{} in {}", detail.what, group.id);
                    }
                    work.made(logical.as_str(), Kind::Rule, id.as_str(), details);
                }
            }
            Err(error) => work.fault(logical.as_str(), place.as_ref(), error),
        }
    }
    Ok(())
}

/// The rules whose resources say something else now: their successors are told to take their place. What the template has no
/// more goes with the rest of what is to go.
fn replaced(
    work: &mut Work<'_, '_>,
    wanted: &[Wanted<'_>],
    kept: &BTreeSet<RuleSpec>,
) -> BTreeSet<RuleId> {
    let mut replaced = BTreeSet::new();
    for wanted in wanted.iter().filter(|wanted| !kept.contains(&wanted.spec)) {
        let logical = wanted.rule.id.as_str();
        let old = work
            .old
            .get(logical)
            .filter(|id| id.starts_with(RuleId::PREFIX));
        if let Some(id) = old.cloned() {
            replaced.insert(RuleId::new(&id));
            let fate = Fate::New {
                replaces: Some(id),
                because: Vec::new(),
                reason: None,
            };
            work.fates.insert(logical.to_owned(), fate);
        }
    }
    replaced
}

/// Whether a rule was written as a resource of its own.
fn is_standalone(id: &RuleId) -> bool {
    !id.as_str().contains('[')
}

/// F4, H42: an egress rule of its own takes the default one from its group, for good.
fn take_default_egress(
    work: &mut Work<'_, '_>,
    group: &SecurityGroup,
    real: &GroupId,
    wanted: &[Wanted<'_>],
) {
    let egress = |wanted: &Wanted<'_>| wanted.spec.direction == Direction::Egress;
    if !wanted.iter().any(egress) {
        return;
    }
    let default = Family::BOTH.map(RuleSpec::allow_all_egress);
    let listed: BTreeSet<&RuleSpec> = wanted.iter().map(|wanted| &wanted.spec).collect();
    let details = revoke(work, real, |rule| {
        default.contains(&rule.spec) && !listed.contains(&rule.spec)
    });
    if !details.is_empty() {
        work.modified(group.id.as_str(), Kind::Group, real.as_str(), details);
    }
}

/// Takes rules away, and tells which.
pub(super) fn revoke(
    work: &mut Work<'_, '_>,
    real: &GroupId,
    surplus: impl Fn(&Rule) -> bool,
) -> Vec<Detail> {
    let present = work.edit.inventory().groups.get(real);
    let rules = present.map_or(&[][..], |group| &group.rules);
    let gone: Vec<&Rule> = rules.iter().filter(|rule| surplus(rule)).collect();
    if gone.is_empty() {
        return Vec::new();
    }
    let details = gone
        .iter()
        .map(|rule| Detail::minus(shown(work, &rule.spec, rule.description.as_deref())))
        .collect();
    let gone: BTreeSet<RuleId> = gone.into_iter().map(|rule| rule.id.clone()).collect();
    if let Some(group) = work.edit.get_mut::<SecurityGroup>(real) {
        group.rules.retain(|rule| !gone.contains(&rule.id));
    }
    details
}

/// Gives the rules that stay their descriptions, and tells which changed.
fn describe(work: &mut Work<'_, '_>, real: &GroupId, wanted: &[Wanted<'_>]) -> Vec<Detail> {
    let descriptions: BTreeMap<&RuleSpec, Option<&String>> = wanted
        .iter()
        .map(|wanted| (&wanted.spec, wanted.rule.description.as_ref()))
        .collect();
    let present = work.edit.inventory().groups.get(real);
    let rules = present.map_or(&[][..], |group| &group.rules);
    let changed: Vec<(RuleId, Option<String>, Detail)> = rules
        .iter()
        .filter_map(|rule| {
            let description = *descriptions.get(&rule.spec)?;
            let (old, new) = (rule.description.as_deref(), description.map(String::as_str));
            (old != new).then(|| {
                let what = format!("description of {}", shown(work, &rule.spec, None));
                let detail = Detail::becomes(&what, quoted(old), quoted(new));
                (rule.id.clone(), description.cloned(), detail)
            })
        })
        .collect();
    let mut details = Vec::with_capacity(changed.len());
    for (id, description, detail) in changed {
        if let Some(group) = work.edit.get_mut::<SecurityGroup>(real)
            && let Some(rule) = group.rules.iter_mut().find(|rule| rule.id == id)
        {
            rule.description = description;
        }
        details.push(detail);
    }
    details
}

/// Adds rules, and tells which.
fn authorize(
    work: &mut Work<'_, '_>,
    real: &GroupId,
    wanted: Vec<Wanted<'_>>,
) -> Result<Vec<Detail>, ModelError> {
    let mut details = Vec::new();
    let mut rules = Vec::new();
    for Wanted { spec, rule } in wanted {
        details.push(Detail::plus(shown(
            work,
            &spec,
            rule.description.as_deref(),
        )));
        let id = RuleId::from_random(work.edit.random());
        let mut new = Rule::new(id, spec);
        new.description.clone_from(&rule.description);
        rules.push(new);
    }
    let lists: BTreeSet<PrefixListId> = prefix_lists_of(rules.iter().map(|rule| &rule.spec));
    let directions: BTreeSet<Direction> = rules.iter().map(|rule| rule.spec.direction).collect();
    if let Some(group) = work.edit.get_mut::<SecurityGroup>(real) {
        group.authorize(rules).map_err(ModelError::first)?;
    }
    for direction in directions {
        check_room(work.edit, real, direction, &lists)?;
    }
    Ok(details)
}

/// What the rules of a group say.
fn specs_of<'a>(work: &'a Work<'_, '_>, real: &GroupId) -> impl Iterator<Item = &'a RuleSpec> {
    let group = work.edit.inventory().groups.get(real);
    let rules = group.map_or(&[][..], |group| &group.rules);
    rules.iter().map(|rule| &rule.spec)
}

/// The id of the rule of a group that says this.
fn id_of(work: &Work<'_, '_>, real: &GroupId, spec: &RuleSpec) -> Option<RuleId> {
    let group = work.edit.inventory().groups.get(real)?;
    let mut rules = group.rules.iter();
    rules
        .find(|rule| rule.spec == *spec)
        .map(|rule| rule.id.clone())
}

/// A rule as people are shown it: with logical ids, where there are such.
fn shown(work: &Work<'_, '_>, spec: &RuleSpec, description: Option<&str>) -> String {
    let preposition = match spec.direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let peer = match &spec.peer {
        Peer::Cidr(net) => net.to_string(),
        Peer::PrefixList(list) => work.shown(list.as_str()).to_owned(),
        Peer::Group(reference) => work.shown(reference.group.as_str()).to_owned(),
    };
    let said = description.map_or_else(String::new, |text| format!(" “{text}”"));
    format!("{} {preposition} {peer}{said}", spec.traffic)
}

fn quoted(description: Option<&str>) -> String {
    description.map_or_else(|| "none".to_owned(), |text| format!("“{text}”"))
}
