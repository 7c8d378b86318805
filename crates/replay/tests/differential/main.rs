//! The engine against the reference evaluator: random policies, random packets, policy changes and clock steps through both,
//! every verdict, reason and rule compared; and the engine in bursts against the engine one packet at a time.
//!
//! The two share the types of the model and the bytes of the frames, nothing else: the oracle reads frames, chooses
//! interfaces, matches rules and tracks connections by itself.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper of a test speaks by failing, as the test does"
)]

mod links;
mod policies;
mod suggestions;
mod traffic;
mod workers;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use secgroup_control::Defaults;
use secgroup_datapath::{AlwaysTrack, Settings, TcpMode};
use secgroup_io::{Link, Record};
use secgroup_model::{Direction, Inventory, NetworkInterfaceId};
use secgroup_oracle::{Addresses, LinkKind, Oracle};
use secgroup_packet::Timestamp;
use secgroup_replay::{Burst, Session, SessionSettings};

use crate::policies::{Knobs, Policy};
use crate::traffic::Step;

/// Most tests begin here: some day in 2024.
const START: u64 = 1_716_000_000_000_000_000;

/// One verdict in words, so that both sides can be compared and read: `(interface, direction, reason, group and rule)`.
type Line = (String, &'static str, &'static str, Option<(String, String)>);

/// What happens: a frame at a time, or another policy from then on.
#[derive(Debug, Clone)]
enum Event {
    Frame {
        at: u64,
        link: LinkKind,
        bytes: Vec<u8>,
        wire_len: u32,
    },
    Policy {
        at: u64,
        policy: usize,
    },
}

/// A whole test case.
#[derive(Debug, Clone)]
struct Case {
    policies: Vec<Policy>,
    knobs: Knobs,
    steps: Vec<Step>,
}

fn cases() -> impl Strategy<Value = Case> {
    let steps = prop::collection::vec(traffic::steps(), 1..120);
    // Most changes are small ones: rules that go, and come back. Now and then everything is another.
    let changed = prop_oneof![
        3 => any::<u64>().prop_map(|removed| (Some(removed), None)),
        1 => policies::policies().prop_map(|policy| (None, Some(policy))),
    ];
    let changes = prop::collection::vec(changed, 0..3);
    (policies::policies(), changes, policies::knobs(), steps).prop_map(
        |(first, changes, knobs, steps)| {
            let change = |(removed, other): (Option<u64>, Option<Policy>)| match removed {
                Some(removed) => first.without(removed),
                None => other.unwrap_or_else(|| first.clone()),
            };
            let later: Vec<_> = changes.into_iter().map(change).collect();
            Case {
                policies: [vec![first], later].concat(),
                knobs,
                steps,
            }
        },
    )
}

fn engine_settings(knobs: &Knobs) -> SessionSettings {
    let engine = Settings {
        tcp: if knobs.strict {
            TcpMode::Strict
        } else {
            TcpMode::Loose
        },
        start_grace: Duration::from_secs(knobs.start_grace),
        change_grace: Duration::from_secs(knobs.change_grace),
        icmp_related: knobs.icmp_related,
        verify_checksums: knobs.verify_checksums,
        capacity: knobs.capacity,
        capacity_v6: knobs.capacity,
        seed: 7,
        ..Settings::default()
    };
    let defaults = Defaults {
        exemptions: knobs.exemptions,
        link_local_pps: knobs.link_local_pps,
        always_track: match &knobs.always_track {
            None => AlwaysTrack::Never,
            Some(peers) if peers.is_empty() => AlwaysTrack::Always,
            Some(peers) => AlwaysTrack::Peers(peers.clone()),
        },
        allowance: knobs.allowance,
        ..Defaults::default()
    };
    SessionSettings {
        engine,
        defaults,
        vpc: None,
    }
}

fn oracle_settings(knobs: &Knobs) -> secgroup_oracle::Settings {
    let interface = secgroup_oracle::InterfaceSettings {
        allowance: knobs.allowance.map(|allowance| allowance as usize),
        link_local_pps: knobs.link_local_pps,
        exemptions: knobs.exemptions,
        always_track: match &knobs.always_track {
            None => secgroup_oracle::AlwaysTrack::None,
            Some(peers) if peers.is_empty() => secgroup_oracle::AlwaysTrack::All,
            Some(peers) => secgroup_oracle::AlwaysTrack::Peers(peers.clone()),
        },
        ..Default::default()
    };
    secgroup_oracle::Settings {
        strict: knobs.strict,
        start_grace: Duration::from_secs(knobs.start_grace),
        change_grace: Duration::from_secs(knobs.change_grace),
        icmp_related: knobs.icmp_related,
        verify_checksums: knobs.verify_checksums,
        capacity_v4: knobs.capacity as usize,
        capacity_v6: knobs.capacity as usize,
        interface,
        ..Default::default()
    }
}

/// The oracle's lines, one list per frame.
fn by_oracle(events: &[Event], inventories: &[Inventory], knobs: &Knobs) -> Vec<Vec<Line>> {
    let mut current = &inventories[0];
    let mut oracle = Oracle::new(current, oracle_settings(knobs), knobs.start);
    let mut all = Vec::new();
    for event in events {
        let (at, link, bytes, wire_len) = match event {
            Event::Policy { at, policy } => {
                current = &inventories[*policy];
                oracle.change(current, *at);
                continue;
            }
            Event::Frame {
                at,
                link,
                bytes,
                wire_len,
            } => (*at, *link, bytes, *wire_len),
        };
        let mut lines = Vec::new();
        let (pair, malformed) = match secgroup_oracle::addresses(link, bytes, wire_len) {
            Addresses::NotIp => {
                all.push(lines);
                continue;
            }
            Addresses::Malformed(pair) => (pair, true),
            Addresses::Ip(src, dst) => (Some((src, dst)), false),
        };
        let places = pair.map(|(src, dst)| {
            [
                (
                    at_mac(current, links::source(link, bytes)).or_else(|| owner(current, src)),
                    Direction::Egress,
                ),
                (
                    at_mac(current, links::destination(link, bytes))
                        .or_else(|| owner(current, dst)),
                    Direction::Ingress,
                ),
            ]
        });
        for (interface, direction) in places.into_iter().flatten() {
            let Some(interface) = interface else { continue };
            let said = oracle.judge(link, bytes, wire_len, &interface, direction, at);
            let rule = said
                .rule
                .map(|(group, rule)| (group.to_string(), rule.to_string()));
            lines.push((
                interface.to_string(),
                direction.as_str(),
                said.outcome.as_str(),
                rule,
            ));
        }
        if lines.is_empty() && malformed {
            lines.push((String::new(), "", "malformed", None));
        }
        all.push(lines);
    }
    all
}

/// Whose MAC address it is.
fn at_mac(inventory: &Inventory, mac: Option<&[u8]>) -> Option<NetworkInterfaceId> {
    let mac = mac?;
    let known = |own: secgroup_model::MacAddress| own.0 == *mac;
    let owner = inventory
        .interfaces
        .values()
        .find(|i| i.mac.is_some_and(known));
    owner.map(|interface| interface.id.clone())
}

/// Whose address it is: the interface that lists it, else the one that it was delegated to.
fn owner(inventory: &Inventory, address: IpAddr) -> Option<NetworkInterfaceId> {
    let lists = inventory
        .interfaces
        .values()
        .find(|i| i.addresses.contains(&address));
    let delegated = || {
        inventory
            .interfaces
            .values()
            .find(|i| i.prefixes.iter().any(|p| p.contains(&address)))
    };
    lists
        .or_else(delegated)
        .map(|interface| interface.id.clone())
}

/// The engine's lines, one list per frame, with at most `size` records in a burst.
fn by_engine(
    events: &[Event],
    inventories: &[Inventory],
    knobs: &Knobs,
    size: usize,
) -> Vec<Vec<Line>> {
    let start = Timestamp::from_nanos(knobs.start);
    let mut session = Session::new(engine_settings(knobs), &inventories[0], start).unwrap();
    let mut all = Vec::new();
    let mut waiting = Vec::new();
    for event in events {
        match event {
            Event::Frame {
                at,
                link,
                bytes,
                wire_len,
            } => {
                waiting.push(Record {
                    number: 1,
                    time: Timestamp::from_nanos(*at),
                    time_digits: 9,
                    link: Link::Supported(links::link_type(*link)),
                    data: bytes,
                    wire_len: *wire_len,
                    interface: 0,
                });
                if waiting.len() == size {
                    judge(&mut session, &mut waiting, &mut all);
                }
            }
            Event::Policy { at, policy } => {
                judge(&mut session, &mut waiting, &mut all);
                session
                    .change(&inventories[*policy], Timestamp::from_nanos(*at))
                    .unwrap();
            }
        }
    }
    judge(&mut session, &mut waiting, &mut all);
    assert_counters(&session, &all);
    all
}

/// The counters are the verdicts, added up.
fn assert_counters(session: &Session, all: &[Vec<Line>]) {
    let mut expected: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for (interface, direction, reason, _) in all.iter().flatten() {
        if !interface.is_empty() {
            *expected.entry((interface, direction, reason)).or_default() += 1;
        }
    }
    let registry = session.registry();
    let indexes = (0..)
        .take(registry.interface_count())
        .map(secgroup_packet::InterfaceIndex);
    for index in indexes {
        let name = registry
            .interface(index)
            .map(ToString::to_string)
            .unwrap_or_default();
        for direction in Direction::BOTH {
            for reason in secgroup_datapath::Reason::ALL {
                let counted = session.tally().of(index, direction, reason).packets;
                let key = (name.as_str(), direction.as_str(), reason.as_str());
                assert_eq!(counted, expected.get(&key).copied().unwrap_or(0), "{key:?}");
            }
        }
    }
    let by_rule = |(_, _, _, rule): &&Line| rule.is_some();
    let with_rule = all.iter().flatten().filter(by_rule).count() as u64;
    let numbers = (0..registry.rule_count()).map(secgroup_policy::RuleNumber::new);
    let hits: u64 = numbers
        .map(|number| session.tally().of_rule(number).packets)
        .sum();
    assert_eq!(hits, with_rule, "hits of all rules");
}

fn judge(session: &mut Session, waiting: &mut Vec<Record<'_>>, all: &mut Vec<Vec<Line>>) {
    let mut burst = Burst::default();
    session.judge(waiting.drain(..), &mut burst);
    let registry = session.registry();
    for seen in burst.seen() {
        let line = |judged: secgroup_replay::Judged| {
            let interface = judged.interface.and_then(|index| registry.interface(index));
            let rule = judged.verdict.rule.and_then(|rule| registry.rule(rule));
            (
                interface.map(ToString::to_string).unwrap_or_default(),
                judged.direction.map_or("", Direction::as_str),
                judged.verdict.reason.as_str(),
                rule.map(|rule| (rule.group.to_string(), rule.rule.id.to_string())),
            )
        };
        all.push(burst.judged(seen).map(line).collect());
    }
}

/// Frames and policy changes in time, as both sides see them.
fn events(case: &Case) -> Vec<Event> {
    let mut maker = traffic::Maker::new(case.knobs.start);
    let mut events = Vec::new();
    // Every frame on the next link, or all on Ethernet.
    let add = |events: &mut Vec<Event>, at, bytes: Vec<u8>, keep: usize| {
        let number = if case.knobs.links { events.len() } else { 0 };
        let (mut bytes, link) = links::on_link(bytes, number);
        let wire_len = u32::try_from(bytes.len()).unwrap();
        bytes.truncate(keep);
        events.push(Event::Frame {
            at,
            link,
            bytes,
            wire_len,
        });
    };
    for step in &case.steps {
        match maker.make(step) {
            traffic::Made::Frames(frames) => {
                for (at, bytes) in frames {
                    add(&mut events, at, bytes, usize::MAX);
                }
            }
            traffic::Made::Snapped(at, bytes, keep) => add(&mut events, at, bytes, keep),
            traffic::Made::Policy(at, number) => {
                let policy = number % case.policies.len();
                events.push(Event::Policy { at, policy });
            }
        }
    }
    events
}

/// Panics at the first frame that the two sides judge differently, with all that led to it.
fn assert_equal(
    case: &Case,
    events: &[Event],
    expected: &[Vec<Line>],
    actual: &[Vec<Line>],
    by: &str,
) {
    let frames = || {
        events
            .iter()
            .filter(|event| matches!(event, Event::Frame { .. }))
    };
    for (number, (expected, actual)) in expected.iter().zip(actual).enumerate() {
        if expected != actual {
            let frame = frames().nth(number);
            panic!(
                "frame {number} ({by}):\n oracle {expected:?}\n engine {actual:?}\n {frame:x?}\n{:#?}",
                case.knobs
            );
        }
    }
    assert_eq!(expected.len(), actual.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases_to_run(), ..ProptestConfig::default() })]

    #[test]
    fn engine_and_oracle_give_the_same_verdict_and_reason(case in cases()) {
        let inventories: Vec<_> = case.policies.iter().map(Policy::inventory).collect();
        let events = events(&case);
        let expected = by_oracle(&events, &inventories, &case.knobs);
        for size in [1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 257] {
            let actual = by_engine(&events, &inventories, &case.knobs, size);
            assert_equal(&case, &events, &expected, &actual, &format!("bursts of {size}"));
        }
    }
}

/// As many as fit into a quick test run; more by `PROPTEST_CASES`.
fn cases_to_run() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1000)
}

/// A differential test whose traffic only ever ends one way proves nothing: over the generated cases every reason occurs.
#[test]
fn generated_traffic_reaches_every_reason() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..500 {
        let case = cases().new_tree(&mut runner).unwrap().current();
        let inventories: Vec<_> = case.policies.iter().map(Policy::inventory).collect();
        for line in by_oracle(&events(&case), &inventories, &case.knobs)
            .into_iter()
            .flatten()
        {
            *seen.entry(line.2).or_default() += 1;
        }
    }
    for reason in secgroup_datapath::Reason::ALL {
        let count = seen.get(reason.as_str()).copied().unwrap_or(0);
        assert!(count >= 20, "{reason} occurs only {count} times: {seen:?}");
    }
}
