//! What only the inside can aim at: keys that all want the same two buckets.

use std::net::Ipv4Addr;

use secgroup_packet::{FlowKey4, InterfaceIndex, Protocol};

use super::{BUCKET, Body, FIRST_CHOICE, LOAD, Line, PackedKey, Slots};
use crate::hash::{FlowHash, Seed};
use crate::line::WORDS_V4;

type Key = PackedKey<WORDS_V4>;

fn key(i: u32) -> Key {
    PackedKey::from(&FlowKey4 {
        local: Ipv4Addr::from_bits(i),
        remote: Ipv4Addr::new(203, 0, 113, 10),
        local_port: 1,
        remote_port: 2,
        interface: InterfaceIndex(3),
        protocol: Protocol::TCP,
    })
}

fn put(slots: &mut Slots<WORDS_V4>, key: &Key, hash: FlowHash) -> Option<usize> {
    let slot = slots.vacant(hash)?;
    slots.take(slot, hash, Line::new(key, Body::new(Protocol::TCP)));
    Some(slot)
}

/// Keys that point to these two buckets, either first.
fn aimed<'a>(
    slots: &'a Slots<WORDS_V4>,
    seed: &'a Seed,
    wanted: [usize; 2],
) -> impl Iterator<Item = (Key, FlowHash)> + use<'a> {
    (0..)
        .map(key)
        .map(|key| (key, seed.hash(&key)))
        .filter(move |(_, hash)| {
            let mut buckets = slots.neighbourhood(*hash);
            buckets.sort_unstable();
            buckets == wanted
        })
}

#[test]
fn whoever_knows_the_seed_fills_two_buckets_and_no_more() {
    let seed = Seed::new(7);
    let mut slots = Slots::<WORDS_V4>::new(20 * 56);
    let attack: Vec<_> = aimed(&slots, &seed, [4, 11])
        .take(2 * BUCKET + 50)
        .collect();
    let (fitting, others) = attack.split_at(2 * BUCKET);
    for (key, hash) in fitting {
        let slot = put(&mut slots, key, *hash).expect("128 places");
        assert!([4, 11].contains(&(slot / BUCKET)));
    }
    for (key, hash) in others {
        assert!(put(&mut slots, key, *hash).is_none() && slots.find(key, *hash).is_none());
    }
    assert_eq!(slots.len() as usize, 2 * BUCKET);
    // Every one of them is found, and one that leaves makes room for one.
    for (key, hash) in fitting {
        let slot = slots.find(key, *hash).expect("it is there");
        assert!(slots.line(slot).has(key));
    }
    let (gone, hash) = &fitting[70];
    slots.free_up(slots.find(gone, *hash).expect("it is there"));
    assert!(slots.find(gone, *hash).is_none());
    let (key, hash) = &others[0];
    assert!(put(&mut slots, key, *hash).is_some());
    assert!(put(&mut slots, &others[1].0, others[1].1).is_none());
    // Keys of anyone else are as welcome as before.
    let elsewhere = aimed(&slots, &seed, [2, 17])
        .next()
        .expect("there are such keys");
    assert!(put(&mut slots, &elsewhere.0, elsewhere.1).is_some());
}

#[test]
fn two_keys_share_a_hash_and_stay_apart() {
    let mut slots = Slots::<WORDS_V4>::new(100);
    let hash = Seed::new(7).hash(&key(0));
    let places: Vec<_> = (0..100)
        .map(|i| put(&mut slots, &key(i), hash).expect("room"))
        .collect();
    for (i, place) in (0..).zip(places) {
        assert_eq!(slots.find(&key(i), hash), Some(place));
    }
    assert_eq!(slots.find(&key(100), hash), None);
}

#[test]
fn the_buckets_of_a_full_table_are_evenly_filled() {
    let seed = Seed::new(8);
    let buckets = 2_000;
    let mut slots = Slots::<WORDS_V4>::new(buckets * 56);
    let mut in_first = 0;
    for i in 0..buckets * 56 {
        let hash = seed.hash(&key(i));
        let slot = put(&mut slots, &key(i), hash).expect("room");
        in_first += u32::from(slots.neighbourhood(hash)[0] == slot / BUCKET);
    }
    let fullest = (0..slots.buckets())
        .map(|bucket| 64 - slots.free(bucket).count_ones())
        .max();
    assert!(
        fullest <= Some(FIRST_CHOICE + 4),
        "{fullest:?} of 64, {LOAD} on average"
    );
    let share = f64::from(in_first) / f64::from(buckets * 56);
    assert!(share > 0.9, "{share} lie in their first bucket");
}

#[test]
fn counters_stop_at_the_largest_number() {
    let mut body = Body::new(Protocol::UDP);
    let way = secgroup_packet::Direction::Egress;
    body.packets = [3, u32::MAX - 1];
    body.bytes = [4, u64::MAX - 50];
    for _ in 0..3 {
        body.count(way, 40);
    }
    assert_eq!((body.packets, body.bytes), ([3, u32::MAX], [4, u64::MAX]));
}
