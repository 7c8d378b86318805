//! Fragments (D52).

use super::frames::{self, fragment, piece};
use super::world::{Policy, World, direction};
use crate::Settings;

/// A UDP datagram with 1600 bytes behind its IP header, of IPv4 and of IPv6.
fn datagrams() -> [Vec<u8>; 2] {
    let data = vec![7; 1592];
    let datagram = |source: &str, destination: &str| {
        frames::udp(source.parse().unwrap(), destination.parse().unwrap(), &data)
    };
    [
        datagram("198.51.100.7:40000", "10.0.0.5:53"),
        datagram("[2001:db8::1]:40000", "[2001:db8::5]:53"),
    ]
}

/// UDP port 53 is allowed, tracked.
fn policy() -> Policy {
    Policy::of(&["in udp 53 198.51.100.0/24", "in udp 53 2001:db8::/64"])
}

/// What becomes of the pieces `from..to` of a datagram, one after the other.
fn fates(world: &mut World, datagram: &[u8], pieces: &[(usize, usize)]) -> Vec<&'static str> {
    pieces
        .iter()
        .map(|&(from, to)| world.sees_bytes("in", &fragment(datagram, 1, from, to)))
        .collect()
}

#[test]
fn later_pieces_share_the_verdict_of_the_first() {
    for datagram in datagrams() {
        let mut world = World::new(&policy());
        let pieces = [(0, 800), (800, 1200), (1200, 1600)];
        assert_eq!(fates(&mut world, &datagram, &pieces), ["new"; 3]);
        assert_eq!(world.states().len(), 1);

        let first = world.judge_bytes(direction("in"), &fragment(&datagram, 2, 0, 800));
        let second = world.judge_bytes(direction("in"), &fragment(&datagram, 2, 800, 1600));
        assert_eq!(first.outcome.as_str(), "established");
        assert_eq!(first, second, "the rule too");

        let mut closed = World::new(&Policy::of(&[]));
        assert_eq!(fates(&mut closed, &datagram, &pieces), ["no-rule"; 3]);
    }
}

#[test]
fn a_later_piece_alone_is_dropped_and_so_is_one_out_of_order() {
    for datagram in datagrams() {
        let mut world = World::new(&policy());
        assert_eq!(
            fates(&mut world, &datagram, &[(800, 1600), (0, 800)]),
            ["fragment", "new"],
            "what comes before the first is lost"
        );
        assert_eq!(
            fates(&mut world, &datagram, &[(1200, 1600), (800, 1200)]),
            ["new"; 2],
            "pieces behind the first may come in any order"
        );
    }
}

#[test]
fn an_open_policy_does_not_save_a_later_piece() {
    let mut world = World::new(&Policy::of(&["in -1 0.0.0.0/0", "out -1 0.0.0.0/0"]));
    let [datagram, _] = datagrams();
    assert_eq!(
        world.sees_bytes("in", &fragment(&datagram, 1, 800, 1600)),
        "fragment"
    );
}

#[test]
fn an_overlap_spoils_the_datagram() {
    let overlaps: [&[(usize, usize)]; 6] = [
        &[(0, 800), (792, 1200)],                // one unit over the first
        &[(0, 800), (800, 1200), (800, 1200)],   // a duplicate
        &[(0, 800), (0, 800)],                   // a second first
        &[(0, 800), (1200, 1600), (800, 1208)],  // into a later one
        &[(0, 80), (160, 240), (80, 320)],       // around another
        &[(0, 800), (1200, 1600), (1208, 1600)], // a second end
    ];
    for datagram in datagrams() {
        for pieces in overlaps {
            let mut world = World::new(&policy());
            let fates = fates(&mut world, &datagram, pieces);
            let (last, before) = fates.split_last().unwrap();
            assert!(before.iter().all(|fate| *fate == "new"), "{pieces:?}");
            assert_eq!(*last, "fragment", "{pieces:?}");
            // Nothing more of it passes, however innocent.
            for offset in [4000, 400, 1048] {
                let innocent = piece(&datagram, 1, offset, &[0; 8], true);
                assert_eq!(world.sees_bytes("in", &innocent), "fragment", "{offset}");
            }
            // Another datagram does.
            assert_eq!(
                world.sees_bytes("in", &fragment(&datagram, 2, 0, 80)),
                "established"
            );
        }
    }
}

#[test]
fn a_second_first_is_denied_before_any_connection_is_looked_at() {
    let [datagram, _] = datagrams();
    let mut world = World::new(&policy());
    assert_eq!(
        world.sees_bytes("in", &fragment(&datagram, 1, 0, 800)),
        "new"
    );
    world.wait(20.0);
    assert_eq!(
        world.sees_bytes("in", &fragment(&datagram, 1, 0, 800)),
        "fragment"
    );
    let remaining = world.oracle.connections()[0].remaining;
    assert_eq!(remaining.as_secs(), 10, "the connection was not renewed");
}

#[test]
fn an_end_is_an_end() {
    for datagram in datagrams() {
        // Data beyond the end.
        let mut world = World::new(&policy());
        let first = piece(&datagram, 1, 0, &frames::payload(&datagram)[..800], true);
        assert_eq!(world.sees_bytes("in", &first), "new");
        assert_eq!(
            world.sees_bytes("in", &piece(&datagram, 1, 800, &[0; 80], false)),
            "new"
        );
        assert_eq!(
            world.sees_bytes("in", &piece(&datagram, 1, 880, &[0; 80], true)),
            "fragment"
        );

        // An end before data that came already.
        let mut world = World::new(&policy());
        assert_eq!(world.sees_bytes("in", &first), "new");
        assert_eq!(
            world.sees_bytes("in", &piece(&datagram, 1, 960, &[0; 80], true)),
            "new"
        );
        assert_eq!(
            world.sees_bytes("in", &piece(&datagram, 1, 800, &[0; 80], false)),
            "fragment"
        );

        // An empty one.
        let mut world = World::new(&policy());
        assert_eq!(world.sees_bytes("in", &first), "new");
        assert_eq!(
            world.sees_bytes("in", &piece(&datagram, 1, 960, &[], false)),
            "new"
        );
        assert_eq!(
            world.sees_bytes("in", &piece(&datagram, 1, 800, &[0; 160], true)),
            "new"
        );
        assert_eq!(
            world.sees_bytes("in", &piece(&datagram, 1, 960, &[0; 8], true)),
            "fragment"
        );
    }
}

#[test]
fn an_empty_end_may_come_behind_everything_but_only_once() {
    for datagram in datagrams() {
        let mut world = World::new(&policy());
        let first = piece(&datagram, 1, 0, &frames::payload(&datagram)[..800], true);
        assert_eq!(world.sees_bytes("in", &first), "new");
        let mut longer = world.clone();
        let end = piece(&datagram, 1, 800, &[], false);
        assert_eq!(world.sees_bytes("in", &end), "new", "where the data ends");
        assert_eq!(world.sees_bytes("in", &end), "fragment", "a second time");

        assert_eq!(
            longer.sees_bytes("in", &piece(&datagram, 1, 960, &[], false)),
            "new"
        );
        let last = piece(&datagram, 1, 800, &[0; 160], false);
        assert_eq!(
            longer.sees_bytes("in", &last),
            "fragment",
            "a second end at the same place"
        );
    }
}

#[test]
fn a_record_is_kept_30_seconds_from_the_first() {
    let [datagram, _] = datagrams();
    let mut world = World::new(&policy());
    assert_eq!(
        world.sees_bytes("in", &fragment(&datagram, 1, 0, 400)),
        "new"
    );
    assert_eq!(
        world
            .wait(20.0)
            .sees_bytes("in", &fragment(&datagram, 1, 400, 800)),
        "new"
    );
    let mut late = world.clone();
    assert_eq!(
        world
            .wait(10.0)
            .sees_bytes("in", &fragment(&datagram, 1, 800, 1600)),
        "new"
    );
    late.wait(10.0).now += 1;
    assert_eq!(
        late.sees_bytes("in", &fragment(&datagram, 1, 800, 1600)),
        "fragment"
    );
}

#[test]
fn sixteen_ranges_and_no_more() {
    let [datagram, _] = datagrams();
    let mut world = World::new(&policy());
    let spaced = |number: usize| (number * 16, number * 16 + 8);
    let first: Vec<_> = (0..16).map(spaced).collect();
    assert_eq!(fates(&mut world, &datagram, &first), ["new"; 16]);
    let mut joining = world.clone();
    assert_eq!(fates(&mut world, &datagram, &[spaced(16)]), ["fragment"]);
    assert_eq!(
        fates(&mut world, &datagram, &[(8, 16)]),
        ["fragment"],
        "spoilt"
    );
    // A piece that joins two makes room for one.
    assert_eq!(
        fates(&mut joining, &datagram, &[(8, 16), spaced(16)]),
        ["new"; 2]
    );
}

#[test]
fn the_table_holds_8192_datagrams() {
    let [datagram, _] = datagrams();
    let mut world = World::new(&policy());
    for id in 0..8192 {
        let fate = world.sees_bytes("in", &fragment(&datagram, id, 0, 8));
        assert_eq!(fate, if id == 0 { "new" } else { "established" });
    }
    assert_eq!(
        world.sees_bytes("in", &fragment(&datagram, 9000, 0, 8)),
        "fragment"
    );
    assert_eq!(
        world.sees_bytes("in", &datagram),
        "established",
        "whole packets pass"
    );
    world.wait(30.0).now += 1;
    assert_eq!(
        world.sees_bytes("in", &fragment(&datagram, 9000, 0, 8)),
        "new"
    );
}

#[test]
fn records_do_not_mix() {
    let [datagram, _] = datagrams();
    let other = frames::udp(
        "198.51.100.8:40000".parse().unwrap(),
        "10.0.0.5:53".parse().unwrap(),
        &[0; 8],
    );
    let mut world = World::new(&policy());
    assert_eq!(
        world.sees_bytes("in", &fragment(&datagram, 1, 0, 800)),
        "new"
    );
    assert_eq!(
        world.sees_bytes("in", &fragment(&datagram, 2, 800, 1600)),
        "fragment"
    );
    assert_eq!(
        world.sees_bytes("in", &piece(&other, 1, 800, &[0; 8], false)),
        "fragment"
    );
    let tcp = frames::ip(
        frames::ends(&datagram).0,
        frames::ends(&datagram).1,
        6,
        &[0; 20],
    );
    assert_eq!(
        world.sees_bytes("in", &piece(&tcp, 1, 800, &[0; 8], false)),
        "fragment"
    );
    assert_eq!(
        world.sees_bytes("in", &fragment(&datagram, 1, 800, 1600)),
        "new"
    );
}

#[test]
fn a_policy_change_touches_no_record() {
    let [datagram, _] = datagrams();
    let mut world = World::new(&policy());
    assert_eq!(
        world.sees_bytes("in", &fragment(&datagram, 1, 0, 800)),
        "new"
    );
    world.change(&Policy::of(&[]));
    assert_eq!(
        world.sees_bytes("in", &fragment(&datagram, 1, 800, 1600)),
        "new"
    );
}

#[test]
fn a_first_without_its_ports_is_malformed() {
    for datagram in datagrams() {
        let tcp = frames::ip(
            frames::ends(&datagram).0,
            frames::ends(&datagram).1,
            6,
            &[0x50; 40],
        );
        let mut world = World::new(&policy());
        assert_eq!(
            world.sees_bytes("in", &fragment(&tcp, 1, 0, 16)),
            "malformed"
        );
        assert_ne!(
            world.sees_bytes("in", &fragment(&tcp, 1, 0, 24)),
            "malformed"
        );
    }
}

#[test]
fn a_first_may_end_within_what_its_header_announces() {
    for datagram in datagrams() {
        let (source, destination, _) = frames::ends(&datagram);
        let mut options = [0xF0; 64];
        options[13] = 0x02;
        let tcp = frames::ip(source, destination, 6, &options);
        let mut world = World::new(&policy());
        assert_eq!(world.sees_bytes("in", &fragment(&tcp, 1, 0, 24)), "no-rule");
        let whole = frames::ip(source, destination, 6, &options[..24]);
        assert_eq!(world.sees_bytes("in", &whole), "malformed");
    }
}

#[test]
fn impossible_pieces_are_malformed() {
    for datagram in datagrams() {
        let mut world = World::new(&policy());
        let mut sees = |offset, len, more| {
            world.sees_bytes("in", &piece(&datagram, 1, offset, &vec![0; len], more))
        };
        assert_eq!(
            sees(800, 12, true),
            "malformed",
            "no multiple of 8, and more behind it"
        );
        assert_eq!(sees(800, 0, true), "malformed", "empty, and more behind it");
        assert_eq!(sees(65_528, 8, false), "malformed", "ends at 65536");
        assert_eq!(sees(65_528, 7, false), "fragment", "ends at 65535");
        assert_eq!(sees(800, 12, false), "fragment");
    }
}

#[test]
fn an_atomic_fragment_is_a_whole_packet() {
    let [_, datagram] = datagrams();
    let mut world = World::new(&policy());
    let atomic = piece(&datagram, 1, 0, frames::payload(&datagram), false);
    assert_eq!(world.sees_bytes("in", &atomic), "new");
    assert_eq!(
        world.sees_bytes("in", &atomic),
        "established",
        "no overlap (RFC 6946)"
    );
}

#[test]
fn checksums_of_fragments_are_not_looked_at() {
    let [mut datagram, _] = datagrams();
    datagram[27] ^= 1;
    let settings = Settings {
        verify_checksums: true,
        ..Settings::default()
    };
    let mut world = World::with(&policy(), settings);
    assert_eq!(world.sees_bytes("in", &datagram), "malformed");
    assert_eq!(
        fates(&mut world, &datagram, &[(0, 800), (800, 1600)]),
        ["new"; 2]
    );
}
