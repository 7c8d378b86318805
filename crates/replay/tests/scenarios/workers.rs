//! Where several workers cannot be sure: the replay is done by one, from the start, and nothing is written twice.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use secgroup_replay::{Plan, ReplayError, Report, SessionSettings, Sharing, run};
use secgroup_testkit::capture::Pcap;
use secgroup_testkit::frame;

use crate::support::policy;

const SECOND: u64 = 1_000_000_000;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Replays a capture in small blocks; the report and the verdict lines.
fn replayed(
    path: &Path,
    settings: SessionSettings,
    workers: usize,
) -> (Result<Report, ReplayError>, String) {
    let lines = Lines::default();
    let plan = Plan {
        settings,
        verdicts: Some(Box::new(lines.clone())),
        sharing: Sharing {
            workers: NonZeroUsize::new(workers),
            block_len: 1000,
        },
        ..Plan::new(
            vec![path.to_owned()],
            policy("i ingress all from 0.0.0.0/0\n i egress tcp 1 to 192.0.2.1/32"),
        )
    };
    let report = run(plan, &mut |_| {});
    let lines = lines.0.lock().unwrap().clone();
    (report, String::from_utf8(lines).unwrap())
}

/// With room for so many connections.
fn settings(capacity: u32) -> SessionSettings {
    let mut settings = SessionSettings::default();
    settings.engine.capacity = capacity;
    settings.engine.capacity_v6 = 16;
    settings
}

/// `count` hosts that knock, one a second or all at once.
fn knocks(count: u16, gap: u64) -> Vec<(u64, Vec<u8>)> {
    let knock = |host: u16| {
        let port = 1024 + host;
        let from = format!("203.0.113.{}:{port}", host % 200);
        (
            u64::from(host) * gap,
            frame::tcp(&from, "10.0.0.10:22", "S", b""),
        )
    };
    (0..count).map(knock).collect()
}

fn capture(folder: &Path, frames: &[(u64, Vec<u8>)]) -> PathBuf {
    let path = folder.join("frames.pcap");
    std::fs::write(&path, Pcap::nano().file(frames)).unwrap();
    path
}

#[test]
fn a_full_table_is_decided_by_one_worker() {
    let folder = tempfile::tempdir().unwrap();
    let path = capture(folder.path(), &knocks(300, 1000));
    let (one, expected) = replayed(&path, settings(100), 1);
    let (several, actual) = replayed(&path, settings(100), 3);
    assert_eq!(expected, actual);
    let (one, several) = (one.unwrap(), several.unwrap());
    assert_eq!((one.workers, &one.one_worker_because), (1, &None));
    assert_eq!(several.workers, 1);
    let why = several.one_worker_because.unwrap();
    assert!(why.contains("the connection table may be full"), "{why}");
    assert_eq!(one.tracked_connections, several.tracked_connections);
    assert_eq!(one.verdicts.len(), several.verdicts.len());
}

#[test]
fn connections_that_ran_out_do_not_fill_the_table() {
    let folder = tempfile::tempdir().unwrap();
    // A connection that nobody answers lives for 120 s, so 121 are there at once.
    let path = capture(folder.path(), &knocks(2000, SECOND));
    let (report, lines) = replayed(&path, settings(1000), 3);
    let report = report.unwrap();
    assert_eq!(report.workers, 3, "{:?}", report.one_worker_because);
    assert_eq!(lines, replayed(&path, settings(1000), 1).1);
}

#[test]
fn an_allowance_is_counted_by_one_worker() {
    let folder = tempfile::tempdir().unwrap();
    let path = capture(folder.path(), &knocks(10, 1));
    let mut settings = settings(1000);
    settings.defaults.allowance = Some(5);
    let report = replayed(&path, settings, 2).0.unwrap();
    assert_eq!(report.workers, 1);
    assert!(report.one_worker_because.is_some());
}

#[test]
fn pieces_of_two_datagrams_with_one_name_are_for_one_worker() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = Vec::new();
    for port in 1000..1040 {
        let datagram = frame::udp(&format!("203.0.113.7:{port}"), "10.0.0.10:53", &[1; 400]);
        let pieces = frame::fragments_with_id(&datagram, 7, &[200]);
        frames.extend(pieces.into_iter().map(|piece| (0, piece)));
    }
    let path = capture(folder.path(), &frames);
    let (report, lines) = replayed(&path, settings(1000), 2);
    let why = report.unwrap().one_worker_because.unwrap();
    assert!(why.contains("one identification"), "{why}");
    assert_eq!(lines, replayed(&path, settings(1000), 1).1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_pipe_cannot_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success(), "mkfifo is part of coreutils");
    let feed = |frames: Vec<(u64, Vec<u8>)>| {
        let path = path.clone();
        std::thread::spawn(move || {
            // Where the replay gives up the pipe breaks.
            let _ = std::fs::write(path, Pcap::nano().file(&frames));
        })
    };
    let feeder = feed(knocks(200, 1));
    let (report, lines) = replayed(&path, settings(1000), 2);
    feeder.join().unwrap();
    assert_eq!(report.unwrap().workers, 2);
    assert_eq!(lines.lines().count(), 200);

    let feeder = feed(knocks(3000, 1));
    let error = replayed(&path, settings(100), 2).0.unwrap_err();
    feeder.join().unwrap();
    let message = error.to_string();
    assert!(message.contains("--workers 1"), "{message}");
    assert!(
        message.contains("the connection table may be full"),
        "{message}"
    );
}
