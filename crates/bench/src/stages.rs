//! Where the time of a packet goes.
//!
//! A stage cannot be timed where it is: to read the clock takes as long as the stage. So bursts are driven up to the end of each stage, for a whole round each, and the
//! stages are the differences: parsing; parsing, keys and prefetches; everything. The table whose lines are asked for in the second is
//! a twin of the engine's, with the same connections. Counting is measured alone, and taken off the rest. What is left to
//! the decision, therefore, is how long a packet waits for its line of memory, too.

use std::hint::black_box;

use secgroup_conntrack::{Config, Probe, Table};
use secgroup_datapath::{Crossing, Datapath, Tally, Verdict};
use secgroup_packet::Timestamp;

use crate::Figure;
use crate::line::Line;
use crate::report::Stages;
use crate::rounds::Rounds;
use crate::workload::policy::settings;

/// Bursts between two looks at the clock.
pub(crate) const BURSTS: usize = 64;

/// Measures all stages of the packets of `line`, each of which continues a connection: the whole, and its parts.
pub(crate) fn measure(line: &mut Line<'_>, rounds: Rounds, burst: usize) -> (Figure, Stages) {
    let now = line.now();
    let twin = twin(line.datapath(), now);
    let mut probes = Vec::with_capacity(burst);
    let mut tally = line.datapath().tally().clone();
    let verdicts = line.burst(burst).to_vec();
    let [parse, keyed, whole, counters] = rounds.side_by_side(|stage| {
        let mut packets = 0;
        for _ in 0..BURSTS {
            packets += match stage {
                0 => black_box(line.parse(burst)).len(),
                1 => ask(line, burst, &twin, &mut probes),
                2 => black_box(line.burst(burst)).len(),
                _ => count(line, &verdicts, &mut tally),
            };
        }
        packets as u64
    });
    let stages = Stages {
        parse,
        hash_prefetch: keyed.less(parse),
        decide: whole.less(keyed).less(counters),
        counters,
    };
    (whole, stages)
}

/// A table with the same connections.
fn twin(datapath: &Datapath, now: Timestamp) -> Table {
    let family = secgroup_packet::Family::V4;
    let settings = settings(datapath.capacity(family));
    let mut twin = Table::new(Config {
        capacity: settings.capacity,
        capacity_v6: settings.capacity_v6,
        seed: settings.seed,
    });
    for connection in datapath.connections() {
        // One that finds no room is one line less that is asked for.
        let _ = twin.restore(&connection, now);
    }
    twin
}

/// Parses a burst, and asks for the lines of its connections.
#[inline]
fn ask(line: &mut Line<'_>, burst: usize, table: &Table, probes: &mut Vec<Probe>) -> usize {
    let crossings = line.parse(burst);
    probes.resize(crossings.len(), Probe::NONE);
    for (crossing, probe) in crossings.iter().zip(probes.iter_mut()) {
        let Crossing {
            packet,
            interface,
            direction,
            ..
        } = crossing;
        table.probe(packet, *interface, *direction, probe);
    }
    for probe in probes.iter_mut() {
        table.aim(probe);
    }
    black_box(&probes);
    probes.len()
}

/// Counts a burst of verdicts that was given before.
#[inline]
fn count(line: &Line<'_>, verdicts: &[Verdict], tally: &mut Tally) -> usize {
    for (crossing, verdict) in line.crossings().iter().zip(verdicts) {
        tally.count(
            crossing.interface,
            crossing.direction,
            *verdict,
            crossing.packet.ip_len,
        );
    }
    black_box(tally);
    verdicts.len()
}
