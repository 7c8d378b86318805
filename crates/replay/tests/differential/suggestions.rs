//! Suggested policies against the reference evaluator: whatever the policy, the settings and the traffic, the suggestion
//! denies exactly what the policy denies.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use secgroup_datapath::{Action, Reason};
use secgroup_model::Inventory;
use secgroup_replay::{Audit, AuditReport, Finding, audit};
use secgroup_testkit::capture::Pcap;

use crate::policies::{Knobs, Policy};
use crate::{Case, Event, Line, START, by_oracle, cases, engine_settings, events};

/// A capture of the case's frames that are whole, on Ethernet, and its audit under the first policy.
struct Audited {
    events: Vec<Event>,
    knobs: Knobs,
    policy: Inventory,
    report: AuditReport,
    suggestion: Inventory,
}

fn audited(case: &Case) -> Option<Audited> {
    let mut case = case.clone();
    case.policies.truncate(1);
    case.knobs.links = false;
    // The times of a capture end before those of the clock.
    case.knobs.start = START;
    let mut events = events(&case);
    events.retain(|event| match event {
        Event::Frame {
            bytes, wire_len, ..
        } => bytes.len() == *wire_len as usize,
        Event::Policy { .. } => false,
    });
    let frames: Vec<(u64, &Vec<u8>)> = events
        .iter()
        .filter_map(|event| match event {
            Event::Frame { at, bytes, .. } => Some((*at, bytes)),
            Event::Policy { .. } => None,
        })
        .collect();
    // A capture begins with its first packet, and so does its clock.
    case.knobs.start = frames.first()?.0;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traffic.pcap");
    std::fs::write(&path, Pcap::nano().file(&frames)).unwrap();
    let policy = Policy::inventory(&case.policies[0]);
    let plan = Audit {
        captures: vec![path],
        policy: &policy,
        settings: engine_settings(&case.knobs),
        usual: &[],
        top: 10,
        reread: &|suggestion| Ok(suggestion.clone()),
    };
    let (report, suggestion) = audit(&plan, &mut |_| {}).unwrap();
    Some(Audited {
        events,
        knobs: case.knobs,
        policy,
        report,
        suggestion,
    })
}

/// Where each frame is denied.
fn denials(audited: &Audited, policy: &Inventory) -> Vec<Vec<Line>> {
    let is_denied = |line: &Line| {
        let reason = Reason::ALL
            .into_iter()
            .find(|reason| reason.as_str() == line.2);
        reason.is_some_and(|reason| reason.action() == Action::Deny)
    };
    let lines = by_oracle(
        &audited.events,
        std::slice::from_ref(policy),
        &audited.knobs,
    );
    lines
        .into_iter()
        .map(|lines| {
            let denied = lines.into_iter().filter(is_denied);
            denied.map(|(at, way, ..)| (at, way, "", None)).collect()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_suggestion_denies_exactly_what_the_policy_denies(case in cases()) {
        let Some(audited) = audited(&case) else { return Ok(()) };
        let told = &audited.report.suggestion;
        prop_assert!(told.exact, "{:?}", told);
        let before = denials(&audited, &audited.policy);
        prop_assert_eq!(before, denials(&audited, &audited.suggestion));
        // What is suggested lies within what was there.
        for group in audited.suggestion.groups.values() {
            let wide = &audited.policy.groups[&group.id].rules;
            for rule in &group.rules {
                prop_assert!(wide.iter().any(|one| one.spec.covers(&rule.spec)), "{}", rule.spec);
            }
        }
    }
}

/// A suggestion that never differs proves nothing: over the generated cases rules go, become narrower, and stay wide
/// because they have to.
#[test]
fn suggestions_are_narrower_and_sometimes_have_to_be_wide() {
    let mut runner = TestRunner::deterministic();
    let mut findings = std::collections::BTreeMap::new();
    for _ in 0..150 {
        let case = cases().new_tree(&mut runner).unwrap().current();
        for rule in audited(&case)
            .into_iter()
            .flat_map(|audited| audited.report.rules)
        {
            *findings.entry(format!("{:?}", rule.finding)).or_insert(0) += 1;
        }
    }
    for finding in [Finding::Unused, Finding::Wider, Finding::Kept] {
        let count = findings.get(&format!("{finding:?}")).copied().unwrap_or(0);
        assert!(count >= 10, "{finding:?} {count} times: {findings:?}");
    }
}
