//! What a large capture takes in memory does not depend on how large it is: several workers replay a pipe through which many times
//! more goes than they may hold. A program of its own, so that no other test adds to its memory.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test speaks by failing, as the test does"
)]

use std::io::{Read, Write};
use std::num::NonZeroUsize;

use secgroup_model::Inventory;
use secgroup_replay::{Plan, SessionSettings, Sharing, run};
use secgroup_testkit::capture::Pcap;
use secgroup_testkit::frame;

#[test]
fn memory_is_bounded_whatever_the_size() {
    /// Bytes that go through the pipe: many times what all blocks hold.
    const BYTES: usize = 96 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success(), "mkfifo is part of coreutils");
    let feeder = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut pipe = std::fs::File::create(path).unwrap();
            pipe.write_all(&Pcap::nano().header()).unwrap();
            let frame = frame::tcp("203.0.113.7:1000", "10.0.0.10:22", "S", &[0; 1200]);
            let records = Pcap::nano().record(0, &frame).repeat(100);
            for _ in 0..BYTES / records.len() {
                pipe.write_all(&records).unwrap();
            }
        }
    });
    let mut settings = SessionSettings::default();
    settings.engine.capacity = 1000;
    settings.engine.capacity_v6 = 1000;
    let before = peak_kib();
    let plan = Plan {
        settings,
        sharing: Sharing {
            workers: NonZeroUsize::new(2),
            ..Sharing::default()
        },
        ..Plan::new(vec![path], Inventory::default())
    };
    let report = run(plan, &mut |_| {}).unwrap();
    feeder.join().unwrap();
    assert_eq!(report.workers, 2);
    assert!(report.total.packets > 70_000, "all of it");
    let grown = peak_kib() - before;
    assert!(
        grown < (BYTES >> 10) as u64 / 3,
        "{grown} KiB more than before"
    );
}

/// The most memory that this process ever had, in KiB.
fn peak_kib() -> u64 {
    let mut status = String::new();
    let mut file = std::fs::File::open("/proc/self/status").unwrap();
    file.read_to_string(&mut status).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.unwrap().split_whitespace().next().unwrap();
    number.parse().unwrap()
}
