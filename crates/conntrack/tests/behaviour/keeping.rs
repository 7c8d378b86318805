//! What is done to connections from outside the packet path: taken back after a restart, ended on request, counted together with
//! those of other tables.

use std::sync::Arc;
use std::time::Duration;

use secgroup_conntrack::{
    Config, Connection, Full, Lifetimes, Opening, Passage, Pool, State, Table,
};
use secgroup_packet::{Direction, Family, FlowKey, InterfaceIndex, Protocol, Timestamp};

use crate::support::{flags, key4, key6, tcp};

const NOW: Timestamp = Timestamp::from_secs(1000);

fn table(capacity: u32) -> Table {
    Table::new(Config {
        capacity,
        capacity_v6: capacity,
        seed: 11,
    })
}

fn open(table: &mut Table, key: FlowKey, state: State, allowance: Option<u32>) -> Result<(), Full> {
    let opening = Opening {
        originator: Direction::Egress,
        state,
        rule: 7,
        sender: Direction::Egress,
        len: 60,
    };
    let (hash, timeouts) = (table.hash(&key), Lifetimes::default());
    table
        .insert(&key, hash, opening, NOW, &timeouts, allowance)
        .map(drop)
}

fn sorted(table: &Table) -> Vec<Connection> {
    let mut all: Vec<_> = table.iter().collect();
    all.sort_by_key(|connection| format!("{:?}", connection.key));
    all
}

#[test]
fn what_is_restored_is_what_was_there() {
    let mut before = table(256);
    for port in 0..40 {
        open(
            &mut before,
            key4(1, Protocol::TCP, port),
            State::SynSent,
            None,
        )
        .unwrap();
        open(&mut before, key6(2, Protocol::UDP, port), State::Udp, None).unwrap();
    }
    let handle = {
        let key = key4(1, Protocol::TCP, 3);
        before.lookup(&key, before.hash(&key), NOW).unwrap()
    };
    let later = NOW.saturating_add(Duration::from_secs(1));
    for (direction, segment) in [(Direction::Ingress, "SA"), (Direction::Egress, "A")] {
        let segment = tcp(flags(segment));
        let passage = Passage {
            sender: direction,
            l4: &segment,
            len: 60,
        };
        before.advance(handle, &passage, later, &Lifetimes::default());
    }

    let mut after = table(256);
    for connection in sorted(&before) {
        after.restore(&connection, later).unwrap();
    }
    assert_eq!(sorted(&after), sorted(&before));
    assert_eq!(after.len_of(InterfaceIndex(1)), 40);
    // Half-open ones are known as such: 39 are, and make room; the one whose handshake is complete does not.
    for port in 100..139 {
        open(
            &mut after,
            key4(1, Protocol::TCP, port),
            State::Established,
            Some(40),
        )
        .unwrap();
    }
    let one_more = open(
        &mut after,
        key4(1, Protocol::TCP, 139),
        State::Established,
        Some(40),
    );
    assert_eq!(one_more, Err(Full));
    assert_eq!(after.stats().gave_way, 39);
}

#[test]
fn the_past_takes_no_place_from_the_present() {
    let mut table = table(1);
    let (old, new) = (key4(1, Protocol::TCP, 1), key4(1, Protocol::TCP, 2));
    open(&mut table, new, State::SynSent, None).unwrap();
    let present = table.iter().next().unwrap();
    let past = Connection {
        key: old,
        ..present
    };
    assert_eq!(table.restore(&past, NOW), Err(Full), "no room");
    let same = Connection { rule: 9, ..present };
    assert_eq!(table.restore(&same, NOW), Err(Full), "its key is there");
    assert_eq!(table.iter().next().unwrap(), present);
}

#[test]
fn retain_ends_the_others_and_only_them() {
    let mut table = table(512);
    for port in 0..200 {
        let key = if port % 3 == 0 { key6 } else { key4 };
        open(
            &mut table,
            key(port.into(), Protocol::TCP, port),
            State::SynSent,
            None,
        )
        .unwrap();
    }
    let is_even = |connection: &Connection| connection.key.interface().0.is_multiple_of(2);
    let expected: Vec<_> = sorted(&table).into_iter().filter(is_even).collect();
    assert_eq!(table.retain(is_even), 100);
    assert_eq!(sorted(&table), expected);
    assert_eq!(table.len_of(InterfaceIndex(3)), 0);
    assert_eq!(table.retain(|_| false), 100);
    assert!(table.is_empty());
}

#[test]
fn tables_with_one_pool_have_one_allowance() {
    let pool = Arc::new(Pool::new());
    let interface = InterfaceIndex(1);
    let (mut a, mut b) = (table(64), table(64));
    open(&mut a, key4(1, Protocol::UDP, 0), State::Udp, Some(4)).unwrap(); // Before it is shared.
    a.share(interface, Arc::clone(&pool));
    b.share(interface, Arc::clone(&pool));
    open(&mut a, key4(1, Protocol::UDP, 1), State::Udp, Some(4)).unwrap();
    open(&mut b, key4(1, Protocol::UDP, 2), State::Udp, Some(4)).unwrap();
    open(&mut b, key6(1, Protocol::UDP, 3), State::Udp, Some(4)).unwrap();
    assert_eq!(pool.connections(), 4);
    for (table, port) in [(&mut a, 10), (&mut b, 11)] {
        let key = key4(1, Protocol::UDP, port);
        assert_eq!(open(table, key, State::Udp, Some(4)), Err(Full));
        open(table, key4(2, Protocol::UDP, port), State::Udp, Some(4)).unwrap(); // Another interface.
    }
    assert_eq!(a.remove_interface(interface), 2);
    assert_eq!(pool.connections(), 2);
    a.share(interface, Arc::clone(&pool));
    open(&mut a, key4(1, Protocol::UDP, 12), State::Udp, Some(4)).unwrap();
    drop(b); // As with a worker that fails.
    assert_eq!(pool.connections(), 1);
}

#[test]
fn the_next_due_is_never_late() {
    let mut table = table(64);
    assert_eq!(table.next_due(), None);
    open(&mut table, key4(1, Protocol::ICMP, 1), State::Icmp, None).unwrap();
    open(&mut table, key6(1, Protocol::TCP, 1), State::SynSent, None).unwrap();
    assert_eq!(
        table.next_due(),
        Some(NOW.saturating_add(Duration::from_secs(30)))
    );
    let after_icmp = NOW.saturating_add(Duration::from_secs(31));
    assert_eq!(table.sweep(after_icmp, 1000), 1);
    assert_eq!(
        table.next_due(),
        Some(NOW.saturating_add(Duration::from_secs(120)))
    );
    assert_eq!(table.len(Family::V4), 0);
}
