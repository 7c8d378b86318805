//! Security groups, their rules, and what rules refer to.

use std::collections::{BTreeMap, BTreeSet};

use secgroup_model::{GroupReference, Peer, Rule, SecurityGroup};

use super::Faults;
use crate::State;

pub(super) fn check(state: &State, faults: &mut Faults) {
    let mut names = BTreeSet::new();
    let mut rule_ids = BTreeMap::new();
    for group in state.inventory.groups.values() {
        let id = &group.id;
        check_vpc(state, group, faults);
        // B4: EC2-Classic has one space of names for each account.
        let space = group.vpc.as_ref().ok_or(&group.owner);
        faults.unless(
            names.insert((space, group.name.to_ascii_lowercase())),
            || format!("{id} has the name `{}` of another group", group.name),
        );
        let mut specs = BTreeSet::new();
        for rule in &group.rules {
            if let Some(other) = rule_ids.insert(&rule.id, id) {
                faults
                    .0
                    .push(format!("{id} and {other} both have the rule {}", rule.id));
            }
            faults.unless(specs.insert(&rule.spec), || {
                format!("{id} has the rule `{}` twice", rule.spec)
            });
            check_peer(state, group, rule, faults);
        }
    }
}

/// The VPC is there, and of the same account.
fn check_vpc(state: &State, group: &SecurityGroup, faults: &mut Faults) {
    let Some(id) = &group.vpc else { return };
    match state.owner_of_vpc(id) {
        None => faults
            .0
            .push(format!("{} is of {id}, which does not exist", group.id)),
        Some(owner) => faults.unless(*owner == group.owner, || {
            format!(
                "{} is of account {}, and its {id} of {owner}",
                group.id, group.owner
            )
        }),
    }
}

fn check_peer(state: &State, group: &SecurityGroup, rule: &Rule, faults: &mut Faults) {
    let name = || format!("{} of {}", rule.id, group.id);
    match &rule.spec.peer {
        Peer::Cidr(cidr) => faults.unless(*cidr == cidr.trunc(), || {
            format!("{}: {cidr} has host bits", name())
        }),
        // B31: a list that a rule refers to cannot be deleted.
        Peer::PrefixList(list) => {
            faults.unless(state.inventory.prefix_lists.contains_key(list), || {
                format!("{} names {list}, which does not exist", name())
            });
        }
        Peer::Group(to) => {
            if let Some(fault) = reference_fault(state, group, to) {
                faults.0.push(format!("{} names {to}, {fault}", name()));
            }
        }
    }
}

/// B24, B28: a group cannot be deleted while one of its own VPC names it; references from others go stale, and say where
/// the group was.
fn reference_fault(state: &State, from: &SecurityGroup, to: &GroupReference) -> Option<String> {
    let Some(target) = state.inventory.groups.get(&to.group) else {
        let stale = to.vpc.is_some() && to.vpc != from.vpc;
        return (!stale).then(|| "which does not exist".to_owned());
    };
    if target.vpc.is_some() != from.vpc.is_some() {
        return Some("across EC2-Classic and a VPC".to_owned());
    }
    // The account is part of what a rule is (A34), so it has to be said in one way.
    let account = (target.owner != from.owner).then_some(&target.owner);
    if to.account.as_ref() != account {
        return Some(format!("which is of account {}", target.owner));
    }
    if to.vpc.is_some() && to.vpc != target.vpc {
        return Some(format!("which is not of {:?}", to.vpc));
    }
    if to.vpc.is_none() && target.vpc != from.vpc {
        return Some("which is of another VPC, without naming that".to_owned());
    }
    None
}
