//! What does it cost the packet path that somebody looks on? The same packets of established connections through the engine, and then through what a
//! worker of `secgroup run` does besides where it is asked to: noting them for flow logs, and measuring for metrics. Counters are always kept, and are in all rows.
//!
//! The other end of a flow log is real: its thread adds up what is noted and writes records into a folder. It is given the time to keep up, which is not measured;
//! nothing is lost.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group};
use secgroup_benches::flows::{DRAWS, Draw, Flow, SERVICE, flows};
use secgroup_benches::frames::{Frames, SMALL};
use secgroup_benches::harness::{criterion, group};
use secgroup_benches::line::{INTERFACE, Line, STILL};
use secgroup_benches::policy::datapath;
use secgroup_datapath::{Crossing, Reason, Verdict};
use secgroup_flowlog::{
    Destination, Encoding, Feed, Folder, Format, Interface, Layout, LogSettings, Logger, Scope,
    Traffic,
};
use secgroup_policy::RuleNumber;

/// Connections.
const FLOWS: usize = 10_000;
/// Rules of the policy.
const RULES: usize = 60;
/// Packets of a burst.
const BURST: usize = 32;
/// Bursts between two pauses: fewer packets than wait for the thread at most, and enough to wake it.
const TRAIN: usize = 1200;
/// How long that thread is left to itself.
const PAUSE: Duration = Duration::from_millis(20);

/// Nobody asks for the names of rules here.
#[derive(Debug)]
struct Nameless;

impl secgroup_flowlog::RuleNames for Nameless {
    fn rule(&self, _: RuleNumber) -> Option<(String, String)> {
        None
    }
}

/// A thread that logs into `folder`, or has nothing to log.
fn logger(folder: Option<&std::path::Path>) -> Logger {
    let logger = Logger::start(1 << 17, Arc::new(Nameless)).expect("a thread");
    let logs = folder.map(|root| LogSettings {
        id: "fl-0123456789abcdef0".to_owned(),
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        scope: Scope::All,
        traffic: Traffic::All,
        format: Format::default(),
        interval: 60,
        destination: Destination::Folder(Folder::new(root.to_owned(), Layout::default())),
        encoding: Encoding::Text,
    });
    let interface = Interface {
        id: "eni-0123456789abcdef0".to_owned(),
        ..Interface::default()
    };
    let interfaces = BTreeMap::from([(INTERFACE, Arc::new(interface))]);
    logger.configure(logs.into_iter().collect(), interfaces);
    logger
}

fn bench(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    line: &mut Line<'_>,
    mut watch: impl FnMut(&[Crossing<'_>], &[Verdict]),
) {
    group.throughput(Throughput::Elements(BURST as u64));
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|bursts| {
            let mut took = Duration::ZERO;
            for from in (0..bursts).step_by(TRAIN) {
                let begun = Instant::now();
                for _ in from..bursts.min(from + TRAIN as u64) {
                    line.burst(BURST);
                    let (crossings, verdicts) = line.decided();
                    watch(crossings, verdicts);
                    black_box(verdicts.len());
                }
                took += begun.elapsed();
                std::thread::sleep(PAUSE);
            }
            took
        });
    });
}

fn logged(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    line: &mut Line<'_>,
    feed: &mut Feed,
) {
    bench(group, id, line, |crossings, verdicts| {
        feed.burst(crossings, verdicts)
    });
}

fn observed(c: &mut Criterion) {
    let mut group = group(c, "observed");
    let known: Vec<Flow> = flows(FLOWS, SERVICE);
    let mut opening = Frames::with_capacity(3 * FLOWS);
    known.iter().for_each(|flow| opening.push_handshake(flow));
    let draws = Draw::Uniform.indices(FLOWS, DRAWS);
    // Thirty-two packets of one connection in a row, both ways in turn.
    let trains: Vec<_> = draws
        .iter()
        .step_by(32)
        .flat_map(|&index| [index; 32])
        .collect();
    for (what, draws) in [("single packets", &draws), ("trains of 32", &trains)] {
        let frames = Frames::data(&known, draws, |_| SMALL);
        let capacity = u32::try_from(FLOWS).expect("a size of this file");
        let mut opened = Line::new(datapath(RULES, capacity), &opening, STILL);
        opened.through();
        let mut line = opened.with(&frames);
        let before = line.tally(Reason::Established);

        bench(
            &mut group,
            BenchmarkId::new("nobody", what),
            &mut line,
            |_, _| {},
        );
        let idle = logger(None);
        logged(
            &mut group,
            BenchmarkId::new("flow logs, none configured", what),
            &mut line,
            &mut idle.feed(0),
        );
        let folder = tempfile::tempdir().expect("a temporary folder");
        let busy = logger(Some(folder.path()));
        logged(
            &mut group,
            BenchmarkId::new("flow logs", what),
            &mut line,
            &mut busy.feed(0),
        );
        assert!(busy.stop(Duration::from_secs(30)), "the log is written");
        assert_eq!(busy.status().packets_lost, 0);
        assert!(
            busy.status().logs.iter().any(|log| log.records > 0),
            "something was logged"
        );

        let after = line.tally(Reason::Established);
        assert_eq!(
            after.0 - before.0,
            after.1 - before.1,
            "every packet continued a connection"
        );
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = observed
}

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
}
