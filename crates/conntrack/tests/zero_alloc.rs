//! Nothing is allocated once a table is made: not for a packet, not under a flood, not by a sweep.

use std::net::Ipv4Addr;
use std::time::Duration;

use secgroup_conntrack::{
    Config, FragmentKey, FragmentStep, FragmentTable, Lifetimes, Opening, Passage, State, Table,
};
use secgroup_packet::{
    AddressPair, Direction, FlowKey, FlowKey4, Fragment, InterfaceIndex, L4, Protocol, TcpFlags,
    Timestamp,
};
use secgroup_testkit::allocations::{Counting, during};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn key(i: u32) -> FlowKey {
    let [a, b, c, d] = i.to_be_bytes();
    FlowKey::V4(FlowKey4 {
        local: Ipv4Addr::new(10, 0, a, b),
        remote: Ipv4Addr::new(203, 0, 113, 10),
        local_port: 443,
        remote_port: u16::from_be_bytes([c, d]),
        interface: InterfaceIndex(i % 100),
        protocol: Protocol::TCP,
    })
}

#[test]
fn the_counter_counts() {
    assert_eq!(during(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn connections_cost_no_allocation() {
    let mut table = Table::new(Config {
        capacity: 1_000,
        capacity_v6: 1_000,
        seed: 1,
    });
    let (timeouts, side) = (Lifetimes::default(), Direction::Egress);
    let opening = Opening {
        originator: side,
        state: State::SynSent,
        rule: 1,
        sender: side,
        len: 1,
    };
    let answer = L4::Tcp {
        sport: 443,
        dport: 1,
        flags: TcpFlags::SYN.union(TcpFlags::ACK),
    };
    let work = || {
        for i in 0..20_000 {
            // The table is full after 20 s; later, a pause lets all that it holds run out.
            let now = Timestamp::from_secs(u64::from(i / 50 + i / 10_000 * 1_000));
            let key = key(i);
            let hash = table.hash(&key);
            let made = table.insert(&key, hash, opening, now, &timeouts, Some(50));
            let handle = made.expect("an older one gives way");
            if i % 3 == 0 {
                let passage = Passage {
                    sender: side.reverse(),
                    l4: &answer,
                    len: 60,
                };
                table.advance(handle, &passage, now, &timeouts);
            }
            if i % 7 == 0 {
                table.remove(handle);
            }
            table.sweep(now, 10);
        }
        table.remove_interface(InterfaceIndex(1));
        assert!(table.stats().gave_way > 0 && table.stats().ran_out() > 0);
    };
    assert_eq!(during(work), 0);
}

#[test]
fn fragments_cost_no_allocation() {
    let mut table = FragmentTable::new(100, 1);
    let (src, dst) = (Ipv4Addr::new(203, 0, 113, 10), Ipv4Addr::new(10, 0, 0, 10));
    let piece = |offset, more| Fragment {
        id: 0,
        offset,
        len: 8,
        more,
    };
    let work = || {
        for id in 0..10_000 {
            let now = Timestamp::from_secs(0).saturating_add(Duration::from_millis(310) * id);
            let key = FragmentKey {
                interface: InterfaceIndex(1),
                direction: Direction::Ingress,
                addresses: AddressPair::V4 { src, dst },
                protocol: Protocol::UDP,
                id,
            };
            if let FragmentStep::Fresh(slot) = table.first(&key, piece(0, true), now) {
                table.record(slot, id);
            }
            assert_eq!(table.later(&key, piece(8, false), now), Some(id));
        }
    };
    assert_eq!(during(work), 0);
}
