//! Tables filled to the last place: the capacity is exact, and lasting use does not wear it down.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use secgroup_conntrack::{Config, Full, Handle, Lifetimes, Opening, State, Table};
use secgroup_packet::{
    Direction, Family, FlowKey, FlowKey4, FlowKey6, InterfaceIndex, Protocol, Timestamp,
};

const NOW: Timestamp = Timestamp::from_secs(1);

/// Keys in the pattern of a scan: one field counts, all others stay.
fn key(family: Family, i: u32) -> FlowKey {
    let [_, _, high, low] = i.to_be_bytes();
    let port = u16::from_be_bytes([high, low]);
    let [host, ..] = i.to_be_bytes();
    let (interface, protocol) = (InterfaceIndex(1), Protocol::TCP);
    let (local_port, remote_port) = (443, port);
    match family {
        Family::V4 => FlowKey::V4(FlowKey4 {
            local: Ipv4Addr::new(10, 0, 0, 10),
            remote: Ipv4Addr::from_bits(0xc633_6400 | i >> 16 | u32::from(host)),
            local_port,
            remote_port,
            interface,
            protocol,
        }),
        Family::V6 => FlowKey::V6(FlowKey6 {
            local: Ipv6Addr::from_bits(0x2001_0db8 << 96 | 1),
            remote: Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(i >> 16) << 64),
            local_port,
            remote_port,
            interface,
            protocol,
        }),
    }
}

fn insert(table: &mut Table, key: &FlowKey, state: State) -> Result<Handle, Full> {
    let side = Direction::Ingress;
    let opening = Opening {
        originator: side,
        state,
        rule: 1,
        sender: side,
        len: 60,
    };
    table.insert(
        key,
        table.hash(key),
        opening,
        NOW,
        &Lifetimes::default(),
        None,
    )
}

fn fill(table: &mut Table, family: Family, capacity: u32) {
    for i in 0..capacity {
        assert!(
            insert(table, &key(family, i), State::Established).is_ok(),
            "{i} of {capacity}"
        );
    }
    assert_eq!(
        insert(table, &key(family, capacity), State::SynSent),
        Err(Full)
    );
    assert_eq!((table.len(family), table.stats().full), (capacity, 1));
}

fn holds(table: &Table, keys: impl Iterator<Item = FlowKey>) -> bool {
    keys.into_iter().all(|key| {
        let found = table.lookup(&key, table.hash(&key), NOW);
        found.is_some_and(|handle| table.connection(handle).key == key)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_table_holds_exactly_its_capacity(capacity in 1..3_000_u32, seed: u64, v6: bool) {
        let family = if v6 { Family::V6 } else { Family::V4 };
        let sizes = if v6 { [0, capacity] } else { [capacity, 0] };
        let [capacity, capacity_v6] = sizes;
        let mut table = Table::new(Config { capacity, capacity_v6, seed });
        let capacity = capacity.max(capacity_v6);
        fill(&mut table, family, capacity);
        prop_assert!(holds(&table, (0..capacity).map(|i| key(family, i))));
        prop_assert_eq!(table.stats().crowded, 0);
    }
}

#[test]
fn a_full_table_that_is_churned_stays_as_good_as_new() {
    for family in Family::BOTH {
        let capacity = 50_000;
        let mut table = Table::new(Config {
            capacity,
            capacity_v6: capacity,
            seed: 11,
        });
        fill(&mut table, family, capacity);
        let mut held: Vec<u32> = (0..capacity).collect();
        let mut random = 1_u64;
        for fresh in capacity..capacity * 10 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = usize::try_from(random >> 33).unwrap() % held.len();
            let old = key(family, held[at]);
            let handle = table
                .lookup(&old, table.hash(&old), NOW)
                .expect("it was put there");
            table.remove(handle);
            insert(&mut table, &key(family, fresh), State::Established).expect("one just left");
            held[at] = fresh;
        }
        assert!(holds(&table, held.iter().map(|&i| key(family, i))));
        assert!(
            (0..capacity * 10)
                .filter(|&i| holds(&table, std::iter::once(key(family, i))))
                .count()
                == held.len()
        );
        assert_eq!(table.stats().crowded, 0);
    }
}

#[test]
fn a_flood_displaces_only_half_open_connections() {
    // Scenario 56.
    let capacity = 10_000;
    let mut table = Table::new(Config {
        capacity,
        capacity_v6: 0,
        seed: 12,
    });
    for i in 0..capacity / 2 {
        insert(&mut table, &key(Family::V4, i), State::Established).expect("there is room");
    }
    for i in capacity..capacity * 20 {
        insert(&mut table, &key(Family::V4, i), State::SynSent).expect("an older one gives way");
    }
    assert_eq!(table.len(Family::V4), capacity);
    assert!(holds(&table, (0..capacity / 2).map(|i| key(Family::V4, i))));
    let youngest = capacity * 20 - capacity / 2..capacity * 20;
    assert!(holds(&table, youngest.map(|i| key(Family::V4, i))));
    assert_eq!(
        table.stats().gave_way,
        u64::from(capacity * 19 - capacity / 2)
    );
}

#[test]
fn a_connection_takes_75_bytes_and_one_of_ipv6_148() {
    let capacity = 1 << 20;
    let table = Table::new(Config {
        capacity,
        capacity_v6: capacity,
        seed: 1,
    });
    let each = |family| table.memory_bytes(family).div_ceil(capacity as usize);
    assert_eq!((each(Family::V4), each(Family::V6)), (75, 148));
}
