//! Pass or drop, and why? From the bytes of a frame to a counted verdict.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group};
use secgroup_benches::captures::{Sizes, web_traffic};
use secgroup_benches::check::against_oracle;
use secgroup_benches::flows::{DRAWS, Draw, Flow, SERVICE, flows, short, strangers};
use secgroup_benches::frames::{Frames, IMIX, SMALL};
use secgroup_benches::harness::{criterion, group};
use secgroup_benches::line::{Line, take};
use secgroup_benches::naive::Naive;
use secgroup_benches::policy::{OPEN, START, datapath, inventory};
use secgroup_datapath::Reason;

/// Rules of the policy, unless the benchmark says otherwise.
const RULES: usize = 60;

/// Rules where the match itself counts.
const MANY_RULES: usize = 300;

fn bench(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    line: &mut Line<'_>,
    burst: usize,
) {
    group.throughput(Throughput::Elements(burst as u64));
    group.bench_function(id, |bencher| {
        bencher.iter(|| black_box(line.burst(burst)).len());
    });
}

/// The bursts that are compared: the one that counts first.
const BURSTS: [(usize, &str); 3] = [
    (32, "secgroup"),
    (1, "secgroup, one at a time"),
    (256, "secgroup, bursts of 256"),
];

/// Nothing runs out while it is measured.
const STILL: Duration = Duration::from_nanos(100);

fn established(c: &mut Criterion) {
    let mut group = group(c, "datapath, established");
    for (size, draw, imix) in [
        (10_000, Draw::Uniform, false),
        (10_000, Draw::Uniform, true),
        (1_000_000, Draw::Uniform, false),
        (1_000_000, Draw::ZIPF, false),
    ] {
        let flows = flows(size, SERVICE);
        let mut opening = Frames::with_capacity(3 * size);
        flows.iter().for_each(|flow| opening.push_handshake(flow));
        let frames = data(&flows, draw, imix);
        let kind = if imix { "IMIX" } else { "64 B" };
        let param = format!("{} flows {} {kind}", short(size), draw.as_str());
        let capacity = u32::try_from(size).expect("a size of this file");

        let mut opened = Line::new(datapath(RULES, capacity), &opening, STILL);
        opened.through();
        let (before, opened) = (opened.tally(Reason::New), opened.into_datapath());
        assert_eq!(before.0, size as u64, "every flow was opened");
        let now = START.saturating_add(STILL * u32::try_from(3 * size).expect("as above"));
        let mut line = Line::new(opened, &frames, STILL).starting_at(now);
        for (burst, name) in BURSTS {
            bench(&mut group, BenchmarkId::new(name, &param), &mut line, burst);
        }
        let (passed, all) = line.tally(Reason::Established);
        assert_eq!(
            passed + size as u64,
            all,
            "every packet continued a connection"
        );
        drop(line);
        parse_alone(&mut group, &param, &frames);
        obvious(&mut group, &param, size, &opening, &frames);
    }
    group.finish();
}

/// Packets of established connections, both ways.
fn data(flows: &[Flow], draw: Draw, imix: bool) -> Frames {
    let len = |place: usize| {
        if imix {
            IMIX[place % IMIX.len()]
        } else {
            SMALL
        }
    };
    Frames::data(flows, &draw.indices(flows.len(), DRAWS), len)
}

/// What of it is reading the frames.
fn parse_alone(group: &mut BenchmarkGroup<'_, WallTime>, param: &str, frames: &Frames) {
    let (mut at, mut crossings) = (0, Vec::with_capacity(1));
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new("parse alone", param), |bencher| {
        bencher.iter(|| {
            at = (at + 1) % frames.len();
            crossings.clear();
            take(frames.frame(at), START, &mut crossings);
            black_box(&crossings);
        });
    });
}

fn obvious(
    group: &mut BenchmarkGroup<'_, WallTime>,
    param: &str,
    flows: usize,
    opening: &Frames,
    frames: &Frames,
) {
    let mut naive = Naive::new(RULES, flows);
    for frame in opening.iter() {
        assert!(naive.judge(frame, START.as_nanos()));
    }
    let mut at = 0;
    let name = "etherparse, HashMap, list of rules";
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new(name, param), |bencher| {
        bencher.iter(|| {
            at = (at + 1) % frames.len();
            assert!(naive.judge(black_box(frames.bytes(at)), START.as_nanos()));
        });
    });
}

/// Packets that are not of an established connection, with [`MANY_RULES`] rules.
fn others(c: &mut Criterion) {
    let mut group = group(c, "datapath, first packets");
    // Each flow comes again after 240 s; a SYN without an answer is forgotten after 120 s. So the
    // table of a million is half full, for ever.
    let slow = Duration::from_micros(240);
    for (param, port, reason) in [
        ("new", SERVICE, Reason::New),
        ("no rule", 4444, Reason::NoRule),
        ("untracked", OPEN, Reason::Untracked),
    ] {
        let frames = Frames::syns(&flows(1_000_000, port));
        let mut line = Line::new(datapath(MANY_RULES, 1_000_000), &frames, slow);
        line.through();
        for (burst, name) in BURSTS {
            bench(&mut group, BenchmarkId::new(name, param), &mut line, burst);
        }
        let (expected, all) = line.tally(reason);
        assert_eq!(expected, all, "every packet ended as {reason:?}");
    }
    group.finish();
}

/// Connections established before the flood begins; as many places are left to it.
const BEFORE_FLOOD: usize = 500_000;

/// A SYN flood against a table that it has filled: what a flood packet costs, and what it does not.
fn flood(c: &mut Criterion) {
    let mut group = group(c, "datapath, SYN flood");
    let clients = flows(BEFORE_FLOOD + 10_000, SERVICE);
    let (clients, late) = clients.split_at(BEFORE_FLOOD);
    let mut opening = Frames::default();
    clients.iter().for_each(|flow| opening.push_handshake(flow));
    let capacity = 2 * u32::try_from(BEFORE_FLOOD).expect("a number of this file");
    let mut line = Line::new(datapath(MANY_RULES, capacity), &opening, STILL);
    line.through();
    let frames = Frames::syns(&strangers(1_000_000, SERVICE));
    let mut line = line.with(&frames);
    line.through();
    for (burst, name) in BURSTS {
        bench(
            &mut group,
            BenchmarkId::new(name, "half open, table full"),
            &mut line,
            burst,
        );
    }
    let (full, all) = line.tally(Reason::TableFull);
    println!("flood: {full} of {all} packets found no room");

    // Nobody who was there before lost anything, and who comes late comes in.
    let held = data(clients, Draw::Uniform, false);
    let mut after = line.with(&held);
    let (before, _) = after.tally(Reason::Established);
    after.through();
    let (survived, _) = after.tally(Reason::Established);
    println!(
        "flood: {} of {DRAWS} packets of connections before it passed",
        survived - before
    );
    assert_eq!(survived - before, DRAWS as u64);
    let mut handshakes = Frames::default();
    late.iter().for_each(|flow| handshakes.push_handshake(flow));
    let mut after = after.with(&handshakes);
    let (before, _) = after.tally(Reason::New);
    after.through();
    let admitted = after.tally(Reason::New).0 - before;
    println!(
        "flood: {admitted} of {} new connections were admitted",
        late.len()
    );
    assert!(
        admitted * 100 > late.len() as u64 * 99,
        "a flood keeps nobody out"
    );
    group.finish();
}

/// The engine and the reference evaluator on the same frames, before anything is measured.
fn check() {
    let frames = web_traffic(3_000, 300, Sizes::Small);
    for burst in [1, 32, 256] {
        against_oracle(&inventory(RULES), &frames, 3_000, burst);
    }
}

criterion_group! { name = benches; config = criterion(); targets = established, others, flood }

fn main() {
    check();
    benches();
    criterion().final_summary();
}
