//! Rules as typed become rules: names become ids, and the model judges the rest.

use std::collections::BTreeMap;

use secgroup_model::{
    Dialect, Direction, ErrorCode, Flavour, GroupId, IdSyntax, ModelError, NewRule, Note, Parsed,
    Part, Rule, RuleId, SecurityGroup, VpcId,
};

use crate::collect::{FoundRule, Places, Raw, origin, report};
use crate::common::model_error;
use crate::diagnostic::{Draft, Sink};
use crate::source::Span;

/// The groups by their names, which are the same in any case (B4).
#[derive(Debug, Default)]
pub(super) struct NameIndex {
    by_name: BTreeMap<String, Vec<(Option<VpcId>, GroupId)>>,
}

impl NameIndex {
    /// Adds a group.
    pub(super) fn add(&mut self, group: &SecurityGroup) {
        let name = group.name.to_ascii_lowercase();
        self.by_name
            .entry(name)
            .or_default()
            .push((group.vpc.clone(), group.id.clone()));
    }

    /// The group of a name: the one in `vpc`, or else the only one there is. A name that nobody has
    /// is like an id that nobody has: a reference to nothing, which checks report.
    pub(super) fn find(&self, name: &str, vpc: Option<&VpcId>) -> Option<GroupId> {
        let known = self.by_name.get(&name.trim_end().to_ascii_lowercase())?;
        let here = known.iter().find(|(of, _)| of.as_ref() == vpc);
        let only = if let [only] = &known[..] {
            Some(only)
        } else {
            None
        };
        here.or(only).map(|(_, id)| id.clone())
    }
}

/// The rules that a found one stands for, with their places. Faults go to `sink`.
pub(super) fn parse(
    found: FoundRule,
    group: &SecurityGroup,
    names: &NameIndex,
    sink: &Sink<'_>,
) -> Vec<(Rule, Span)> {
    let FoundRule {
        direction,
        raw,
        id,
        tags,
        places,
        ..
    } = found;
    let parsed = judge(raw, direction, group, names);
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(errors) => {
            refuse(errors, &places, sink);
            return vec![];
        }
    };
    for note in parsed.notes {
        let part = match note {
            Note::HostBitsCleared { place, .. } => Part::Peer(place),
            Note::PortsIgnored { .. } => Part::FromPort,
        };
        sink.push(Draft::note(places.of(part), note.to_string()));
    }
    let with_id = |(at, rule): (usize, NewRule)| {
        let span = places.of(Part::Peer(rule.peer));
        let mut rule = rule.with_id(match (&id, at) {
            (Some(id), 0) => RuleId::new(id),
            (Some(id), at) => RuleId::new(&format!("{id}/{at}")),
            // Numbered once all rules of the group are here.
            (None, _) => RuleId::new(""),
        });
        rule.tags.clone_from(&tags);
        rule.origin = origin(sink.sources, if id.is_some() { places.whole } else { span });
        (rule, span)
    };
    parsed.rules.into_iter().enumerate().map(with_id).collect()
}

/// What the model makes of a rule, its names looked up.
fn judge(
    raw: Raw,
    direction: Direction,
    group: &SecurityGroup,
    names: &NameIndex,
) -> Result<Parsed, Vec<ModelError>> {
    let dialect = Dialect {
        // A39: no VPC, no egress, no IPv6.
        flavour: if group.vpc.is_none() {
            Flavour::Classic
        } else {
            Flavour::Vpc
        },
        ids: IdSyntax::Logical,
        owner: Some(group.owner.clone()),
    };
    let find = |name: &str, _: Option<&str>| {
        let known = names.find(name, group.vpc.as_ref());
        Some(known.unwrap_or_else(|| GroupId::new(name)))
    };
    match raw {
        Raw::Rule(mut rule) => {
            if let Some(peer) = &mut rule.group {
                peer.resolve_name(find);
            }
            rule.parse(direction, &dialect)
        }
        Raw::Permission(mut permission) => {
            permission.resolve_names(find);
            permission.parse(direction, &dialect)
        }
    }
}

/// Reports what the model refuses.
fn refuse(mut errors: Vec<ModelError>, places: &Places, sink: &Sink<'_>) {
    // A1: of several peers, the ones beyond the first are at fault.
    if let [(first, _), (second, _), ..] = places.peers[..]
        && let Some(at) = errors.iter().position(|error| {
            error.code == ErrorCode::InvalidParameterCombination && error.part == Part::Whole
        })
    {
        let error = errors.remove(at);
        sink.push(model_error(error, second).label(first, "the first peer"));
    }
    report(errors, sink, |part| places.of(part));
}

/// Gives the rules of `describe-security-groups`, which have no ids, names: by direction and by
/// what they say, so that they do not depend on the order in which EC2 prints them (F15).
pub(super) fn number(group: &GroupId, rules: &mut [(Rule, Span)]) {
    let mut order: Vec<usize> = (0..rules.len())
        .filter(|&at| rules[at].0.id.as_str().is_empty())
        .collect();
    order.sort_by(|&a, &b| rules[a].0.spec.cmp(&rules[b].0.spec));
    let (mut ingress, mut egress) = (0, 0);
    for at in order {
        let rule = &mut rules[at].0;
        let (word, count) = match rule.spec.direction {
            Direction::Ingress => ("ingress", &mut ingress),
            Direction::Egress => ("egress", &mut egress),
        };
        rule.id = RuleId::new(&format!("{group}/{word}/{count}"));
        *count += 1;
    }
}
