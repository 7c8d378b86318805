//! The samples of the documents, word for word, and what happens at every bound.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use secgroup_datapath::{Reason, Verdict};
use secgroup_packet::{AddressPair, Direction, Protocol};
use secgroup_policy::RuleNumber;

use super::*;
use crate::{Destination, Encoding, Flow, Folder, Format, Layout, Scope, Sums, Traffic};

/// Nobody asks for names here.
struct NoNames;

impl RuleNames for NoNames {
    fn rule(&self, _: RuleNumber) -> Option<(String, String)> {
        None
    }
}

const ALLOWED: Verdict = Verdict {
    reason: Reason::Established,
    rule: None,
};

fn observation(
    interface: u32,
    [src, dst]: [&str; 2],
    protocol: u8,
    [packets, bytes]: [u64; 2],
    [first, last]: [u64; 2],
    verdict: Verdict,
) -> Observation {
    let [src, dst]: [SocketAddr; 2] = [src, dst].map(|end| end.parse().unwrap());
    let addresses = match (src.ip(), dst.ip()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => AddressPair::V4 { src, dst },
        (IpAddr::V6(src), IpAddr::V6(dst)) => AddressPair::V6 { src, dst },
        _ => panic!("two families"),
    };
    Observation {
        flow: Flow {
            interface: InterfaceIndex(interface),
            direction: Direction::Ingress,
            addresses,
            protocol: Protocol(protocol),
            ports: [src.port(), dst.port()],
        },
        verdict,
        sums: Sums {
            packets,
            bytes,
            tcp_flags: 0,
            first: Timestamp::from_secs(first),
            last: Timestamp::from_secs(last),
        },
        piece: None,
    }
}

fn to_file(path: &Path) -> LogSettings {
    LogSettings {
        id: "fl-0123456789abcdef0".to_owned(),
        account: "123456789010".to_owned(),
        region: "us-east-1".to_owned(),
        scope: Scope::All,
        traffic: Traffic::All,
        format: Format::default(),
        interval: 600,
        destination: Destination::File(path.to_owned()),
        encoding: Encoding::Text,
    }
}

fn to_folder(root: &Path) -> LogSettings {
    let folder = Folder {
        publish_every: 60,
        ..Folder::new(root.to_owned(), Layout::default())
    };
    LogSettings {
        destination: Destination::Folder(folder),
        interval: 60,
        ..to_file(root)
    }
}

/// Interfaces 0 and up, of these names.
fn interfaces(names: &[&str]) -> BTreeMap<InterfaceIndex, Arc<Interface>> {
    let interface = |name: &&str| {
        Arc::new(Interface {
            id: (*name).to_owned(),
            account: "123456789010".to_owned(),
            ..Interface::default()
        })
    };
    (0..)
        .map(InterfaceIndex)
        .zip(names.iter().map(interface))
        .collect()
}

const ENI: &str = "eni-1235b8ca123456789";

/// What a log of one interface says of `observations`, header left out.
fn logged(flows_max: usize, observations: &[Observation]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.log");
    let mut recorder = Recorder::new(flows_max, 0);
    let start = observations[0].sums.first;
    recorder.configure(&[to_file(&path)], interfaces(&[ENI]), start, &NoNames);
    for observation in observations {
        recorder.observe(observation, &NoNames);
    }
    recorder.finish(&NoNames).unwrap();
    lines(&path)
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn samples_of_the_documents_come_out_word_for_word() {
    // G25. Their windows are not ours: two begin in one and end in the next, which is no matter to the record.
    let rejected = Verdict::deny(Reason::NoRule);
    for (line, observation) in [
        (
            "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
            observation(
                0,
                ["172.31.16.139:20641", "172.31.16.21:22"],
                6,
                [20, 4249],
                [1_418_530_010, 1_418_530_070],
                ALLOWED,
            ),
        ),
        (
            "2 123456789010 eni-1235b8ca123456789 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK",
            observation(
                0,
                ["172.31.9.69:49761", "172.31.9.12:3389"],
                6,
                [20, 4249],
                [1_418_530_010, 1_418_530_070],
                rejected,
            ),
        ),
        (
            "2 123456789010 eni-1235b8ca123456789 203.0.113.12 172.31.16.139 0 0 1 4 336 1432917027 1432917142 ACCEPT OK",
            observation(
                0,
                ["203.0.113.12:0", "172.31.16.139:0"],
                1,
                [4, 336],
                [1_432_917_027, 1_432_917_142],
                ALLOWED,
            ),
        ),
        (
            "2 123456789010 eni-1235b8ca123456789 2001:db8:1234:a100:8d6e:3477:df66:f105 2001:db8:1234:a102:3304:8879:34cf:4071 34892 22 6 54 8855 1477913708 1477913820 ACCEPT OK",
            observation(
                0,
                [
                    "[2001:db8:1234:a100:8d6e:3477:df66:f105]:34892",
                    "[2001:db8:1234:a102:3304:8879:34cf:4071]:22",
                ],
                6,
                [54, 8855],
                [1_477_913_708, 1_477_913_820],
                ALLOWED,
            ),
        ),
    ] {
        assert_eq!(logged(10, &[observation]), [line]);
    }
}

#[test]
fn flows_beyond_the_bound_have_one_record_together() {
    let flow = |port: u16, at| {
        let from = format!("203.0.113.7:{port}");
        observation(
            0,
            [from.as_str(), "10.0.0.1:80"],
            6,
            [2, 80],
            [at, at],
            ALLOWED,
        )
    };
    let seen: Vec<_> = (1..=5).map(|port| flow(port, 1200)).collect();
    let said = logged(3, &seen);
    assert_eq!(said.len(), 4);
    assert_eq!(
        said[3],
        format!("2 123456789010 {ENI} - - - - - - - 1200 1200 - SKIPDATA")
    );
    // One that is known has room, and the next window has it again.
    let said = logged(
        1,
        &[flow(1, 600), flow(1, 601), flow(2, 1200), flow(2, 1201)],
    );
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().all(|line| line.contains(" 4 160 ")), "{said:?}");
}

#[test]
fn what_workers_could_not_hand_over_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flows.log");
    let mut recorder = Recorder::new(10, 0);
    let at = Timestamp::from_secs;
    recorder.configure(
        &[to_file(&path)],
        interfaces(&[ENI, "eni-2"]),
        at(600),
        &NoNames,
    );
    recorder.skip(InterfaceIndex(1), 7);
    recorder.tick(at(1200), &NoNames);
    assert_eq!(recorder.status()[0].packets_skipped, 7);
    recorder.finish(&NoNames).unwrap();
    assert_eq!(
        lines(&path),
        [
            "2 123456789010 eni-1235b8ca123456789 - - - - - - - 600 1200 - NODATA",
            "2 123456789010 eni-2 - - - - - - - 600 1200 - SKIPDATA"
        ]
    );
}

#[test]
fn a_clock_that_leaps_centuries_does_not_write_for_ever() {
    let one = |at| {
        observation(
            0,
            ["203.0.113.7:1", "10.0.0.1:80"],
            6,
            [1, 40],
            [at, at],
            ALLOWED,
        )
    };
    let said = logged(10, &[one(600), one(18_000_000_000), one(700)]);
    let gaps = said.iter().filter(|line| line.ends_with("NODATA")).count();
    assert_eq!(gaps, 1441);
    // One that steps back is held: the packet counts in the window that is open.
    let last = said.last().unwrap();
    assert!(last.contains(" 2 80 18000000000 18000000000 "), "{last}");
}

#[test]
fn a_file_is_there_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = Timestamp::from_secs;
    let mut recorder = Recorder::new(10, 7);
    recorder.configure(
        &[to_folder(folder.path())],
        interfaces(&[ENI]),
        at(0),
        &NoNames,
    );
    let written = || {
        let mut found = BTreeSet::new();
        let mut folders = vec![folder.path().join("AWSLogs")];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    found.insert(entry.path());
                }
            }
        }
        found
    };
    for minute in 1..=3 {
        recorder.tick(at(minute * 60 - 1), &NoNames);
        assert_eq!(written().len() as u64, minute - 1);
        recorder.tick(at(minute * 60), &NoNames);
        assert_eq!(written().len() as u64, minute);
    }
    assert!(written().iter().all(|path| lines(path).len() == 1));
    // A run that was killed left something; the log's next run clears it, and nothing of others.
    let left = ["_fl-0123456789abcdef0_", "_fl-00000000000000001_"];
    let left = left.map(|name| folder.path().join(".unfinished").join(format!("a{name}b")));
    left.iter()
        .for_each(|path| fs::write(path, "half").unwrap());
    let mut next = Recorder::new(10, 8);
    next.configure(
        &[to_folder(folder.path())],
        interfaces(&[ENI]),
        at(0),
        &NoNames,
    );
    assert_eq!(left.map(|path| path.exists()), [false, true]);
}

#[test]
fn what_cannot_be_written_is_counted_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("log");
    let at = Timestamp::from_secs;
    let mut recorder = Recorder::new(10, 7);
    recorder.configure(&[to_folder(&root)], interfaces(&[ENI]), at(0), &NoNames);
    fs::write(&root, "not a folder").unwrap();
    recorder.tick(at(60), &NoNames);
    let status = recorder.status().remove(0);
    assert_eq!((status.records, status.records_lost), (0, 1));
    assert!(status.failure.unwrap().starts_with("cannot write "));
    fs::remove_file(&root).unwrap();
    recorder.tick(at(120), &NoNames);
    let status = recorder.status().remove(0);
    assert_eq!(
        (status.records, status.records_lost, status.failure),
        (1, 1, None)
    );
    let path = root.join("AWSLogs/123456789010/vpcflowlogs/us-east-1/1970/01/01");
    let file = fs::read_dir(path).unwrap().next().unwrap().unwrap();
    assert!(lines(&file.path())[0].ends_with(" 60 120 - SKIPDATA"));
}

#[test]
fn a_log_that_is_taken_away_writes_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| to_file(&folder.path().join(name)));
    let at = Timestamp::from_secs;
    let mut recorder = Recorder::new(10, 7);
    let logs = [one, two];
    recorder.configure(&logs, interfaces(&[ENI]), at(600), &NoNames);
    let seen = observation(
        0,
        ["203.0.113.7:1", "10.0.0.1:80"],
        6,
        [1, 40],
        [601, 601],
        ALLOWED,
    );
    recorder.observe(&seen, &NoNames);
    recorder.configure(&logs[1..], interfaces(&[ENI]), at(602), &NoNames);
    assert_eq!(lines(&folder.path().join("one")).len(), 1);
    assert!(!folder.path().join("two").exists());
    recorder.observe(&seen, &NoNames);
    recorder.finish(&NoNames).unwrap();
    let two = lines(&folder.path().join("two"));
    assert!(
        two[0].contains(" 2 80 601 "),
        "the same settings are the same log: {two:?}"
    );
}

#[test]
fn a_scope_is_of_interfaces_subnets_and_vpcs() {
    let interface = Interface {
        id: "eni-1".to_owned(),
        subnet: Some("subnet-1".to_owned()),
        vpc: Some("vpc-1".to_owned()),
        ..Interface::default()
    };
    for (id, covers) in [
        ("eni-1", true),
        ("subnet-1", true),
        ("vpc-1", true),
        ("vpc-2", false),
    ] {
        let scope = Scope::Of(BTreeSet::from([id.to_owned()]));
        assert_eq!(scope.covers(&interface), covers, "{id}");
    }
    assert!(Scope::All.covers(&interface) && !Scope::Of(BTreeSet::new()).covers(&interface));
}

proptest! {
    /// Whatever comes, every packet is in a record or was skipped.
    #[test]
    fn nothing_is_lost_uncounted(
        seen in vec((0..3_u32, 1..6_u16, any::<bool>(), 0..4000_u64, 1..9_u64), 1..200),
        flows_max in 0..6_usize,
        interval in 1..1000_u32,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flows.log");
        let mut recorder = Recorder::new(flows_max, 0);
        let settings = LogSettings { interval, ..to_file(&path) };
        recorder.configure(&[settings], interfaces(&["eni-0", "eni-1"]), Timestamp::from_secs(0), &NoNames);
        let (mut packets, mut bytes) = (0, 0);
        for (interface, port, allowed, at, count) in seen {
            let verdict = if allowed { ALLOWED } else { Verdict::deny(Reason::NoRule) };
            let from = format!("203.0.113.7:{port}");
            let ends = [from.as_str(), "10.0.0.1:80"];
            recorder.observe(&observation(interface, ends, 6, [count, count * 40], [at, at], verdict), &NoNames);
            if interface < 2 {
                packets += count;
                bytes += count * 40;
            }
        }
        let status = recorder.finish(&NoNames).unwrap().remove(0);
        let told = lines(&path);
        let sum = |place: usize| told.iter().filter_map(|line| line.split(' ').nth(place)?.parse::<u64>().ok()).sum::<u64>();
        prop_assert_eq!(sum(8) + status.packets_skipped, packets);
        prop_assert!(status.packets_skipped > 0 || sum(9) == bytes);
        let skipped = told.iter().any(|line| line.ends_with("SKIPDATA"));
        prop_assert_eq!(skipped, status.packets_skipped > 0);
        prop_assert_eq!(status.records, told.len() as u64);
    }
}
