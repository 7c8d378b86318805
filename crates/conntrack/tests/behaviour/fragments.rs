//! Random fragments against a map of bytes (semantics D52), and the cases of RFC 5722 by hand.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;
use secgroup_conntrack::{FragmentKey, FragmentStep, FragmentTable};
use secgroup_packet::{AddressPair, Direction, Fragment, InterfaceIndex, Protocol, Timestamp};

/// How long a record is kept, in seconds.
const LIFE: u64 = 30;

/// The datagrams of the tests cross two interfaces, by their identification.
const fn interface(id: u32) -> InterfaceIndex {
    InterfaceIndex(id % 2)
}

fn key(id: u32) -> FragmentKey {
    let (src, dst) = (Ipv4Addr::new(203, 0, 113, 10), Ipv4Addr::new(10, 0, 0, 10));
    FragmentKey {
        interface: interface(id),
        direction: Direction::Ingress,
        addresses: AddressPair::V4 { src, dst },
        protocol: Protocol::UDP,
        id,
    }
}

const fn piece(offset: u16, len: u16, more: bool) -> Fragment {
    Fragment {
        id: 0,
        offset,
        len,
        more,
    }
}

/// A datagram as a map of which bytes have passed.
struct Datagram {
    arrived: Timestamp,
    verdict: u32,
    passed: Vec<bool>,
    end: Option<usize>,
    spoilt: bool,
}

impl Datagram {
    /// What the decision text says of a piece, byte by byte.
    fn fits(&mut self, piece: Fragment) -> bool {
        let (from, to) = (
            usize::from(piece.offset),
            usize::from(piece.offset + piece.len),
        );
        let overlaps = self.passed[from..to].iter().any(|&passed| passed);
        let second_end = !piece.more && self.end.is_some();
        let beyond = self.end.is_some_and(|end| to > end)
            || (!piece.more && self.passed[to..].iter().any(|&passed| passed));
        if overlaps || second_end || beyond {
            return false;
        }
        self.passed[from..to].fill(true);
        if !piece.more {
            self.end = Some(to);
        }
        let edges = self
            .passed
            .windows(2)
            .filter(|pair| !pair[0] && pair[1])
            .count();
        edges + usize::from(self.passed[0]) <= 16
    }
}

#[derive(Default)]
struct Model {
    datagrams: HashMap<u32, Datagram>,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Verdict(Option<u32>),
    Overlap,
    Full,
}

impl Model {
    fn arrive(&mut self, id: u32, piece: Fragment, now: Timestamp, verdict: u32) -> Answer {
        let life = Duration::from_secs(LIFE);
        self.datagrams
            .retain(|_, datagram| now.saturating_since(datagram.arrived) <= life);
        if piece.offset > 0 {
            let Some(datagram) = self.datagrams.get_mut(&id) else {
                return Answer::Verdict(None);
            };
            datagram.spoilt = datagram.spoilt || !datagram.fits(piece);
            return Answer::Verdict((!datagram.spoilt).then_some(datagram.verdict));
        }
        if let Some(datagram) = self.datagrams.get_mut(&id) {
            datagram.spoilt = true;
            return Answer::Overlap;
        }
        if self.datagrams.len() == CAPACITY as usize {
            return Answer::Full;
        }
        let passed = vec![false; 1_024]; // Larger than any in `pieces`.
        let mut datagram = Datagram {
            arrived: now,
            verdict,
            passed,
            end: None,
            spoilt: false,
        };
        datagram.spoilt = !datagram.fits(piece);
        self.datagrams.insert(id, datagram);
        Answer::Verdict(Some(verdict))
    }
}

fn arrive(
    table: &mut FragmentTable<u32>,
    id: u32,
    piece: Fragment,
    now: Timestamp,
    verdict: u32,
) -> Answer {
    if piece.offset > 0 {
        return Answer::Verdict(table.later(&key(id), piece, now));
    }
    match table.first(&key(id), piece, now) {
        FragmentStep::Fresh(slot) => {
            table.record(slot, verdict);
            Answer::Verdict(Some(verdict))
        }
        FragmentStep::Overlap => Answer::Overlap,
        FragmentStep::Full => Answer::Full,
    }
}

/// Few datagrams, so that they fill the table, run out and come again.
const CAPACITY: u32 = 5;

/// Pieces of small datagrams, in eights, as the parser lets them through.
fn pieces() -> impl Strategy<Value = Vec<(u32, Fragment, u64)>> {
    let short = (0..60_u16, 1..4_u16, prop::bool::weighted(0.9))
        .prop_map(|(at, len, more)| piece(at * 8, len * 8, more || at == 0));
    let first = (1..4_u16).prop_map(|len| piece(0, len * 8, true));
    let odd_end = (1..60_u16, 0..20_u16).prop_map(|(at, len)| piece(at * 8, len, false));
    let wait =
        prop_oneof![9 => Just(0), 2 => 0..2_000_000_000_u64, 1 => Just(LIFE * 1_000_000_000)];
    let arrival = (
        0..8_u32,
        prop_oneof![6 => short, 3 => first, 1 => odd_end],
        wait,
    );
    prop::collection::vec(arrival, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn fragments_are_judged_byte_by_byte(
        seed: u64,
        pieces in pieces(),
        gone_at in 0..200_u32,
    ) {
        let mut table = FragmentTable::new(CAPACITY, seed);
        let mut model = Model::default();
        let mut now = Timestamp::from_secs(1_000);
        for (verdict, (id, piece, wait)) in (0..).zip(pieces) {
            if verdict == gone_at {
                table.remove_interface(interface(1));
                model.datagrams.retain(|&id, _| interface(id) != interface(1));
            }
            now = now.saturating_add(Duration::from_nanos(wait));
            let got = arrive(&mut table, id, piece, now, verdict);
            prop_assert_eq!(got, model.arrive(id, piece, now, verdict), "{} {:?}", id, piece);
        }
    }

    #[test]
    fn a_large_table_finds_every_datagram(seed: u64, capacity in 1..3_000_u32, rounds in 1..5_u32) {
        let mut table = FragmentTable::new(capacity, seed);
        for round in 0..rounds {
            let now = Timestamp::from_secs(u64::from(round) * (LIFE + 1));
            for id in 0..capacity {
                let id = round * capacity + id;
                prop_assert_eq!(
                    arrive(&mut table, id, piece(0, 8, true), now, id),
                    Answer::Verdict(Some(id))
                );
            }
            let over = arrive(&mut table, u32::MAX, piece(0, 8, true), now, 0);
            prop_assert_eq!(over, Answer::Full);
            for id in 0..(round + 1) * capacity {
                let expected = (id / capacity == round).then_some(id);
                let got = arrive(&mut table, id, piece(8, 8, false), now, 0);
                prop_assert_eq!(got, Answer::Verdict(expected));
            }
        }
    }
}

/// Sends pieces of one datagram, the first of which is judged 7; which of them pass.
fn passes(pieces: &[Fragment]) -> Vec<bool> {
    let mut table = FragmentTable::new(1, 3);
    let now = Timestamp::from_secs(1);
    let answers = pieces
        .iter()
        .map(|&piece| arrive(&mut table, 1, piece, now, 7));
    answers
        .map(|answer| answer == Answer::Verdict(Some(7)))
        .collect()
}

#[test]
fn in_order_and_out_of_order_behind_the_first() {
    let [a, b, c, d] = [
        piece(0, 8, true),
        piece(8, 8, true),
        piece(16, 8, true),
        piece(24, 5, false),
    ];
    assert_eq!(passes(&[a, b, c, d]), [true; 4]);
    assert_eq!(passes(&[a, b, d, c]), [true; 4]);
    // Scenario 62: before the first nothing passes, and it may come again behind it.
    assert_eq!(passes(&[b, a, d, c]), [false, true, true, true]);
    assert_eq!(passes(&[b, a, c, b]), [false, true, true, true]);
}

#[test]
fn any_overlap_spoils_the_datagram() {
    let (first, end) = (piece(0, 24, true), piece(40, 8, false));
    // A duplicate is one; by one block at either side; inside; around; a second first.
    for overlap in [
        piece(24, 16, true),
        piece(16, 8, true),
        piece(32, 16, true),
        piece(8, 8, true),
        first,
    ] {
        let trace = [first, piece(24, 16, true), overlap, end];
        assert_eq!(passes(&trace), [true, true, false, false], "{overlap:?}");
    }
    assert_eq!(
        passes(&[first, end, piece(40, 8, false)]),
        [true, true, false]
    );
    assert_eq!(
        passes(&[first, end, piece(48, 8, false)]),
        [true, true, false]
    );
    assert_eq!(
        passes(&[first, end, piece(48, 8, true)]),
        [true, true, false]
    );
    assert_eq!(
        passes(&[first, piece(48, 8, true), end]),
        [true, true, false]
    );
}

#[test]
fn sixteen_ranges_and_no_more() {
    // Every other block: the first is a range, and 15 more fit.
    let mut pieces = vec![piece(0, 8, true)];
    pieces.extend((1..17).map(|i| piece(i * 16, 8, true)));
    let mut expected = [true; 17];
    expected[16] = false;
    assert_eq!(passes(&pieces), expected);
    // A gap that is closed makes room for another.
    pieces.insert(16, piece(8, 8, true));
    assert_eq!(passes(&pieces), [true; 18]);
}

#[test]
fn a_whole_datagram_of_65535_bytes_in_the_smallest_pieces() {
    let mut pieces = vec![piece(0, 8, true)];
    pieces.extend((1..8_191).map(|i| piece(i * 8, 8, true)));
    pieces.push(piece(65_528, 7, false));
    assert!(passes(&pieces).iter().all(|&passes| passes));
    assert_eq!(
        passes(&[piece(0, 8, true), piece(65_528, 8, false)]),
        [true, false]
    );
}

#[test]
fn a_record_lives_30_s_from_the_first_fragment() {
    let mut table = FragmentTable::new(1, 3);
    let start = Timestamp::from_secs(1);
    let at = |nanos| start.saturating_add(Duration::from_nanos(nanos));
    let life = LIFE * 1_000_000_000;
    arrive(&mut table, 1, piece(0, 8, true), start, 7);
    assert_eq!(table.later(&key(1), piece(8, 8, true), at(life)), Some(7));
    assert_eq!(
        table.first(&key(2), piece(0, 8, true), at(life)),
        FragmentStep::Full
    );
    assert_eq!(table.later(&key(1), piece(16, 8, true), at(life + 1)), None);
    assert!(matches!(
        table.first(&key(2), piece(0, 8, true), at(life + 1)),
        FragmentStep::Fresh(_)
    ));
    // A clock that goes back brings nothing back (scenario 71); a first that was never judged lets
    // nothing pass.
    assert_eq!(
        table.first(&key(3), piece(0, 8, true), start),
        FragmentStep::Full
    );
    assert_eq!(table.later(&key(2), piece(8, 8, true), start), None);
}

#[test]
fn every_field_of_the_key_counts() {
    let mut table = FragmentTable::new(10, 3);
    let (now, own) = (Timestamp::from_secs(1), key(1));
    let FragmentStep::Fresh(slot) = table.first(&own, piece(0, 8, true), now) else {
        panic!("there is room");
    };
    table.record(slot, 7);
    let AddressPair::V4 { src, dst } = own.addresses else {
        panic!("IPv4")
    };
    let others = [
        FragmentKey {
            interface: InterfaceIndex(2),
            ..own
        },
        FragmentKey {
            direction: Direction::Egress,
            ..own
        },
        FragmentKey {
            addresses: AddressPair::V4 { src: dst, dst: src },
            ..own
        },
        FragmentKey {
            protocol: Protocol::TCP,
            ..own
        },
        FragmentKey { id: 2, ..own },
    ];
    for other in others {
        assert_eq!(
            table.later(&other, piece(8, 8, true), now),
            None,
            "{other:?}"
        );
    }
    assert_eq!(table.later(&own, piece(8, 8, true), now), Some(7));
}

#[test]
fn a_table_of_no_datagrams_is_full() {
    let mut table = FragmentTable::<u32>::new(0, 3);
    let now = Timestamp::from_secs(1);
    assert_eq!(
        table.first(&key(1), piece(0, 8, true), now),
        FragmentStep::Full
    );
    assert_eq!(table.later(&key(1), piece(8, 8, true), now), None);
}
