//! A crowd around one key in a table with room elsewhere: only the inside can bring it about.

use std::net::Ipv4Addr;
use std::time::Duration;

use secgroup_packet::{Direction, Family, FlowKey, FlowKey4, InterfaceIndex, Protocol, Timestamp};

use super::{Config, Full, State, Table};
use crate::store::Handle;
use crate::{Lifetimes, Opening};

fn key(i: u32) -> FlowKey {
    FlowKey::V4(FlowKey4 {
        local: Ipv4Addr::from_bits(i),
        remote: Ipv4Addr::new(203, 0, 113, 10),
        local_port: 1,
        remote_port: 2,
        interface: InterfaceIndex(3),
        protocol: Protocol::TCP,
    })
}

fn insert(table: &mut Table, key: &FlowKey, state: State, now: Timestamp) -> Result<Handle, Full> {
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
        now,
        &Lifetimes::default(),
        None,
    )
}

#[test]
fn a_crowd_is_full_until_one_of_it_runs_out() {
    let mut table = Table::new(Config {
        capacity: 20 * 56,
        capacity_v6: 0,
        seed: 7,
    });
    let places = |table: &Table, key: &FlowKey| {
        let mut buckets = table.store.neighbourhood(Family::V4, table.hash(key));
        buckets.sort_unstable();
        buckets
    };
    // For one key in twenty the two are one, which is half the room.
    let two = |&[first, second]: &[usize; 2]| first != second;
    let wanted = (0..).map(|i| places(&table, &key(i))).find(two);
    let wanted = wanted.expect("nineteen in twenty");
    let crowd: Vec<_> = (0..)
        .map(key)
        .filter(|key| places(&table, key) == wanted)
        .take(130)
        .collect();
    let now = Timestamp::from_secs(1);
    for key in &crowd[..127] {
        insert(&mut table, key, State::SynSent, now).expect("128 places");
    }
    insert(&mut table, &crowd[127], State::Close, now).expect("128 places");
    // A half-open connection that gave way would lie in the way no less: none does.
    assert_eq!(
        insert(&mut table, &crowd[128], State::SynSent, now),
        Err(Full)
    );
    assert_eq!((table.stats().crowded, table.stats().gave_way), (1, 0));
    assert_eq!(table.len(Family::V4), 128);
    // One that is replaced keeps its place.
    insert(&mut table, &crowd[127], State::Close, now).expect("its own place");
    // The one in CLOSE runs out after 10 s.
    let later = now.saturating_add(Duration::from_secs(11));
    insert(&mut table, &crowd[128], State::SynSent, later).expect("a place was cleared");
    assert_eq!(
        insert(&mut table, &crowd[129], State::SynSent, later),
        Err(Full)
    );
    assert_eq!((table.stats().crowded, table.stats().ran_out()), (2, 1));
}
