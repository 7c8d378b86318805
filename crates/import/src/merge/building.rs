//! A group in the making: its rules so far, each once.

use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{Direction, Family, GroupId, Rule, RuleId, RuleSpec, SecurityGroup, Vpc};

use super::differs;
use super::rules::{NameIndex, number, parse};
use crate::collect::{FoundGroup, FoundRule, RuleKind, origin};
use crate::common::model_error;
use crate::diagnostic::Sink;
use crate::source::Span;

/// The families in which CloudFormation gives a group its default egress: always both (F4).
const BOTH: [Family; 2] = [Family::V4, Family::V6];

/// Who made a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// A template: what it does not say has defaults.
    Stack,
    /// A dump: it says everything.
    Dump,
    /// A VPC, or nobody that we know of.
    Other,
}

/// A group and its rules so far.
#[derive(Debug)]
pub(super) struct Building {
    /// The group, without rules.
    pub(super) group: SecurityGroup,
    /// Where it was written.
    pub(super) span: Span,
    pub(super) maker: Maker,
    rules: Vec<(Rule, Span)>,
    /// Where in `rules` a rule is.
    index: BTreeMap<RuleSpec, usize>,
    /// Whether some egress rule was written, so that the default does not apply.
    egress_written: bool,
}

impl Building {
    /// A group without rules.
    pub(super) fn new(group: SecurityGroup, span: Span, maker: Maker) -> Self {
        let (rules, index) = (Vec::new(), BTreeMap::new());
        Self {
            group,
            span,
            maker,
            rules,
            index,
            egress_written: false,
        }
    }

    /// A group with the rules that were written with it.
    pub(super) fn of(found: FoundGroup, names: &NameIndex, sink: &Sink<'_>) -> Self {
        let maker = if found.made_by_stack {
            Maker::Stack
        } else {
            Maker::Dump
        };
        let mut building = Self::new(found.group, found.span, maker);
        for rule in found.rules {
            building.egress_written |= rule.direction == Direction::Egress;
            building.add(rule, names, sink);
        }
        number(&building.group.id, &mut building.rules);
        building
    }

    /// B8: the group that a VPC comes with.
    pub(super) fn default_of(vpc: &Vpc, id: &GroupId, span: Span, sink: &Sink<'_>) -> Self {
        let mut count = 0;
        let rule_id = || {
            let rule = RuleId::new(&format!("{id}.Default[{count}]"));
            count += 1;
            rule
        };
        let mut group = SecurityGroup::default_of(vpc, id.clone(), rule_id);
        group.origin = origin(sink.sources, span);
        let rules = std::mem::take(&mut group.rules);
        let mut building = Self::new(group, span, Maker::Other);
        for rule in rules {
            building.push(rule, span);
        }
        building
    }

    /// Whether another description of the group says the same, in whatever order.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        let rules = |building: &Self| {
            let rules = building.rules.iter();
            let rules = rules.map(|(rule, _)| (rule.spec.clone(), rule.description.clone()));
            rules.collect::<BTreeSet<_>>()
        };
        let (a, b) = (&self.group, &other.group);
        (&a.name, &a.description, &a.owner, &a.vpc) == (&b.name, &b.description, &b.owner, &b.vpc)
            && rules(self) == rules(other)
    }

    /// F4, H42: a standalone egress rule takes the default rule from its group, even from one that
    /// was there before the stack.
    pub(super) fn lose_default_egress(&mut self) {
        self.egress_written = true;
        let default = BOTH.map(RuleSpec::allow_all_egress);
        self.rules.retain(|(rule, _)| !default.contains(&rule.spec));
        let specs = self.rules.iter().enumerate();
        self.index = specs
            .map(|(at, (rule, _))| (rule.spec.clone(), at))
            .collect();
    }

    /// Adds the rules that a found one stands for.
    pub(super) fn add(&mut self, found: FoundRule, names: &NameIndex, sink: &Sink<'_>) {
        let (kind, broken) = (found.kind, found.broken);
        let rules = parse(found, &self.group, names, sink);
        for (rule, span) in rules.into_iter().filter(|_| !broken) {
            let known = self
                .index
                .get(&rule.spec)
                .and_then(|&at| self.rules.get_mut(at));
            match (kind, known) {
                (RuleKind::Row, None) if self.maker == Maker::Dump => {
                    sink.push(differs("security group", &self.group.id, span, self.span));
                }
                (_, None) => self.push(rule, span),
                // F14: the row knows the id and the tags.
                (RuleKind::Row, Some((known, _))) => {
                    known.id = rule.id;
                    known.tags = rule.tags;
                }
                (RuleKind::Embedded | RuleKind::Standalone, Some((_, first))) => {
                    let draft = model_error(rule.spec.already_exists(), span);
                    sink.push(
                        draft
                            .label(*first, "the first one")
                            .help("remove one of the two"),
                    );
                }
                // EC2 would refuse it, but a dump shows what is there.
                (RuleKind::Dumped, Some(_)) => {}
            }
        }
    }

    fn push(&mut self, rule: Rule, span: Span) {
        self.index.insert(rule.spec.clone(), self.rules.len());
        self.rules.push((rule, span));
    }

    /// The group, complete.
    pub(super) fn finish(self) -> SecurityGroup {
        let Self {
            mut group,
            rules,
            maker,
            egress_written,
            ..
        } = self;
        group.rules = rules.into_iter().map(|(rule, _)| rule).collect();
        if maker == Maker::Stack && !egress_written {
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
}
