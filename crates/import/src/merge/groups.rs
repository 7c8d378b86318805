//! Groups and their rules, wherever those were written.

use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{AccountId, Direction, GroupId, Inventory, SecurityGroup, Vpc, VpcId};

use super::building::{Building, Maker};
use super::differs;
use super::rules::NameIndex;
use crate::collect::{Collected, FoundRule, RuleKind, Target, origin};
use crate::diagnostic::{Draft, Sink};
use crate::options::Options;
use crate::source::Span;
use crate::template::DEFAULT_VPC;

/// Takes all groups and rules into the inventory. Answers the groups that no file describes.
pub(super) fn merge(
    collected: &mut Collected,
    default_groups: BTreeMap<GroupId, (Vpc, Span)>,
    options: &Options,
    inventory: &mut Inventory,
    sink: &Sink<'_>,
) -> BTreeSet<GroupId> {
    let found = std::mem::take(&mut collected.groups);
    let mut names = NameIndex::default();
    found.iter().for_each(|found| names.add(&found.group));
    let mut groups: BTreeMap<GroupId, Building> = BTreeMap::new();
    for found in found {
        let building = Building::of(found, &names, sink);
        match groups.get(&building.group.id) {
            None => {
                groups.insert(building.group.id.clone(), building);
            }
            Some(first) if first.agrees(&building) => {}
            Some(first) => {
                sink.push(differs(
                    "security group",
                    &first.group.id,
                    building.span,
                    first.span,
                ));
            }
        }
    }
    for (id, (vpc, span)) in default_groups {
        let building = || Building::default_of(&vpc, &id, span, sink);
        groups.entry(id.clone()).or_insert_with(building);
    }
    let rules = std::mem::take(&mut collected.rules);
    let described: BTreeSet<GroupId> = groups.keys().cloned().collect();
    let rules = direct(rules, &names, &mut groups, options, sink);
    let partial = groups
        .keys()
        .filter(|id| !described.contains(*id))
        .cloned()
        .collect();
    add_all(rules, &names, &mut groups, sink);
    check_names(&groups, sink);
    inventory.groups = groups
        .into_iter()
        .map(|(id, group)| (id, group.finish()))
        .collect();
    partial
}

/// Finds the group of each rule that was written elsewhere. A group that no file describes is made
/// of its rules alone: they are there for sure, whatever else is.
fn direct(
    rules: Vec<(Target, FoundRule)>,
    names: &NameIndex,
    groups: &mut BTreeMap<GroupId, Building>,
    options: &Options,
    sink: &Sink<'_>,
) -> Vec<(GroupId, FoundRule)> {
    let default = VpcId::new(DEFAULT_VPC);
    let mut directed = Vec::with_capacity(rules.len());
    for (target, rule) in rules {
        let id = match target {
            Target::Id(id) => id,
            Target::Name(name) => names
                .find(&name, Some(&default))
                .unwrap_or_else(|| GroupId::new(&name)),
            Target::Lost => {
                let owner = AccountId::new(&options.account);
                let nobody = SecurityGroup::new(GroupId::new(""), "", owner, Some(default.clone()));
                Building::new(nobody, rule.places.whole, Maker::Other).add(rule, names, sink);
                continue;
            }
        };
        groups.entry(id.clone()).or_insert_with(|| {
            let span = rule.places.target;
            if !options.rest_is_known {
                let message =
                    format!("no file describes group `{id}`: of its rules only these are known");
                let help = "load the output of `aws ec2 describe-security-groups` too";
                sink.push(Draft::warning(span, message).help(help));
            }
            let owner = AccountId::new(&options.account);
            let vpc = Some(default.clone());
            let mut group = SecurityGroup::new(id.clone(), id.as_str(), owner, vpc);
            group.origin = origin(sink.sources, span);
            Building::new(group, span, Maker::Other)
        });
        directed.push((id, rule));
    }
    directed
}

/// Adds the rules that were written elsewhere: what dumps say is there before a stack changes it.
fn add_all(
    rules: Vec<(GroupId, FoundRule)>,
    names: &NameIndex,
    groups: &mut BTreeMap<GroupId, Building>,
    sink: &Sink<'_>,
) {
    let (rows, standalone): (Vec<_>, Vec<_>) = rules
        .into_iter()
        .partition(|(_, rule)| rule.kind == RuleKind::Row);
    for (id, rule) in rows {
        if let Some(group) = groups.get_mut(&id) {
            group.add(rule, names, sink);
        }
    }
    for (id, rule) in &standalone {
        if rule.direction == Direction::Egress
            && let Some(group) = groups.get_mut(id)
        {
            group.lose_default_egress();
        }
    }
    for (id, rule) in standalone {
        if let Some(group) = groups.get_mut(&id) {
            group.add(rule, names, sink);
        }
    }
}

/// B4, B5: no two groups of a VPC have the same name. Dumps cannot be wrong in this.
fn check_names(groups: &BTreeMap<GroupId, Building>, sink: &Sink<'_>) {
    let mut seen: BTreeMap<(Option<&VpcId>, String), &Building> = BTreeMap::new();
    for building in groups.values() {
        let group = &building.group;
        let key = (group.vpc.as_ref(), group.name.to_ascii_lowercase());
        let Some(first) = seen.insert(key, building) else {
            continue;
        };
        if building.maker == Maker::Stack || first.maker == Maker::Stack {
            let message = format!(
                "two security groups of the VPC have the name '{}'",
                building.group.name
            );
            sink.push(
                Draft::error(building.span, message)
                    .code("InvalidGroup.Duplicate")
                    .label(first.span, "the other one")
                    .help("names are compared without regard to case"),
            );
        }
    }
}
