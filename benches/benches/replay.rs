//! What would these rules have done to this capture? All of `secgroup replay` but the command line.
//!
//! The capture lies in the page cache: it was written just before. tcpdump, where it is installed,
//! filters the same file, stateless, by a filter that asks for about as much as one rule does.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, Stdio};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group};
use secgroup_benches::captures::{Sizes, pcap, pcapng, web_traffic};
use secgroup_benches::check::{against_oracle, record};
use secgroup_benches::frames::{Frames, direction, ethernet};
use secgroup_benches::harness::{criterion, slow_group};
use secgroup_benches::naive::Naive;
use secgroup_benches::policy::{START, inventory, settings};
use secgroup_datapath::Datapath;
use secgroup_io::Capture;
use secgroup_packet::{InterfaceIndex, Parsed};
use secgroup_replay::{Burst, Plan, Report, Session, SessionSettings, Sharing, run};

/// Packets in a capture.
const PACKETS: usize = 2_000_000;

/// Flows in it.
const FLOWS: usize = 10_000;

/// Rules of the policy.
const RULES: usize = 60;

/// A stateless filter that lets the same clients in; what tcpdump does for every packet.
const FILTER: &str = "tcp port 80 or (tcp dst port 443 and src net 100.64.0.0/10) \
                      or (src host 10.0.0.10)";

fn session_settings() -> SessionSettings {
    SessionSettings {
        engine: settings(1 << 17),
        ..SessionSettings::default()
    }
}

/// Replays a capture with so many workers.
fn replay(path: &Path, workers: usize) -> Report {
    let sharing = Sharing {
        workers: NonZeroUsize::new(workers),
        ..Sharing::default()
    };
    let plan = Plan {
        settings: session_settings(),
        sharing,
        ..Plan::new(vec![path.to_owned()], inventory(RULES))
    };
    run(plan, &mut |_| {}).expect("no output is written that could fail")
}

fn whole(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = slow_group(c, "replay");
    for (what, sizes) in [("64 B", Sizes::Small), ("IMIX", Sizes::Imix)] {
        let frames = web_traffic(PACKETS, FLOWS, sizes);
        group.throughput(Throughput::Elements(frames.len() as u64));
        for (format, bytes) in [("pcap", pcap(&frames)), ("pcapng", pcapng(&frames))] {
            if what == "IMIX" && format == "pcapng" {
                continue; // Says no more than the two others together.
            }
            let path = folder.path().join(format!("{what}.{format}"));
            std::fs::write(&path, bytes).expect("room for a capture in the temporary folder");
            let param = format!("{format} {what}");
            for (name, workers) in [("secgroup", 1), ("secgroup, 2 workers", 2)] {
                let report = replay(&path, workers);
                is_right(&report, &frames);
                assert_eq!(report.workers, workers, "{:?}", report.one_worker_because);
                group.bench_function(BenchmarkId::new(name, &param), |bencher| {
                    bencher.iter(|| replay(&path, workers));
                });
            }
            parts(&mut group, &param, &path, &frames);
            tcpdump(&mut group, &param, &path);
        }
    }
    group.finish();
}

/// Every packet has a verdict, and most are of connections.
fn is_right(report: &Report, frames: &Frames) {
    let all = frames.len() as u64;
    assert_eq!(report.total.packets, all);
    let denied = report.packets.denied.packets;
    assert_eq!(report.packets.allowed.packets + denied, all);
    assert!(
        (all / 30..all / 15).contains(&denied),
        "about 5 % denied, not {denied} of {all}"
    );
    assert_eq!(report.tracked_connections, FLOWS as u64);
}

/// The stages of a replay, each with all that is below it.
fn parts(group: &mut BenchmarkGroup<'_, WallTime>, param: &str, path: &Path, frames: &Frames) {
    let id = |name: &str| BenchmarkId::new(name, param);
    let open = || Capture::open(path).expect("a capture that was just written");
    group.bench_function(id("read alone"), |bencher| {
        bencher.iter(|| {
            let mut capture = open();
            let mut bytes = 0;
            while let Some(batch) = capture.next_batch(256).expect("a sound capture") {
                bytes += batch.iter().map(|record| record.data.len()).sum::<usize>();
            }
            bytes
        });
    });
    group.bench_function(id("read and parse"), |bencher| {
        bencher.iter(|| {
            let mut capture = open();
            let mut packets = 0;
            while let Some(batch) = capture.next_batch(256).expect("a sound capture") {
                for record in batch.iter() {
                    let parsed = record.frame().and_then(|frame| frame.parse().ok());
                    packets += u64::from(matches!(black_box(parsed), Some(Parsed::Ip(_))));
                }
            }
            packets
        });
    });
    group.bench_function(id("session alone, from memory"), |bencher| {
        bencher.iter(|| session(frames));
    });
    group.bench_function(id("engine alone, from memory"), |bencher| {
        bencher.iter(|| engine(frames));
    });
    group.bench_function(id("etherparse, HashMap, list of rules"), |bencher| {
        bencher.iter(|| obvious(frames));
    });
}

fn session(frames: &Frames) -> u64 {
    let mut session = Session::new(session_settings(), &inventory(RULES), START)
        .expect("one interface, so no address is ambiguous");
    let mut burst = Burst::default();
    let mut judged = 0;
    for from in (0..frames.len()).step_by(256) {
        let until = frames.len().min(from + 256);
        session.judge((from..until).map(|index| record(frames, index)), &mut burst);
        judged += burst.seen().len() as u64;
    }
    judged
}

fn engine(frames: &Frames) -> usize {
    let mut datapath = secgroup_benches::policy::datapath(RULES, 1 << 17);
    let mut crossings = Vec::with_capacity(Datapath::BURST);
    let mut verdicts = Vec::with_capacity(Datapath::BURST);
    let mut judged = 0;
    for from in (0..frames.len()).step_by(Datapath::BURST) {
        crossings.clear();
        verdicts.clear();
        for index in from..frames.len().min(from + Datapath::BURST) {
            let frame = ethernet(frames.bytes(index));
            if let Ok(Parsed::Ip(packet)) = frame.parse() {
                crossings.push(secgroup_datapath::Crossing {
                    frame,
                    packet,
                    interface: InterfaceIndex(0),
                    direction: direction(frame.data),
                    at: START,
                });
            }
        }
        datapath.burst(&crossings, &mut verdicts);
        judged += verdicts.len();
    }
    judged
}

fn obvious(frames: &Frames) -> usize {
    let mut naive = Naive::new(RULES, FLOWS);
    frames
        .iter()
        .filter(|frame| naive.judge(frame, START.as_nanos()))
        .count()
}

fn tcpdump(group: &mut BenchmarkGroup<'_, WallTime>, param: &str, path: &Path) {
    let filter = || {
        Command::new("tcpdump")
            .arg("-r")
            .arg(path)
            .args(["-w", "/dev/null", FILTER])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !filter() {
        println!("replay: tcpdump does not run here, so there is no figure for it");
        return;
    }
    group.bench_function(
        BenchmarkId::new("tcpdump, stateless filter", param),
        |bencher| {
            bencher.iter(filter);
        },
    );
}

/// The engine and the reference evaluator on the same frames, before anything is measured.
fn check() {
    let frames = web_traffic(4_000, 400, Sizes::Imix);
    for burst in [1, 32, 256] {
        against_oracle(&inventory(RULES), &frames, 4_000, burst);
    }
}

criterion_group! { name = benches; config = criterion(); targets = whole }

fn main() {
    check();
    benches();
    criterion().final_summary();
}
