//! What a rule costs: to be asked, to be compiled, to be changed, and in memory.

use std::hint::black_box;
use std::sync::Arc;

use secgroup_control::Touched;
use secgroup_datapath::{Datapath, Snapshot};
use secgroup_model::{GroupId, Inventory, NetworkInterfaceId};
use secgroup_packet::{Direction, Protocol};
use secgroup_policy::{Query, RuleSet, Selector};

use crate::line::INTERFACE;
use crate::report::Rules;
use crate::rounds::Rounds;
use crate::workload::flows::{SERVICE, client};
use crate::workload::policy::{GROUP, START, lowered, settings};
use crate::workload::rules::{queries, rules};
use crate::{Figure, Plan};

/// Questions: more than fit the first cache.
const QUERIES: usize = 16_384;

/// Connections of the engine into which policies are swapped: none come.
const CAPACITY: u32 = 1024;

/// Measures all of it.
pub(crate) fn measure(plan: &Plan, inventory: &Inventory, rounds: Rounds) -> Rules {
    let (_, snapshot) = lowered(inventory);
    let rules = rules(plan.rules as usize);
    let bytes = RuleSet::compile(&rules).memory_bytes();
    Rules {
        matching: matching(plan, &snapshot, rounds),
        compile: rounds.measure(|| {
            black_box(RuleSet::compile(black_box(&rules)));
            1
        }),
        update: update(inventory, rounds),
        bytes_each: bytes as f64 / f64::from(plan.rules),
    }
}

/// Asks the compiled rules in bursts.
pub(crate) fn matching(plan: &Plan, snapshot: &Snapshot, rounds: Rounds) -> Figure {
    let Some(interface) = snapshot.interface(INTERFACE) else {
        unreachable!("the policy of the workload has this interface")
    };
    let burst = plan.burst as usize;
    let questions = questions(plan);
    let mut answers = vec![None; burst];
    rounds.measure(|| {
        for questions in questions.chunks(burst) {
            let directory = &snapshot.directory;
            interface
                .rules
                .match_burst(questions, directory, &mut answers);
            black_box(&mut answers);
        }
        questions.len() as u64
    })
}

/// Half of them aim at a rule; where a rule refers to a group every other one is a member's, by turns.
fn questions(plan: &Plan) -> Vec<Query> {
    let mut questions = queries(&rules(plan.rules as usize), QUERIES);
    if plan.members > 0 {
        for (number, question) in (0..).zip(questions.iter_mut().step_by(2)) {
            // An odd step goes through all of them before it comes round.
            let member = number * 7919 % u64::from(plan.members);
            *question = Query {
                direction: Direction::Ingress,
                protocol: Protocol::TCP,
                peer: client(member).into(),
                selector: Selector::Port(SERVICE),
            };
        }
    }
    questions
}

/// A rule comes, and goes: each is lowered, compiled, and swapped in.
pub(crate) fn update(inventory: &Inventory, rounds: Rounds) -> Figure {
    let (group, mut without) = (GroupId::new(GROUP), inventory.clone());
    if let Some(group) = without.groups.get_mut(&group) {
        group.rules.pop();
    }
    let touched = Touched {
        groups: [group].into(),
        ..Touched::default()
    };
    flip([inventory, &without], &touched, rounds)
}

/// A member leaves its group, and joins it: an entry of the directory, and no rule is compiled.
pub(crate) fn member_change(inventory: &Inventory, rounds: Rounds) -> Figure {
    let (member, mut without) = (NetworkInterfaceId::new("eni-0"), inventory.clone());
    without.interfaces.remove(&member);
    let touched = Touched {
        interfaces: [member].into(),
        ..Touched::default()
    };
    flip([inventory, &without], &touched, rounds)
}

/// Puts one of two policies in force after the other.
fn flip(policies: [&Inventory; 2], touched: &Touched, rounds: Rounds) -> Figure {
    let (mut lowering, snapshot) = lowered(policies[0]);
    let mut datapath = Datapath::new(settings(CAPACITY), snapshot, START);
    let mut turn = 0;
    rounds.measure(|| {
        turn += 1;
        let snapshot = lowering.update(policies[turn % 2], touched);
        datapath.swap(Arc::new(snapshot), START);
        1
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::policy::inventory_with_members;

    #[test]
    fn an_update_is_in_force() {
        let inventory = inventory_with_members(10, 3);
        let rounds = Rounds::of(std::time::Duration::ZERO);
        assert!(update(&inventory, rounds).best > 0.0);
        assert!(member_change(&inventory, rounds).best > 0.0);
    }

    #[test]
    fn members_are_asked_about() {
        let plan = Plan {
            members: 100,
            ..Plan::default()
        };
        let (_, snapshot) = lowered(&inventory_with_members(60, 100));
        let rules = &snapshot.interface(INTERFACE).unwrap().rules;
        let questions = questions(&plan);
        let of_members = questions.iter().filter(|question| {
            let answer = rules.matches(question, &snapshot.directory);
            // The first rule of the group is numbered first.
            answer == Some(secgroup_policy::RuleNumber::new(0))
        });
        assert_eq!(of_members.count(), QUERIES / 2);
    }
}
