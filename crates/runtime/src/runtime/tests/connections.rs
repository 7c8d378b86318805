//! Connections that are asked for, cut, saved and brought back.

use secgroup_datapath::State;
use secgroup_packet::{FlowKey, Protocol, Timestamp};

use super::*;
use crate::Kind;

/// A runtime with a link of two shards and connections from these ports.
fn with_connections(ports: std::ops::Range<u16>) -> (Runtime, Vec<Ends>) {
    let runtime = start(2);
    let (_cables, mut ends) = attach_shards(&runtime, 2);
    let count = u32::from(ports.end - ports.start);
    ends[0].send(Direction::Ingress, &ports.map(query).collect::<Vec<_>>());
    eventually("all connections", || {
        runtime.status().links[0].connections == count
    });
    (runtime, ends)
}

/// The answer to a query, which only its connection lets out.
fn answer(port: u16) -> Vec<u8> {
    frame::udp("10.0.0.10:53", &format!("203.0.113.5:{port}"), b"!")
}

/// How many of the answers to these ports get out.
fn answered(ends: &mut [Ends], runtime: &Runtime, ports: std::ops::Range<u16>) -> usize {
    let judged = || {
        let verdicts = runtime.status().links[0].verdicts;
        verdicts[Direction::Egress as usize]
            .iter()
            .map(|count| count.packets)
            .sum::<u64>()
    };
    let wanted = judged() + u64::from(ports.end - ports.start);
    ends[1].send(Direction::Egress, &ports.map(answer).collect::<Vec<_>>());
    eventually("all verdicts", || judged() == wanted);
    ends.iter_mut()
        .map(|ends| ends.received(Direction::Egress).len())
        .sum()
}

#[test]
fn they_are_found_by_what_they_are_like() {
    let (runtime, mut ends) = with_connections(1000..1100);
    ends[0].send(
        Direction::Ingress,
        &[frame::tcp("203.0.113.6:5", "10.0.0.10:22", "S", b"")],
    );
    eventually("one more", || runtime.status().links[0].connections == 101);
    let find = |filter: FlowFilter, limit| {
        let (found, matched) = runtime.connections(&filter, limit);
        assert!(found.iter().all(|connection| filter.matches(connection)));
        (found.len(), matched)
    };
    let any = FlowFilter::default();
    assert_eq!(find(any, usize::MAX), (101, 101));
    assert_eq!(find(any, 7), (7, 101));
    assert_eq!(
        find(
            FlowFilter {
                port: Some(1042),
                ..any
            },
            9
        ),
        (1, 1)
    );
    assert_eq!(
        find(
            FlowFilter {
                protocol: Some(Protocol::TCP),
                ..any
            },
            9
        ),
        (1, 1)
    );
    assert_eq!(
        find(
            FlowFilter {
                interface: Some(InterfaceIndex(1)),
                ..any
            },
            9
        ),
        (0, 0)
    );
    let address = Some("203.0.113.6/32".parse().unwrap());
    assert_eq!(find(FlowFilter { address, ..any }, 9), (1, 1));
}

#[test]
fn they_are_counted_by_state_and_as_they_begin() {
    let (runtime, mut ends) = with_connections(1000..1100);
    let syn = |port| frame::tcp(&format!("203.0.113.6:{port}"), "10.0.0.10:22", "S", b"");
    ends[0].send(Direction::Ingress, &[syn(5), syn(6), syn(5)]);
    eventually("two more", || runtime.status().links[0].connections == 102);
    answered(&mut ends, &runtime, 1000..1100);
    let census = runtime.census();
    let counted = State::ALL.map(|state| census.of(state));
    assert_eq!((census.of(State::Udp), census.of(State::SynSent)), (100, 2));
    assert_eq!(counted.iter().sum::<u64>(), 102, "{counted:?}");
    let workers = runtime.status().workers;
    let begun = |kind: Kind| {
        let of = workers
            .iter()
            .map(|worker| worker.metered.begun[kind as usize]);
        of.sum::<u64>()
    };
    // What belongs to a connection, an answer or a SYN that is sent again, begins none.
    assert_eq!(Kind::ALL.map(begun), [2, 100, 0, 0]);
}

#[test]
fn a_deliberate_cut_ends_those_that_are_meant() {
    let (runtime, mut ends) = with_connections(1000..1100);
    let one = FlowFilter {
        port: Some(1042),
        ..FlowFilter::default()
    };
    assert_eq!(runtime.delete(&one), 1);
    assert_eq!(answered(&mut ends, &runtime, 1000..1100), 99);
    assert_eq!(runtime.delete(&FlowFilter::default()), 99);
    assert_eq!(answered(&mut ends, &runtime, 1000..1100), 0);
}

/// The connections of another run: the first has run out, and the second is of an interface that nobody knows.
fn saved() -> Vec<Connection> {
    let (runtime, _ends) = with_connections(1000..1100);
    let mut saved = runtime.save();
    assert_eq!(saved.len(), 100);
    assert_eq!(runtime.stop().len(), 100);
    saved[0].expires = Timestamp::from_secs(1);
    if let FlowKey::V4(key) = &mut saved[1].key {
        key.interface = InterfaceIndex(9);
    }
    saved
}

#[test]
fn saved_connections_wait_for_their_link_in_another_run() {
    for shards in [1, 2, 3] {
        let runtime = start(3);
        assert_eq!(runtime.restore(saved()), 98);
        assert_eq!(runtime.save().len(), 98);
        let (_cables, mut ends) = attach_shards(&runtime, shards);
        assert_eq!(runtime.status().links[0].connections, 98);
        ends.reverse();
        if shards > 1 {
            assert_eq!(answered(&mut ends, &runtime, 1000..1100), 98);
        }
    }
}

#[test]
fn saved_connections_find_a_link_that_is_there_already() {
    let runtime = start(2);
    let (_cables, mut ends) = attach_shards(&runtime, 2);
    assert_eq!(runtime.restore(saved()), 98);
    assert_eq!(runtime.restore(saved()), 0, "what is there is newer");
    assert_eq!(answered(&mut ends, &runtime, 1000..1100), 98);
}

#[test]
fn a_link_that_is_attached_again_has_its_connections() {
    let (runtime, _ends) = with_connections(1000..1100);
    assert!(runtime.detach(InterfaceIndex(0)));
    let held: u32 = runtime
        .status()
        .workers
        .iter()
        .map(|worker| worker.connections[0])
        .sum();
    assert_eq!((held, runtime.save().len()), (0, 100));
    let (_cables, mut ends) = attach_to(&runtime, 1, 0);
    ends.send(
        Direction::Egress,
        &(1000..1100).map(answer).collect::<Vec<_>>(),
    );
    assert_eq!(ends.wait_for(Direction::Egress, 100).len(), 100);
    assert_eq!(runtime.status().workers[1].connections[0], 100);

    // Unless the policy forgets the interface meanwhile (D27).
    assert!(runtime.detach(InterfaceIndex(0)));
    assert_eq!(runtime.control.parked_of(InterfaceIndex(0)), 100);
    runtime.publish(snapshot(2, Vec::new()));
    assert_eq!(runtime.control.parked_of(InterfaceIndex(0)), 0);
}

#[test]
fn an_interface_that_leaves_the_policy_loses_its_connections() {
    let (runtime, _ends) = with_connections(1000..1100);
    runtime.publish(snapshot(2, Vec::new()));
    assert_eq!(runtime.status().links[0].connections, 0);
    assert!(runtime.save().is_empty());
}
