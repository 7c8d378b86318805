//! Groups and their rules, wherever those were written.

use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{
    AccountId, Direction, Family, GroupId, Inventory, Rule, RuleId, RuleSpec, SecurityGroup, Vpc,
    VpcId,
};

use super::differs;
use super::rules::{NameIndex, number, parse, refuses_duplicates};
use crate::collect::{Collected, FoundGroup, FoundRule, RuleKind, Target, origin};
use crate::common::model_error;
use crate::diagnostic::{Draft, Sink};
use crate::options::Options;
use crate::source::Span;
use crate::template::DEFAULT_VPC;

/// The families in which CloudFormation gives a group its default egress: always both (F4).
const BOTH: [Family; 2] = [Family::V4, Family::V6];

/// A group in the making.
struct Building {
    group: SecurityGroup,
    span: Span,
    rules: Vec<(Rule, Span)>,
    made_by_stack: bool,
    /// Whether its egress is what its maker wrote, so that the default does not apply.
    egress_written: bool,
}

/// Takes all groups and rules into the inventory.
pub(super) fn merge(
    collected: &mut Collected,
    default_groups: BTreeMap<GroupId, (Vpc, Span)>,
    options: &Options,
    inventory: &mut Inventory,
    sink: &Sink<'_>,
) {
    let found = std::mem::take(&mut collected.groups);
    let mut names = NameIndex::default();
    found.iter().for_each(|found| names.add(&found.group));
    let mut groups: BTreeMap<GroupId, Building> = BTreeMap::new();
    for found in found {
        let building = build(found, &names, sink);
        match groups.get(&building.group.id) {
            None => {
                groups.insert(building.group.id.clone(), building);
            }
            Some(first) if same(first, &building) => {}
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
        groups
            .entry(id.clone())
            .or_insert_with(|| default_group(id, &vpc, span, sink));
    }
    let rules = std::mem::take(&mut collected.rules);
    let rules = direct(rules, &names, &mut groups, options, sink);
    remove_default_egress(&mut groups, &rules);
    for (id, rule) in rules {
        if let Some(building) = groups.get_mut(&id) {
            add(building, rule, &names, sink);
        }
    }
    check_names(&groups, sink);
    inventory.groups = groups
        .into_iter()
        .map(|(id, building)| (id, finish(building)))
        .collect();
}

/// A group with the rules that were written with it.
fn build(found: FoundGroup, names: &NameIndex, sink: &Sink<'_>) -> Building {
    let FoundGroup {
        group,
        span,
        rules,
        made_by_stack,
    } = found;
    let egress = |rule: &FoundRule| rule.direction == Direction::Egress;
    let egress_written = !made_by_stack || rules.iter().any(egress);
    let mut building = Building {
        group,
        span,
        rules: vec![],
        made_by_stack,
        egress_written,
    };
    for rule in rules {
        add(&mut building, rule, names, sink);
    }
    number(&building.group.id, &mut building.rules);
    building
}

/// Whether two descriptions of a group say the same, in whatever order.
fn same(a: &Building, b: &Building) -> bool {
    let rules = |building: &Building| {
        let rules = building.rules.iter();
        let rules = rules.map(|(rule, _)| (rule.spec.clone(), rule.description.clone()));
        rules.collect::<BTreeSet<_>>()
    };
    let (x, y) = (&a.group, &b.group);
    (&x.name, &x.description, &x.owner, &x.vpc) == (&y.name, &y.description, &y.owner, &y.vpc)
        && rules(a) == rules(b)
}

/// B8: the group that a VPC comes with.
fn default_group(id: GroupId, vpc: &Vpc, span: Span, sink: &Sink<'_>) -> Building {
    let mut count = 0;
    let rule_id = || {
        let rule = RuleId::new(&format!("{id}.Default[{count}]"));
        count += 1;
        rule
    };
    let mut group = SecurityGroup::default_of(vpc, id.clone(), rule_id);
    group.origin = origin(sink.sources, span);
    let rules = std::mem::take(&mut group.rules);
    let rules = rules.into_iter().map(|rule| (rule, span)).collect();
    Building {
        group,
        span,
        rules,
        made_by_stack: false,
        egress_written: true,
    }
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
    let mut directed = Vec::with_capacity(rules.len());
    for (target, rule) in rules {
        let id = match target {
            Target::Id(id) => id,
            Target::Name(name) => {
                let default = VpcId::new(DEFAULT_VPC);
                names
                    .find(&name, Some(&default))
                    .unwrap_or_else(|| GroupId::new(&name))
            }
        };
        if !groups.contains_key(&id) {
            let span = rule.places.target;
            let message =
                format!("no file describes group `{id}`: of its rules only these are known");
            let help = "load the output of `aws ec2 describe-security-groups` too";
            sink.push(Draft::warning(span, message).help(help));
            let owner = AccountId::new(&options.account);
            let vpc = Some(VpcId::new(DEFAULT_VPC));
            let mut group = SecurityGroup::new(id.clone(), id.as_str(), owner, vpc);
            group.origin = origin(sink.sources, span);
            let building = Building {
                group,
                span,
                rules: vec![],
                made_by_stack: false,
                egress_written: true,
            };
            groups.insert(id.clone(), building);
        }
        directed.push((id, rule));
    }
    directed
}

/// F4, H42: a standalone egress rule takes the default rule from its group, even from one that was
/// there before the stack.
fn remove_default_egress(groups: &mut BTreeMap<GroupId, Building>, rules: &[(GroupId, FoundRule)]) {
    for (id, rule) in rules {
        if rule.kind == RuleKind::Standalone
            && rule.direction == Direction::Egress
            && let Some(building) = groups.get_mut(id)
        {
            if !building.made_by_stack {
                let default = BOTH.map(RuleSpec::allow_all_egress);
                building
                    .rules
                    .retain(|(rule, _)| !default.contains(&rule.spec));
            }
            building.egress_written = true;
        }
    }
}

/// Adds the rules that a found one stands for.
fn add(building: &mut Building, found: FoundRule, names: &NameIndex, sink: &Sink<'_>) {
    let kind = found.kind;
    for (rule, span) in parse(found, &building.group, names, sink) {
        let known = building
            .rules
            .iter_mut()
            .find(|(known, _)| known.spec == rule.spec);
        match known {
            None => building.rules.push((rule, span)),
            // F14: the row knows the id and the tags.
            Some((known, _)) if kind == RuleKind::Row => {
                known.id = rule.id;
                known.tags = rule.tags;
            }
            Some((_, first)) if refuses_duplicates(kind) => {
                let draft = model_error(rule.spec.already_exists(), span);
                sink.push(
                    draft
                        .label(*first, "the first one")
                        .help("remove one of the two"),
                );
            }
            Some(_) => {}
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
        if building.made_by_stack || first.made_by_stack {
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

fn finish(building: Building) -> SecurityGroup {
    let Building {
        mut group,
        rules,
        made_by_stack,
        egress_written,
        ..
    } = building;
    group.rules = rules.into_iter().map(|(rule, _)| rule).collect();
    if made_by_stack && !egress_written {
        let id = group.id.clone();
        let mut count = 0;
        group.add_default_egress(&BOTH, || {
            let rule = RuleId::new(&format!("{id}.DefaultEgress[{count}]"));
            count += 1;
            rule
        });
    }
    group
}
