//! What is measured must be right: the reference evaluator on packets of the same kinds.
//!
//! The engine judges them by the same code that is measured a moment later, one at a time and in bursts. Every verdict, its reason and its rule
//! are compared with those of `secgroup-oracle`, which shares nothing with the engine but the words of the model. The more rules there are, the fewer packets: the
//! reference walks all of them for each.

use secgroup_control::Lowering;
use secgroup_datapath::{Datapath, Verdict};
use secgroup_model::{Inventory, NetworkInterfaceId};
use secgroup_oracle::{Judgement, LinkKind, Oracle};
use secgroup_packet::{Direction, Protocol, TcpFlags};
use secgroup_policy::{Query, Selector};

use crate::Disagreement;
use crate::line::{Line, STILL};
use crate::workload::flows::{Flow, SERVICE, flows, low32, ruled, strangers};
use crate::workload::frames::{Frames, SMALL, direction};
use crate::workload::policy::{INTERFACE, OPEN, START, lowered, settings};
use crate::workload::rules::{queries, rules};

/// Rules and members that the reference may walk for one kind of packet, all in all.
const WALKS: usize = 1_000_000;

/// Flows of each kind, at most.
const FLOWS_MAX: usize = 300;

/// Flows of each kind, at least.
const FLOWS_MIN: usize = 10;

/// Connections that there is room for: more than are opened.
const CAPACITY: u32 = 1 << 16;

/// Compares the verdicts of an engine under `policy` with those of the reference under `reference`, one at a time and in bursts of `burst`; how many there were.
pub(crate) fn verify(
    policy: &Inventory,
    reference: &Inventory,
    (rules, members): (usize, usize),
    burst: usize,
) -> Result<u64, Box<Disagreement>> {
    let count = (WALKS / (rules + members).max(1)).clamp(FLOWS_MIN, FLOWS_MAX);
    let frames = frames(rules, count);
    for burst in [1, burst] {
        compare(policy, reference, &frames, burst)?;
    }
    Ok(2 * frames.len() as u64)
}

/// Packets of every kind that is measured, and others that end for other reasons.
fn frames(count_of_rules: usize, count: usize) -> Frames {
    let (clients, blocked) = (flows(2 * count, SERVICE), ruled(count, SERVICE));
    let (clients, strays) = clients.split_at(count);
    let visitors = strangers(count, OPEN);
    let rules = rules(count_of_rules);
    let mut aimed = queries(&rules, 4 * count).into_iter().filter_map(aimed_at);
    let mut frames = Frames::default();
    for place in 0..count {
        frames.push_handshake(&clients[place]);
        frames.push(&blocked[place], Direction::Ingress, TcpFlags::SYN, SMALL);
        frames.push(&visitors[place], Direction::Ingress, TcpFlags::SYN, SMALL);
        frames.push(&strays[place], Direction::Ingress, TcpFlags::ACK, SMALL);
        for flow in aimed.by_ref().take(2) {
            frames.push(&flow, Direction::Ingress, TcpFlags::SYN, SMALL);
        }
        for way in Direction::BOTH {
            frames.push(&clients[place / 2], way, TcpFlags::ACK, SMALL);
        }
    }
    frames
}

/// The flow that a question is about, where it is one of TCP.
fn aimed_at(query: Query) -> Option<Flow> {
    match (query.protocol, query.selector, query.peer) {
        (Protocol::TCP, Selector::Port(local_port), std::net::IpAddr::V4(remote)) => Some(Flow {
            remote,
            remote_port: 50_000,
            local_port,
        }),
        _ => None,
    }
}

fn compare(
    policy: &Inventory,
    reference: &Inventory,
    frames: &Frames,
    burst: usize,
) -> Result<(), Box<Disagreement>> {
    let (lowering, snapshot) = lowered(policy);
    let datapath = Datapath::new(settings(CAPACITY), snapshot, START);
    let mut line = Line::new(datapath, frames, STILL);
    let mut oracle = Oracle::new(reference, oracle_settings(), START.as_nanos());
    let interface = NetworkInterfaceId::new(INTERFACE);
    let mut now = START;
    for from in (0..frames.len()).step_by(burst) {
        let verdicts = line.burst(burst.min(frames.len() - from));
        for (index, verdict) in (from..).zip(verdicts) {
            now = now.saturating_add(STILL);
            let data = frames.bytes(index);
            let (len, way) = (low32(data.len() as u64), direction(data));
            let link = LinkKind::Ethernet;
            let right = oracle.judge(link, data, len, &interface, way, now.as_nanos());
            let (engine, reference) = (said(&lowering, *verdict), answered(&right));
            if engine != reference {
                return Err(Box::new(Disagreement {
                    packet: index + 1,
                    burst,
                    engine,
                    reference,
                }));
            }
        }
    }
    Ok(())
}

fn oracle_settings() -> secgroup_oracle::Settings {
    secgroup_oracle::Settings {
        capacity_v4: CAPACITY as usize,
        ..secgroup_oracle::Settings::default()
    }
}

/// Reason and rule.
fn said(lowering: &Lowering, verdict: Verdict) -> String {
    let rule = verdict
        .rule
        .and_then(|number| lowering.registry().rule(number));
    words(
        verdict.reason.as_str(),
        rule.map(|rule| rule.rule.id.as_str()),
    )
}

/// Outcome and rule.
fn answered(judgement: &Judgement) -> String {
    let rule = judgement.rule.as_ref();
    words(
        judgement.outcome.as_str(),
        rule.map(|(_, rule)| rule.as_str()),
    )
}

fn words(reason: &str, rule: Option<&str>) -> String {
    match rule {
        Some(rule) => format!("{reason} {rule}"),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::policy::inventory_with_members;

    #[test]
    fn every_kind_of_packet_is_among_those_compared() {
        let frames = frames(60, 100);
        let (_, snapshot) = lowered(&inventory_with_members(60, 50));
        let datapath = Datapath::new(settings(CAPACITY), snapshot, START);
        let mut line = Line::new(datapath, &frames, STILL);
        line.through();
        for reason in [
            "established",
            "new",
            "untracked",
            "no-rule",
            "invalid-state",
        ] {
            let of = |candidate: &secgroup_datapath::Reason| candidate.as_str() == reason;
            let reason = secgroup_datapath::Reason::ALL.into_iter().find(of).unwrap();
            assert!(line.tally(reason).0 >= 50, "{reason:?}");
        }
    }

    #[test]
    fn rules_and_members_are_judged_as_the_reference_does() {
        for (rules, members) in [(1, 0), (60, 0), (1000, 30), (10, 2000)] {
            let inventory = inventory_with_members(rules, members);
            let verdicts = verify(&inventory, &inventory, (rules, members), 32).unwrap();
            assert!(verdicts > 100, "{verdicts}");
        }
    }

    #[test]
    fn a_rule_that_the_reference_lacks_is_found() {
        let inventory = inventory_with_members(20, 0);
        let mut other = inventory.clone();
        let group = other.groups.values_mut().next().unwrap();
        // The one that admits the clients.
        group.rules.remove(19);
        let found = verify(&inventory, &other, (20, 0), 32).unwrap_err();
        let expected = Disagreement {
            packet: 1,
            burst: 1,
            engine: "new sgr-19".to_owned(),
            reference: "no-rule".to_owned(),
        };
        assert_eq!(*found, expected);
    }
}
