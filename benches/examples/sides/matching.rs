//! Rules and questions in the format of ClassBench, and our answers to them.
//!
//! A question of ours has no destination address, which is the interface's, and no source port: rules say `0.0.0.0/0` and
//! `0 : 65535` there, which is what costs a classifier least.

use std::fmt::Write;
use std::hint::black_box;
use std::net::IpAddr;
use std::path::Path;

use secgroup_benches::flows::LOCAL;
use secgroup_benches::rules::{Linear, queries, rules};
use secgroup_packet::{PortRange, Protocol};
use secgroup_policy::{Directory, Peer, Query, Rule, RuleSet, Selector, Traffic};

use crate::{BURST, Figures, nanoseconds};

/// Questions per rule set, as in `benches/policy.rs`.
const QUERIES: usize = 16_384;

/// What dpdk-test-acl prints where no rule matches: its 0, less one.
const NO_RULE: u32 = u32::MAX;

/// Writes `rules` and `trace`, and `answers`: for each line of the trace the first rule that matches, counted from 0.
pub(crate) fn write(count: usize, folder: &Path) -> std::io::Result<()> {
    let rules = rules(count);
    let queries = queries(&rules, QUERIES);
    let list = Linear::new(&rules, &Directory::new());
    let lines = |lines: &mut dyn Iterator<Item = String>| lines.collect::<String>();
    let answers = |query| list.matches(query).map_or(NO_RULE, |rule| rule.get());
    std::fs::write(
        folder.join("rules"),
        lines(&mut rules.iter().map(rule_line)),
    )?;
    std::fs::write(
        folder.join("trace"),
        lines(&mut queries.iter().map(trace_line)),
    )?;
    let answers = lines(&mut queries.iter().map(|query| format!("{}\n", answers(query))));
    std::fs::write(folder.join("answers"), answers)
}

fn rule_line(rule: &Rule) -> String {
    let (Protocol(protocol), ports) = fields(rule.traffic);
    let Peer::Cidr(net) = &rule.peer else {
        unreachable!("rules() makes no {:?}", rule.peer)
    };
    let (from, to) = (ports.from(), ports.to());
    format!("@{net} 0.0.0.0/0 0 : 65535 {from} : {to} {protocol:#04x}/0xff\n")
}

fn fields(traffic: Traffic) -> (Protocol, PortRange) {
    match traffic {
        Traffic::Tcp(ports) => (Protocol::TCP, ports),
        Traffic::Udp(ports) => (Protocol::UDP, ports),
        Traffic::Icmp(_) => (Protocol::ICMP, PortRange::ALL),
        other => unreachable!("rules() makes no {other:?}"),
    }
}

fn trace_line(query: &Query) -> String {
    let IpAddr::V4(peer) = query.peer else {
        unreachable!("rules() makes no IPv6")
    };
    let port = match query.selector {
        Selector::Port(port) => port,
        _ => 0,
    };
    let mut line = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        line,
        "{} {} 0 {port} {}",
        peer.to_bits(),
        LOCAL.to_bits(),
        query.protocol.0
    );
    line
}

/// Bursts of 32 and 256, and one at a time.
pub(crate) fn measure(count: usize) -> Figures {
    let rules = rules(count);
    let queries = queries(&rules, QUERIES);
    let (set, directory) = (RuleSet::compile(&rules), Directory::new());
    check(&set, &rules, &queries);
    let bursts = |burst: usize| {
        let mut answers = vec![None; burst];
        nanoseconds(QUERIES, || {
            for queries in queries.chunks_exact(burst) {
                set.match_burst(queries, &directory, &mut answers);
                black_box(&mut answers);
            }
        })
    };
    let single = || {
        nanoseconds(QUERIES, || {
            for query in &queries {
                black_box(set.matches(black_box(query), &directory));
            }
        })
    };
    [
        ("burst 32", bursts(BURST)),
        ("burst 256", bursts(256)),
        ("single", single()),
    ]
    .into()
}

/// The list, rule by rule, gives the same answers, and not all answers are the same.
fn check(set: &RuleSet, rules: &[Rule], queries: &[Query]) {
    let directory = Directory::new();
    let list = Linear::new(rules, &directory);
    let mut answers = vec![None; queries.len()];
    set.match_burst(queries, &directory, &mut answers);
    let found = answers.iter().flatten().count();
    assert!(
        (queries.len() / 8..queries.len()).contains(&found),
        "{found} found a rule"
    );
    for (query, answer) in queries.iter().zip(&answers) {
        assert_eq!(list.matches(query), *answer, "{query:?}");
        assert_eq!(set.matches(query, &directory), *answer, "{query:?}");
    }
}
