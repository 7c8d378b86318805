//! Several workers against one, over the same random captures and policies: what is written and reported is the same, byte for
//! byte. Blocks are so small that a few frames fill one, and connections, datagrams in pieces and policy changes span them.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use secgroup_io::{CaptureWriter, Link, Record};
use secgroup_packet::Timestamp;
use secgroup_replay::{Change, Plan, Report, Sharing, run};

use crate::policies::Policy;
use crate::{Case, Event, cases, engine_settings, events, links};

/// Lines as they are written.
#[derive(Debug, Clone, Default)]
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

/// All that comes out of a replay.
#[derive(Debug, PartialEq, Eq)]
struct Out {
    lines: String,
    allowed: Vec<u8>,
    denied: Vec<u8>,
    /// Without what says how it was done; or why there is none.
    report: Result<serde_json::Value, String>,
}

/// A case as files.
struct Files {
    folder: tempfile::TempDir,
    captures: Vec<PathBuf>,
    policies: Vec<Policy>,
    changes: Vec<(Duration, usize)>,
    /// What packets are written to: pcap holds those of one link type only, so that writing may fail.
    format: &'static str,
}

impl Files {
    /// The frames in two captures, the second of which may be cut short in its last record.
    fn of(case: &Case, cut: usize, format: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let events = events(case);
        let paths = ["first.pcapng", "second.pcapng"].map(|name| folder.path().join(name));
        let mut writers = paths
            .each_ref()
            .map(|path| CaptureWriter::create(path).unwrap());
        let (mut changes, mut start) = (Vec::new(), None);
        for (number, event) in events.iter().enumerate() {
            match event {
                Event::Frame {
                    at,
                    link,
                    bytes,
                    wire_len,
                } => {
                    start.get_or_insert(*at);
                    let record = Record {
                        number: 1,
                        time: Timestamp::from_nanos(*at),
                        time_digits: 9,
                        link: Link::Supported(links::link_type(*link)),
                        data: bytes,
                        wire_len: *wire_len,
                        interface: 0,
                    };
                    let half = usize::from(number * 2 > events.len());
                    writers[half].write(&record).unwrap();
                }
                Event::Policy { at, policy } => {
                    let after = at.saturating_sub(start.unwrap_or(*at));
                    changes.push((Duration::from_nanos(after), *policy));
                }
            }
        }
        for writer in writers {
            writer.finish().unwrap();
        }
        shorten(&paths[1], cut);
        Self {
            folder,
            captures: paths.to_vec(),
            policies: case.policies.clone(),
            changes,
            format,
        }
    }

    /// What comes out, and why it was one worker although more were asked for.
    fn replayed(&self, case: &Case, workers: usize, block_len: usize) -> (Out, Option<String>) {
        let lines = Lines::default();
        let path = |name: &str| {
            self.folder
                .path()
                .join(format!("{name}-{workers}.{}", self.format))
        };
        let change = |(after, policy): &(Duration, usize)| Change {
            after: *after,
            files: vec![policy.to_string()],
            policy: Arc::new(self.policies[*policy].inventory()),
        };
        let plan = Plan {
            captures: self.captures.clone(),
            policy: self.policies[0].inventory(),
            changes: self.changes.iter().map(change).collect(),
            settings: engine_settings(&case.knobs),
            verdicts: Some(Box::new(lines.clone())),
            write_allowed: Some(path("allowed")),
            write_denied: Some(path("denied")),
            annotate: None,
            survey: false,
            flow_log: None,
            top: 1000,
            sharing: Sharing {
                workers: NonZeroUsize::new(workers),
                block_len,
            },
        };
        let report = run(plan, &mut |_| {});
        let why = report
            .as_ref()
            .ok()
            .and_then(|report| report.one_worker_because.clone());
        let report = report
            .map(without_how)
            .map_err(|error| error.to_string().replace(&format!("-{workers}."), "."));
        let read = |name| std::fs::read(path(name)).unwrap();
        let out = Out {
            lines: String::from_utf8(lines.0.lock().unwrap().clone()).unwrap(),
            allowed: read("allowed"),
            denied: read("denied"),
            report,
        };
        (out, why)
    }
}

/// A report but for what says how it came about.
fn without_how(report: Report) -> serde_json::Value {
    let mut report = serde_json::to_value(report).unwrap();
    let fields = report.as_object_mut().unwrap();
    for field in [
        "elapsed_seconds",
        "packets_per_second",
        "workers",
        "one_worker_because",
    ] {
        fields.remove(field);
    }
    report
}

/// Takes up to `cut` bytes from the end of a file.
fn shorten(path: &Path, cut: usize) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len().saturating_sub(cut)]).unwrap();
}

/// Panics at the first thing that `workers` workers give otherwise than one.
fn assert_same(expected: &Out, actual: &Out, workers: usize, case: &Case) {
    let of = format!("{workers} workers, {:?}", case.knobs);
    let pairs = expected.lines.lines().zip(actual.lines.lines());
    for (expected, actual) in pairs {
        assert_eq!(expected, actual, "{of}");
    }
    assert_eq!(expected.lines.len(), actual.lines.len(), "lines of {of}");
    assert!(expected.allowed == actual.allowed, "what is allowed, {of}");
    assert!(expected.denied == actual.denied, "what is denied, {of}");
    match (&expected.report, &actual.report) {
        (Ok(expected), Ok(actual)) => {
            for (field, expected) in expected.as_object().unwrap() {
                assert_eq!(*expected, actual[field], "{field} of {of}");
            }
        }
        (expected, actual) => assert_eq!(expected, actual, "{of}"),
    }
    assert_eq!(expected.report, actual.report, "{of}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::cases_to_run() / 8, ..ProptestConfig::default() })]

    #[test]
    fn several_workers_give_what_one_gives(
        case in cases(),
        block_len in prop::sample::select(vec![100_usize, 400, 1500, 1 << 18]),
        cut in prop::sample::select(vec![0_usize, 0, 0, 3, 50]),
        format in prop::sample::select(vec!["pcapng", "pcapng", "pcapng", "pcap"]),
    ) {
        let files = Files::of(&case, cut, format);
        let (expected, _) = files.replayed(&case, 1, block_len);
        for workers in [2, 3, 5] {
            let (actual, _) = files.replayed(&case, workers, block_len);
            assert_same(&expected, &actual, workers, &case);
        }
    }
}

/// Cases in which several workers give up show nothing of what they do: in most they do not.
#[test]
fn several_workers_are_sure_of_most_cases() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let (mut sure, mut reasons) = (0, Vec::new());
    for _ in 0..100 {
        let mut case = cases().new_tree(&mut runner).unwrap().current();
        case.knobs.capacity = 1000;
        case.knobs.allowance = None;
        let (_, why) = Files::of(&case, 0, "pcapng").replayed(&case, 3, 400);
        match why {
            None => sure += 1,
            Some(why) => reasons.push(why),
        }
    }
    assert!(sure >= 50, "only {sure} of 100: {reasons:#?}");
}
