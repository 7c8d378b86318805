//! Which connection does a packet continue? Ours against maps with the same keys and entries.
//!
//! Every look-up writes the state, the time and the counters back, as every packet of a connection
//! does. Ours also runs the TCP state machine; the maps do not.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group};
use dashmap::DashMap;
use secgroup_benches::flows::{DRAWS, Draw, Flow, SERVICE, flows, short};
use secgroup_benches::harness::{bursts, criterion, group, slow_group};
use secgroup_benches::naive::Entry;
use secgroup_benches::policy::START;
use secgroup_benches::rules::rules;
use secgroup_conntrack::{Config, Lifetimes, Opening, Passage, Probe, State, Step, Table};
use secgroup_packet::{Direction, FlowKey, FlowKey4, L4, Protocol, TcpFlags, Timestamp};
use secgroup_policy::{Directory, Query, RuleSet, Selector};

/// How many flows there are; a fourth million only where `SECGROUP_BENCH_LARGE` is set, for it
/// takes a gigabyte and a minute.
fn sizes() -> Vec<usize> {
    let mut sizes = vec![1_000, 10_000, 100_000, 1_000_000];
    if std::env::var_os("SECGROUP_BENCH_LARGE").is_some() {
        sizes.push(4_000_000);
    }
    sizes
}

/// The bytes of the packets that are looked up.
const LEN: u32 = 46;

const ACK: L4 = L4::Tcp {
    sport: 0,
    dport: 0,
    flags: TcpFlags::ACK,
};

fn table(capacity: usize) -> Table {
    let capacity = u32::try_from(capacity).expect("a size of this file");
    Table::new(Config {
        capacity,
        capacity_v6: 64,
        seed: 0x5eed,
    })
}

const fn opening(state: State) -> Opening {
    Opening {
        originator: Direction::Ingress,
        state,
        rule: 7,
        sender: Direction::Ingress,
        len: LEN,
    }
}

/// A look-up of one packet in the table, to the end.
#[inline]
fn advance(table: &mut Table, probe: &Probe, timeouts: &Lifetimes) {
    let passage = Passage {
        sender: Direction::Ingress,
        l4: &ACK,
        len: LEN,
    };
    let step = table.follow(probe, &passage, START, timeouts);
    assert!(matches!(step, Step::Pass { .. }));
}

fn established(c: &mut Criterion) {
    for draw in Draw::BOTH {
        let mut group = group(c, &format!("connection lookup, {}", draw.as_str()));
        for size in sizes() {
            let flows = flows(size, SERVICE);
            let keys: Vec<FlowKey4> = draw
                .indices(size, DRAWS)
                .into_iter()
                .map(|index| flows[index].key())
                .collect();
            ours(&mut group, &flows, &keys);
            let param = format!("{} flows", short(size));
            let id = |name: &str| BenchmarkId::new(name, &param);
            map(
                &mut group,
                id("std HashMap"),
                RandomState::new(),
                &flows,
                &keys,
            );
            let foldhash = foldhash::fast::RandomState::default();
            hashbrown_map(
                &mut group,
                id("hashbrown, foldhash"),
                foldhash,
                &flows,
                &keys,
            );
            dashmap_map(&mut group, id("dashmap"), &flows, &keys);
        }
        group.finish();
    }
}

fn ours(group: &mut BenchmarkGroup<'_, WallTime>, flows: &[Flow], keys: &[FlowKey4]) {
    let timeouts = Lifetimes::default();
    let mut table = table(flows.len());
    for key in flows.iter().map(Flow::flow_key) {
        let hash = table.hash(&key);
        let opened = table.insert(
            &key,
            hash,
            opening(State::Established),
            START,
            &timeouts,
            None,
        );
        opened.expect("there is room for each");
    }
    let param = format!("{} flows", short(flows.len()));
    let mut packets = flows.len() as u64;
    for (burst, name) in [
        (32, "secgroup"),
        (1, "secgroup, one at a time"),
        (256, "secgroup, bursts of 256"),
    ] {
        let mut probes = Vec::with_capacity(burst);
        bursts(group, BenchmarkId::new(name, &param), keys, burst, |keys| {
            packets += keys.len() as u64;
            probes.clear();
            probes.extend(keys.iter().map(|key| table.probe_key(&FlowKey::V4(*key))));
            for probe in &mut probes {
                table.aim(probe);
            }
            for probe in &probes {
                advance(&mut table, probe, &timeouts);
            }
        });
    }
    let counted: u64 = table
        .iter()
        .map(|connection| u64::from(connection.packets[0]))
        .sum();
    assert_eq!(counted, packets, "each packet was counted once");
}

/// An entry of a map whose flow is opened.
fn entry() -> Entry {
    Entry {
        rule: 7,
        expires: START.as_nanos(),
        ..Entry::default()
    }
}

/// Bursts make no difference to a map; they only keep the clock of the benchmark out.
const MAP_BURST: usize = 32;

fn map<S: BuildHasher>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    hasher: S,
    flows: &[Flow],
    keys: &[FlowKey4],
) {
    let mut map = HashMap::with_capacity_and_hasher(flows.len(), hasher);
    map.extend(flows.iter().map(|flow| (flow.key(), entry())));
    bursts(group, id, keys, MAP_BURST, |keys| {
        for key in keys {
            let entry = map.get_mut(key).expect("every flow is there");
            entry.advance(Direction::Ingress, LEN, START.as_nanos());
        }
    });
    black_box(&map);
}

fn hashbrown_map<S: BuildHasher>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    hasher: S,
    flows: &[Flow],
    keys: &[FlowKey4],
) {
    let mut map = hashbrown::HashMap::with_capacity_and_hasher(flows.len(), hasher);
    map.extend(flows.iter().map(|flow| (flow.key(), entry())));
    bursts(group, id, keys, MAP_BURST, |keys| {
        for key in keys {
            let entry: &mut Entry = map.get_mut(key).expect("every flow is there");
            entry.advance(Direction::Ingress, LEN, START.as_nanos());
        }
    });
    black_box(&map);
}

fn dashmap_map(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    flows: &[Flow],
    keys: &[FlowKey4],
) {
    let map = DashMap::with_capacity(flows.len());
    for flow in flows {
        map.insert(flow.key(), entry());
    }
    bursts(group, id, keys, MAP_BURST, |keys| {
        for key in keys {
            let mut entry = map.get_mut(key).expect("every flow is there");
            entry.advance(Direction::Ingress, LEN, START.as_nanos());
        }
    });
    black_box(&map);
}

/// How many connections the set-up benchmarks open and let run out, over and over.
const OPENED: usize = 1_000_000;

/// Times `open` and `expire` in turn, each on its own, and reports one of the two.
fn in_turn<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    timed: Phase,
    state: &mut T,
    mut open: impl FnMut(&mut T),
    mut expire: impl FnMut(&mut T),
) {
    group.throughput(Throughput::Elements(OPENED as u64));
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut total = Duration::ZERO;
            for _ in 0..iterations {
                let start = Instant::now();
                open(state);
                let opened = Instant::now();
                expire(state);
                total += match timed {
                    Phase::Open => opened - start,
                    Phase::Expire => opened.elapsed(),
                };
            }
            total
        });
    });
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Expire,
}

/// The table, and a clock that goes on with every round.
struct Round {
    table: Table,
    now: Timestamp,
}

impl Round {
    fn new() -> Self {
        Self {
            table: table(OPENED),
            now: START,
        }
    }

    /// Opens a connection for each key, 32 at a time: a look-up that finds none, `admit`, insert.
    fn open(&mut self, keys: &[FlowKey], admit: impl Fn(&FlowKey) -> Option<u32>) {
        let timeouts = Lifetimes::default();
        let mut probes = Vec::with_capacity(32);
        for keys in keys.chunks(32) {
            probes.clear();
            probes.extend(keys.iter().map(|key| self.table.probe_key(key)));
            for probe in &mut probes {
                self.table.aim(probe);
            }
            for (probe, key) in probes.iter().zip(keys) {
                assert_eq!(self.table.find(probe), None);
                let rule = admit(key).expect("the last rule admits every client");
                let opening = Opening {
                    rule,
                    ..opening(State::SynSent)
                };
                let opened =
                    self.table
                        .insert(key, probe.hash(), opening, self.now, &timeouts, None);
                opened.expect("there is room for each");
            }
        }
    }

    /// Lets all of them run out, and sweeps as the session does: a little at a time.
    fn expire(&mut self) {
        self.now = self.now.saturating_add(Duration::from_secs(1000));
        let mut swept = 0;
        while swept < OPENED {
            swept += self.table.sweep(self.now, 256);
        }
        assert_eq!(swept, OPENED);
    }
}

fn set_up(c: &mut Criterion) {
    let flows = flows(OPENED, SERVICE);
    let keys: Vec<FlowKey> = flows.iter().map(Flow::flow_key).collect();
    let set = RuleSet::compile(&rules(300));
    let directory = Directory::new();
    let admit = |key: &FlowKey| {
        let FlowKey::V4(key) = key else { return None };
        let query = Query {
            direction: Direction::Ingress,
            protocol: Protocol::TCP,
            peer: key.remote.into(),
            selector: Selector::Port(key.local_port),
        };
        set.matches(&query, &directory).map(|rule| rule.get())
    };
    let mut group = slow_group(c, "connection set-up");
    let mut round = Round::new();
    let sweep = Round::expire;
    let plain = |round: &mut Round| round.open(&keys, |_| Some(0));
    let ruled = |round: &mut Round| round.open(&keys, admit);
    let id = |name: &str| BenchmarkId::new(name, "insert");
    in_turn(
        &mut group,
        id("secgroup"),
        Phase::Open,
        &mut round,
        plain,
        sweep,
    );
    let with_match = id("secgroup, with a match over 300 rules");
    in_turn(
        &mut group,
        with_match,
        Phase::Open,
        &mut round,
        ruled,
        sweep,
    );
    drop(round);
    maps(&mut group, Phase::Open, "insert", &flows);
    group.finish();

    let mut group = slow_group(c, "connection expiry");
    let id = BenchmarkId::new("secgroup", "sweep");
    in_turn(
        &mut group,
        id,
        Phase::Expire,
        &mut Round::new(),
        plain,
        sweep,
    );
    maps(&mut group, Phase::Expire, "retain", &flows);
    group.finish();
}

fn maps(group: &mut BenchmarkGroup<'_, WallTime>, phase: Phase, what: &str, flows: &[Flow]) {
    let id = |name: &str| BenchmarkId::new(name, what);
    let now = black_box(START.as_nanos() + 1);
    let mut std_map = HashMap::<FlowKey4, Entry>::with_capacity(OPENED);
    in_turn(
        group,
        id("std HashMap"),
        phase,
        &mut std_map,
        |map| map.extend(flows.iter().map(|flow| (flow.key(), entry()))),
        |map| map.retain(|_, entry| entry.expires >= now),
    );
    assert!(std_map.is_empty(), "all of them ran out");
    drop(std_map);
    let mut brown = hashbrown::HashMap::<FlowKey4, Entry, foldhash::fast::RandomState>::default();
    brown.reserve(OPENED);
    in_turn(
        group,
        id("hashbrown, foldhash"),
        phase,
        &mut brown,
        |map| map.extend(flows.iter().map(|flow| (flow.key(), entry()))),
        |map| map.retain(|_, entry| entry.expires >= now),
    );
    assert!(brown.is_empty(), "all of them ran out");
}

/// What a connection takes at capacity, from the pages that the process has before and after.
fn memory() {
    let of = |make: &dyn Fn() -> Box<dyn std::any::Any>, name: &str| {
        let before = resident();
        let kept = make();
        if let (Some(before), Some(after)) = (before, resident()) {
            let bytes = after.saturating_sub(before) as f64 / OPENED as f64;
            println!("memory: {name}: {bytes:.1} B a connection at 1M of 1M");
        }
        drop(kept);
    };
    let flows = flows(OPENED, SERVICE);
    of(&|| Box::new(table(OPENED)), "secgroup, IPv4");
    let v6 = Config {
        capacity: 64,
        capacity_v6: 1_000_000,
        seed: 0,
    };
    of(&|| Box::new(Table::new(v6)), "secgroup, IPv6");
    let each = || flows.iter().map(|flow| (flow.key(), entry()));
    of(
        &|| Box::new(each().collect::<HashMap<_, _>>()),
        "std HashMap, IPv4",
    );
    of(
        &|| Box::new(each().collect::<DashMap<_, _>>()),
        "dashmap, IPv4",
    );
}

/// Bytes of this process in memory, where the system tells (Linux).
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

criterion_group! { name = benches; config = criterion(); targets = established, set_up }

fn main() {
    memory();
    benches();
    criterion().final_summary();
}
