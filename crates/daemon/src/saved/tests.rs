use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use secgroup_conntrack::{Connection, State};
use secgroup_packet::{
    Direction, FlowKey, FlowKey4, FlowKey6, InterfaceIndex, Protocol, Timestamp,
};
use secgroup_testkit::rng::Rng;

use super::layout::{Record, STATES};
use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A connection of any kind, alive for up to five days after `NOW`.
fn connection(rng: &mut Rng) -> Connection {
    let state = *rng.pick(&STATES);
    let protocol = match state {
        State::Udp | State::UdpStream => Protocol::UDP,
        State::Icmp => Protocol::ICMP,
        State::Other => Protocol(47),
        _ => Protocol::TCP,
    };
    let interface = InterfaceIndex(word(rng, 4));
    let mut port = || u16::try_from(rng.below(1 << 16)).unwrap();
    let (local_port, remote_port) = (port(), port());
    let key = if rng.chance(1, 2) {
        FlowKey::V4(FlowKey4 {
            local: word(rng, 1 << 32).into(),
            remote: word(rng, 1 << 32).into(),
            local_port,
            remote_port,
            interface,
            protocol,
        })
    } else {
        let mut address = || (u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64())).into();
        FlowKey::V6(FlowKey6 {
            local: address(),
            remote: address(),
            local_port,
            remote_port,
            interface,
            protocol,
        })
    };
    let left = Duration::from_millis(1 + rng.below(432_000_000));
    Connection {
        key,
        originator: *rng.pick(&Direction::BOTH),
        state,
        expires: NOW.saturating_add(left),
        rule: if rng.chance(1, 8) {
            Connection::NO_RULE
        } else {
            word(rng, 5)
        },
        packets: [word(rng, 1 << 32), word(rng, 1 << 32)],
        bytes: [rng.next_u64(), rng.next_u64()],
    }
}

/// A number below `bound`, which is 2^32 at most.
fn word(rng: &mut Rng, bound: u64) -> u32 {
    u32::try_from(rng.below(bound)).unwrap()
}

/// A place in something of this length.
fn place(rng: &mut Rng, length: usize) -> usize {
    usize::try_from(rng.below(length as u64)).unwrap()
}

fn connections(count: usize) -> Vec<Connection> {
    let seed = 7;
    let mut rng = Rng::new(seed);
    (0..count).map(|_| connection(&mut rng)).collect()
}

/// Interface 3 has no name, rule 4 neither.
fn interface_name(InterfaceIndex(number): InterfaceIndex) -> Option<String> {
    (number < 3).then(|| format!("eni-{number}"))
}

fn rule_name(number: u32) -> Option<String> {
    (number < 4).then(|| format!("sgr-{number}"))
}

/// The same names, other numbers; `eni-2` and `sgr-3` are no more.
fn interface(name: &str) -> Option<InterfaceIndex> {
    let number: u32 = name.strip_prefix("eni-")?.parse().ok()?;
    (number < 2).then_some(InterfaceIndex(number + 100))
}

fn rule(name: &str) -> Option<u32> {
    let number: u32 = name.strip_prefix("sgr-")?.parse().ok()?;
    (number < 3).then_some(number + 1000)
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("connections");
    (folder, path)
}

/// The bytes of a file of `count` connections.
fn bytes(count: usize) -> Vec<u8> {
    let (_folder, path) = file();
    save(&path, NOW, connections(count), interface_name, rule_name).unwrap();
    fs::read(&path).unwrap()
}

fn restore_all(saved: &SavedConnections, now: Timestamp) -> (Vec<Connection>, Restored) {
    let mut all = Vec::new();
    let counted = saved.restore(now, interface, rule, |connection| all.push(connection));
    (all, counted)
}

/// What a saved connection must come back as, `gone_by` later.
fn expected(mut connection: Connection, gone_by: Duration) -> Option<Connection> {
    let number = connection.key.interface().0;
    let moved = InterfaceIndex(number + 100);
    match &mut connection.key {
        FlowKey::V4(key) => key.interface = moved,
        FlowKey::V6(key) => key.interface = moved,
    }
    connection.rule = match connection.rule {
        rule @ 0..3 => rule + 1000,
        _ => Connection::NO_RULE,
    };
    let alive = connection.expires > NOW.saturating_add(gone_by);
    (number < 2 && alive).then_some(connection)
}

fn by_key(connections: &mut [Connection]) {
    connections.sort_by_key(|connection| format!("{:?}", connection.key));
}

#[test]
fn what_is_saved_comes_back_with_other_numbers() {
    let (_folder, path) = file();
    let before = connections(1000);
    let counted = save(&path, NOW, before.clone(), interface_name, rule_name).unwrap();
    let nameless = before
        .iter()
        .filter(|connection| connection.key.interface().0 == 3)
        .count() as u64;
    assert_eq!(
        (counted.saved, counted.left_out),
        (1000 - nameless, nameless)
    );

    let saved = SavedConnections::load(&path).unwrap();
    assert_eq!(saved.saved_at(), NOW);
    let gone_by = Duration::from_secs(200_000);
    let (mut after, restored) = restore_all(&saved, NOW.saturating_add(gone_by));
    let mut wanted: Vec<_> = before
        .into_iter()
        .filter_map(|connection| expected(connection, gone_by))
        .collect();
    by_key(&mut after);
    by_key(&mut wanted);
    assert_eq!(after, wanted);
    assert_eq!(restored.restored, wanted.len() as u64);
    assert!(restored.ran_out > 0 && restored.no_interface > 0);
    assert_eq!(restored.damaged, 0);
    let all = restored.restored + restored.ran_out + restored.no_interface;
    assert_eq!(all, counted.saved);
}

#[test]
fn a_clock_that_went_back_lengthens_no_life() {
    let saved = SavedConnections::new(bytes(100)).unwrap();
    let earlier = Timestamp::from_secs(1_600_000_000);
    let (all, restored) = restore_all(&saved, earlier);
    assert!(restored.restored > 0 && restored.ran_out == 0);
    let longest = earlier.saturating_add(Duration::from_secs(432_001));
    assert!(all.iter().all(|connection| connection.expires < longest));
}

#[test]
fn what_has_run_out_is_not_saved() {
    let (_folder, path) = file();
    let later = NOW.saturating_add(Duration::from_secs(432_001));
    let counted = save(&path, later, connections(50), interface_name, rule_name).unwrap();
    assert_eq!(
        counted,
        Counted {
            saved: 0,
            left_out: 50
        }
    );
    let (all, _) = restore_all(&SavedConnections::load(&path).unwrap(), later);
    assert!(all.is_empty());
}

#[test]
fn the_file_is_private_and_replaced_whole() {
    let (folder, path) = file();
    fs::write(&path, "what was there").unwrap();
    fs::write(folder.path().join("connections.new"), "left over").unwrap();
    save(&path, NOW, connections(3), interface_name, rule_name).unwrap();
    let found = fs::metadata(&path).unwrap();
    assert_eq!(found.mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    // Where it cannot be written, the old one stays.
    let before = fs::read(&path).unwrap();
    fs::create_dir(folder.path().join("connections.new")).unwrap();
    let error = save(&path, NOW, connections(9), interface_name, rule_name).unwrap_err();
    assert!(error.to_string().starts_with("cannot save connections to "));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn what_is_no_such_file_is_said() {
    let (folder, path) = file();
    let load = |path: &PathBuf| SavedConnections::load(path).unwrap_err();
    assert!(matches!(load(&path), LoadError::Missing));
    assert!(matches!(load(&folder.path().into()), LoadError::NotAFile));
    fs::write(&path, "").unwrap();
    assert!(matches!(load(&path), LoadError::NotSaved));
    fs::write(&path, b"SGSAVED\n\x02\0\0\0 and so on").unwrap();
    assert!(matches!(load(&path), LoadError::Version(2)));
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(matches!(load(&link), LoadError::Io(_)));
}

#[test]
fn every_piece_of_a_file_is_refused() {
    let whole = bytes(20);
    for length in 0..whole.len() {
        let piece = whole[..length].to_vec();
        assert!(SavedConnections::new(piece).is_err(), "{length} bytes");
    }
    let mut longer = whole;
    longer.push(0);
    assert!(SavedConnections::new(longer).is_err());
}

#[test]
fn every_flipped_bit_is_noticed() {
    let whole = bytes(5);
    for place in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[place / 8] ^= 1 << (place % 8);
        assert!(SavedConnections::new(bytes).is_err(), "bit {place}");
    }
}

/// Files with a right checksum and anything in them: the checksum stands in nobody's way who means harm.
#[test]
fn forged_files_do_no_harm() {
    let whole = bytes(30);
    let seed = 20_261_121;
    println!("seed {seed}");
    let mut rng = Rng::new(seed);
    let (mut refused, mut read) = (0, 0);
    for _ in 0..50_000 {
        let mut bytes = whole.clone();
        for _ in 0..=rng.below(6) {
            // Behind the records is where lies about lengths are told.
            let reach = if rng.chance(1, 2) { 120 } else { bytes.len() };
            let at = bytes.len() - 1 - place(&mut rng, reach);
            let [any, ..] = rng.next_u64().to_le_bytes();
            bytes[at] = *rng.pick(&[0xff, 0, 1, any]);
        }
        if rng.chance(1, 8) {
            let length = place(&mut rng, bytes.len());
            bytes.truncate(length);
        }
        let covered = bytes.len().saturating_sub(4);
        let checksum = crc32fast::hash(&bytes[..covered]).to_le_bytes();
        bytes.truncate(covered);
        bytes.extend_from_slice(&checksum);
        let length = bytes.len() as u64;
        match SavedConnections::new(bytes) {
            Err(_) => refused += 1,
            Ok(saved) => {
                read += 1;
                let counted = restore_all(&saved, NOW).1;
                let all =
                    counted.restored + counted.ran_out + counted.no_interface + counted.damaged;
                // The last of them may be a piece of one.
                assert!(all.saturating_sub(1) * Record::<std::net::Ipv4Addr>::LEN as u64 <= length);
            }
        }
    }
    assert!(refused > 1000 && read > 1000, "{refused} {read}");
}

#[test]
fn numbers_of_states_are_their_places() {
    for (place, state) in STATES.into_iter().enumerate() {
        assert_eq!(state as usize, place);
    }
}
